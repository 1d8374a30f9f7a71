/**
 * One suite for every driver of the KeyValue port. What only one driver can show (a file, a full disk)
 * is in test/store/.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KeyValue, Row, Write } from '../../src/store/key-value.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { WriteBatch } from '../../src/store/write-batch.ts';
import { Chance } from '../../src/testing/chance.ts';
import { SimulatedDisk } from '../../src/testing/sim-disk.ts';

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
const seen = (rows: readonly Row[]): string[] =>
  rows.map(([key, value]) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`);
const LOWEST = bytes(0);
const HIGHEST = bytes(0xff, 0xff, 0xff, 0xff);

let root = '';
let made = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-kv.'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const drivers: readonly { name: string; open: () => KeyValue }[] = [
  { name: 'lmdb', open: () => openLmdb(join(root, `dir.${++made}`)) },
  { name: 'memory', open: () => new MemoryKeyValue() },
  { name: 'simulated', open: () => new SimulatedDisk(new Chance(1)) },
];

describe.each(drivers)('the $name driver', ({ open }) => {
  let store: KeyValue;
  beforeEach(() => {
    store = open();
  });
  afterEach(() => {
    store.close();
  });

  test('gives back what was committed, and nothing for a key that was not', () => {
    store.commit([[bytes(1), bytes(9, 9)]]);
    expect(store.get(bytes(1))).toEqual(bytes(9, 9));
    expect(store.get(bytes(2))).toBeUndefined();
    expect(store.get(bytes(1, 0))).toBeUndefined();
  });

  test('gives a part of a value, which stays as it is when the next one is read', () => {
    store.commit([
      [bytes(1), bytes(10, 11, 12, 13)],
      [bytes(2), bytes(20, 21, 22, 23)],
    ]);
    const part = store.slice(bytes(1), 1, 2);
    expect(store.slice(bytes(2), 2, 9)).toEqual(bytes(22, 23));
    expect(part).toEqual(bytes(11, 12));
    expect(store.slice(bytes(1), 4, 1)).toEqual(bytes());
    for (let again = 0; again < 3; again++) expect(store.slice(bytes(1), 1, 2)).toEqual(part);
    expect(store.slice(bytes(3), 0, 1)).toBeUndefined();
  });

  test('lends a value until the next is asked for', () => {
    const long = new Uint8Array(9_000).fill(7);
    store.commit([
      [bytes(1), bytes(10, 11)],
      [bytes(2), bytes()],
      [bytes(3), long],
    ]);
    expect(Buffer.compare(store.lent(bytes(1)) ?? long, bytes(10, 11))).toBe(0);
    expect(store.lent(bytes(2))?.length).toBe(0);
    expect(Buffer.compare(store.lent(bytes(3)) ?? bytes(), long)).toBe(0);
    expect(store.lent(bytes(4))).toBeUndefined();
    store.commit([[bytes(1), bytes(12)]]);
    expect(Buffer.compare(store.lent(bytes(1)) ?? long, bytes(12))).toBe(0);
  });

  test('takes writes from a batch, which is used again', () => {
    const batch = new WriteBatch();
    for (const n of [3, 1, 2]) batch.add(bytes(n), bytes(n, n));
    batch.add(bytes(1), null);
    store.commit(batch);
    for (const n of [7, 8, 9]) batch.clear().add(bytes(n), bytes(n));
    expect(seen(store.range(LOWEST, HIGHEST))).toEqual(['02=0202', '03=0303']);
  });

  test('tells an empty value from an absent one', () => {
    store.commit([[bytes(1), bytes()]]);
    expect(store.get(bytes(1))).toEqual(bytes());
    expect(seen(store.range(LOWEST, HIGHEST))).toEqual(['01=']);
  });

  test('lets the later of two writes of one key win, deletion included', () => {
    store.commit([
      [bytes(1), bytes(1)],
      [bytes(1), bytes(2)],
      [bytes(2), bytes(1)],
      [bytes(2), null],
    ]);
    expect(store.get(bytes(1))).toEqual(bytes(2));
    expect(store.get(bytes(2))).toBeUndefined();
  });

  test('accepts the deletion of what is absent, and a commit of nothing', () => {
    store.commit([[bytes(7), null]]);
    store.commit([]);
    expect(store.range(LOWEST, HIGHEST)).toEqual([]);
  });

  test('reads a range with its start and without its end, either way round, cut at the limit', () => {
    store.commit([1, 2, 3, 4, 5].map((n): Write => [bytes(n), bytes(n)]));
    expect(seen(store.range(bytes(2), bytes(4)))).toEqual(['02=02', '03=03']);
    expect(seen(store.range(bytes(2), bytes(4), { reverse: true }))).toEqual(['03=03', '02=02']);
    expect(seen(store.range(bytes(1), bytes(6), { limit: 2 }))).toEqual(['01=01', '02=02']);
    expect(seen(store.range(bytes(1), bytes(6), { reverse: true, limit: 2 }))).toEqual(['05=05', '04=04']);
    expect(store.range(bytes(1), bytes(6), { limit: 0 })).toEqual([]);
    expect(store.range(bytes(4), bytes(4))).toEqual([]);
    expect(store.range(bytes(5), bytes(2))).toEqual([]);
    expect(store.range(bytes(5), bytes(2), { reverse: true })).toEqual([]);
    expect(seen(store.range(bytes(3, 1), bytes(9), { reverse: true, limit: 9 }))).toEqual(['05=05', '04=04']);
  });

  test('keeps a copy of what it is given and gives out copies', () => {
    const key = bytes(1);
    const value = bytes(5, 5);
    store.commit([[key, value]]);
    key[0] = 9;
    value[0] = 9;
    const out = store.get(bytes(1));
    expect(out).toEqual(bytes(5, 5));
    out?.fill(0);
    store.range(LOWEST, HIGHEST)[0]?.[1].fill(0);
    expect(store.get(bytes(1))).toEqual(bytes(5, 5));
  });

  test('holds a value of 20 MiB and keys of 1,900 bytes', () => {
    const large = new Uint8Array(20 << 20).fill(3);
    large[large.length - 1] = 4;
    const long = new Uint8Array(1_900).fill(1);
    store.commit([
      [bytes(1), large],
      [long, bytes(1)],
    ]);
    expect(Buffer.compare(store.get(bytes(1)) ?? bytes(), large)).toBe(0);
    expect(Buffer.compare(store.range(bytes(1), bytes(1, 0))[0]?.[1] ?? bytes(), large)).toBe(0);
    expect(store.get(long)).toEqual(bytes(1));
  });

  test('has everything committed after close and reopen, reopen twice included', () => {
    store.commit([[bytes(1), bytes(1)]]);
    store.close();
    store.close();
    store.reopen();
    store.reopen();
    expect(store.get(bytes(1))).toEqual(bytes(1));
    store.commit([[bytes(2), bytes(2)]]);
    store.reopen();
    expect(seen(store.range(LOWEST, HIGHEST))).toEqual(['01=01', '02=02']);
  });

  test('reads its own commit at once, in the same turn of the event loop', () => {
    for (let n = 0; n < 50; n++) {
      store.commit([[bytes(1), bytes(n)]]);
      expect(store.get(bytes(1))).toEqual(bytes(n));
      expect(store.range(LOWEST, HIGHEST).length).toBe(1);
    }
  });

  test('writes a backup that the lmdb driver opens, amended, while the source stays and goes on', () => {
    store.commit(Array.from({ length: 25_000 }, (_, n): Write => [bytes(1, n >> 8, n & 255), bytes(n & 255)]));
    const dir = join(root, `backup.${++made}`);
    store.backup(dir, [
      [bytes(1, 0, 0), null],
      [bytes(2), bytes(2)],
    ]);
    store.commit([[bytes(3), bytes(3)]]);
    const copy = openLmdb(dir, { create: false });
    expect(copy.range(bytes(1), bytes(2)).length).toBe(24_999);
    expect(copy.get(bytes(2))).toEqual(bytes(2));
    expect(copy.get(bytes(3))).toBeUndefined();
    copy.close();
    expect(store.get(bytes(2))).toBeUndefined();
    expect(store.range(bytes(1), bytes(2)).length).toBe(25_000);
  });

  test('refuses a backup into a directory that holds something, and leaves nothing half written', () => {
    const dir = join(root, `full.${++made}`);
    mkdirSync(dir);
    writeFileSync(join(dir, 'file'), 'x');
    expect(() => store.backup(dir)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => store.backup(join(dir, 'file', 'below'))).toThrow(
      expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
    );
    expect(readdirSync(root).filter((name) => name.includes('.partial-'))).toEqual([]);
  });

  test('behaves like a sorted map under any commits and ranges', () => {
    const keyArb = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 });
    const writesArb = fc.array(fc.tuple(keyArb, fc.option(fc.uint8Array({ maxLength: 4 }))), { maxLength: 80 });
    fc.assert(
      fc.property(
        fc.array(writesArb, { maxLength: 6 }),
        keyArb,
        keyArb,
        fc.boolean(),
        fc.nat(9),
        (commits, from, to, reverse, limit) => {
          store.commit(store.range(LOWEST, HIGHEST).map(([key]): Write => [key, null]));
          const model = new Map<string, Uint8Array>();
          for (const writes of commits) {
            store.commit(writes);
            for (const [key, value] of writes) {
              if (value === null) model.delete(Buffer.from(key).toString('hex'));
              else model.set(Buffer.from(key).toString('hex'), value);
            }
          }
          const sorted = [...model]
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, value]): Row => [Buffer.from(key, 'hex'), value]);
          expect(seen(store.range(LOWEST, HIGHEST))).toEqual(seen(sorted));
          const within = sorted.filter(([key]) => Buffer.compare(key, from) >= 0 && Buffer.compare(key, to) < 0);
          const ordered = reverse ? within.toReversed() : within;
          expect(seen(store.range(from, to, { reverse, limit }))).toEqual(seen(ordered.slice(0, limit)));
        },
      ),
      { numRuns: 60 },
    );
  });
});
