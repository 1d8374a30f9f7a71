/** Erasing a tenant: the content is gone from every byte on disk, whatever interrupts it; hashes, name and others stay. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hexOf, sha256 } from '../../src/base/hash.ts';
import { leafHash } from '../../src/merkle/log.ts';
import { textBytes } from '../../src/store/binary.ts';
import { KeyRing } from '../../src/store/key-ring.ts';
import { FileKeySlots, KEY_FILE, MemoryKeySlots } from '../../src/store/key-slots.ts';
import type { KeyValue, Row } from '../../src/store/key-value.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { KIND, rowHash } from '../../src/store/schema.ts';
import type { Store } from '../../src/store/store.ts';
import { Fuse, FusedDriver, FusedSlots, PowerCut } from './power-cut.ts';
import { bodies, bytes, open, row, SHARDS, snapshot, step } from './records.ts';

let root = '';
let made = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-erasure.'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const MARKER = 'marker-7f3a-of-a-secret';
const event = (offset: number): { topic: string; offset: number; timeMs: number; value: Uint8Array } => ({
  topic: `topic ${MARKER}`,
  offset,
  timeMs: 1,
  value: bytes(`event ${MARKER}`),
});
const rowsWith = (value: string): ReturnType<typeof row>[] =>
  Array.from({ length: 40 }, (_, n) =>
    row(
      n % 4 === 0 ? 'system' : 'state',
      n % 5 === 0 ? `sys:${MARKER}` : `group ${MARKER} ${n % 3}`,
      `${MARKER} ${n}`,
      value,
    ),
  );

/** Two tenants in every kind of row; what they hold is written over again and again, so that old pages are freed. */
function fill(store: Store): void {
  for (let seq = 1; seq <= 6; seq++) {
    store.commit(
      ['gone', 'stays'].map((tenant) => step(tenant, seq, `body ${MARKER} ${seq}`, [event(seq - 1)])),
      ['gone', 'stays'].map((tenant) => snapshot(tenant, seq, rowsWith(`${MARKER} value ${seq}`), `image ${MARKER}`)),
    );
  }
}

const contentRows = (driver: KeyValue, tenantNo: number): Row[] =>
  [KIND.events, KIND.image, KIND.row, KIND.systemRow, KIND.page].flatMap((kind) =>
    driver.range(Uint8Array.of(kind, 0, 0, 0, tenantNo), Uint8Array.of(kind, 0, 0, 0, tenantNo + 1)),
  );

function expectGone(store: Store, tenant = 'gone'): void {
  const refusal = expect.objectContaining({
    code: 'INVALID_ADDRESS',
    details: { part: 'tenant', tenant, erased: true },
  });
  expect(() => store.loadDomain(tenant)).toThrow(refusal);
  expect(() => store.loadGroup(tenant, `group ${MARKER} 0`)).toThrow(refusal);
  expect(() => store.records(tenant, 1)).toThrow(refusal);
  expect(() => store.events(tenant, `topic ${MARKER}`, 0, 1)).toThrow(refusal);
  expect(() => store.roots(tenant, [])).toThrow(refusal);
  expect(() => store.commit([step(tenant, 1)], [])).toThrow(refusal);
  expect(() => store.commit([step(tenant, 7)], [])).toThrow(refusal);
  expect(store.tenants().map((one) => one.tenant)).not.toContain(tenant);
  expect(store.isErased(tenant)).toBe(true);
}

function expectStays(store: Store): void {
  expect(bodies(store, 'stays').length).toBe(6);
  expect(Buffer.from(store.loadDomain('stays')?.image ?? []).toString()).toBe(`image ${MARKER}`);
  expect(store.loadGroup('stays', `group ${MARKER} 1`).length).toBeGreaterThan(5);
  expect(store.events('stays', `topic ${MARKER}`, 0, 100).length).toBe(6);
  store.verify('stays');
}

test('an erased tenant is refused for good, its rows are gone, and its neighbour in the same batches has everything', () => {
  const driver = new MemoryKeyValue();
  const slots = new MemoryKeySlots();
  const store = open(driver, SHARDS, new KeyRing(slots));
  fillOneShard(store);
  expect(contentRows(driver, 0).length).toBeGreaterThan(40);
  store.erase('gone');
  for (const one of [store, open(driver, SHARDS, new KeyRing(slots))]) {
    expectGone(one);
    expectStays(one);
  }
  expect(contentRows(driver, 0)).toEqual([]);
  const before = driver.range(Uint8Array.of(0), Uint8Array.of(255)).length;
  store.erase('gone');
  expect(driver.range(Uint8Array.of(0), Uint8Array.of(255)).length).toBe(before);
  store.reopen();
  expectGone(store);
});

function fillOneShard(store: Store): void {
  for (let seq = 1; seq <= 6; seq++) {
    store.commit(
      ['gone', 'stays'].map((tenant) => ({ ...step(tenant, seq, `body ${seq}`, [event(seq - 1)]), shard: 0 })),
      ['gone', 'stays'].map((tenant) => ({ ...snapshot(tenant, seq, rowsWith('v'), `image ${MARKER}`), shard: 0 })),
    );
  }
}

test('nothing of the content and no byte of the key is in any file afterwards, freed pages of the database included', () => {
  const dir = join(root, `store.${++made}`);
  const drawn: Buffer[] = [];
  let next = 0;
  const chance = (out: Uint8Array): void => {
    for (let at = 0; at < out.length; at += 32) out.set(sha256(`seed ${next++}`).subarray(0, out.length - at), at);
    if (out.length === 32) drawn.push(Buffer.from(out));
  };
  const store = open(openLmdb(dir), SHARDS, new KeyRing(new FileKeySlots(dir), chance));
  fill(store);
  store.internConfig(bytes(`config ${MARKER}`)); // what the search must find: it is not of a tenant, and in the clear
  store.commit([step('stays', 7)], []);
  const files = (): Buffer[] => readdirSync(dir).map((name) => readFileSync(join(dir, name)));
  const found = (what: Buffer): number => files().filter((file) => file.includes(what)).length;
  expect(found(Buffer.from(`config ${MARKER}`))).toBe(1);
  expect(drawn.map((key) => found(key))).toEqual([1, 1]); // in keys.bin alone
  store.erase('gone');
  expect(drawn.map((key) => found(key))).toEqual([0, 1]);
  store.close();
  expect(drawn.map((key) => found(key))).toEqual([0, 1]);
  // Encrypted from the start: neither the erased tenant's content nor the living one's was ever there.
  for (const text of [
    `body ${MARKER}`,
    `event ${MARKER}`,
    `topic ${MARKER}`,
    `image ${MARKER}`,
    `${MARKER} value`,
    `group ${MARKER}`,
  ])
    expect(`${text}: ${found(Buffer.from(text))}`).toBe(`${text}: 0`);
  const again = open(openLmdb(dir), SHARDS, new KeyRing(new FileKeySlots(dir)));
  expectGone(again);
  again.close();
});

test('low-entropy content cannot be guessed from what is left: no hash of any candidate, in any form the store uses, is there', () => {
  const make = (isEncrypted: boolean): { files: () => Buffer; close: () => void; erase: () => void } => {
    const dir = join(root, `store.${++made}`);
    const store = isEncrypted
      ? open(openLmdb(dir), SHARDS, new KeyRing(new FileKeySlots(dir)))
      : open(openLmdb(dir), SHARDS);
    store.commit(
      [step('gone', 1, 'balance 417.', [{ topic: 'news', offset: 0, timeMs: 1, value: bytes('417') }])],
      [snapshot('gone', 1, [row('state', 'account', 'balance', '417')], 'image 417.')],
    );
    store.audit.checkpoint('gone');
    return {
      files: () => Buffer.concat(readdirSync(dir).map((name) => readFileSync(join(dir, name)))),
      close: () => store.close(),
      erase: () => store.erase('gone'),
    };
  };
  /** Everything about a balance that a store without encryption has on disk, by what anybody can compute. */
  const traces = (balance: number): Record<string, Buffer> => ({
    'leaf hash of the record': Buffer.from(leafHash(bytes(`balance ${balance}.`))),
    'hash of the value': Buffer.from(sha256(`${balance}`)),
    'hash of the image': Buffer.from(sha256(`image ${balance}.`)),
    record: Buffer.from(`balance ${balance}.`),
    image: Buffer.from(`image ${balance}.`),
    'key of the row': Buffer.from(rowHash('account', 'balance').subarray(0, 16)),
    'key of the actor': Buffer.from(sha256(textBytes('account')).subarray(0, 16)),
    'key of the topic': Buffer.from(sha256(textBytes('news')).subarray(0, 16)),
    'leaf of the trie': Buffer.from(
      sha256(Buffer.concat([Buffer.of(0), rowHash('account', 'balance'), sha256(`${balance}`)])),
    ),
  });
  const search = (files: Buffer): string[] =>
    Array.from({ length: 1_001 }, (_, balance) => balance).flatMap((balance) =>
      Object.entries(traces(balance)).flatMap(([name, trace]) =>
        files.includes(trace) ? [`${name}: ${balance}`] : [],
      ),
    );
  const plain = make(false);
  const guessed = search(plain.files());
  plain.close();
  // The search is good: without encryption it finds the keys, and the balance, the right one only.
  for (const name of ['row', 'actor', 'topic']) expect(guessed).toContain(`key of the ${name}: 0`);
  for (const name of ['leaf hash of the record', 'hash of the image', 'record', 'image', 'leaf of the trie'])
    expect(guessed.filter((one) => one.startsWith(`${name}:`))).toEqual([`${name}: 417`]);
  const encrypted = make(true);
  expect(search(encrypted.files())).toEqual([]);
  encrypted.erase();
  expect(search(encrypted.files())).toEqual([]);
  encrypted.close();
});

test('without encryption there is nothing to destroy, and an unknown tenant is no success', () => {
  const plain = open(new MemoryKeyValue());
  plain.commit([step('t', 1)], []);
  expect(() => plain.erase('t')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  expect(() => plain.erase('t')).toThrow(/encryption: true/);
  expect(bodies(plain, 't')).toEqual(['1:t 1']);
  const encrypted = open(new MemoryKeyValue(), SHARDS, new KeyRing(new MemoryKeySlots()));
  expect(() => encrypted.erase('nobody')).toThrow(/there is no tenant "nobody" to erase/);
  encrypted.commit([step('nobody', 1)], []);
});

test('a store opens only as it was made, encrypted or not, and touches no key file before it knows', () => {
  const dir = join(root, `store.${++made}`);
  const plain = open(openLmdb(dir));
  plain.close();
  const asEncrypted = openLmdb(dir);
  expect(() => open(asEncrypted, SHARDS, new KeyRing(new FileKeySlots(dir)))).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { option: 'encryption', stored: false } }),
  );
  asEncrypted.close();
  expect(readdirSync(dir)).not.toContain(KEY_FILE);
  const driver = new MemoryKeyValue();
  open(driver, SHARDS, new KeyRing(new MemoryKeySlots()));
  expect(() => open(driver)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { option: 'encryption', stored: true } }),
  );
});

test('a crash at any write of an erasure leaves the tenant whole or is finished by the next opening, after a torn key too', () => {
  let cuts = 0;
  const outcomes = new Set<string>();
  for (const isAfter of [false, true]) {
    for (let at = 1; ; at++) {
      const fuse = new Fuse();
      const driver = new FusedDriver(fuse);
      const slots = new FusedSlots(fuse);
      const store = open(driver, SHARDS, new KeyRing(slots));
      fill(store);
      fuse.left = at;
      fuse.isAfter = isAfter;
      try {
        store.erase('gone');
        expectGone(store);
        break; // more writes than an erasure has
      } catch (error) {
        expect((error as { cause?: unknown }).cause).toBeInstanceOf(PowerCut);
      }
      cuts += 1;
      fuse.left = Number.POSITIVE_INFINITY;
      const again = open(driver, SHARDS, new KeyRing(slots));
      expectStays(again);
      if (again.isErased('gone')) {
        expectGone(again);
        expect(contentRows(driver, 0)).toEqual([]);
        outcomes.add('erased');
      } else {
        expect(bodies(again, 'gone').length).toBe(6);
        outcomes.add('whole');
      }
      again.erase('gone');
      expectGone(again);
      store.reopen(); // the same, without a crash: the store that met the failure comes back
      expectGone(store);
    }
  }
  expect(cuts).toBeGreaterThan(8);
  expect([...outcomes].toSorted()).toEqual(['erased', 'whole']);
});

test('an erasure whose key was torn in the middle of its write is finished', () => {
  const fuse = new Fuse();
  const driver = new FusedDriver(fuse);
  const slots = new FusedSlots(fuse);
  const store = open(driver, SHARDS, new KeyRing(slots));
  fill(store);
  fuse.left = 2; // the mark in the database is there, the key is not yet overwritten
  expect(() => store.erase('gone')).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
  fuse.left = Number.POSITIVE_INFINITY;
  slots.inner.write(20, new Uint8Array(10)); // some of its zeros
  const again = open(driver, SHARDS, new KeyRing(slots));
  expectGone(again);
  expect(again.damaged().size).toBe(0);
  expect(hexOf((slots.read() as Uint8Array).subarray(12, 44))).toBe('00'.repeat(32));
});

test('an erasure holds when the database is older than it: the key says so', () => {
  const driver = new MemoryKeyValue();
  const slots = new MemoryKeySlots();
  const store = open(driver, SHARDS, new KeyRing(slots));
  fill(store);
  const older = driver.range(Uint8Array.of(0), Uint8Array.of(255));
  store.erase('gone');
  const restored = new MemoryKeyValue();
  restored.commit(older);
  const again = open(restored, SHARDS, new KeyRing(slots));
  expectGone(again);
  expect(contentRows(restored, 0)).toEqual([]);
  expectStays(again);
});

test('a key that comes back with an older file is destroyed again by the next opening', () => {
  const driver = new MemoryKeyValue();
  const slots = new MemoryKeySlots();
  const store = open(driver, SHARDS, new KeyRing(slots));
  fill(store);
  const older = slots.read() as Uint8Array;
  store.erase('gone');
  const erased = slots.read() as Uint8Array;
  slots.write(0, older);
  const again = open(driver, SHARDS, new KeyRing(slots));
  expectGone(again);
  expectStays(again);
  expect(hexOf(slots.read() as Uint8Array)).toBe(hexOf(erased));
});

test('a tenant whose key, records or rows are damaged can be erased all the same', () => {
  for (const damage of ['key', 'record', 'tenant row'] as const) {
    const driver = new MemoryKeyValue();
    const slots = new MemoryKeySlots();
    fill(open(driver, SHARDS, new KeyRing(slots)));
    if (damage === 'key') slots.write(30, Uint8Array.of(1, 2, 3));
    else {
      const kind = damage === 'record' ? KIND.batch : KIND.tenant;
      const rows = driver.range(Uint8Array.of(kind), Uint8Array.of(kind + 1));
      driver.commit(
        rows
          .slice(kind === KIND.tenant ? 0 : -2, kind === KIND.tenant ? 1 : undefined)
          .map(([key, value]) => [key, value.map((byte) => byte ^ 1)]),
      );
    }
    const store = open(driver, SHARDS, new KeyRing(slots));
    expect([...store.damaged().keys()], damage).toContain('gone');
    store.erase('gone');
    expect(contentRows(driver, 0)).toEqual([]);
    expect(hexOf((slots.read() as Uint8Array).subarray(12, 44))).toBe('00'.repeat(32));
    if (damage === 'tenant row') expect(store.damaged().get('gone')?.code).toBe('STORE_CORRUPT');
    else expectGone(store);
  }
});

test('a backup has keys of its own: what is erased here lives there, and what is erased there lives here', () => {
  const dir = join(root, `store.${++made}`);
  const store = open(openLmdb(dir), SHARDS, new KeyRing(new FileKeySlots(dir)));
  fill(store);
  const copyDir = join(root, `copy.${++made}`);
  store.backup(copyDir);
  expect(readdirSync(copyDir)).toContain(KEY_FILE);
  store.erase('gone');
  const copy = open(openLmdb(copyDir), SHARDS, new KeyRing(new FileKeySlots(copyDir)));
  expect(bodies(copy, 'gone').length).toBe(6);
  copy.erase('stays');
  expectGone(copy, 'stays');
  expectGone(store);
  expectStays(store);
  const after = join(root, `copy.${++made}`);
  store.backup(after);
  const second = open(openLmdb(after), SHARDS, new KeyRing(new FileKeySlots(after)));
  expectGone(second);
  expectStays(second);
  for (const one of [store, copy, second]) one.close();
});

test.each([false, true])(
  'a large tenant goes in slices: after the first nothing of it can be read, and others commit between (reopened meanwhile: %j)',
  (isReopened) => {
    const driver = new MemoryKeyValue();
    const slots = new MemoryKeySlots();
    const store = open(driver, SHARDS, new KeyRing(slots));
    const changes = Array.from({ length: 9_000 }, (_, n) => row('state', `actor ${n}`, 'balance', `${n}`));
    store.commit([step('gone', 1), step('stays', 1)], [snapshot('gone', 1, changes)]);
    const slices: number[] = [];
    for (const rows of store.erasing('gone')) {
      slices.push(rows);
      expectGone(store);
      store.commit([step('stays', 1 + slices.length)], []);
      if (isReopened && slices.length === 2) store.reopen(); // which finishes it in one go
    }
    expect(slices.length).toBeGreaterThan(isReopened ? 1 : 2);
    expect(contentRows(driver, 0)).toEqual([]);
    expect(bodies(open(driver, SHARDS, new KeyRing(slots)), 'stays').length).toBe(1 + slices.length);
  },
);
