/** The store over both drivers: what goes in comes out, after reopening too; roots; what it refuses. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shardOf } from '../../src/base/address.ts';
import { hexOf, sha256, sha256Of } from '../../src/base/hash.ts';
import { compareUtf8 } from '../../src/base/text.ts';
import { KeyRing, PLAIN_RING, type SealRing } from '../../src/store/key-ring.ts';
import { FileKeySlots, MemoryKeySlots } from '../../src/store/key-slots.ts';
import type { Write } from '../../src/store/key-value.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { metaKey } from '../../src/store/schema.ts';
import { sealRow } from '../../src/store/binary.ts';
import { Store } from '../../src/store/store.ts';
import type { SnapshotWrite, StepRecord } from '../../src/store/store.ts';
import { bodies, bytes, open, row, SHARDS, snapshot, step } from './records.ts';

let root = '';
let made = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-store.'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A store on a disk of its own: `open` the first time, `again` with nothing kept in memory. */
interface Disk {
  open(): Store;
  again(): Store;
  openCopy(dir: string): Store;
}

const ringOf = (isEncrypted: boolean, dir: string): SealRing =>
  isEncrypted ? new KeyRing(new FileKeySlots(dir)) : PLAIN_RING;

function memoryDisk(isEncrypted: boolean): Disk {
  const driver = new MemoryKeyValue();
  const slots = new MemoryKeySlots();
  const openIt = (): Store => open(driver, SHARDS, isEncrypted ? new KeyRing(slots) : PLAIN_RING);
  return { open: openIt, again: openIt, openCopy: (dir) => open(openLmdb(dir), SHARDS, ringOf(isEncrypted, dir)) };
}

function lmdbDisk(isEncrypted: boolean): Disk {
  const own = join(root, `store.${++made}`);
  const openIt = (dir: string): Store => open(openLmdb(dir), SHARDS, ringOf(isEncrypted, dir));
  return { open: () => openIt(own), again: () => openIt(own), openCopy: openIt };
}

const disks: readonly { name: string; make: () => Disk }[] = [
  { name: 'memory', make: () => memoryDisk(false) },
  { name: 'lmdb', make: () => lmdbDisk(false) },
  { name: 'memory, encrypted', make: () => memoryDisk(true) },
  { name: 'lmdb, encrypted', make: () => lmdbDisk(true) },
];

describe.each(disks)('a store over $name', ({ make }) => {
  test('gives back records, events, images, rows, configs and summaries after close and open', () => {
    const disk = make();
    const store = disk.open();
    const config = store.internConfig(bytes('config'));
    store.commit(
      [step('b', 1, 'one', [{ topic: 't', offset: 0, timeMs: 5, value: bytes('e0') }]), step('a', 1), step('b', 2)],
      [],
    );
    const [roots] = store.commit(
      [step('b', 3, 'three', [{ topic: 't', offset: 1, timeMs: 6.5, value: bytes('e1') }])],
      [
        snapshot('b', 2, [
          row('state', 'acc/x', 'balance', '1'),
          row('system', 'acc/x', 'meta', 'm'),
          row('system', 'sys:timers', 'id', 't'),
        ]),
      ],
    );
    store.close();
    const opened = disk.again();
    expect(bodies(opened, 'b')).toEqual(['1:one', '2:b 2', '3:three']);
    expect(bodies(opened, 'b', 3)).toEqual(['3:three']);
    expect(bodies(opened, 'b', 4)).toEqual([]);
    expect(bodies(opened, 'a')).toEqual(['1:a 1']);
    expect(opened.loadDomain('b')).toEqual({
      shard: shardOf('b', SHARDS),
      seq: 3,
      snapshotSeq: 2,
      firstSeq: 1,
      image: bytes('image 2'),
      system: [{ group: 'sys:timers', name: 'id', value: bytes('t') }],
    });
    expect(opened.loadDomain('a')).toEqual({
      shard: shardOf('a', SHARDS),
      seq: 1,
      snapshotSeq: 0,
      firstSeq: 1,
      image: undefined,
      system: [],
    });
    expect(opened.loadGroup('b', 'acc/x')).toEqual([
      { space: 'state', name: 'balance', value: bytes('1') },
      { space: 'system', name: 'meta', value: bytes('m') },
    ]);
    expect(opened.loadGroup('b', 'acc/y')).toEqual([]);
    expect(opened.events('b', 't', 0, 10)).toEqual([
      { offset: 0, timeMs: 5, value: bytes('e0') },
      { offset: 1, timeMs: 6.5, value: bytes('e1') },
    ]);
    expect(opened.events('b', 't', 1, 1).map(({ offset }) => offset)).toEqual([1]);
    expect(opened.events('b', 't', 2, 10)).toEqual([]);
    expect(opened.events('b', 'other', 0, 10)).toEqual([]);
    expect(opened.config(config)).toEqual(bytes('config'));
    expect(opened.internConfig(bytes('config'))).toBe(config);
    expect(opened.config(config + 1)).toBeUndefined();
    expect(opened.roots('b', [])).toEqual(roots);
    expect(opened.tenants().map(({ tenant, seq, snapshotSeq }) => ({ tenant, seq, snapshotSeq }))).toEqual([
      { tenant: 'a', seq: 1, snapshotSeq: 0 },
      { tenant: 'b', seq: 3, snapshotSeq: 2 },
    ]);
    expect(opened.loadDomain('c')).toBeUndefined();
    opened.verify('a');
    opened.verify('b');
    opened.close();
  });

  test('goes on after reopen with the same incarnation and can be reopened again and again', () => {
    const disk = make();
    const store = disk.open();
    const { incarnation } = store;
    for (let seq = 1; seq <= 5; seq++) {
      store.commit([step('t', seq)], []);
      store.reopen();
    }
    expect(store.incarnation).toBe(incarnation);
    expect(bodies(store, 't').length).toBe(5);
    store.close();
    expect(() => store.tenants()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  test('cuts long commits into batches and reads them back from any step', () => {
    const disk = make();
    const store = disk.open();
    const body = 'x'.repeat(50_000);
    store.commit(
      Array.from({ length: 30 }, (_, i) =>
        step(i % 3 === 0 ? 'p' : 'q', i % 3 === 0 ? i / 3 + 1 : i - Math.floor(i / 3), body),
      ),
      [],
    );
    store.commit([step('q', 21, 'y'.repeat(700_000)), step('q', 22, 'tail')], []);
    store.close();
    const opened = disk.again();
    expect([...opened.records('p', 1)].map(({ seq }) => seq)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    for (let from = 1; from <= 22; from++) expect([...opened.records('q', from)].map(({ seq }) => seq)[0]).toBe(from);
    expect([...opened.records('q', 21)].map(({ body: one }) => one.length)).toEqual([700_000, 4]);
    opened.close();
  });

  test('opens a backup with another incarnation, each time it is restored, while the source goes on', () => {
    const disk = make();
    const store = disk.open();
    store.commit([step('t', 1)], [snapshot('t', 1, [row('state', 'g', 'n', 'v')])]);
    const dir = join(root, `backup.${++made}`);
    store.backup(dir);
    store.commit([step('t', 2)], []);
    const opened = disk.openCopy(dir);
    expect(bodies(opened, 't')).toEqual(['1:t 1']);
    expect(hexOf(opened.roots('t', []).domainRoot)).toBe(hexOf(store.roots('t', []).domainRoot));
    expect(opened.incarnation).not.toBe(store.incarnation);
    const drawn = opened.incarnation;
    opened.commit([step('t', 2, 'other')], []);
    opened.close();
    const second = disk.openCopy(dir);
    expect(second.incarnation).toBe(drawn);
    expect(bodies(second, 't')).toEqual(['1:t 1', '2:other']);
    expect(bodies(store, 't')).toEqual(['1:t 1', '2:t 2']);
    second.close();
    store.close();
  });
});

test('opens only with the number of shards it was made with', () => {
  const driver = new MemoryKeyValue();
  open(driver);
  expect(() => open(driver, SHARDS + 1)).toThrow(
    expect.objectContaining({ code: 'SHARD_COUNT_MISMATCH', details: { stored: SHARDS, given: SHARDS + 1 } }),
  );
  for (const shards of [0, -1, 1.5, Number.NaN, 65_537]) {
    expect(() => open(driver, shards)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  }
});

test('makes no store where it was told not to, and refuses foreign content and other schema versions in words', () => {
  expect(() => Store.open({ driver: new MemoryKeyValue(), shards: 1, create: false })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
  const foreign = new MemoryKeyValue();
  foreign.commit([[bytes('x'), bytes('y')]]);
  expect(() => open(foreign)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  const later = new MemoryKeyValue();
  open(later);
  const amended = [0, 1].map((copy): Write => {
    const key = metaKey(copy);
    const payload = (later.get(key) ?? new Uint8Array(4)).slice(0, -4);
    payload[11] = 9;
    return [key, sealRow(key, payload)];
  });
  later.commit(amended);
  expect(() => open(later)).toThrow(/schema version 9; this build reads version 7 only/);
});

test('refuses a gap, a repeat, a moved tenant and a snapshot ahead of the journal as bugs, and then everything', () => {
  const bad: readonly (() => [readonly StepRecord[], readonly SnapshotWrite[]])[] = [
    () => [[step('t', 3)], []],
    () => [[step('t', 1)], []],
    () => [[step('t', 2), step('t', 2)], []],
    () => [[{ ...step('t', 2), shard: (shardOf('t', SHARDS) + 1) % SHARDS }], []],
    () => [[{ ...step('new', 1), shard: SHARDS }], []],
    () => [[], [snapshot('t', 2, [])]],
  ];
  for (const make of bad) {
    const store = open(new MemoryKeyValue());
    store.commit([step('t', 1)], []);
    expect(() => store.commit(...make())).toThrow(/^bug: /);
    expect(() => store.tenants()).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    store.reopen();
    expect(bodies(store, 't')).toEqual(['1:t 1']);
  }
});

test('gives the state root of state rows only and a domain root over everything, whatever the way there', () => {
  const one = open(new MemoryKeyValue());
  const rows = [
    row('state', 'a', 'x', '1'),
    row('state', 'a', 'y', '2'),
    row('system', 'a', 'meta', '3'),
    row('system', 'sys:d', 'k', '4'),
  ];
  const [direct] = one.commit([step('t', 1), step('t', 2)], [snapshot('t', 2, rows)]);
  const two = open(new MemoryKeyValue());
  two.commit(
    [step('t', 1)],
    [snapshot('t', 1, [...rows.slice(2), row('state', 'a', 'x', 'old'), row('state', 'gone', 'z', '9')])],
  );
  const after = [row('state', 'gone', 'z', null), ...rows.slice(0, 2)];
  const before = two.roots('t', []);
  const foretold = two.roots('t', after, { seq: 2, imageHash: sha256('image 2') });
  expect(two.roots('t', [])).toEqual(before);
  const [detour] = two.commit([step('t', 2)], [snapshot('t', 2, after)]);
  expect(detour).toEqual(direct);
  expect(foretold).toEqual(direct);
  const [again, changed] = two.commit([], [snapshot('t', 2, []), snapshot('t', 2, [row('system', 'sys:d', 'k', '5')])]);
  expect(again).toEqual(direct);
  expect(changed?.stateRoot).toEqual(direct?.stateRoot);
  expect(changed?.domainRoot).not.toEqual(direct?.domainRoot);
  const [image] = two.commit([], [snapshot('t', 2, [row('system', 'sys:d', 'k', '4')], 'another image')]);
  expect(image?.stateRoot).toEqual(direct?.stateRoot);
  expect(image?.domainRoot).not.toEqual(direct?.domainRoot);
});

test('computes the domain root as written: sha256 of 0x02, system root, state root, seq and image hash', () => {
  const store = open(new MemoryKeyValue());
  const [roots] = store.commit([step('t', 1)], [snapshot('t', 1, [])]);
  const seq = Buffer.alloc(8);
  seq.writeBigUInt64BE(1n);
  expect(roots?.stateRoot).toEqual(new Uint8Array(32));
  expect(hexOf(roots?.domainRoot ?? new Uint8Array())).toBe(
    hexOf(sha256Of([Uint8Array.of(2), new Uint8Array(32), new Uint8Array(32), seq, sha256('image 1')])),
  );
});

test('gives the roots of changes to a tenant that has no snapshot, or no step yet, as over nothing', () => {
  const store = open(new MemoryKeyValue());
  const changes = [row('state', 'a', 'x', '1')];
  const at = { seq: 1, imageHash: sha256('image 1') };
  const unknown = store.roots('t', changes, at);
  const [roots] = store.commit([step('t', 1)], [snapshot('t', 1, changes)]);
  expect(unknown).toEqual(roots);
  expect(store.tenants().length).toBe(1);
});

test('keeps rows of one name in two spaces apart and tells groups and names apart that join to the same text', () => {
  const store = open(new MemoryKeyValue());
  const changes = [
    row('state', 'ab', 'c', '1'),
    row('state', 'a', 'bc', '2'),
    row('system', 'ab', 'c', '3'),
    row('state', 'sys:x', 'n', '4'),
    row('system', 'sys:x', 'n', '5'),
    row('state', 'a', '\ud800', '6'),
    row('state', 'a', '\ud801', '7'),
    row('state', 'a', '\ufffd', '8'),
    row('state', 'a', 'long '.repeat(50_000), '9'),
    row('state', '', '', 'nameless'),
  ];
  store.commit([step('t', 1)], [snapshot('t', 1, changes)]);
  const read = (group: string): string[] =>
    store
      .loadGroup('t', group)
      .map((one) => `${one.space} ${one.name.slice(0, 9)} ${Buffer.from(one.value).toString()}`)
      .toSorted();
  expect(read('ab')).toEqual(['state c 1', 'system c 3']);
  expect(read('a')).toEqual(
    ['state bc 2', 'state \ud800 6', 'state \ud801 7', 'state \ufffd 8', 'state long long 9'].toSorted(),
  );
  expect(read('sys:x')).toEqual(['state n 4', 'system n 5']);
  expect(read('')).toEqual(['state  nameless']);
  expect(store.loadDomain('t')?.system.map(({ group, name }) => [group, name])).toEqual([['sys:x', 'n']]);
  store.verify('t');
});

test('finds by verification a row that was lost, which no checksum can', () => {
  const driver = new MemoryKeyValue();
  const store = open(driver);
  store.commit([step('t', 1)], [snapshot('t', 1, [row('state', 'g', 'a', '1'), row('state', 'g', 'b', '2')])]);
  const [lost] = driver.range(Uint8Array.of(0x31), Uint8Array.of(0x32));
  driver.commit([[lost?.[0] ?? new Uint8Array(1), null]]);
  expect(() => store.verify('t')).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
});

test('lists tenants in UTF-8 byte order and by shard', () => {
  const store = open(new MemoryKeyValue());
  const names = ['b', 'a', '\u{10000}', '\uffff', 'ä', 'A', 'aa'];
  store.commit(
    names.map((tenant) => step(tenant, 1)),
    [],
  );
  expect(store.tenants().map(({ tenant }) => tenant)).toEqual(names.toSorted(compareUtf8));
  for (let shard = 0; shard < SHARDS; shard++) {
    expect(store.tenantsOfShard(shard)).toEqual(
      names.filter((name) => shardOf(name, SHARDS) === shard).toSorted(compareUtf8),
    );
  }
});

test('interns a config once, keeps its number over a reopen before it was written, and writes it with the next commit', () => {
  const driver = new MemoryKeyValue();
  const store = open(driver);
  const first = store.internConfig(bytes('one'));
  expect(store.internConfig(bytes('one'))).toBe(first);
  const second = store.internConfig(bytes('two'));
  expect(second).not.toBe(first);
  store.reopen();
  expect(store.config(second)).toEqual(bytes('two'));
  expect(store.internConfig(bytes('two'))).toBe(second);
  store.commit([step('t', 1)], []);
  const opened = open(driver);
  expect(opened.config(first)).toEqual(bytes('one'));
  expect(opened.config(second)).toEqual(bytes('two'));
});

test('loads one of many groups, and thousands of rows of one, without the others', () => {
  const store = open(new MemoryKeyValue());
  const changes = Array.from({ length: 3_000 }, (_, n) => row('state', `actor/${n}`, 'balance', `${n}`));
  const many = Array.from({ length: 2_000 }, (_, n) => row('state', 'table', `line ${n}`, `${n}`));
  store.commit([step('t', 1)], [snapshot('t', 1, [...changes, ...many])]);
  expect(store.loadGroup('t', 'actor/1234')).toEqual([{ space: 'state', name: 'balance', value: bytes('1234') }]);
  expect(new Set(store.loadGroup('t', 'table').map(({ name }) => name)).size).toBe(2_000);
  store.verify('t');
});

test('reads events across many rows from any offset', () => {
  const store = open(new MemoryKeyValue());
  let offset = 0;
  for (let seq = 1; seq <= 80; seq++) {
    const events = Array.from({ length: seq % 4 }, () => ({
      topic: 'häppening/..',
      offset: offset++,
      timeMs: seq,
      value: bytes('v'.repeat(seq * 20)),
    }));
    store.commit([step('t', seq, 'b', events)], []);
  }
  for (const from of [0, 1, 50, 118, 119, 120]) {
    const read = store.events('t', 'häppening/..', from, 1_000).map((one) => one.offset);
    expect(read).toEqual(Array.from({ length: Math.max(0, offset - from) }, (_, i) => from + i));
  }
  expect(store.events('t', 'häppening/..', 3, 5).length).toBe(5);
  expect(store.events('t', 'häppening/..', 3, 0)).toEqual([]);
});

test('a snapshot of more rows than fit on the stack is taken, and opens', () => {
  const driver = new MemoryKeyValue();
  const store = open(driver);
  const count = 150_000; // the arguments of one call end at about 120,000
  const changes = Array.from({ length: count }, (_, n) => row('state', `g${n}`, 'n', 'v'));
  store.commit([step('t', 1)], [snapshot('t', 1, changes)]);
  expect(open(driver).loadGroup('t', `g${count - 1}`).length).toBe(1);
});
