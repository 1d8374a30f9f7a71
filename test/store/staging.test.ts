/** Snapshots in parts: the same as in one piece, all or nothing at every crash, and others' commits between. */
import { describe, expect, test } from 'vitest';
import { packRows } from '../../src/actor/row-pack.ts';
import { hexOf } from '../../src/base/hash.ts';
import { KeyRing, PLAIN_RING } from '../../src/store/key-ring.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { checkRows } from '../../src/store/row-check.ts';
import { KIND } from '../../src/store/schema.ts';
import { Store, type RowChange } from '../../src/store/store.ts';
import type { StoreFault } from '../../src/store/store-fault.ts';
import { viewOf } from '../../src/store/store-view.ts';
import { tenantFaults } from '../../src/store/tenant-check.ts';
import { FAULT_MODES, FaultyDriver } from './faulty-driver.ts';
import { Fuse, FusedDriver, FusedSlots, PowerCut } from './power-cut.ts';
import { bytes, row, SHARDS, snapshot, step } from './records.ts';

/** Few enough that every crash is tried, enough for several ranges and for branches in the trie. */
const ROWS = 90;
const RANGE_ROWS = 16;
const PART_ROWS = 40;
/** With it some part rows are full before the end, and are written. */
const LONG = '.'.repeat(2_000);

/** Rows of `version`; the second one changes, drops and adds some. */
function rowsOf(version: number): RowChange[] {
  const rows: RowChange[] = [row('system', 'sys:timers', `t${version}`, 'timer'), row('system', 'a\0g1', 'm', 'meta')];
  for (let n = 0; n < ROWS; n++) {
    const isGone = version === 2 && n % 7 === 0;
    rows.push(row('state', `a\0g${n % 20}`, `s${n + (n % 3) * version}`, isGone ? null : `v${version} ${n}${LONG}`));
  }
  return rows;
}

const open = (driver: FusedDriver | FaultyDriver | MemoryKeyValue, slots?: FusedSlots): Store =>
  Store.open({
    driver,
    shards: SHARDS,
    ring: slots === undefined ? PLAIN_RING : new KeyRing(slots),
    rangeRows: RANGE_ROWS,
    draw: () => 7,
    now: () => 0,
  });

/** All but the last part. */
function sendParts(store: Store, tenant: string, seq: number, rows: readonly RowChange[]): void {
  for (let at = 0; at + PART_ROWS < rows.length; at += PART_ROWS) {
    const changes = packRows(rows.slice(at, at + PART_ROWS));
    store.parts.take({ tenant, seq, rowCount: rows.length, changes });
  }
}

/** The last part. */
function seal(store: Store, tenant: string, seq: number, rows: readonly RowChange[], body?: Uint8Array): void {
  const parts = Math.ceil(rows.length / PART_ROWS) - 1;
  const changes = packRows(rows.slice(parts * PART_ROWS));
  store.parts.seal({ tenant, seq, rowCount: 0, changes }, parts, { image: bytes(`image ${seq}`), body });
}

function storeInParts(store: Store, tenant: string, seq: number, rows: readonly RowChange[]): void {
  sendParts(store, tenant, seq, rows);
  seal(store, tenant, seq, rows);
  while (!store.parts.advance(tenant));
}

/** All rows of content: what a snapshot comes to. */
function contentOf(driver: MemoryKeyValue): string[] {
  return driver
    .range(Uint8Array.of(KIND.image), Uint8Array.of(0xff))
    .map(([key, value]) => `${hexOf(key)} ${hexOf(value)}`);
}

const rootsOf = (store: Store): string => {
  const { stateRoot, domainRoot } = store.roots('t', []);
  return `${hexOf(stateRoot)} ${hexOf(domainRoot)}`;
};

/** What `synapse verify` finds, without the journal. */
function faultsIn(driver: MemoryKeyValue, slots?: FusedSlots): StoreFault[] {
  const view = viewOf(driver, undefined, undefined, slots?.inner);
  const faults: StoreFault[] = [];
  for (const count of checkRows(view, (fault) => void faults.push(fault))) void count;
  for (const state of view.directory.all()) faults.push(...tenantFaults(driver, state, undefined));
  return faults;
}

test('comes to the very rows, pages and roots of a snapshot in one piece', () => {
  const [whole, parted] = [new MemoryKeyValue(), new MemoryKeyValue()];
  const [one, other] = [open(whole), open(parted)];
  for (const store of [one, other]) store.commit([step('t', 1)], [snapshot('t', 1, rowsOf(1))]);
  one.commit([step('t', 2)], [snapshot('t', 2, rowsOf(2))]);
  other.commit([step('t', 2)], []);
  storeInParts(other, 't', 2, rowsOf(2));
  expect(contentOf(parted)).toEqual(contentOf(whole));
  expect(rootsOf(other)).toBe(rootsOf(one));
  expect(other.loadDomain('t')).toEqual(one.loadDomain('t'));
  other.verify('t');
  expect(faultsIn(parted)).toEqual([]);
});

test('lets other tenants go on between its slices, and its own tenant too', () => {
  const driver = new MemoryKeyValue();
  const store = open(driver);
  store.commit([step('t', 1)], []);
  sendParts(store, 't', 1, rowsOf(1));
  seal(store, 't', 1, rowsOf(1));
  for (let n = 1; !store.parts.advance('t'); n++) {
    store.commit([step('other', n), step('t', 1 + n)], [snapshot('other', n, [row('state', 'g', `${n}`, 'x')])]);
    expect(faultsIn(driver)).toEqual([]);
  }
  expect(store.loadDomain('t')).toMatchObject({ snapshotSeq: 1, seq: expect.any(Number) as number });
  store.verify('t');
  store.verify('other');
});

test('a recorded one comes to the journal with the roots that it comes to', () => {
  const store = open(new MemoryKeyValue());
  store.commit([step('t', 1)], []);
  sendParts(store, 't', 2, rowsOf(1));
  seal(store, 't', 2, rowsOf(1), new Uint8Array(3));
  while (!store.parts.advance('t'));
  const [, record] = [...store.records('t', 1)];
  expect(hexOf(record?.body ?? new Uint8Array(0))).toContain(hexOf(store.roots('t', []).stateRoot));
  expect(store.loadDomain('t')).toMatchObject({ seq: 2, snapshotSeq: 2 });
});

describe.each([
  ['plain', false],
  ['encrypted', true],
])('a power cut, %s', (_name, isEncrypted) => {
  test.each([false, true])('at each write (after it: %s) leaves one whole snapshot, and no row too many', (isAfter) => {
    const outcomes = new Set<string>();
    for (let at = 1; ; at++) {
      const fuse = new Fuse();
      const driver = new FusedDriver(fuse);
      const slots = isEncrypted ? new FusedSlots(fuse) : undefined;
      const store = open(driver, slots);
      store.commit([step('t', 1), step('t', 2)], [snapshot('t', 1, rowsOf(1))]);
      const before = rootsOf(store);
      fuse.left = at;
      fuse.isAfter = isAfter;
      let isCut = false;
      try {
        storeInParts(store, 't', 2, rowsOf(2));
      } catch (error) {
        isCut = (error as { cause?: unknown }).cause instanceof PowerCut || error instanceof PowerCut;
        expect(isCut, String(error)).toBe(true);
      }
      fuse.left = Number.POSITIVE_INFINITY;
      expect(faultsIn(driver.inner, slots)).toEqual([]);
      const after = open(driver, slots);
      const domain = after.loadDomain('t');
      outcomes.add(`${domain?.snapshotSeq} ${Buffer.from(domain?.image ?? []).toString()}`);
      if (domain?.snapshotSeq === 1) expect(rootsOf(after)).toBe(before);
      after.verify('t');
      for (const kind of [KIND.stage, KIND.part])
        expect(driver.range(Uint8Array.of(kind), Uint8Array.of(kind + 1))).toEqual([]);
      expect(faultsIn(driver.inner, slots)).toEqual([]);
      storeInParts(after, 't', 2, rowsOf(2)); // the same again, over whichever there is
      after.verify('t');
      if (!isCut) break;
    }
    expect([...outcomes].toSorted()).toEqual(['1 image 1', '2 image 2']);
  });
});

test.each(FAULT_MODES)(
  'an I/O error of kind "%s" at any commit is an outage, after which it goes on or begins anew',
  (mode) => {
    for (let at = 3; ; at++) {
      const driver = new FaultyDriver(new MemoryKeyValue());
      const store = open(driver);
      store.commit([step('t', 1)], []);
      driver.failAt(at, mode);
      try {
        storeInParts(store, 't', 1, rowsOf(1));
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
        store.reopen();
        if (store.loadDomain('t')?.snapshotSeq === 0) storeInParts(store, 't', 1, rowsOf(1));
        store.verify('t');
      }
    }
  },
);

test('a part that is lost or damaged stops its tenant alone, and says so to whoever verifies', () => {
  for (const value of [null, Uint8Array.of(1, 2, 3, 4, 5)]) {
    const driver = new MemoryKeyValue();
    const store = open(driver);
    store.commit([step('t', 1), step('other', 1)], []);
    sendParts(store, 't', 1, rowsOf(1));
    seal(store, 't', 1, rowsOf(1));
    const [part] = driver.range(Uint8Array.of(KIND.part), Uint8Array.of(KIND.part + 1)).slice(-1);
    driver.commit([[part?.[0] ?? new Uint8Array(1), value]]);
    expect(faultsIn(driver).length).toBeGreaterThan(0);
    const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' }) as Error;
    expect(() => {
      while (!store.parts.advance('t'));
    }).toThrow(corrupt);
    expect(() => store.loadDomain('t')).toThrow(corrupt);
    expect(store.loadDomain('other')).toBeDefined();
    store.commit([step('other', 2)], []);
    expect(() => open(driver).loadDomain('t')).toThrow(corrupt);
  }
});

test.each([false, true])('goes with its tenant when that is erased (sealed: %s)', (isSealed) => {
  const fuse = new Fuse();
  const driver = new FusedDriver(fuse);
  const store = open(driver, new FusedSlots(fuse));
  store.commit([step('t', 1)], []);
  sendParts(store, 't', 1, rowsOf(1));
  if (isSealed) {
    seal(store, 't', 1, rowsOf(1));
    store.parts.advance('t');
  }
  store.erase('t');
  const gone = expect.objectContaining({ code: 'INVALID_ADDRESS' }) as Error;
  if (isSealed) expect(() => store.parts.advance('t')).toThrow(gone);
  else expect(() => sendParts(store, 't', 1, rowsOf(1))).toThrow(gone);
  expect(contentOf(driver.inner)).toEqual([]);
});
