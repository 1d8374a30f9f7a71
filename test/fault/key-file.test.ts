/** The file with tenants' keys fails, is gone or is not ours: said as such, nothing acknowledged is lost, and it goes on when it is back. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeyRing } from '../../src/store/key-ring.ts';
import { FileKeySlots, KEY_FILE } from '../../src/store/key-slots.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import type { Store } from '../../src/store/store.ts';
import { Fuse, FusedDriver, FusedSlots } from '../store/power-cut.ts';
import { bodies, open, SHARDS, step } from '../store/records.ts';

let dir = '';
let keys = '';
let opened: Store[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'synapse-keys.'));
  keys = join(dir, KEY_FILE);
});
afterEach(() => {
  for (const store of opened) store.close();
  opened = [];
  rmSync(dir, { recursive: true, force: true });
});

function openHere(): Store {
  const driver = openLmdb(dir);
  try {
    const store = open(driver, SHARDS, new KeyRing(new FileKeySlots(dir)));
    opened.push(store);
    return store;
  } catch (error) {
    driver.close();
    throw error;
  }
}

const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' });

test('a new tenant whose key cannot be written is an outage: nothing of its commit is kept, and it goes through afterwards', () => {
  const store = openHere();
  store.commit([step('old', 1)], []);
  renameSync(keys, `${keys}.away`);
  store.commit([step('old', 2)], []); // whose key is known needs the file no more
  expect(() => store.commit([step('old', 3), step('new', 1)], [])).toThrow(unavailable);
  expect(() => store.reopen()).toThrow(/the file with its keys is gone/);
  expect(() => store.commit([step('old', 3)], [])).toThrow(unavailable);
  renameSync(`${keys}.away`, keys);
  store.reopen();
  expect(bodies(store, 'old')).toEqual(['1:old 1', '2:old 2']);
  expect(store.loadDomain('new')).toBeUndefined();
  store.commit([step('old', 3), step('new', 1)], []);
  store.reopen();
  expect([bodies(store, 'old').length, bodies(store, 'new').length]).toEqual([3, 1]);
});

test('an erasure whose key cannot be overwritten is an outage, is never taken for done, and is finished when the file is back', () => {
  const store = openHere();
  store.commit([step('gone', 1), step('stays', 1)], []);
  const before = readFileSync(keys);
  renameSync(keys, `${keys}.away`);
  expect(() => store.erase('gone')).toThrow(unavailable);
  expect(() => store.reopen()).toThrow(/the file with its keys is gone/);
  expect(readFileSync(`${keys}.away`)).toEqual(before);
  renameSync(`${keys}.away`, keys);
  store.reopen();
  expect([store.isErased('gone'), store.isErased('stays')]).toEqual([true, false]);
  expect(readFileSync(keys).subarray(12, 44)).toEqual(Buffer.alloc(32));
  expect(bodies(store, 'stays')).toEqual(['1:stays 1']);
});

test('a key is durable before what it seals: power lost at any write leaves a new tenant absent or whole, never without its key', () => {
  const outcomes: string[] = [];
  for (const isAfter of [false, true]) {
    for (let at = 1; at <= 3; at++) {
      const fuse = new Fuse();
      const [driver, slots] = [new FusedDriver(fuse), new FusedSlots(fuse)];
      const store = open(driver, SHARDS, new KeyRing(slots));
      store.commit([step('old', 1)], []);
      fuse.left = at;
      fuse.isAfter = isAfter;
      const commit = (): unknown => store.commit([step('old', 2), step('new', 1)], []);
      if (at < 3) expect(commit).toThrow(unavailable);
      else commit();
      fuse.left = Number.POSITIVE_INFINITY;
      const again = open(driver, SHARDS, new KeyRing(slots));
      expect(again.damaged().size).toBe(0);
      outcomes.push(`${bodies(again, 'old').length} ${bodies(again, 'new').length}`);
      // The number is given to another tenant, or the same, with another key.
      again.commit([step(bodies(again, 'new').length === 0 ? 'other' : 'third', 1)], []);
      expect(open(driver, SHARDS, new KeyRing(slots)).damaged().size).toBe(0);
    }
  }
  expect(outcomes).toEqual(['1 0', '1 0', '2 1', '1 0', '2 1', '2 1']);
});

test('a file that was cut refuses the tenants behind the cut and serves the others', () => {
  openHere().commit([step('a', 1), step('b', 1), step('c', 1)], []);
  opened.splice(0).forEach((store) => store.close());
  truncateSync(keys, 64 + 30);
  const store = openHere();
  expect(bodies(store, 'a')).toEqual(['1:a 1']);
  expect([...store.damaged()].map(([tenant, { code, details }]) => [tenant, code, details['seq']])).toEqual([
    ['b', 'STORE_CORRUPT', 1],
    ['c', 'STORE_CORRUPT', 1],
  ]);
  store.commit([step('d', 1)], []);
  store.reopen();
  expect(bodies(store, 'd')).toEqual(['1:d 1']);
  expect(store.damaged().size).toBe(2);
});

test('keys without their database are not overwritten by a new store', () => {
  openHere().commit([step('a', 1)], []);
  opened.splice(0).forEach((store) => store.close());
  const before = readFileSync(keys);
  rmSync(join(dir, 'data.mdb'));
  expect(() => openHere()).toThrow(/holds the keys of another store/);
  expect(readFileSync(keys)).toEqual(before);
});

test('a file that anybody may read, or that was left empty by a crash, becomes a private one when a store is made', () => {
  writeFileSync(keys, '', { mode: 0o644 });
  const store = openHere();
  store.commit([step('a', 1)], []);
  expect(statSync(keys).mode & 0o777).toBe(0o600);
});
