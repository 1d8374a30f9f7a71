/** Frozen values: what an actor reads from its state cannot be changed by it. */
import { deepStrictEqual } from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { hexOf } from '../../src/base/hash.ts';
import { decodeFrozen, decodeValue, encodeValue } from '../../src/frame/codec.ts';
import { copyOfBytes, isPrimitive } from '../../src/frame/frozen.ts';

function frozenOf<T>(value: T): T {
  return decodeFrozen(encodeValue(value)) as T;
}

describe('frozen values', () => {
  test('arrays and objects refuse every change, at every depth', () => {
    const value = frozenOf({ list: [1, { deep: [2] }], map: new Map([['k', { v: [1] }]]) });
    expect(() => value.list.push(3)).toThrow(TypeError);
    expect(() => ((value as { list: unknown }).list = 1)).toThrow(TypeError);
    expect(() => (value.list[1] as { deep: number[] }).deep.pop()).toThrow(TypeError);
    expect(() => value.map.get('k')!.v.push(2)).toThrow(TypeError);
    expect(() => delete (value as { list?: unknown }).list).toThrow(TypeError);
    expect(value).toEqual({ list: [1, { deep: [2] }], map: new Map([['k', { v: [1] }]]) });
  });

  test('the mutators of a Map, a Set and a Date throw TypeError, and they are what they were', () => {
    const map = frozenOf(new Map([['a', 1]]));
    const set = frozenOf(new Set([1]));
    const date = frozenOf(new Date(5));
    expect(() => map.set('b', 2)).toThrow(TypeError);
    expect(() => map.delete('a')).toThrow(TypeError);
    expect(() => map.clear()).toThrow(TypeError);
    expect(() => set.add(2)).toThrow(TypeError);
    expect(() => set.delete(1)).toThrow(TypeError);
    expect(() => set.clear()).toThrow(TypeError);
    const setters = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'));
    expect(setters.length).toBeGreaterThanOrEqual(15);
    for (const name of setters) {
      expect(() => (date as unknown as Record<string, (n: number) => void>)[name]!(1)).toThrow(TypeError);
    }
    expect(() => delete (map as { set?: unknown }).set).toThrow(TypeError);
    expect([map instanceof Map, set instanceof Set, date instanceof Date]).toEqual([true, true, true]);
    deepStrictEqual([map, set, date], [new Map([['a', 1]]), new Set([1]), new Date(5)]);
  });

  test('bytes inside an object or array are read as copies', () => {
    const value = frozenOf({ bytes: Uint8Array.of(1, 2), list: [0, Uint8Array.of(3), Uint8Array.of(4).buffer, 5] });
    value.bytes[0] = 9;
    (value.list[1] as Uint8Array)[0] = 9;
    new Uint8Array(value.list[2] as ArrayBuffer)[0] = 9;
    expect(value.bytes).toStrictEqual(Uint8Array.of(1, 2));
    deepStrictEqual(value.list, [0, Uint8Array.of(3), Uint8Array.of(4).buffer, 5]);
    expect(() => ((value as { bytes: unknown }).bytes = 1)).toThrow(TypeError);
  });

  test('bytes in a Map are copies however they are reached', () => {
    const map = frozenOf(
      new Map<unknown, unknown>([
        ['a', Uint8Array.of(1)],
        [Uint8Array.of(2), 'b'],
        ['n', 7],
      ]),
    );
    const spoil = (value: unknown): void => {
      if (value instanceof Uint8Array) value.fill(9);
    };
    spoil(map.get('a'));
    for (const value of map.values()) spoil(value);
    for (const key of map.keys()) spoil(key);
    for (const [key, value] of map) [key, value].forEach(spoil);
    for (const [key, value] of map.entries()) [key, value].forEach(spoil);
    map.forEach((value, key) => [key, value].forEach(spoil));
    expect([...map]).toEqual([
      ['a', Uint8Array.of(1)],
      [Uint8Array.of(2), 'b'],
      ['n', 7],
    ]);
    expect([map.size, map.has('a'), map.get('n')]).toEqual([3, true, 7]);
    expect(map instanceof Map).toBe(true);
  });

  test('bytes in a Set are copies however they are reached', () => {
    const set = frozenOf(new Set<unknown>([Uint8Array.of(1), 2]));
    const spoil = (value: unknown): void => {
      if (value instanceof Uint8Array) value.fill(9);
    };
    for (const member of set) spoil(member);
    for (const member of set.values()) spoil(member);
    for (const member of set.keys()) spoil(member);
    for (const pair of set.entries()) pair.forEach(spoil);
    set.forEach((member, key) => [member, key].forEach(spoil));
    expect([...set]).toEqual([Uint8Array.of(1), 2]);
  });

  test('a frozen value encodes to the same bytes and equals the plain one', () => {
    const value = {
      a: [1, [Uint8Array.of(1)]],
      m: new Map<unknown, unknown>([
        ['b', Uint8Array.of(2)],
        ['d', new Date(3)],
      ]),
      s: new Set([Uint8Array.of(4).buffer]),
      ['__proto__x']: null,
    };
    const bytes = encodeValue(value);
    const frozen = decodeFrozen(bytes);
    expect(hexOf(encodeValue(frozen))).toBe(hexOf(bytes));
    expect(frozen).toEqual(decodeValue(bytes));
    expect(structuredClone(frozen)).toEqual(value);
  });

  test('each decoding is a value of its own', () => {
    const bytes = encodeValue({ a: { b: 1 } });
    expect(decodeFrozen(bytes)).not.toBe(decodeFrozen(bytes));
  });

  test('bytes at the top are a fresh array, for the caller to copy on reading', () => {
    const bytes = encodeValue(Uint8Array.of(1, 2));
    const first = decodeFrozen(bytes) as Uint8Array;
    first[0] = 9;
    expect(decodeFrozen(bytes)).toStrictEqual(Uint8Array.of(1, 2));
    const copy = copyOfBytes(first) as Uint8Array;
    expect(copy).not.toBe(first);
    expect(copy).toStrictEqual(first);
    const other = { a: 1 };
    expect(copyOfBytes(other)).toBe(other);
  });

  test('primitives are told from what needs care', () => {
    for (const value of [null, undefined, 1, 'a', 1n, true, Symbol.iterator]) expect(isPrimitive(value)).toBe(true);
    for (const value of [{}, [], () => 1, new Date(0)]) expect(isPrimitive(value)).toBe(false);
  });
});
