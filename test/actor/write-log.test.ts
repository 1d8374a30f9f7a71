/** Writes of a turn: undone and redone any number of times, they leave nothing but themselves. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cell } from '../../src/actor/cell.ts';
import { WriteLog } from '../../src/actor/write-log.ts';

function cellOf(state: Record<string, unknown>, rows: Record<string, unknown> = {}): Cell {
  const cell = new Cell('unit\0a', 1);
  Object.assign(cell.state, state);
  for (const [key, value] of Object.entries(rows)) cell.tableRows('t').set(key, value);
  return cell;
}

function contentOf(cell: Cell): unknown {
  const rows = cell.tables?.get('t');
  return { state: { ...cell.state }, rows: (rows?.sortedKeys() ?? []).map((key) => [key, rows?.values.get(key)]) };
}

type Move = {
  readonly kind: 'set' | 'delete' | 'row' | 'unrow' | 'pause';
  readonly key: string;
  readonly value: number;
};

const moveArb: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom('set', 'delete', 'row', 'unrow', 'pause'),
  key: fc.constantFrom('a', 'b', 'c', '__proto__', '7'),
  value: fc.nat({ max: 9 }),
});

function play(log: WriteLog, modelLog: WriteLog, move: Move): void {
  if (move.kind === 'pause') {
    log.revert();
    log.apply();
    return;
  }
  for (const one of [log, modelLog]) {
    if (move.kind === 'set') one.setState(move.key, move.value, undefined);
    else if (move.kind === 'delete') one.deleteState(move.key);
    else if (move.kind === 'row') one.setEntry('t', move.key, move.value, undefined);
    else one.deleteEntry('t', move.key);
  }
}

test('a turn that pauses anywhere writes what it would have written at once, and can be undone whole', () => {
  fc.assert(
    fc.property(fc.array(moveArb, { maxLength: 30 }), (moves) => {
      const cell = cellOf({ a: 1, b: 2 }, { a: 1, 7: 7 });
      const straight = cellOf({ a: 1, b: 2 }, { a: 1, 7: 7 });
      const before = contentOf(cell);
      const log = new WriteLog(cell);
      const straightLog = new WriteLog(straight);
      for (const move of moves) play(log, straightLog, move);
      expect(contentOf(cell)).toEqual(contentOf(straight));
      expect(log.written).toEqual(straightLog.written);
      log.revert();
      expect(contentOf(cell)).toEqual(before);
      log.revert();
      expect(contentOf(cell)).toEqual(before);
    }),
  );
});

test('a key that came and went in one turn is no change', () => {
  const log = new WriteLog(cellOf({}));
  log.setState('x', 1, undefined);
  log.deleteState('x');
  expect(log.written.map(({ isVoid }) => isVoid)).toEqual([true]);
});

test('a deleted row is told as deleted, under its name', () => {
  const log = new WriteLog(cellOf({ x: 1 }, { k: 1 }));
  log.deleteState('x');
  log.deleteEntry('t', 'k');
  expect(log.written.map(({ name, isDeleted }) => [name, isDeleted])).toEqual([
    ['sx', true],
    ['tt\0k', true],
  ]);
});

test('bytes that are undone are bytes again, still read as copies', () => {
  const cell = cellOf({});
  const first = new WriteLog(cell);
  first.setState('x', new Uint8Array([1, 2]), undefined);
  const second = new WriteLog(cell);
  second.setState('x', 'text', undefined);
  second.revert();
  const read = cell.state['x'] as Uint8Array;
  read[0] = 9;
  expect(cell.state['x']).toEqual(new Uint8Array([1, 2]));
});
