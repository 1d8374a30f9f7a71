/** Trimming: which batches go, which stay, and what reading says of those that went. */
import { describe, expect, test } from 'vitest';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import type { StepRecord } from '../../src/store/store.ts';
import { bodies, snapshot, step } from './records.ts';

describe('trimming', () => {
  test('drops batches that lie below every snapshot and keeps those that one tenant still needs', () => {
    const driver = new MemoryKeyValue();
    const store = Store.open({ driver, shards: 1 });
    const only = (tenant: string, seq: number): StepRecord => ({ ...step(tenant, seq), shard: 0 });
    store.commit([only('a', 1), only('b', 1)], []);
    store.commit([only('a', 2)], []);
    store.commit([only('a', 3), only('b', 2)], []);
    store.commit([only('a', 4)], [{ ...snapshot('a', 3, []), shard: 0 }]);
    expect(store.trim({})).toEqual({ batches: 1, bytes: 20 + 3 });
    expect(bodies(store, 'a', 3)).toEqual(['3:a 3', '4:a 4']);
    expect(bodies(store, 'b')).toEqual(['1:b 1', '2:b 2']);
    expect(() => store.records('a', 2)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    store.commit([], [{ ...snapshot('b', 2, []), shard: 0 }]);
    expect(store.trim({}).batches).toBe(2);
    expect(bodies(store, 'a', 4)).toEqual(['4:a 4']);
    expect(bodies(store, 'b', 3)).toEqual([]);
    expect(store.trim({})).toEqual({ batches: 0, bytes: 0 });
    store.reopen();
    expect(store.tenants().map(({ tenant, firstSeq, seq }) => ({ tenant, firstSeq, seq }))).toEqual([
      { tenant: 'a', firstSeq: 4, seq: 4 },
      { tenant: 'b', firstSeq: 3, seq: 2 },
    ]);
    expect(driver.range(Uint8Array.of(0x20), Uint8Array.of(0x22)).length).toBe(2);
    store.commit([only('b', 3)], []);
    expect(bodies(store, 'b', 3)).toEqual(['3:b 3']);
  });

  test('keeps the last steps and the last milliseconds that the policy names, and all without a snapshot', () => {
    let nowMs = 1_000;
    const store = Store.open({ driver: new MemoryKeyValue(), shards: 1, now: () => nowMs });
    for (let seq = 1; seq <= 10; seq++) {
      store.commit([{ ...step('t', seq), shard: 0 }], []);
      nowMs += 100;
    }
    expect(store.trim({}).batches).toBe(0);
    store.commit([], [{ ...snapshot('t', 10, []), shard: 0 }]);
    expect(store.trim({ keepSteps: 10 }).batches).toBe(0);
    expect(store.trim({ keepSteps: 8 }).batches).toBe(2);
    expect(store.trim({ keepMs: 700 }).batches).toBe(1);
    expect(store.trim({ keepMs: 0, keepSteps: 5 }).batches).toBe(2);
    expect(bodies(store, 't', 6).length).toBe(5);
    expect(store.trim({}).batches).toBe(5);
  });

  test('goes on in several commits where there is much to drop', () => {
    const driver = new MemoryKeyValue();
    const store = Store.open({ driver, shards: 1 });
    for (let seq = 1; seq <= 3_000; seq++) store.commit([{ ...step('t', seq), shard: 0 }], []);
    store.commit([], [{ ...snapshot('t', 3_000, []), shard: 0 }]);
    expect(store.trim({ keepSteps: 1 }).batches).toBe(2_999);
    expect(bodies(store, 't', 3_000).length).toBe(1);
  });
});
