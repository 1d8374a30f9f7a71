/** The rules of ctx.state and ctx.table: what may be written, what is frozen, what order keys have. */
import { describe, expect, test } from 'vitest';
import { Cell } from '../../src/actor/cell.ts';
import { ROW_KEY_MAX_BYTES, TableView, type ViewScope, stateView } from '../../src/actor/state-view.ts';
import { WriteLog } from '../../src/actor/write-log.ts';
import { SynapseError } from '../../src/base/error.ts';

function open(): { cell: Cell; state: Record<string, unknown>; table: TableView; end: () => void; scope: ViewScope } {
  const cell = new Cell('unit\0a', 1);
  let isOver = false;
  const scope: ViewScope = {
    writes: new WriteLog(cell),
    assertRunning(what): void {
      if (isOver) throw new SynapseError('AMBIENT_AUTHORITY', `${what} is out of reach`);
    },
    isNewLine: () => true,
  };
  return {
    cell,
    scope,
    state: stateView(cell, scope),
    table: new TableView(cell, scope, 't'),
    end: () => void (isOver = true),
  };
}

describe('ctx.state', () => {
  test('takes a copy of what is assigned, frozen all the way down', () => {
    const { state } = open();
    const mine = { list: [1], map: new Map([['k', { deep: 1 }]]) };
    state['x'] = mine;
    mine.list.push(2);
    const read = state['x'] as typeof mine;
    expect(read.list).toEqual([1]);
    expect(() => read.list.push(3)).toThrow(TypeError);
    expect(() => read.map.set('y', { deep: 2 })).toThrow(TypeError);
    expect(() => Object.assign(read.map.get('k') ?? {}, { deep: 5 })).toThrow(TypeError);
  });

  test('gives bytes as copies', () => {
    const { state } = open();
    state['x'] = new Uint8Array([1, 2]);
    (state['x'] as Uint8Array)[0] = 9;
    expect(state['x']).toEqual(new Uint8Array([1, 2]));
  });

  test('lists its keys in UTF-8 byte order, whatever order they came in', () => {
    const { state } = open();
    for (const key of ['\u{10000}', 'b', '\uffff', '10', '9']) state[key] = 1;
    expect(Object.keys(state)).toEqual(['10', '9', 'b', '\uffff', '\u{10000}']);
    expect(Object.keys({ ...state })).toHaveLength(5);
  });

  test('keeps a key named __proto__ as a key', () => {
    const { state, cell } = open();
    Object.defineProperty(state, '__proto__', { value: 1, enumerable: true, configurable: true, writable: true });
    expect(Object.keys(state)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(cell.state)).toBe(Object.prototype);
    expect(Object.hasOwn(state, '__proto__')).toBe(true);
  });

  test.each([
    ['a function', () => undefined, 'UNSERIALIZABLE'],
    ['a symbol', Symbol('s'), 'UNSERIALIZABLE'],
    ['an instance of a class', new (class Thing {})(), 'UNSERIALIZABLE'],
  ])('refuses %s and names where it was put', (_what, value, code) => {
    const { state } = open();
    expect(() => void (state['x'] = value)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining('ctx.state.x') }),
    );
    expect('x' in state).toBe(false);
  });

  test('refuses symbols as keys, accessors, and another prototype', () => {
    const { state } = open();
    expect(() => Reflect.set(state, Symbol('s'), 1)).toThrow(TypeError);
    expect(() => Object.defineProperty(state, 'x', { get: () => 1 })).toThrow(TypeError);
    expect(() => Object.setPrototypeOf(state, null)).toThrow(TypeError);
    expect(() => Object.preventExtensions(state)).toThrow(TypeError);
  });

  test('writes nothing where the same primitive stands already', () => {
    const { state, scope } = open();
    state['x'] = 1;
    const size = scope.writes?.written.length;
    state['y'] = 0;
    state['y'] = 0;
    expect(scope.writes?.written.length).toBe((size ?? 0) + 1);
    state['z'] = 0;
    state['z'] = -0;
    expect(Object.is(state['z'], -0)).toBe(true);
  });

  test('is dead after its turn', () => {
    const { state, end } = open();
    end();
    for (const use of [
      () => state['x'],
      () => void (state['x'] = 1),
      () => delete state['x'],
      () => Object.keys(state),
      () => 'x' in state,
    ]) {
      expect(use).toThrow(expect.objectContaining({ code: 'AMBIENT_AUTHORITY' }));
    }
  });
});

describe('a table', () => {
  test('iterates in UTF-8 byte order while it grows and shrinks', () => {
    const { table } = open();
    for (const key of ['b', '\u{10000}', 'a']) table.set(key, key);
    expect([...table.keys()]).toEqual(['a', 'b', '\u{10000}']);
    table.set('\uffff', 1);
    table.delete('b');
    expect([...table.entries()].map(([key]) => key)).toEqual(['a', '\uffff', '\u{10000}']);
    expect([...table]).toHaveLength(3);
  });

  test('stays iterable as it was when it changes meanwhile', () => {
    const { table } = open();
    for (const key of ['a', 'b', 'c']) table.set(key, 1);
    const seen: string[] = [];
    for (const key of table.keys()) {
      seen.push(key);
      table.delete('b');
      table.set('d', 1);
    }
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['a number', 7, 'INVALID_ARGUMENT'],
    ['undefined', undefined, 'INVALID_ARGUMENT'],
    ['one byte too many', 'x'.repeat(ROW_KEY_MAX_BYTES + 1), 'TOO_LARGE'],
    ['one character too many', 'é'.repeat(ROW_KEY_MAX_BYTES / 2 + 1), 'TOO_LARGE'],
  ])('refuses %s as a key', (_what, key, code) => {
    const { table } = open();
    expect(() => table.set(key as string, 1)).toThrow(expect.objectContaining({ code }));
  });

  test('says whether there was something to delete', () => {
    const { table } = open();
    table.set('a', undefined);
    expect(table.has('a')).toBe(true);
    expect([table.delete('a'), table.delete('a')]).toEqual([true, false]);
    expect(table.size).toBe(0);
  });
});

test('a query’s views read and never write', () => {
  const { cell } = open();
  cell.state['x'] = 1;
  const scope: ViewScope = { writes: undefined, assertRunning: () => undefined, isNewLine: () => true };
  const state = stateView(cell, scope);
  const table = new TableView(cell, scope, 't');
  expect(state['x']).toBe(1);
  for (const write of [
    () => void (state['x'] = 2),
    () => delete state['x'],
    () => table.set('a', 1),
    () => table.delete('a'),
  ]) {
    expect(write).toThrow(/a query may not write/);
  }
  expect(cell.state).toEqual({ x: 1 });
});
