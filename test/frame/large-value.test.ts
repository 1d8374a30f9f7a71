/** Large values: their bytes stay as they are, whatever is encoded after them, and waste little memory. */
import { expect, test } from 'vitest';
import { decodeValue, encodeValue } from '../../src/frame/codec.ts';
import { Chance } from '../../src/testing/chance.ts';

/** One piece, many small ones, or a large one between small ones. */
function valueOf(chance: Chance, size: number, at: number): unknown {
  const bytes = new Uint8Array(size).fill(at);
  switch (chance.below(3)) {
    case 0:
      return bytes;
    case 1:
      return Array.from({ length: size >>> 3 }, (_, i) => `v${(i + at) % 1_000}`);
    default:
      return { before: at, bytes, after: [at, 'x'.repeat(size >>> 6)] };
  }
}

test('what was encoded stays as it is while others are', () => {
  const chance = new Chance(7);
  const kept: { bytes: Uint8Array; text: string }[] = [];
  for (let at = 0; at < 400; at++) {
    const size = [3, 60, 900, 4_090, 5_000, 15_000, 17_000, 40_000, 70_000][chance.below(9)]!;
    const bytes = encodeValue(valueOf(chance, size + chance.below(8), at));
    kept.push({ bytes, text: Buffer.from(bytes).toString('latin1') });
  }
  for (const { bytes, text } of kept) {
    expect(Buffer.from(bytes).toString('latin1') === text).toBe(true);
    expect(Buffer.compare(encodeValue(decodeValue(bytes)), bytes)).toBe(0);
  }
});

test('a large value keeps hardly more memory than it has bytes', () => {
  const chance = new Chance(8);
  for (let at = 0; at < 200; at++) {
    const bytes = encodeValue(valueOf(chance, 20_000 + chance.below(100_000), at));
    if (bytes.length < 16_384) continue; // a slab, which others share
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Math.ceil((bytes.length * 33) / 32));
  }
});
