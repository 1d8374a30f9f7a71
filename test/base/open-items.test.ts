/** What waits for an answer, by number, held to a map: however long some wait, and however many there are. */
import { expect, test } from 'vitest';
import { OpenItems } from '../../src/base/open-items.ts';
import { Chance } from '../../src/testing/chance.ts';

function check(open: OpenItems<number>, model: Map<number, number>, next: number): void {
  expect(open.size).toBe(model.size);
  expect(open.nextId).toBe(next);
  expect(open.ids()).toEqual([...model.keys()]);
  expect(open.floor()).toBe([...model.keys()][0] ?? next);
}

test('numbers rise by one, and what is open is found, in order, until it is deleted', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed);
    const open = new OpenItems<number>(256);
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
  const open = new OpenItems<string>(8);
  open.add('first');
  for (let id = 2; id <= 1_000_000; id++) {
    open.add('other');
    open.delete(id);
  }
  expect([open.get(1), open.floor(), open.size]).toEqual(['first', 1, 1]);
  open.delete(1);
  expect(open.floor()).toBe(1_000_001);
});

test('what was open is restored, far behind and near, and goes on', () => {
  for (const ids of [[], [9], [1, 2, 3], [3, 500, 990, 998, 999], [991, 992, 993, 994, 995, 996, 997, 998, 999]]) {
    const open = OpenItems.restore(
      8,
      ids.map((id) => [id, id * 10] as const),
      1_000,
    );
    const model = new Map(ids.map((id) => [id, id * 10]));
    check(open, model, 1_000);
    for (let next = 1_000; next < 1_030; next++) {
      open.add(next * 10);
      model.set(next, next * 10);
      const [first] = model.keys();
      if (next % 3 === 0) {
        open.delete(first!);
        model.delete(first!);
      }
      check(open, model, next + 1);
    }
    expect(open.items()).toEqual([...model.values()]);
  }
});

test('it goes on after many were open at once and none is', () => {
  const open = new OpenItems<number>(8);
  for (let round = 0; round < 2; round++) {
    const from = open.nextId;
    for (let i = 0; i < 40_000; i++) open.add(i);
    for (let id = from; id < open.nextId; id++) open.delete(id);
    check(open, new Map(), from + 40_000);
    expect(open.size).toBe(0);
  }
});
