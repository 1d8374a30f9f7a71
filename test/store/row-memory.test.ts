/** Rows in memory: what a block leaves is room again, and rows that go over the end of a chunk are whole. */
import { expect, test } from 'vitest';
import type { Row } from '../../src/store/key-value.ts';
import { RowBlock, ROW_VALUE_MAX_BYTES } from '../../src/store/row-block.ts';
import { CHUNK_BYTES, RowMemory } from '../../src/store/row-memory.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { Chance } from '../../src/testing/chance.ts';

/** Keys share a long beginning, so that comparing them goes over the ends of chunks. */
const keyOf = (number: number, length: number): Uint8Array => {
  const key = new Uint8Array(length).fill(7);
  new DataView(key.buffer).setUint32(length - 4, number);
  return key;
};
const valueOf = (number: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (number * 31 + i) & 0xff);

test.each([
  { length: 4, most: 5_000, rounds: 20_000 },
  { length: 14, most: 5_000, rounds: 20_000 },
  { length: CHUNK_BYTES + 300, most: 300, rounds: 1_500 },
])('rows with keys of $length bytes come back whole, whatever was written and deleted between', (given) => {
  const { length, most, rounds } = given;
  const chance = new Chance(5);
  const store = new MemoryKeyValue();
  const model = new Map<number, Uint8Array>();
  for (let round = 0; round < rounds; round++) {
    // By turns more comes and more goes: blocks are cut, and end.
    const number = chance.between(0, most);
    if (chance.happens((round >> 12) % 2 === 0 ? 0.3 : 0.8)) {
      store.commit([[keyOf(number, length), null]]);
      model.delete(number);
      continue;
    }
    const value = valueOf(round, chance.between(0, chance.happens(0.1) ? 2 * ROW_VALUE_MAX_BYTES : 100));
    store.commit([[keyOf(number, length), value]]);
    model.set(number, value);
  }
  const texts = (rows: readonly Row[]): string[] =>
    rows.map(([key, value]) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`);
  const expected = [...model].sort(([a], [b]) => a - b).map(([number, value]): Row => [keyOf(number, length), value]);
  for (const [key, value] of expected.slice(0, 200)) expect(Buffer.compare(store.get(key) ?? key, value)).toBe(0);
  expect(store.range(keyOf(0, length), keyOf(most + 1, length), { reverse: true }).length).toBe(expected.length);
  expect(texts(store.range(keyOf(0, length), keyOf(most + 1, length)))).toEqual(texts(expected));
});

test('a block that is rewritten, cut and released leaves its memory to others', () => {
  const memory = new RowMemory();
  const fill = (): void => {
    const blocks = [new RowBlock(memory)];
    for (let number = 0; number < 600; number++) {
      const block = blocks.at(-1) as RowBlock;
      const key = keyOf(number, 20);
      const at = block.lowerBound(key);
      block.insert(at, key, valueOf(number, 100), false);
      block.replace(at, key, valueOf(number, 200), false); // what was written first is dead
      if (block.isFull) blocks.push(block.split());
    }
    expect(blocks.length).toBeGreaterThan(2);
    expect(blocks.reduce((sum, { count }) => sum + count, 0)).toBe(600);
    for (const block of blocks) {
      while (block.count > 3) block.remove(0);
      expect(block.valueAt(0).length).toBe(200);
      block.release();
    }
  };
  for (let times = 0; times < 20; times++) fill();
  const all = new Set(Array.from({ length: 1_000 }, () => memory.take()));
  expect(Math.max(...all)).toBe(all.size - 1); // each that there is: none was lost
});
