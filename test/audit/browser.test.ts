/**
 * `synapse-actors/audit` as a browser has it: bundled by esbuild for the browser, run in headless Chromium
 * on proofs, checkpoints and receipts that a real system made on Node, and on the same ones bent.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { createSystem } from 'synapse-actors';
import {
  parseCheckpoint,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
  verifyReceipt,
} from 'synapse-actors/audit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { account } from '../../actors/account.ts';
import { writeReceipt } from '../../src/replay/receipt-writer.ts';
import { findChromium, runInChromium } from './browser.ts';

/** The repository: this file runs as `dist/test/audit/browser.test.js`. */
const TOP = fileURLToPath(new URL('../../../', import.meta.url));

/** The same names as on the page. */
const VERIFIERS = { parseCheckpoint, verifyCheckpoint, verifyConsistency, verifyInclusion, verifyReceipt };

/** One call of a verifier; bytes are `{ hex }`. */
interface Case {
  readonly name: keyof typeof VERIFIERS;
  readonly args: readonly unknown[];
}

/** What the page's script does: every case, and what came of it, as JSON. */
const SCRIPT = `
import * as audit from 'synapse-actors/audit';
const revive = (_key, value) =>
  value !== null && typeof value === 'object' && typeof value.hex === 'string'
    ? Uint8Array.from(value.hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
    : value;
const plain = (_key, value) => (value instanceof Uint8Array ? Array.from(value) : value);
const out = document.getElementById('out');
try {
  const results = JSON.parse(CASES, revive).map(({ name, args }) => audit[name](...args) ?? null);
  out.textContent = JSON.stringify({ agent: navigator.userAgent, isNode: typeof process !== 'undefined', results }, plain);
} catch (error) {
  out.textContent = JSON.stringify({ error: String(error) });
}
`;

async function bundle(contents: string, cases: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: TOP, loader: 'js' },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    define: { CASES: JSON.stringify(cases) },
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

const hexes = (_key: string, value: unknown): unknown => {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
  return value;
};
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, one: unknown) => (one instanceof Uint8Array ? [...one] : one)));

let folder: string;
let cases: Case[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-browser-'));
  const dataDir = join(folder, 'store');
  const system = await createSystem({ actors: new URL('../../actors/account.js', import.meta.url), dataDir, lanes: 1 });
  for (let n = 1; n <= 9; n++) await system.ref(account, 'acme', 'alice').deposit(n);
  await system.ref(account, 'zoo', 'ape').deposit(1);
  const log = system.audit('acme');
  const proofs = await Promise.all([1, 2, 5, 8, 9].map((seq) => log.prove(seq)));
  const links = await Promise.all([0, 1, 4, 7, 8, 9].map((from) => log.proveConsistency(from)));
  const [checkpoint, key] = [await log.checkpoint(), await system.auditVerifierKey()];
  await system.close();
  const { text } = await writeReceipt({ dataDir, tenant: 'acme', seq: 3, discloses: true });
  cases = [
    ...proofs.flatMap((proof): Case[] => [
      { name: 'verifyInclusion', args: [proof] },
      { name: 'verifyInclusion', args: [{ ...proof, index: proof.index + 1 }] },
      { name: 'verifyInclusion', args: [{ ...proof, proof: proof.proof.slice(1) }] },
    ]),
    ...links.flatMap((link): Case[] => [
      { name: 'verifyConsistency', args: [link] },
      { name: 'verifyConsistency', args: [{ ...link, root1: link.root1.map((byte) => byte ^ 1) }] },
    ]),
    { name: 'parseCheckpoint', args: [checkpoint] },
    { name: 'parseCheckpoint', args: [checkpoint.replace('\n', '\r\n')] },
    { name: 'verifyCheckpoint', args: [checkpoint, key] },
    { name: 'verifyCheckpoint', args: [checkpoint.replace('\n9\n', '\n8\n'), key] },
    { name: 'verifyReceipt', args: [text, key] },
    { name: 'verifyReceipt', args: [text.replace('deposit(3)', 'deposit(4)'), key] },
    { name: 'verifyInclusion', args: [null] },
  ];
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What Node says of a case. */
const byNode = ({ name, args }: Case): unknown =>
  (VERIFIERS[name] as (...given: unknown[]) => unknown)(...args) ?? null;

describe('the verifiers of a package for browsers', () => {
  test('are bundled without a module of Node, and small', async () => {
    const text = await bundle(SCRIPT, '[]');
    expect(text).not.toMatch(/node:|\bBuffer\b|\brequire\(/);
    // Some 60 KiB unminified: two hashes, the curve, decoders. Far more would be something of the system.
    expect(text.length).toBeLessThan(120_000);
  });

  test('say on Node what the system that made the proofs knows', () => {
    const said = cases.map(byNode);
    expect(said.slice(0, 15)).toEqual(Array.from({ length: 15 }, (_, n) => n % 3 === 0));
    expect(said.slice(15, 27)).toEqual(Array.from({ length: 12 }, (_, n) => n % 2 === 0));
    expect(said.slice(27)).toMatchObject([{ size: 9 }, null, true, false, { ok: true, seq: 3 }, { ok: false }, false]);
  });

  test('say in Chromium what they say on Node', async (context) => {
    const chromium = findChromium();
    if (chromium === undefined) {
      console.log('SKIPPED: chromium is not installed');
      return context.skip('chromium is not installed');
    }
    const script = await bundle(SCRIPT, JSON.stringify(cases, hexes));
    const said = JSON.parse(await runInChromium(chromium, script)) as Record<string, unknown>;
    expect(said).toMatchObject({ isNode: false });
    expect(String(said['agent'])).toContain('Chrome');
    expect(said['results']).toEqual(cases.map((one) => plain(byNode(one))));
  });
});
