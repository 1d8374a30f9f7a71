/**
 * Damage in a real data file, seen through `createSystem`: flipped bits in the journal and in the snapshot, a
 * torn last record. Each is detected with `STORE_CORRUPT` that names tenant and seq, nothing damaged is ever
 * handed out, and the other tenants are served and take commands.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SynapseError, type System, createSystem } from 'synapse-actors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLmdb } from '../../src/store/lmdb.ts';
import { KIND } from '../../src/store/schema.ts';
import { Child, killAll } from '../crash/child.ts';
import { shelf } from './shelf.ts';

const ACTORS = new URL('./shelf.js', import.meta.url);
const SHARDS = 4; // as call-process.js has
const TENANTS = ['ada', 'bob', 'cy'];

let dataDir = '';
let system: System | undefined;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'synapse-corrupt.'));
});
afterEach(async () => {
  await killAll();
  await system?.close();
  system = undefined;
  rmSync(dataDir, { recursive: true, force: true });
});

async function open(): Promise<System> {
  system = await createSystem({ actors: ACTORS, dataDir, lanes: 1, shards: SHARDS });
  return system;
}

/** What a tenant's commands carry: found again in the file. */
const mark = (tenant: string): string => `the-mark-of-${tenant}`;

/** Three commands of each tenant; killed, so that they stand in the journal only. */
async function writeJournal(): Promise<void> {
  const calls = [1, 2, 3].flatMap((n) => TENANTS.map((tenant) => [tenant, 'one', 'put', n, mark(tenant)] as const));
  const child = new Child(new URL('../crash/call-process.js', import.meta.url), {
    actors: ACTORS.href,
    dataDir,
    type: 'shelf',
    calls,
  });
  await child.lineNumber('ok', calls.length);
  await child.kill();
}

/** The same, closed in good order: they stand in the snapshot. */
async function writeSnapshot(): Promise<void> {
  const opened = await open();
  for (const n of [1, 2, 3]) for (const tenant of TENANTS) await opened.ref(shelf, tenant, 'one').put(n, mark(tenant));
  await opened.close();
  system = undefined;
}

/** Flips one bit in every place of the data file that holds `text`; `bit` counts from its start. */
function flip(text: string, bit: number): number {
  const path = join(dataDir, 'data.mdb');
  const bytes = readFileSync(path);
  let places = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    const hit = at + (bit >> 3);
    bytes[hit] = (bytes[hit] ?? 0) ^ (1 << (bit & 7));
    places += 1;
  }
  writeFileSync(path, bytes);
  return places;
}

async function errorOf(call: Promise<unknown>): Promise<SynapseError> {
  try {
    const value = await call;
    throw new Error(`expected an error, got ${JSON.stringify(value)}`);
  } catch (error) {
    if (error instanceof SynapseError) return error;
    throw error;
  }
}

/** `hurt` is refused for every message, by name; all others have what they had, and go on. */
async function check(hurt: string): Promise<void> {
  const opened = await open();
  for (const call of [
    opened.ref(shelf, hurt, 'one').numbers(),
    opened.ref(shelf, hurt, 'one').put(4),
    opened.ref(shelf, hurt, 'one').all(),
  ]) {
    const { code, details } = await errorOf(call);
    expect(code).toBe('STORE_CORRUPT');
    expect(details['tenant']).toBe(hurt);
    expect(details['seq']).toBeTypeOf('number');
  }
  for (const tenant of TENANTS.filter((name) => name !== hurt)) {
    const ref = opened.ref(shelf, tenant, 'one');
    expect(await ref.all()).toMatchObject({ numbers: [1, 2, 3], weight: mark(tenant) });
    expect(await ref.put(4)).toBe(4);
  }
}

test.each(TENANTS)('a bit flipped in the journal of %s is detected, and the others are served', async (hurt) => {
  await writeJournal();
  expect(flip(mark(hurt), 5 + 8 * hurt.length)).toBeGreaterThan(0);
  await check(hurt);
});

test.each(TENANTS)('a bit flipped in the snapshot of %s is detected, and the others are served', async (hurt) => {
  await writeSnapshot();
  expect(flip(mark(hurt), 3 + 8 * hurt.length)).toBeGreaterThan(0);
  await check(hurt);
});

test('a torn last record is detected by its tenant, and the others are served', async () => {
  await writeJournal();
  const driver = openLmdb(dataDir);
  const batches = driver.range(Uint8Array.of(KIND.batch), Uint8Array.of(KIND.batch + 1));
  const [key, value] = batches.at(-1) ?? [];
  if (key === undefined || value === undefined) throw new Error('expected a batch');
  const placeOf = (tenant: string): number => Buffer.from(value).lastIndexOf(mark(tenant));
  const hurt = TENANTS.toSorted((a, b) => placeOf(b) - placeOf(a))[0] as string;
  expect(placeOf(hurt)).toBeGreaterThan(0);
  driver.commit([[key.slice(), value.slice(0, value.length - 7)]]);
  driver.close();
  await check(hurt);
});
