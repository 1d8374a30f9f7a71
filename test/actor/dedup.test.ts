/** The idempotency table: terms, the limit, waiters, and the order that survives a snapshot. */
import { expect, test } from 'vitest';
import { type DedupEntry, DedupTable } from '../../src/actor/dedup.ts';
import type { Outcome } from '../../src/actor/message.ts';

const ANSWER: Outcome = { ok: true, payload: new Uint8Array([1]) };
let order = 0;

function entry(expiresMs: number): DedupEntry {
  return { command: new Uint8Array([7]), expiresMs, order: order++, outcome: undefined, waiters: [] };
}

function answered(table: DedupTable, keys: readonly string[], expiresMs: number, limit = 100): void {
  for (const key of keys) {
    table.open(key, entry(expiresMs), 0, limit);
    table.answer(key, ANSWER);
  }
}

test('an answer is remembered until its term is over, by the time that is asked with', () => {
  const table = new DedupTable();
  answered(table, ['k'], 1_000);
  expect(table.get('k', 999)?.outcome).toEqual(ANSWER);
  expect(table.get('k', 1_000)).toBeUndefined();
});

test('a call that is pending when its term is over still holds its key', () => {
  const table = new DedupTable();
  table.open('k', entry(1_000), 0, 100);
  expect(table.get('k', 5_000)).toBeDefined();
});

test('what has expired goes when a key is opened', () => {
  const table = new DedupTable();
  answered(table, ['a', 'b'], 1_000);
  table.open('c', entry(9_000), 2_000, 100);
  expect(table.size).toBe(1);
});

test('over the limit the oldest answers go, pending ones stay', () => {
  const table = new DedupTable();
  table.open('pending', entry(1_000), 0, 2);
  answered(table, ['a', 'b', 'c'], 1_000, 2);
  expect(table.get('pending', 0)).toBeDefined();
  expect(table.get('a', 0)).toBeUndefined();
  expect(table.get('b', 0)).toBeUndefined();
  expect(table.get('c', 0)?.outcome).toEqual(ANSWER);
});

test('the answer goes to those who waited, once', () => {
  const table = new DedupTable();
  table.open('k', entry(1_000), 0, 100);
  table.wait('k', { kind: 'turn', turnId: 3, callIndex: 0 });
  expect(table.answer('k', ANSWER)).toEqual([{ kind: 'turn', turnId: 3, callIndex: 0 }]);
  expect(table.answer('k', { ok: false, payload: new Uint8Array() })).toEqual([]);
  expect(table.get('k', 0)?.outcome).toEqual(ANSWER);
});

test('a table read back from rows gives way in the same order', () => {
  const names = ['z', 'm', 'a', 'q'];
  const live = new DedupTable();
  answered(live, names, 1_000);
  const restored = new DedupTable();
  restored.restore([...names].sort().map((name) => ({ name, value: live.rowValue(name) ?? new Uint8Array() })));
  for (const table of [live, restored]) answered(table, ['new'], 1_000, 3);
  expect(names.map((name) => live.rowValue(name) === null)).toEqual([true, true, false, false]);
  expect(names.map((name) => restored.rowValue(name) === null)).toEqual([true, true, false, false]);
});
