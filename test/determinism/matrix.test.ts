/**
 * The promise of determinism, in one test: a workload that uses every feature gives the same state roots
 * and audit roots (which stand for every input, digest and reply) live, recovered and replayed, on 1, 2
 * and 4 lanes, after kills and a hundred crashes, on every supported Node; and a simulated run is the same
 * run on each of them.
 *
 * Runs with the Node of the tests and with those that NODE22 and NODE24 name.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Order, Summaries } from './matrix-process.ts';

const PROCESS = fileURLToPath(new URL('./matrix-process.js', import.meta.url));

/** A bound against hanging, on a machine that does much else; a run takes one to three seconds. */
const RUN_TIMEOUT_MS = 120_000;

/** Crashes of the run that has many. */
const CRASHES = 100;

const NAMES = ['NODE22', 'NODE24'] as const;
const nodes: readonly (readonly [name: string, path: string])[] = [
  [`Node ${process.versions.node}`, process.execPath],
  ...NAMES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const])),
];
const LANES = [1, 2, 4] as const;

let folder: string;
let live: { readonly dir: string; readonly summaries: Summaries };
let crashed: { readonly dir: string; readonly summaries: Summaries };

/** Runs one order on one Node. */
function run<T>(node: string, order: Order): Promise<T> {
  return new Promise((resolve, reject) => {
    // UTC: the one process here that runs turns beside others in a realm of its own cannot change its zone.
    const options = { env: { ...process.env, TZ: 'UTC', LANG: 'en_US.UTF-8' }, timeout: RUN_TIMEOUT_MS };
    execFile(node, [PROCESS, JSON.stringify(order)], options, (error, stdout, stderr) => {
      // It kills itself once it has answered.
      const line = stdout.split('\n').find((text) => text.startsWith('{'));
      if (line === undefined) reject(new Error(`${order.mode} on ${node}: ${stderr} ${error?.message ?? ''}`));
      else resolve(JSON.parse(line) as T);
    });
  });
}

/** A copy for one reader: opening a store writes to it. */
function copyOf(dir: string, name: string): string {
  const copy = join(folder, name);
  cpSync(dir, copy, { recursive: true });
  return copy;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-determinism-'));
  const dirs = { live: join(folder, 'live'), crashed: join(folder, 'crashed') };
  live = { dir: dirs.live, summaries: await run(process.execPath, { mode: 'record', dir: dirs.live, lanes: 2 }) };
  const order: Order = { mode: 'crashes', dir: dirs.crashed, count: CRASHES };
  crashed = { dir: dirs.crashed, summaries: await run(process.execPath, order) };
}, 2 * RUN_TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('one history', () => {
  it.each(nodes)(
    'has the same roots live, recovered on 1, 2 and 4 lanes, and replayed, after kills and crashes, on %s',
    async (name, node) => {
      for (const [kind, { dir, summaries }] of Object.entries({ live, crashed })) {
        expect(Object.keys(summaries)).toEqual(['acme', 'initech', 'umbrella']);
        expect(await run<Summaries>(node, { mode: 'replay', dir: copyOf(dir, `${kind} ${name} replay`) })).toEqual(
          summaries,
        );
        const copy = copyOf(dir, `${kind} ${name}`);
        for (const lanes of LANES) {
          // The same copy again and again: each recovery finds what the one before was killed over.
          const recovered = await run<Summaries>(node, { mode: 'recover', dir: copy, lanes });
          expect(recovered, `${kind} on ${lanes} lanes`).toEqual(summaries);
        }
      }
    },
    8 * RUN_TIMEOUT_MS,
  );

  it(
    'is one run in the simulator, whatever Node runs it',
    async () => {
      for (const seed of [3, 44]) {
        const [first, ...others] = await Promise.all(
          nodes.map(([, node]) => run<{ traceHash: string }>(node, { mode: 'simulate', seed })),
        );
        expect(first?.traceHash).toMatch(/^[0-9a-f]{64}$/);
        for (const other of others) expect(other).toEqual(first);
      }
    },
    8 * RUN_TIMEOUT_MS,
  );

  it.for(NAMES)('is tried on %s', (name, context) => {
    if (process.env[name] === undefined) {
      const reason = `${name} is not set to the binary of a Node ${name.slice(4)}`;
      console.log(`SKIPPED: ${reason}`);
      context.skip(reason);
    }
    expect(nodes.map(([known]) => known)).toContain(name);
  });
});
