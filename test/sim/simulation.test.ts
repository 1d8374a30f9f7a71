/**
 * The simulator over its own workload: two hundred seeds in each of which much goes wrong and nothing may
 * be lost, and the same seed always the same run.
 */
import { describe, expect, test } from 'vitest';
import { simulate } from 'synapse-actors/testing';

/** The seeds of every run of the tests; `npm run sim` goes on with others. */
const SEEDS = Array.from({ length: 200 }, (_, at) => at + 1);

describe('the simulator', () => {
  test('finds nothing wrong in two hundred seeds', async () => {
    for (const seed of SEEDS) {
      const { violations } = await simulate({ seed });
      expect(violations, `npm run sim -- --seed ${seed}`).toEqual([]);
    }
  }, 240_000);

  test('does the same for the same seed, and something else for another', async () => {
    const first = await simulate({ seed: 11 });
    const again = await simulate({ seed: 11 });
    expect(again.traceHash).toBe(first.traceHash);
    expect(again.stateRoots).toEqual(first.stateRoots);
    expect((await simulate({ seed: 12 })).traceHash).not.toBe(first.traceHash);
  });

  test('names an option that is out of range', async () => {
    await expect(simulate({ seed: -1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { option: 'seed' },
    });
    await expect(simulate({ seed: 1, faults: { laneDeath: -1 } })).rejects.toMatchObject({
      details: { option: 'faults.laneDeath' },
    });
  });
});
