/**
 * The peers that Synapse is compared with, none of them part of the product: packages of `bench/peers/package.json`,
 * installed there with `npm ci` when first needed, and Erlang/OTP programs of `bench/peers/otp/`, compiled with `erlc`.
 * Where a peer cannot be had its arms are skipped, with the reason.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Need } from './bench.ts';

/** The sources of the peers; this file runs as `dist/bench/rig/peers.js`. */
const PEERS = fileURLToPath(new URL('../../../bench/peers/', import.meta.url));
const BEAMS = fileURLToPath(new URL('../peers/otp/', import.meta.url));
const STAMP = join(PEERS, 'node_modules', '.installed');

/** A registry that does not answer must not hold a bench up. */
const INSTALL_TIMEOUT_MS = 120_000;
const OTP_TIMEOUT_MS = 300_000;
/** The emulator's default, a quarter of a million, does not hold a skynet; it changes nothing else. */
const PROCESSES_MAX = '4000000';

/** Makes what an arm needs ready; why that failed, or nothing. */
export function provide(need: Need): string | undefined {
  return need === 'otp' ? provideOtp() : providePackages();
}

function providePackages(): string | undefined {
  const wanted = createHash('sha256')
    .update(readFileSync(join(PEERS, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return undefined;
  process.stderr.write('installing the peers of bench/peers/package.json\n');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', PEERS], {
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (npm.status !== 0) return `the peers cannot be installed: ${lastLine(npm.stderr) ?? String(npm.error)}`;
  writeFileSync(STAMP, wanted);
  return undefined;
}

function lastLine(text: string | null): string | undefined {
  return text?.trim().split('\n').at(-1);
}

function provideOtp(): string | undefined {
  if (spawnSync('erl', ['-noshell', '-eval', 'halt().']).status !== 0) return 'erl is absent (Debian: erlang-base)';
  mkdirSync(BEAMS, { recursive: true });
  const sources = readdirSync(join(PEERS, 'otp')).filter((name) => name.endsWith('.erl'));
  const erlc = spawnSync('erlc', ['-Werror', '-o', BEAMS, ...sources.map((name) => join(PEERS, 'otp', name))], {
    encoding: 'utf8',
  });
  if (erlc.status !== 0) throw new Error(`erlc: ${erlc.stdout}${erlc.stderr}`);
  return undefined;
}

/** A module of `bench/peers/`, written in JavaScript there so that its imports are those of the peers. */
export async function importPeer<T>(name: string): Promise<T> {
  return (await import(join(PEERS, `${name}.mjs`))) as T;
}

/** A file of `bench/peers/`. */
export function peerFile(name: string): string {
  return join(PEERS, name);
}

/**
 * Runs `main/1` of an Erlang module with the emulator's own defaults. The program checks its result and prints
 * one line, `RESULT name value name value …`; anything else is a failure.
 */
export function runOtp(module: string, args: readonly (number | string)[]): Readonly<Record<string, number>> {
  const output = execFileSync(
    'erl',
    ['+P', PROCESSES_MAX, '-noshell', '-pa', BEAMS, '-run', module, 'main', ...args.map(String)],
    {
      encoding: 'utf8',
      timeout: OTP_TIMEOUT_MS,
    },
  );
  const words = /^RESULT (.*)$/m.exec(output)?.[1]?.split(' ');
  if (words === undefined) throw new Error(`${module} gave no result: ${output}`);
  const result: Record<string, number> = {};
  for (let at = 0; at + 1 < words.length; at += 2) result[words[at] ?? ''] = Number(words[at + 1]);
  return result;
}
