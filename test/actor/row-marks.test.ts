/** Marks of changed rows against a model of what the store has. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RowMarks } from '../../src/actor/row-marks.ts';

test('a row that came and went between two snapshots leaves no trace', () => {
  const marks = new RowMarks('g');
  marks.touch('a');
  marks.drop('a');
  expect(marks.names()).toEqual([]);
});

test('a row that is stored and goes is a change', () => {
  const marks = new RowMarks('g');
  marks.stored('a');
  marks.drop('a');
  expect(marks.names()).toEqual(['a']);
});

test('snapshots of marked rows bring the store to what is there, and mark nothing that is not needed', () => {
  const moveArb = fc.tuple(fc.constantFrom('touch', 'drop', 'snapshot'), fc.constantFrom('a', 'b', 'c'));
  fc.assert(
    fc.property(fc.array(moveArb, { maxLength: 60 }), (moves) => {
      const marks = new RowMarks('g');
      const rows = new Map<string, number>();
      const store = new Map<string, number>();
      const snapshot = (): void => {
        for (const name of marks.names()) {
          expect(rows.has(name) || store.has(name), 'only what is there or stored is written').toBe(true);
        }
        for (const name of marks.take((one) => rows.has(one))) {
          const value = rows.get(name);
          if (value === undefined) store.delete(name);
          else store.set(name, value);
        }
        expect(store).toEqual(rows);
        expect(marks.size).toBe(0);
      };
      moves.forEach(([kind, name], at) => {
        if (kind === 'touch') {
          rows.set(name, at);
          marks.touch(name);
        } else if (kind === 'drop') {
          if (rows.delete(name)) marks.drop(name);
        } else snapshot();
      });
      snapshot();
    }),
  );
});
