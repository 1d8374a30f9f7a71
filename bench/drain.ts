/**
 * Question: what does it cost a lane to run one turn's microtasks before the next turn begins, by
 * `process._tickCallback` and by the only public way, a round through the event loop (`setImmediate`)?
 * Estimate: tens of nanoseconds against about a microsecond, since the first is one call into the
 * engine and the second a turn of libuv's loop.
 *
 * Decision that rests on it: docs/adr/0007.
 *
 *   node dist/bench/drain.js [rounds]
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

const ROUNDS = Number(process.argv[2] ?? 1_000_000);

const drain = (process as unknown as { _tickCallback(): void })._tickCallback.bind(process);

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

/** Runs of each kind; the best counts, since what disturbs only ever adds. */
const RUNS = 5;

/** Nanoseconds of one round of a run that began at `startNs`. */
function since(startNs: bigint, rounds: number): number {
  return Number(process.hrtime.bigint() - startNs) / rounds;
}

function bestOf(run: (rounds: number) => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const startNs = process.hrtime.bigint();
    run(ROUNDS);
    best = Math.min(best, since(startNs, ROUNDS));
  }
  return best;
}

/** How many microtasks have run: each way must have run all of them. */
let ran = 0;
let expected = 0;
const count = (): void => {
  ran += 1;
};

function drainEmpty(rounds: number): void {
  for (let i = 0; i < rounds; i++) drain();
}

function drainOne(rounds: number): void {
  expected += rounds;
  for (let i = 0; i < rounds; i++) {
    queueMicrotask(count);
    drain();
  }
}

function immediates(rounds: number): Promise<void> {
  expected += rounds;
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

async function bestOfLoop(rounds: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) {
    const startNs = process.hrtime.bigint();
    await immediates(rounds);
    best = Math.min(best, since(startNs, rounds));
  }
  return best;
}

function report(ns: Readonly<Record<string, number>>): void {
  const { model = 'unknown processor' } = cpus()[0] ?? {};
  console.log(
    `${model}, ${cpus().length} processors, Node ${process.version}, commit ${commitOf()}, ${ROUNDS} rounds, best of ${RUNS}`,
  );
  for (const [what, time] of Object.entries(ns)) console.log(`${what.padEnd(28)} ${time.toFixed(0).padStart(6)} ns`);
  if (ran !== expected) throw new Error(`${ran} microtasks ran, expected ${expected}`);
}

// From a macrotask: within a microtask nothing is drained.
setImmediate(() => {
  const empty = bestOf(drainEmpty);
  const one = bestOf(drainOne);
  void bestOfLoop(Math.ceil(ROUNDS / 10)).then((loop) =>
    report({ 'drain, nothing to do': empty, 'drain, one microtask': one, 'setImmediate, one microtask': loop }),
  );
});
