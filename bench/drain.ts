/**
 * Question: what does it cost a lane to run one turn's microtasks before the next turn begins, by
 * `process._tickCallback` and by the only public way, a round through the event loop (`setImmediate`)?
 * Estimate: tens of nanoseconds against about a microsecond, since the first is one call into the
 * engine and the second a turn of libuv's loop.
 *
 * Decision that rests on it: docs/adr/0007.
 *
 *   npm run bench -- drain [--quick] [--json]
 */
import type { Arm, Bench, Measure } from './rig/bench.ts';
import { check, timed } from './rig/load.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly rounds: number;
}

const ONE = 'one microtask';
const NONE = 'nothing to do';

const drain = (process as unknown as { _tickCallback(): void })._tickCallback.bind(process);

/** A measure of `rounds` rounds: warmed up by a tenth of them, all microtasks counted. */
async function roundsOf(
  row: string,
  rounds: number,
  run: (rounds: number, count: () => void) => void | Promise<void>,
): Promise<Measure> {
  let ran = 0;
  const count = (): void => {
    ran += 1;
  };
  const warmUp = Math.ceil(rounds / 10);
  await run(warmUp, count);
  const { seconds } = await timed(() => run(rounds, count));
  check('microtasks run', ran, row === ONE ? warmUp + rounds : 0);
  return { row, unit: 'ns', value: (seconds * 1e9) / rounds };
}

function drainEmpty(rounds: number): void {
  for (let i = 0; i < rounds; i++) drain();
}

function drainOne(rounds: number, count: () => void): void {
  for (let i = 0; i < rounds; i++) {
    queueMicrotask(count);
    drain();
  }
}

function immediates(rounds: number, count: () => void): Promise<void> {
  return new Promise((resolve) => {
    let left = rounds;
    const round = (): void => {
      if (left === 0) return resolve();
      left -= 1;
      queueMicrotask(count);
      setImmediate(round);
    };
    round();
  });
}

/** From a macrotask: within a microtask nothing is drained. */
function asMacrotask(run: (rounds: number, count: () => void) => void): typeof immediates {
  return (rounds, count) =>
    new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          resolve(run(rounds, count));
        } catch (error) {
          reject(error as Error);
        }
      });
    });
}

const tick: Arm<Parameters> = {
  name: '_tickCallback',
  keeps: 'nothing: one thread, no disk',
  run: async ({ rounds }) => [
    await roundsOf(ONE, rounds, asMacrotask(drainOne)),
    await roundsOf(NONE, rounds, asMacrotask(drainEmpty)),
  ],
};

const immediate: Arm<Parameters> = {
  name: 'setImmediate',
  keeps: 'nothing: one thread, no disk',
  run: async ({ rounds }) => [await roundsOf(ONE, Math.ceil(rounds / 10), immediates)],
};

const bench: Bench<Parameters> = {
  name: 'drain',
  question: 'what does draining the microtasks of a turn cost?',
  estimate: 'tens of nanoseconds by _tickCallback, about a microsecond by setImmediate',
  full: { rounds: 5_000_000 },
  quick: { rounds: 1_000 },
  arms: [tick, immediate],
};

await main(import.meta.url, bench);
