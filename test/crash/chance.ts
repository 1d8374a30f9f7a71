/**
 * Chance from a printed seed (mulberry32 by Tommy Ettinger), so that a failing run can be repeated.
 * SEED=n in the environment repeats a run; without it the time gives the seed.
 */

/** Draws whole numbers from 0 up to, and without, `below`. */
export type Chance = (below: number) => number;

export function chanceFrom(seed: number): Chance {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** The seed of this run, and the command that repeats it, on standard output. */
export function printedSeed(test: string): number {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
  console.log(`${test}: seed ${seed}; repeat with SEED=${seed} npx vitest run dist/test/${test}`);
  return seed;
}
