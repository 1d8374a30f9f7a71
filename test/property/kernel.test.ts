/**
 * The kernel's promise: the same inputs in the same order per tenant give the same replies, outcome
 * digests, events and state roots, however lanes and queues interleave, whatever leaves memory, and
 * wherever a lane or the process dies. Each run is compared with one lane undisturbed.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LANES, type Plan, planArb, run, workloadArb } from '../host/workload.ts';

const QUIET: Plan = { mishaps: [], queriesCount: true };
/** Systems are built for each run: enough runs to meet most pairs of features, few enough for a minute. */
const RUNS = Number(process.env['KERNEL_RUNS'] ?? 60);
/** One seed unless told otherwise, so that a build fails for what it changed; `KERNEL_SEED` looks elsewhere. */
const SEED = Number(process.env['KERNEL_SEED'] ?? 20_261_121);

test('any interleaving of three lanes gives the results of one lane', async () => {
  await fc.assert(
    fc.asyncProperty(workloadArb, fc.nat(), async (rounds, seed) => {
      const one = await run(rounds, {}, QUIET);
      expect(await run(rounds, { lanes: LANES, seed }, QUIET)).toEqual(one);
    }),
    { numRuns: RUNS, seed: SEED },
  );
}, 120_000);

test('any eviction and any snapshot gives the results of a lane that keeps everything', async () => {
  await fc.assert(
    fc.asyncProperty(workloadArb, fc.nat(), fc.integer({ min: 1, max: 3 }), fc.boolean(), async (...drawn) => {
      const [rounds, seed, actors, recordsSnapshots] = drawn;
      const one = await run(rounds, {}, QUIET);
      const tight = {
        lanes: 2,
        seed,
        recordsSnapshots,
        maxActiveActors: actors,
        snapshotEverySteps: 3,
        evictEvery: 5,
        snapshotEvery: 9,
      };
      expect(await run(rounds, tight, QUIET)).toEqual(one);
    }),
    { numRuns: RUNS, seed: SEED },
  );
}, 120_000);

test('lane deaths, moves and crashes at any point give the results of an undisturbed lane', async () => {
  await fc.assert(
    fc.asyncProperty(workloadArb, fc.nat(), planArb, async (rounds, seed, plan) => {
      const one = await run(rounds, {}, { mishaps: [], queriesCount: false });
      const rough = {
        lanes: LANES,
        seed,
        recordsSnapshots: seed % 2 === 0,
        maxActiveActors: 3,
        snapshotEverySteps: 7,
        evictEvery: 11,
        snapshotEvery: 23,
      };
      expect(await run(rounds, rough, plan)).toEqual(one);
    }),
    { numRuns: RUNS, seed: SEED },
  );
}, 120_000);

test('a store that seals what it writes gives the results of one that does not, over deaths, moves and crashes', async () => {
  await fc.assert(
    fc.asyncProperty(workloadArb, fc.nat(), planArb, async (rounds, seed, plan) => {
      const one = await run(rounds, {}, { mishaps: [], queriesCount: false });
      const sealed = { lanes: 2, seed, maxActiveActors: 3, snapshotEverySteps: 7, evictEvery: 11, encryption: true };
      expect(await run(rounds, sealed, plan)).toEqual(one);
    }),
    { numRuns: Math.ceil(RUNS / 3), seed: SEED },
  );
}, 120_000);
