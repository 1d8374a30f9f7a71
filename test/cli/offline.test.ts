/** Looking at and copying a store that nothing has open, on real LMDB files. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shardOf } from '../../src/base/address.ts';
import { SynapseError } from '../../src/base/error.ts';
import { backupStore, inspectStore } from '../../src/offline.ts';
import { KeyRing, PLAIN_RING } from '../../src/store/key-ring.ts';
import { FileKeySlots, KEY_FILE } from '../../src/store/key-slots.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { Store } from '../../src/store/store.ts';

const SHARDS = 8;

let root: string;
let dataDir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-offline-'));
  dataDir = join(root, 'store');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function open(dir: string, isEncrypted = false): Store {
  const ring = isEncrypted ? new KeyRing(new FileKeySlots(dir)) : PLAIN_RING;
  return Store.open({ driver: openLmdb(dir), shards: SHARDS, ring });
}

/** Three steps each of the tenants `acme` and `zoo`; a snapshot of `acme` at its second. Returns that snapshot's root. */
function fill(isEncrypted = false): Uint8Array {
  const store = open(dataDir, isEncrypted);
  const steps = ['acme', 'zoo'].flatMap((tenant) =>
    [1, 2, 3].map((seq) => ({
      tenant,
      seq,
      shard: shardOf(tenant, SHARDS),
      body: Buffer.from(`the record ${seq} of ${tenant}`),
      events: [{ topic: 'news', offset: seq - 1, timeMs: seq, value: Buffer.from(`the event ${seq} of ${tenant}`) }],
    })),
  );
  const changes = [
    { space: 'state', group: 'a/1', name: 'balance', value: Buffer.from('the row of acme') },
    { space: 'system', group: 'sys:timers', name: '1', value: Buffer.from('the timer of acme') },
  ] as const;
  const image = Buffer.from('the image of acme');
  const [roots] = store.commit(steps, [{ tenant: 'acme', shard: shardOf('acme', SHARDS), seq: 2, image, changes }]);
  store.close();
  return roots?.stateRoot ?? new Uint8Array();
}

/** Changes every place where `text` stands in the store's file. */
function damage(text: string): void {
  const path = join(dataDir, 'data.mdb');
  const bytes = readFileSync(path);
  let places = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    bytes[at] = (bytes[at] as number) ^ 1;
    places++;
  }
  expect(places).toBeGreaterThan(0);
  writeFileSync(path, bytes);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof SynapseError ? error.code : String(error);
}

describe('inspectStore', () => {
  it('reports tenants in order, with seqs, roots and what would be replayed', async () => {
    const stateRoot = fill();
    const report = await inspectStore(dataDir);
    expect(report.shards).toBe(SHARDS);
    expect(report.faults).toEqual([]);
    expect(report.sizeBytes).toBeGreaterThan(0);
    expect(
      report.tenants.map(({ tenant, shard, seq, snapshotSeq, tailSteps }) => [
        tenant,
        shard,
        seq,
        snapshotSeq,
        tailSteps,
      ]),
    ).toEqual([
      ['acme', shardOf('acme', SHARDS), 3, 2, 1],
      ['zoo', shardOf('zoo', SHARDS), 3, 0, 3],
    ]);
    expect(report.tenants[0]?.stateRoot).toEqual(stateRoot);
    const store = open(dataDir);
    expect(report.incarnation).toBe(store.incarnation);
    store.close();
  });

  it('leaves the directory as it was, lock included', async () => {
    fill();
    const before = readFileSync(join(dataDir, 'data.mdb'));
    const names = readdirSync(dataDir);
    await inspectStore(dataDir);
    expect(readFileSync(join(dataDir, 'data.mdb')).equals(before)).toBe(true);
    expect(readdirSync(dataDir)).toEqual(names);
  });

  it.each([
    ['the record 2 of acme', { tenant: 'acme', seq: 2 }],
    ['the record 3 of zoo', { tenant: 'zoo', seq: 3 }],
    ['the row of acme', { tenant: 'acme', seq: 2 }],
    ['the timer of acme', { tenant: 'acme', seq: 2 }],
    ['the image of acme', { tenant: 'acme', seq: 2 }],
    ['the event 2 of acme', { tenant: 'acme', seq: 3 }],
  ])('names tenant and seq when %j is damaged, and nobody else', async (text, place) => {
    fill();
    damage(text);
    const { faults, tenants } = await inspectStore(dataDir);
    expect(faults).toEqual([{ ...place, message: expect.stringContaining('damaged') }]);
    expect(tenants.map(({ tenant }) => tenant)).toEqual(['acme', 'zoo']);
  });

  it('makes nothing where there is no store', async () => {
    expect(await codeOf(inspectStore(dataDir))).toBe('INVALID_ARGUMENT');
    expect(existsSync(dataDir)).toBe(false);
    expect(await codeOf(inspectStore(root))).toBe('INVALID_ARGUMENT');
    expect(readdirSync(root)).toEqual([]);
  });

  it('is refused while a system has the directory, and lets go of it afterwards', async () => {
    fill();
    const lock = acquireLock(dataDir);
    expect(await codeOf(inspectStore(dataDir))).toBe('STORE_LOCKED');
    lock.release();
    await inspectStore(dataDir);
    acquireLock(dataDir).release();
  });
});

describe('an encrypted store', () => {
  it('is inspected like any other, and tells who was erased', async () => {
    const stateRoot = fill(true);
    const before = await inspectStore(dataDir);
    expect(before).toMatchObject({ isEncrypted: true, erased: [], faults: [] });
    expect(before.tenants.map(({ tenant, seq }) => [tenant, seq])).toEqual([
      ['acme', 3],
      ['zoo', 3],
    ]);
    expect(before.tenants[0]?.stateRoot).toEqual(stateRoot);
    const store = open(dataDir, true);
    store.erase('acme');
    store.close();
    const after = await inspectStore(dataDir);
    expect(after.erased).toEqual([{ tenant: 'acme', seq: 3 }]);
    expect(after.faults).toEqual([]);
    expect(after.tenants).toEqual(before.tenants.slice(1));
  });

  it('names the tenant whose key is damaged, and reads the others', async () => {
    fill(true);
    const path = join(dataDir, KEY_FILE);
    const keys = readFileSync(path);
    keys[20] = (keys[20] as number) ^ 1;
    writeFileSync(path, keys);
    const { faults, tenants } = await inspectStore(dataDir);
    expect(faults).toEqual([{ tenant: 'acme', seq: 3, message: expect.stringContaining('tenant key is damaged') }]);
    expect(tenants.map(({ tenant }) => tenant)).toEqual(['zoo']);
  });

  it('is copied with its keys, readable by their owner alone', async () => {
    fill(true);
    const copyDir = join(root, 'copy');
    await backupStore(dataDir, copyDir);
    expect(readFileSync(join(copyDir, KEY_FILE)).equals(readFileSync(join(dataDir, KEY_FILE)))).toBe(true);
    expect(statSync(join(copyDir, KEY_FILE)).mode & 0o777).toBe(0o600);
    expect((await inspectStore(copyDir)).tenants).toEqual((await inspectStore(dataDir)).tenants);
    const store = open(copyDir, true);
    expect([...store.records('zoo', 1)].length).toBe(3);
    store.close();
  });

  it('is refused without its keys', async () => {
    fill(true);
    rmSync(join(dataDir, KEY_FILE));
    expect(await codeOf(inspectStore(dataDir))).toBe('STORE_CORRUPT');
    expect(readdirSync(dataDir)).not.toContain(KEY_FILE);
  });
});

describe('backupStore', () => {
  it('makes a copy that opens with the same tenants as a new incarnation', async () => {
    fill();
    const copyDir = join(root, 'copy');
    await backupStore(dataDir, copyDir);
    const [before, copied] = [await inspectStore(dataDir), await inspectStore(copyDir)];
    expect(copied.tenants).toEqual(before.tenants);
    expect(copied.incarnation).toBeUndefined();
    const store = open(copyDir);
    expect(store.incarnation).not.toBe(before.incarnation);
    store.close();
    expect((await inspectStore(copyDir)).incarnation).toBe(store.incarnation);
  });

  it('refuses a directory with something in it, and one in use', async () => {
    fill();
    expect(await codeOf(backupStore(dataDir, root))).toBe('INVALID_ARGUMENT');
    const lock = acquireLock(dataDir);
    expect(await codeOf(backupStore(dataDir, join(root, 'copy')))).toBe('STORE_LOCKED');
    lock.release();
    expect(existsSync(join(root, 'copy'))).toBe(false);
  });
});
