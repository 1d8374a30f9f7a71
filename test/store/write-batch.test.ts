/** A batch of writes beside a plain list of them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes } from '../../src/store/binary.ts';
import type { Write } from '../../src/store/key-value.ts';
import { WriteBatch } from '../../src/store/write-batch.ts';

const hex = (bytes: Uint8Array | null): string => (bytes === null ? 'gone' : Buffer.from(bytes).toString('hex'));
const seen = (writes: Iterable<Write>): string[] => Array.from(writes, ([key, value]) => `${hex(key)}=${hex(value)}`);

/** Keys often agree, as those of a tenant's rows do; a value is mostly short. */
const keys = fc
  .tuple(
    fc.constantFrom([], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
  )
  .map(([head, tail]) => Uint8Array.of(...head, ...tail));
const values = fc.option(
  fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.constantFrom(20_000, 300_000).map((size) => new Uint8Array(size).fill(9)),
  ),
);

test('gives back in the order of their keys what it took and did not drop, equal keys as they came', () => {
  const batch = new WriteBatch();
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, values, fc.boolean()), { maxLength: 80 }), (all) => {
      batch.clear();
      const kept: Write[] = [];
      for (const [key, value, isKept] of all) {
        const number = batch.add(key, value);
        expect(seen([batch.at(number)])).toEqual(seen([[key, value]]));
        if (isKept) kept.push([key, value]);
        else batch.drop(number);
      }
      expect(batch.length).toBe(kept.length);
      expect(seen(batch)).toEqual(seen(kept.toSorted((a, b) => compareBytes(a[0], b[0]))));
    }),
    { numRuns: 60 },
  );
});

test('is used again for the next commit, however much it held', () => {
  const batch = new WriteBatch();
  const value = new Uint8Array(1_000).fill(5);
  for (const count of [30_000, 10, 0, 2_000]) {
    batch.clear();
    for (let n = count; n > 0; n--) batch.add(Uint8Array.of(n >> 8, n), value);
    const keysInOrder = Array.from(batch, ([key]) => ((key[0] as number) << 8) | (key[1] as number));
    expect(keysInOrder).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  }
});
