/** Trimming: which batches go, which stay, and what reading says of those that went. */
import { describe, expect, test } from 'vitest';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import type { StepRecord } from '../../src/store/store.ts';
import { bodies, snapshot, step } from './records.ts';

/** A step that records a snapshot. */
const recorded = (tenant: string, seq: number): StepRecord => ({
  ...step(tenant, seq),
  shard: 0,
  snapshot: { image: new Uint8Array(1), changes: [] },
});

describe('trimming', () => {
  test('drops batches that lie below every snapshot and keeps those that one tenant still needs', () => {
    const driver = new MemoryKeyValue();
    const store = Store.open({ driver, shards: 1 });
    const only = (tenant: string, seq: number): StepRecord => ({ ...step(tenant, seq), shard: 0 });
    store.commit([only('a', 1), only('b', 1)], []);
    store.commit([only('a', 2)], []);
    store.commit([only('a', 3), only('b', 2)], []);
    store.commit([recorded('a', 4)], []);
    expect(store.trim({})).toEqual({ batches: 1, bytes: 20 + 3 });
    expect(bodies(store, 'a', 3).length).toBe(2);
    expect(bodies(store, 'b')).toEqual(['1:b 1', '2:b 2']);
    expect(() => store.records('a', 2)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    store.commit([], [{ ...snapshot('b', 2, []), shard: 0 }]);
    expect(store.trim({}).batches).toBe(0); // that snapshot is not recorded: nothing in the log would anchor it
    store.commit([recorded('b', 3)], []);
    expect(store.trim({}).batches).toBe(2);
    expect(bodies(store, 'a', 4).length).toBe(1);
    expect(bodies(store, 'b', 3).length).toBe(1);
    expect(store.trim({})).toEqual({ batches: 0, bytes: 0 });
    store.reopen();
    expect(store.tenants().map(({ tenant, firstSeq, seq }) => ({ tenant, firstSeq, seq }))).toEqual([
      { tenant: 'a', firstSeq: 4, seq: 4 },
      { tenant: 'b', firstSeq: 3, seq: 3 },
    ]);
    expect(driver.range(Uint8Array.of(0x20), Uint8Array.of(0x22)).length).toBe(4);
    store.commit([only('b', 4)], []);
    expect(bodies(store, 'b', 4)).toEqual(['4:b 4']);
  });

  test('keeps the last steps and the last milliseconds that the policy names, and all without a snapshot', () => {
    let nowMs = 1_000;
    const store = Store.open({ driver: new MemoryKeyValue(), shards: 1, now: () => nowMs });
    for (let seq = 1; seq <= 10; seq++) {
      store.commit([{ ...step('t', seq), shard: 0 }], []);
      nowMs += 100;
    }
    expect(store.trim({}).batches).toBe(0);
    store.commit([recorded('t', 11)], []);
    expect(store.trim({ keepSteps: 11 }).batches).toBe(0);
    expect(store.trim({ keepSteps: 9 }).batches).toBe(2);
    expect(store.trim({ keepMs: 700 }).batches).toBe(1);
    expect(store.trim({ keepMs: 0, keepSteps: 6 }).batches).toBe(2);
    expect(bodies(store, 't', 6).length).toBe(6);
    expect(store.trim({}).batches).toBe(5);
  });

  test('goes on in several commits where there is much to drop', () => {
    const driver = new MemoryKeyValue();
    const store = Store.open({ driver, shards: 1 });
    for (let seq = 1; seq <= 3_000; seq++) store.commit([{ ...step('t', seq), shard: 0 }], []);
    store.commit([recorded('t', 3_001)], []);
    expect(store.trim({ keepSteps: 2 }).batches).toBe(2_999);
    expect(bodies(store, 't', 3_000).length).toBe(2);
  });
});
