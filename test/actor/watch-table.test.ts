/** The table of watches against a list of pairs. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeValue } from '../../src/frame/codec.ts';
import { WatchTable } from '../../src/actor/watch-table.ts';

const NAMES = ['a', 'b', 'c', 'd'] as const;
const nameArb = fc.constantFrom(...NAMES);
const moveArb = fc.oneof(
  { weight: 3, arbitrary: fc.record({ target: nameArb, watcher: nameArb }) },
  { weight: 1, arbitrary: fc.record({ ends: nameArb }) },
);

function rowsOf(table: WatchTable): { name: string; value: Uint8Array }[] {
  return NAMES.flatMap((name) => {
    const value = table.rowValue(name);
    return value === null ? [] : [{ name, value }];
  });
}

function textOf(rows: ReturnType<typeof rowsOf>, name: string): string | undefined {
  const row = rows.find((one) => one.name === name);
  return row === undefined ? undefined : JSON.stringify(decodeValue(row.value));
}

test('an end takes out what the actor watched and tells those who watched it, in the order they asked', () => {
  fc.assert(
    fc.property(fc.array(moveArb, { maxLength: 30 }), (moves) => {
      let table = new WatchTable();
      let before: ReturnType<typeof rowsOf> = [];
      let model: { target: string; watcher: string }[] = [];
      for (const move of moves) {
        if ('ends' in move) {
          const { ends } = move;
          const told = model.filter(({ target, watcher }) => target === ends && watcher !== ends);
          expect(table.end(ends)).toEqual(told.map(({ watcher }) => watcher));
          model = model.filter(({ target, watcher }) => target !== ends && watcher !== ends);
        } else {
          const { target, watcher } = move;
          const isNew = !model.some((pair) => pair.target === target && pair.watcher === watcher);
          expect(table.add(target, watcher)).toBe(isNew);
          if (isNew) model.push(move);
        }
        const rows = rowsOf(table);
        expect(rows.map(({ name, value }) => [name, decodeValue(value)])).toEqual(
          NAMES.flatMap((name) => {
            const watchers = model.filter(({ target }) => target === name).map(({ watcher }) => watcher);
            return watchers.length === 0 ? [] : [[name, watchers]];
          }),
        );
        const changed = NAMES.filter((name) => textOf(rows, name) !== textOf(before, name));
        expect([...table.marks.names()].toSorted()).toEqual(changed);
        before = rows;
        table = new WatchTable();
        table.restore(rows);
      }
    }),
    { numRuns: 200 },
  );
});
