/** A map of mostly one entry says what a Map says, whatever goes in and out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OneMap } from '../../src/base/rare.ts';

test('a map of one entry does what a Map does', () => {
  const move = fc.record({ kind: fc.constantFrom('set', 'delete'), key: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
      const map = new OneMap<string, number>();
      const model = new Map<string, number>();
      for (const [value, { kind, key }] of moves.entries()) {
        if (kind === 'delete') expect(map.delete(key)).toBe(model.delete(key));
        else {
          map.set(key, value);
          model.set(key, value);
        }
        expect(map.size).toBe(model.size);
        expect([...map]).toEqual([...model]);
        expect([...map.keys()]).toEqual([...model.keys()]);
        expect([...map.values()]).toEqual([...model.values()]);
        for (const asked of ['a', 'b', 'c']) {
          expect(map.get(asked)).toBe(model.get(asked));
          expect(map.has(asked)).toBe(model.has(asked));
        }
      }
    }),
  );
});

test('entries may go while they are looked at', () => {
  for (const keys of [['a'], ['a', 'b', 'c']]) {
    const map = new OneMap<string, string>();
    for (const key of keys) map.set(key, key);
    const seen: string[] = [];
    for (const value of map.values()) {
      seen.push(value);
      map.delete(value);
    }
    expect(seen).toEqual(keys);
    expect(map.size).toBe(0);
  }
});
