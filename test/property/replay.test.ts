/**
 * Replay's promise: whatever lanes and queues did live, wherever a lane or the process died, the records
 * alone come to the same outcomes, roots and events, and the store they stand in is sound.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyStore } from '../../src/replay/verify.ts';
import { viewOf } from '../../src/store/store-view.ts';
import { LANES, planArb, run, workloadArb } from '../host/workload.ts';

const MODULES = { actors: [new URL('../host/workload-actors.js', import.meta.url).href], previous: [] };

/** Each run starts a thread: few here, more with `REPLAY_RUNS`. */
const RUNS = Number(process.env['REPLAY_RUNS'] ?? 12);
/** One seed unless told otherwise, so that a build fails for what it changed; `REPLAY_SEED` looks elsewhere. */
const SEED = Number(process.env['REPLAY_SEED'] ?? 20_261_121);

test('what three lanes recorded over deaths, moves and crashes verifies, outcomes by replay included', async () => {
  await fc.assert(
    fc.asyncProperty(workloadArb, fc.nat(), planArb, fc.boolean(), async (rounds, seed, plan, recordsSnapshots) => {
      const rough = { lanes: LANES, seed, recordsSnapshots, maxActiveActors: 3, snapshotEverySteps: 7, evictEvery: 11 };
      await run(rounds, rough, plan, async (cluster) => {
        const report = await verifyStore({ view: viewOf(cluster.driver), modules: MODULES });
        expect(report).toMatchObject({ faults: [], skipped: [] });
        expect(report.replayed).toBe(report.records);
      });
    }),
    { numRuns: RUNS, seed: SEED },
  );
}, 300_000);
