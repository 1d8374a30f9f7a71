/** I/O errors: whatever fails and however, what was acknowledged stays and the store can go on. */
import { describe, expect, test } from 'vitest';
import { SynapseError } from '../../src/base/error.ts';
import { hexOf } from '../../src/base/hash.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import type { SnapshotWrite, StepRecord } from '../../src/store/store.ts';
import { FAULT_MODES, FaultyDriver } from './faulty-driver.ts';
import { readTenant } from './reading.ts';

const TENANTS = ['a', 'b', 'c'];
const ROUNDS = 8;

/** What round `round` journals for `tenant`: one or two steps with an event each, and in every third round a snapshot. */
function roundOf(tenant: string, round: number): { steps: StepRecord[]; snapshots: SnapshotWrite[] } {
  const firstOf = (r: number): number => 1 + Math.floor((r * 3) / 2); // 1, 2, 4, 5, 7, 8, ...
  const steps: StepRecord[] = [];
  for (let seq = firstOf(round); seq < firstOf(round + 1); seq++) {
    const event = { topic: 'log', offset: seq - 1, timeMs: seq, value: Uint8Array.of(seq) };
    steps.push({ shard: 0, tenant, seq, body: new Uint8Array(40).fill(seq), events: [event] });
  }
  const seq = firstOf(round + 1) - 1;
  const changes = [0, 1, 2].map((n) => ({
    space: 'state' as const,
    group: `g${(round + n) % 5}`,
    name: 'n',
    value: Uint8Array.of(seq, n),
  }));
  return { steps, snapshots: round % 3 === 2 ? [{ tenant, shard: 0, seq, image: Uint8Array.of(seq), changes }] : [] };
}

const inventory = (tenant: string): Parameters<typeof readTenant>[1] => ({
  tenant,
  groups: ['g0', 'g1', 'g2', 'g3', 'g4'],
  topics: ['log'],
  changes: [{ space: 'state', group: 'g1', name: 'n', value: Uint8Array.of(1) }],
});
const everything = (store: Store): string[] => TENANTS.map((tenant) => readTenant(store, inventory(tenant)));

/** Runs all rounds, committing anew what reopening shows as lost; returns how many commits failed. */
function run(driver: FaultyDriver): { store: Store; failures: number } {
  const store = Store.open({ driver, shards: 1, draw: () => 7, now: () => 0 });
  let failures = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const parts = TENANTS.map((tenant) => roundOf(tenant, round));
    const steps = parts.flatMap((part) => part.steps);
    const snapshots = parts.flatMap((part) => part.snapshots);
    for (;;) {
      const acknowledged = everything(store);
      try {
        store.commit(steps, snapshots);
        break;
      } catch (error) {
        failures += 1;
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
        expect(() => store.commit(steps, snapshots)).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
        expect(() => store.loadDomain('a')).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
        expect(() => store.records('a', 1)).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
        reopenUntilHealthy(store);
        const now = everything(store);
        const last = store.tenants().find(({ tenant }) => tenant === 'a')?.seq;
        if (last === steps.findLast((step) => step.tenant === 'a')?.seq) break; // it was durable after all, whole
        expect(now).toEqual(acknowledged);
      }
    }
  }
  return { store, failures };
}

function reopenUntilHealthy(store: Store): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      store.reopen();
      return;
    } catch (error) {
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(() => store.tenants()).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    }
  }
  throw new Error('the store does not become healthy');
}

const undisturbed = new FaultyDriver(new MemoryKeyValue());
const expected = everything(run(undisturbed).store);

describe.each(FAULT_MODES)('an I/O error of kind "%s"', (mode) => {
  test('at any one commit, the first excepted, loses nothing acknowledged and ends like an undisturbed run', () => {
    for (let at = 2; at <= undisturbed.commits; at++) {
      const inner = new MemoryKeyValue();
      const driver = new FaultyDriver(inner);
      driver.failAt(at, mode);
      const { store, failures } = run(driver);
      expect(failures).toBe(1);
      expect(everything(store)).toEqual(expected);
      for (const tenant of TENANTS) store.verify(tenant);
      expect(everything(Store.open({ driver: inner, shards: 1 }))).toEqual(expected);
    }
  });

  test('at a commit and again while reopening is survived too', () => {
    for (let at = 2; at < undisturbed.commits; at++) {
      const driver = new FaultyDriver(new MemoryKeyValue());
      driver.failAt(at, mode);
      driver.failAt(at + 1, 'before');
      driver.failAt(at + 2, mode);
      const { store } = run(driver);
      expect(everything(store)).toEqual(expected);
    }
  });

  test('while the store is made leaves something that a second attempt makes or opens', () => {
    const driver = new FaultyDriver(new MemoryKeyValue());
    driver.failAt(1, mode);
    expect(() => Store.open({ driver, shards: 1 })).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    driver.reopen();
    const store = Store.open({ driver, shards: 1 });
    store.commit(roundOf('a', 0).steps, []);
    expect([...store.records('a', 1)].length).toBe(1);
  });
});

test('a full disk refuses until there is space again and reopening says so each time', () => {
  const driver = new FaultyDriver(new MemoryKeyValue());
  const store = Store.open({ driver, shards: 1 });
  store.commit(roundOf('a', 0).steps, []);
  driver.fill();
  expect(() => store.commit(roundOf('a', 1).steps, [])).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
  for (let i = 0; i < 3; i++)
    expect(() => store.reopen()).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
  expect(() => store.tenants()).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
  driver.heal();
  store.reopen();
  expect(store.tenants().map(({ seq }) => seq)).toEqual([1]);
  store.commit(roundOf('a', 1).steps, []);
  expect(hexOf([...store.records('a', 2)][0]?.body ?? new Uint8Array())).toBe('02'.repeat(40));
});

test('a failed trim keeps every record or drops whole batches, and can be done again', () => {
  for (const mode of FAULT_MODES) {
    const driver = new FaultyDriver(new MemoryKeyValue());
    const { store } = run(driver);
    const ends = store.tenants().map(({ tenant, shard, seq }) => ({
      tenant,
      shard,
      seq: seq + 1,
      body: new Uint8Array(1),
      events: [],
      snapshot: { image: new Uint8Array(1), changes: [] },
    }));
    store.commit(ends, []); // recorded snapshots: all before them may go
    driver.failAt(driver.commits + 1, mode);
    expect(() => store.trim({})).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    store.reopen();
    for (const { tenant, firstSeq, seq } of store.tenants()) {
      expect([...store.records(tenant, firstSeq)].map((record) => record.seq)).toEqual(
        Array.from({ length: seq - firstSeq + 1 }, (_, i) => firstSeq + i),
      );
    }
    store.trim({});
    expect(store.trim({}).batches).toBe(0);
  }
});

test('an I/O error while a snapshot is prepared is the trouble of the store, not damage of the tenant', () => {
  const inner = new MemoryKeyValue();
  const driver = Object.assign(new FaultyDriver(inner), { isUnreadable: false });
  const lent = driver.lent.bind(driver);
  driver.lent = (key) => {
    if (driver.isUnreadable) throw new SynapseError('STORE_UNAVAILABLE', 'input/output error');
    return lent(key);
  };
  const store = Store.open({ driver, shards: 1, draw: () => 7, now: () => 0 });
  const { steps } = roundOf('a', 0);
  store.commit(steps, []);
  const changes = [{ space: 'state' as const, group: 'g', name: 'n', value: Uint8Array.of(1) }];
  const snapshot = { tenant: 'a', shard: 0, seq: steps.length, image: Uint8Array.of(1), changes };
  driver.isUnreadable = true;
  expect(() => store.commit([], [snapshot])).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
  driver.isUnreadable = false;
  reopenUntilHealthy(store);
  store.commit([], [snapshot]);
});
