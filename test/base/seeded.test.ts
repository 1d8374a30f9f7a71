/** Seeded chance by golden values: a replay on another version must draw the same numbers. */
import { expect, test } from 'vitest';
import { SEED_BYTES, SeededRandom } from '../../src/base/seeded.ts';

const seed = Uint8Array.from({ length: SEED_BYTES }, (_, index) => index);

test('a seed gives the same numbers, bytes and UUIDs for good', () => {
  const random = new SeededRandom(seed);
  expect([random.random(), random.random()]).toEqual([0.14145217439075586, 0.3554063286064405]);
  expect(random.uuid()).toBe('896078d9-6b6f-48ed-a521-d53d10753108');
  const bytes = new Uint8Array(7);
  random.fill(bytes);
  expect([...bytes]).toEqual([164, 148, 60, 238, 14, 231, 133]);
});

test('another stream of one seed is another sequence', () => {
  const random = new SeededRandom(seed, 1);
  expect(random.random()).toBe(0.24302840678303184);
  expect(random.uuid()).toBe('6bc274d8-d6e6-49c5-a08a-5723ea40f406');
});

test('a seed of zeros is as good as any', () => {
  const random = new SeededRandom(new Uint8Array(SEED_BYTES));
  expect([random.random(), random.random()]).toEqual([0.3683239501314961, 0.3784466015149236]);
});

test('numbers fill the range from 0 to 1 evenly', () => {
  const random = new SeededRandom(seed, 42);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let drawn = 0; drawn < 10_000; drawn++) {
    const place = Math.floor(random.random() * 10);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  // 1,000 expected in each; 5 standard deviations are 150.
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test('a UUID is of version 4 and variant 1', () => {
  const random = new SeededRandom(seed, 3);
  for (let drawn = 0; drawn < 50; drawn++) {
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});
