/** The heap of timers against a sorted list, and its rows through a snapshot. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Timer, TimerTable } from '../../src/actor/timer-table.ts';

const timer = (id: string, dueMs: number, order: number): Timer => ({
  id,
  purpose: 'command',
  actorId: `a\0${id.length}`,
  dueMs,
  order,
});

type Move =
  | { readonly kind: 'set'; readonly id: number; readonly dueMs: number }
  | { readonly kind: 'delete'; readonly id: number }
  | { readonly kind: 'take' };

const moveArb: fc.Arbitrary<Move> = fc.oneof(
  fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 20 })).map(([id, dueMs]): Move => ({ kind: 'set', id, dueMs })),
  fc.nat({ max: 99 }).map((id): Move => ({ kind: 'delete', id })),
  fc.constant<Move>({ kind: 'take' }),
);

test('the next timer is the earliest, of equals the one set first, as in a sorted list', () => {
  fc.assert(
    fc.property(fc.array(moveArb, { maxLength: 300 }), (moves) => {
      const table = new TimerTable();
      const model = new Map<string, Timer>();
      const first = (): Timer | undefined =>
        [...model.values()].sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      moves.forEach((move, order) => {
        if (move.kind === 'set') {
          const set = timer(`t${move.id}`, move.dueMs, order);
          table.set(set);
          model.set(set.id, set);
        } else {
          const id = move.kind === 'take' ? (first()?.id ?? '') : `t${move.id}`;
          expect(table.delete(id)).toBe(model.get(id));
          model.delete(id);
        }
        expect(table.next()).toBe(first());
        expect(table.size).toBe(model.size);
      });
      const left: (Timer | undefined)[] = [];
      for (let next = table.next(); next !== undefined; next = table.next()) left.push(table.delete(next.id));
      expect(left).toEqual([...model.values()].sort((a, b) => a.dueMs - b.dueMs || a.order - b.order));
    }),
  );
});

test('a table made from rows has the timers of the table that wrote them', () => {
  const table = new TimerTable();
  for (let at = 0; at < 200; at++) table.set(timer(`t${at}`, (at * 37) % 50, at));
  for (let at = 0; at < 200; at += 3) table.delete(`t${at}`);
  const rows = Array.from({ length: 200 }, (_, at) => `t${at}`).flatMap((name) => {
    const value = table.rowValue(name);
    return value === null ? [] : [{ name, value }];
  });
  const restored = new TimerTable();
  restored.restore(rows.reverse());
  expect(restored.size).toBe(table.size);
  expect(restored.marks.names()).toEqual([]);
  for (let next = table.next(); next !== undefined; next = table.next()) {
    expect(restored.next()).toEqual(next);
    table.delete(next.id);
    restored.delete(next.id);
  }
});

test('the timers of one actor are found', () => {
  const table = new TimerTable();
  table.set({ ...timer('x', 1, 1), actorId: 'a' });
  table.set({ ...timer('y', 2, 2), actorId: 'a' });
  table.set({ ...timer('z', 3, 3), actorId: 'b' });
  table.set({ ...timer('x', 9, 4), actorId: 'b' });
  expect(table.idsOf('a')).toEqual(['y']);
  expect([...table.idsOf('b')].sort()).toEqual(['x', 'z']);
  expect(table.idsOf('c')).toEqual([]);
});
