/**
 * The ledger: commits of many tenants whose rows follow later. A store that puts them off says what one says that
 * never does, at each commit and after each opening; a lost ledger row is missed, and the ledger stays short.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hexOf } from '../../src/base/hash.ts';
import { KeyRing, PLAIN_RING } from '../../src/store/key-ring.ts';
import { MemoryKeySlots } from '../../src/store/key-slots.ts';
import type { Row } from '../../src/store/key-value.ts';
import type { LedgerLimits } from '../../src/store/ledger.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { checkRows } from '../../src/store/row-check.ts';
import { KIND } from '../../src/store/schema.ts';
import { type JournalRecord, Store } from '../../src/store/store.ts';
import { viewOf } from '../../src/store/store-view.ts';
import { bodies, row, SHARDS, snapshot, step } from './records.ts';

const NEVER: LedgerLimits = { tenantsMin: Number.POSITIVE_INFINITY, sweepSteps: 1 };
const SOON: LedgerLimits = { tenantsMin: 2, sweepSteps: 40 };

class Disk extends MemoryKeyValue {
  readonly slots = new MemoryKeySlots();
  readonly isEncrypted: boolean;
  isBroken = false;

  constructor(isEncrypted = false) {
    super();
    this.isEncrypted = isEncrypted;
  }

  override commit(writes: Parameters<MemoryKeyValue['commit']>[0]): void {
    if (this.isBroken) throw new Error('no space left');
    super.commit(writes);
  }

  open(ledgerLimits: LedgerLimits, lazy = false): Store {
    const ring = this.isEncrypted ? new KeyRing(this.slots) : PLAIN_RING;
    return Store.open({ driver: this, ring, shards: SHARDS, now: () => 1, draw: () => 5, ledgerLimits, lazy });
  }

  rowsOf(kind: number): readonly Row[] {
    return this.range(Uint8Array.of(kind), Uint8Array.of(kind + 1));
  }

  copy(): Disk {
    const copy = new Disk();
    copy.commit(this.range(Uint8Array.of(0), Uint8Array.of(0xff)));
    return copy;
  }
}

/** All that a store says of its tenants. */
function told(store: Store): unknown {
  return store.tenants().map(({ tenant, shard, seq, snapshotSeq, firstSeq, stateRootAtSnapshot }) => ({
    tenant,
    counts: [shard, seq, snapshotSeq, firstSeq],
    stateRoot: hexOf(stateRootAtSnapshot),
    records: bodies(store, tenant, firstSeq),
    log: hexOf(store.audit.head(tenant).root),
    proof: JSON.stringify(store.audit.inclusion(tenant, firstSeq)),
  }));
}

function faultsOf(disk: Disk): string[] {
  const faults: string[] = [];
  const slots = disk.isEncrypted ? disk.slots : new MemoryKeySlots();
  const check = checkRows(viewOf(disk, undefined, 'memory', slots), ({ message }) => faults.push(message));
  for (const rows of check) void rows;
  return faults;
}

/** Commits with a step of each tenant named, as often as it is named. */
class Writer {
  readonly #seqs = new Map<string, number>();

  commit(stores: readonly Store[], names: readonly number[], snapshotOf?: number): void {
    const steps = names.map((name) => {
      const tenant = `t${name}`;
      const seq = (this.#seqs.get(tenant) ?? 0) + 1;
      this.#seqs.set(tenant, seq);
      return step(tenant, seq);
    });
    const seq = this.#seqs.get(`t${snapshotOf}`);
    const changes = [row('state', 'g', 'n', `${seq}`)];
    for (const store of stores)
      store.commit(steps, seq === undefined ? [] : [snapshot(`t${snapshotOf}`, seq, changes)]);
  }
}

const moveArb = fc.record({
  names: fc.array(fc.nat({ max: 11 }), { minLength: 1, maxLength: 24 }),
  snapshotOf: fc.option(fc.nat({ max: 11 }), { nil: undefined, freq: 4 }),
  next: fc.constantFrom('go on', 'go on', 'open', 'open lazily', 'fail', 'trim'),
});

test.each([false, true])(
  'a store with a ledger says what one without says, whatever happens: encrypted %s',
  (isEncrypted) => {
    fc.assert(
      fc.property(fc.array(moveArb, { minLength: 1, maxLength: 30 }), (moves) => {
        const [disk, plainDisk] = [new Disk(isEncrypted), new Disk()];
        const writer = new Writer();
        let [store, plain] = [disk.open(SOON), plainDisk.open(NEVER)];
        for (const { names, snapshotOf, next } of moves) {
          writer.commit([store, plain], names, snapshotOf);
          if (next === 'fail') {
            disk.isBroken = true;
            expect(() => store.commit([step('new', 1), step('newer', 1)], [])).toThrow('no space left');
            disk.isBroken = false;
            store.reopen();
          } else if (next === 'trim') {
            for (const one of [store, plain]) one.trim({ keepSteps: 2 });
          } else if (next !== 'go on') {
            store = disk.open(SOON, next === 'open lazily');
          }
        }
        if (!isEncrypted) expect(told(store)).toEqual(told(plain));
        const before = JSON.stringify(told(store));
        expect(JSON.stringify(told(disk.open(NEVER)))).toBe(before);
        expect(faultsOf(disk)).toEqual([]);
        plain = plainDisk.open(NEVER);
      }),
      { numRuns: 60 },
    );
  },
  120_000,
);

function filled(
  commits: number,
  limits = SOON,
): { readonly disk: Disk; readonly store: Store; readonly writer: Writer } {
  const disk = new Disk();
  const store = disk.open(limits);
  const writer = new Writer();
  const all = Array.from({ length: 10 }, (_, n) => n);
  for (let n = 0; n < commits; n++) writer.commit([store], all);
  return { disk, store, writer };
}

test('the ledger is short however much is written, and few tenant rows are', () => {
  const { disk, store, writer } = filled(200);
  // Forty steps are four commits of ten: what one round of the sweep covers.
  expect(disk.rowsOf(KIND.ledger).length / 2).toBeLessThan(7);
  const rows = new Map(disk.rowsOf(KIND.tenant).map(([key, value]) => [hexOf(key), hexOf(value)]));
  writer.commit([store], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const changed = disk.rowsOf(KIND.tenant).filter(([key, value]) => rows.get(hexOf(key)) !== hexOf(value));
  expect(changed.length).toBeLessThan(10);
  expect(faultsOf(disk)).toEqual([]);
});

test('rows of small commits are gone soon after commits have grown', () => {
  const { disk, store, writer } = filled(1);
  for (let n = 0; n < 40; n++) writer.commit([store], [n % 10, (n + 1) % 10]);
  expect(disk.rowsOf(KIND.ledger).length / 2).toBeGreaterThan(8);
  const all = Array.from({ length: 40 }, (_, n) => n % 10);
  for (let n = 0; n < 4; n++) writer.commit([store], all); // each a whole round
  expect(disk.rowsOf(KIND.ledger).length / 2).toBeLessThan(4);
  expect(faultsOf(disk)).toEqual([]);
});

test('a commit of few tenants writes their rows and no ledger', () => {
  const { disk } = filled(20, { tenantsMin: 11, sweepSteps: 40 });
  expect(disk.rowsOf(KIND.ledger)).toEqual([]);
});

test('one copy of a ledger row is enough; without both, or where a whole row is gone, nothing is served', () => {
  const { disk, store } = filled(30, { tenantsMin: 2, sweepSteps: 10_000 });
  const sound = JSON.stringify(told(store));
  const rows = disk.rowsOf(KIND.ledger);
  expect(rows.length).toBeGreaterThan(10);
  for (let at = 0; at < rows.length; at += 2) {
    const [[one, value], [other]] = [rows[at] as Row, rows[at + 1] as Row];
    for (const damaged of [null, value.slice(1)]) {
      const hurt = disk.copy();
      hurt.commit([[one, damaged]]);
      expect(JSON.stringify(told(hurt.open(SOON)))).toBe(sound);
      expect(faultsOf(hurt)).not.toEqual([]);
      hurt.commit([[other, damaged]]);
      expect(() => hurt.open(SOON)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  }
});

test('an erased tenant stays erased, whatever the ledger has of it', () => {
  const disk = new Disk(true);
  const store = disk.open(SOON);
  const writer = new Writer();
  const all = [0, 1, 2, 3, 4];
  for (let n = 0; n < 8; n++) writer.commit([store], all);
  const { size, root } = store.audit.head('t3');
  store.erase('t3');
  const others = [0, 1, 2, 4];
  for (let n = 0; n < 40; n++) writer.commit([store], others);
  for (const opened of [store, disk.open(SOON)]) {
    expect(() => opened.loadDomain('t3')).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }));
    expect(opened.audit.head('t3')).toEqual({ size, root });
  }
  expect(faultsOf(disk)).toEqual([]);
});

test('records that were asked for are those of then, however many commits follow before they are read', () => {
  const store = new Disk().open(NEVER);
  const commit = (from: number, to: number): void => {
    for (let seq = from; seq <= to; seq++) store.commit([step('acme', seq)], []);
  };
  commit(1, 10);
  const told = (records: Iterable<JournalRecord>): string[] =>
    [...records].map(({ seq, body, leaf }) => `${seq} ${Buffer.from(body).toString()} ${hexOf(leaf)}`);
  const expected = told(store.records('acme', 1));
  const [unread, begun] = [store.records('acme', 1), store.records('acme', 1)[Symbol.iterator]()];
  const first = begun.next().value as JournalRecord;
  commit(11, 60); // the entries in the tenant row go into index rows, and others take their place
  expect(told(unread)).toEqual(expected);
  expect(told([first, ...{ [Symbol.iterator]: () => begun }])).toEqual(expected);
});
