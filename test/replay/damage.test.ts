/** Replay of a store that was damaged or trimmed: the first step that differs is named, with what is known of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { SynapseError } from 'synapse-actors';
import { replay } from 'synapse-actors/replay';
import { testSystem, type TestSystem } from 'synapse-actors/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLmdb } from '../../src/store/lmdb.ts';
import { KIND } from '../../src/store/schema.ts';
import { Store } from '../../src/store/store.ts';
import { purse } from './fixtures/purse.ts';

const ACTORS = new URL('./fixtures/purse.js', import.meta.url);
const AMOUNTS = [11_111, 22_222, 33_333, 44_444, 55_555];

let root: string;
let pristine: Buffer;
let dir: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'synapse-damage-'));
  dir = join(root, 'store');
  const system = await testSystem({ actors: ACTORS, shards: 4 });
  for (const amount of AMOUNTS) await system.ref(purse, 'acme', 'p').add(amount);
  await system.backup(dir);
  await system.close();
  pristine = readFileSync(join(dir, 'data.mdb'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeEach(() => writeFileSync(join(dir, 'data.mdb'), pristine));

async function outcome(dataDir: string): Promise<{ readonly done: readonly number[]; readonly error: SynapseError }> {
  const done: number[] = [];
  try {
    for await (const { seq } of replay({ dataDir, tenant: 'acme', actors: ACTORS })) done.push(seq);
  } catch (error) {
    expect(error).toBeInstanceOf(SynapseError);
    return { done, error: error as SynapseError };
  }
  return { done, error: new SynapseError('CLOSED', 'nothing went wrong') };
}

/** Changes one byte of the only batch that holds `seq`, `at` bytes into its record. */
function editRecord(seq: number, edit: (record: Buffer) => void): void {
  const driver = openLmdb(dir);
  const rows = driver.range(Uint8Array.of(KIND.batch), Uint8Array.of(KIND.batch + 1));
  for (const [key, value] of rows) {
    const batch = Buffer.from(value);
    if (batch.readUInt32BE(12) !== seq) continue;
    edit(batch);
    driver.commit([[key, batch]]);
  }
  driver.close();
}

const PAYLOAD_BYTE_BACK = 1;

describe('a bit flipped in a record', () => {
  it('ends the replay with DIVERGED at its step, and shows what it was and what it reads now', async () => {
    editRecord(4, (record) => {
      const at = record.length - PAYLOAD_BYTE_BACK;
      record[at] = (record[at] as number) ^ 1;
    });
    const { done, error } = await outcome(dir);
    expect(done).toEqual([1, 2, 3]);
    expect(error).toMatchObject({ code: 'DIVERGED', details: { tenant: 'acme', seq: 4, byte: expect.any(Number) } });
    const { recorded, computed } = error.details;
    expect(recorded).not.toBe(computed);
    expect(error.message).toContain('altered where it is kept');
    expect(error.message).toMatch(/was +call acme\/purse\/p add\(44444\)/);
    expect(error.message).toMatch(/reads +call acme\/purse\/p add\(44188\)/);
  });

  it('is found by the leaf hash of the log where the checksum was made to fit', async () => {
    editRecord(2, (record) => {
      const at = record.length - PAYLOAD_BYTE_BACK;
      record[at] = (record[at] as number) ^ 1;
      record.writeUInt32BE(crc32(record.subarray(4)), 0);
    });
    const { done, error } = await outcome(dir);
    expect(done).toEqual([1]);
    expect(error).toMatchObject({ code: 'DIVERGED', details: { tenant: 'acme', seq: 2 } });
  });

  it('is told of in its head and checksum too', async () => {
    for (const at of [0, 3, 5, 15, 19]) {
      writeFileSync(join(dir, 'data.mdb'), pristine);
      editRecord(3, (record) => {
        record[at] = (record[at] as number) ^ 0x10;
      });
      const { done, error } = await outcome(dir);
      expect(done, `byte ${at}`).toEqual([1, 2]);
      expect(error, `byte ${at}`).toMatchObject({ code: 'DIVERGED', details: { tenant: 'acme', seq: 3, byte: at } });
    }
  });
});

describe('a trimmed tenant', () => {
  async function trimmed(name: string, change: (system: TestSystem) => Promise<unknown>): Promise<string> {
    const path = join(root, name);
    const system = await testSystem({ actors: ACTORS, shards: 4, retention: { keepSteps: 1 } });
    for (const amount of AMOUNTS) await system.ref(purse, 'acme', 'p').add(amount);
    await system.snapshot();
    await change(system);
    await system.backup(path);
    const [status] = await system.tenants();
    await system.close();
    const store = Store.open({ driver: openLmdb(path), shards: 4 });
    expect(store.trim({}).batches).toBeGreaterThan(0);
    store.close();
    live = status;
    return path;
  }
  let live: Awaited<ReturnType<TestSystem['tenants']>>[number] | undefined;

  it('starts behind its snapshot, with the same roots as live, rows of the store included', async () => {
    const path = await trimmed('tail', async (system) => {
      await system.ref(purse, 'acme', 'p').drop(22_222);
      await system.ref(purse, 'acme', 'q').add(1);
    });
    const seen: { seq: number; stateRoot: Uint8Array; auditRoot: Uint8Array }[] = [];
    for await (const step of replay({ dataDir: path, tenant: 'acme', actors: ACTORS }))
      seen.push({ seq: step.seq, stateRoot: step.stateRoot(), auditRoot: step.auditRoot });
    expect(seen.map(({ seq }) => seq)).toEqual([7, 8]);
    expect(seen.at(-1)).toEqual({ seq: live?.seq, stateRoot: live?.stateRoot, auditRoot: live?.auditRoot });
  });

  it('refuses steps before its snapshot with INVALID_ARGUMENT', async () => {
    const path = await trimmed('early', async (system) => system.ref(purse, 'acme', 'p').add(1));
    const steps = replay({ dataDir: path, tenant: 'acme', actors: ACTORS, until: 3 });
    await expect(steps.next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { tenant: 'acme' } });
  });
});
