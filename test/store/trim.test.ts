/** Trimming: which batches go, which stay, and what reading says of those that went. */
import { verifyInclusion } from 'synapse-actors/audit';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/seeded.ts';
import { checkJournal } from '../../src/store/journal-check.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { Store } from '../../src/store/store.ts';
import type { StepRecord } from '../../src/store/store.ts';
import { viewOf } from '../../src/store/store-view.ts';
import { tenantFaults } from '../../src/store/tenant-check.ts';
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

  test.each([1, 2, 3, 4, 5])(
    'leaves a journal and a log that can be read, whatever goes and whatever stays: seed %i',
    (seed) => {
      const random = new SeededRandom(new Uint8Array(16).fill(seed));
      const below = (limit: number): number => Math.floor(random.random() * limit);
      const driver = new MemoryKeyValue();
      const store = Store.open({ driver, shards: 1 });
      const logs = new Map(['a', 'b', 'c'].map((tenant) => [tenant, { seq: 0 }]));
      for (let round = 0; round < 120; round++) {
        const steps = [...logs].flatMap(([tenant, log]) =>
          Array.from({ length: below(4) * below(2) }, () => {
            log.seq += 1;
            return below(8) === 0 ? recorded(tenant, log.seq) : { ...step(tenant, log.seq), shard: 0 };
          }),
        );
        store.commit(steps, []);
        if (below(9) === 0) store.trim({ keepSteps: below(12) });
        if (below(20) === 0) store.reopen();
      }
      for (const { tenant, firstSeq, seq } of store.tenants()) {
        expect(seq).toBe(logs.get(tenant)?.seq);
        const kept = [...store.records(tenant, firstSeq)];
        expect(kept.map((record) => record.seq)).toEqual(
          Array.from({ length: seq + 1 - firstSeq }, (_, i) => firstSeq + i),
        );
        const root = store.audit.head(tenant).root;
        for (let at = 1; at <= seq; at++)
          expect(verifyInclusion({ ...store.audit.inclusion(tenant, at), root })).toBe(true);
      }
      const { directory } = viewOf(driver);
      expect(directory.all().flatMap((state) => tenantFaults(driver, state, undefined))).toEqual([]);
      const faults: unknown[] = [];
      for (const records of checkJournal(viewOf(driver), (fault) => faults.push(fault))) void records;
      expect(faults).toEqual([]);
      expect(store.tenants().some(({ firstSeq }) => firstSeq > 20)).toBe(true);
    },
  );
});
