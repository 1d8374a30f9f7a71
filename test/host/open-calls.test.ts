/** What waits for an answer, by number, held to a map: however long some wait, and however many there are. */
import { expect, test } from 'vitest';
import { OpenCalls } from '../../src/host/open-calls.ts';
import { Chance } from '../../src/testing/chance.ts';

function check(open: OpenCalls<number>, model: Map<number, number>, next: number): void {
  expect(open.size).toBe(model.size);
  expect(open.nextId).toBe(next);
  expect(open.ids()).toEqual([...model.keys()]);
  expect(open.floor()).toBe([...model.keys()][0] ?? next);
}

test('numbers rise by one, and what is open is found, in order, until it is deleted', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed);
    const open = new OpenCalls<number>();
    const model = new Map<number, number>();
    let next = 1;
    const most = [3, 100, 400, 3_000][seed % 4] ?? 0;
    for (let i = 0; i < 12_000; i++) {
      if (model.size < most && chance.below(100) < 55) {
        open.add(next * 10);
        model.set(next, next * 10);
        next += 1;
      } else if (model.size > 0) {
        // Mostly one of the first, but the very first wait for long.
        const keys = [...model.keys()];
        const at = Math.min(keys.length - 1, 2 + chance.below(8));
        const id = chance.below(200) === 0 ? keys[0]! : keys[Math.max(0, at)]!;
        expect(open.get(id)).toBe(model.get(id));
        open.delete(id);
        model.delete(id);
        expect(open.get(id)).toBeUndefined();
      }
      if (i % 997 === 0) check(open, model, next);
    }
    check(open, model, next);
    expect(open.get(next)).toBeUndefined();
    expect(open.get(next + 1_000_000)).toBeUndefined();
  }
});

test('one that waits for long is still found behind a million others', () => {
  const open = new OpenCalls<string>();
  open.add('first');
  for (let id = 2; id <= 1_000_000; id++) {
    open.add('other');
    open.delete(id);
  }
  expect([open.get(1), open.floor(), open.size]).toEqual(['first', 1, 1]);
  open.delete(1);
  expect(open.floor()).toBe(1_000_001);
});
