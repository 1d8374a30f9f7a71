/**
 * Question: how long do durable calls take when they arrive at a rate that does not wait for answers? Quantiles at
 * 10,000 to 200,000 calls a second, and the rate at which the 99th percentile passes 100 ms.
 *
 * A time runs from the moment at which a call should have left, whether or not the sender came to it in time, so
 * that a stall counts for every call that it delayed (no coordinated omission). Calls leave in bursts of a millisecond,
 * as Node's timers allow; what that adds, half a millisecond on average, is counted too.
 *
 * Estimate before measuring: p50 1 to 2 ms and p99 under 5 ms to 100,000/s, bound by group commits of 1 to 2 ms;
 * the rate that cannot be held lies between 200,000 and 400,000/s.
 *
 *   npm run bench -- open-loop [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import { DurationHistogram } from '../src/cli/histogram.ts';
import type { Arm, Bench, Measure } from './rig/bench.ts';
import { check, keepInFlight } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly tenants: number;
  readonly lanes: number;
  readonly warmUp: number;
  readonly rates: readonly number[];
  readonly durationMs: number;
  /** The search for the rate that cannot be held: from here up by a quarter each time. */
  readonly kneeFrom: number;
  readonly kneeTo: number;
  readonly kneeDurationMs: number;
}

/** Under the default `maxInFlight`, so that nothing is refused: what is due waits with the sender, on the clock. */
const HELD_MAX = 90_000;
/** The system is past its rate when p99 is longer. */
const KNEE_MS = 100;
const KNEE_STEP = 1.25;
const KNEE = 'knee';

const QUANTILES: readonly (readonly [name: string, share: number])[] = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
  ['p99.99', 0.9999],
];

/** Sends `rate` calls a second for `durationMs`; times from the intended moments of sending. */
function openLoop(
  rate: number,
  durationMs: number,
  call: (at: number) => Promise<unknown>,
): Promise<DurationHistogram> {
  const histogram = new DurationHistogram();
  const calls = Math.max(1, Math.round((rate * durationMs) / 1e3));
  const gapMs = 1e3 / rate;
  const startMs = performance.now();
  let sent = 0;
  return new Promise((resolve, reject) => {
    const sendDue = (): void => {
      const dueCount = Math.min(calls, Math.floor((performance.now() - startMs) / gapMs) + 1);
      while (sent < dueCount && sent - histogram.count < HELD_MAX) {
        const at = sent++;
        call(at).then(() => {
          histogram.record(performance.now() - (startMs + at * gapMs));
          if (histogram.count === calls) resolve(histogram);
        }, reject);
      }
      if (sent < calls) setTimeout(sendDue, 1);
    };
    sendDue();
  });
}

function rateText(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}

async function knee(parameters: Parameters, call: (at: number) => Promise<unknown>): Promise<readonly Measure[]> {
  const { kneeFrom, kneeTo, kneeDurationMs } = parameters;
  let passed = kneeTo;
  for (let rate = kneeFrom; rate <= kneeTo; rate *= KNEE_STEP) {
    const histogram = await openLoop(rate, kneeDurationMs, call);
    if (histogram.quantileMs(0.99) <= KNEE_MS) continue;
    passed = rate;
    break;
  }
  return [{ row: `rate at which p99 passes ${KNEE_MS} ms`, unit: 'calls/s', value: passed }];
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'durable, audited, replayable',
  run: (parameters, part) =>
    withScratch(async (dataDir) => {
      const { tenants, lanes, warmUp, durationMs } = parameters;
      const actors = new URL('../actors/counter.js', import.meta.url);
      const system = await createSystem({ actors, dataDir, lanes });
      const refs = Array.from({ length: tenants }, (_, at) => system.ref(counter, `tenant-${at}`, 'one'));
      let made = 0;
      const call = (at: number): Promise<number> => {
        made += 1;
        return refs[at % tenants]!.increment();
      };
      await keepInFlight(warmUp, 1_024, call);
      let measures: readonly Measure[];
      if (part === KNEE) measures = await knee(parameters, call);
      else {
        const histogram = await openLoop(Number(part), durationMs, call);
        measures = QUANTILES.map(([name, share]) => ({
          row: `${rateText(Number(part))}: ${name}`,
          unit: 'ms',
          value: histogram.quantileMs(share),
        }));
      }
      const counts = await Promise.all(refs.map((ref) => ref.count()));
      check(
        'commands counted',
        counts.reduce((sum, count) => sum + count, 0),
        made,
      );
      await system.close();
      return measures;
    }),
};

const bench: Bench<Parameters> = {
  name: 'open-loop',
  question: 'how long do durable calls take when they arrive at a rate that does not wait for answers?',
  estimate: 'p50 1 to 2 ms and p99 under 5 ms to 100,000/s; 200,000 to 400,000/s cannot be held any more',
  full: {
    tenants: 64,
    lanes: 2,
    warmUp: 100_000,
    rates: [10_000, 50_000, 100_000, 200_000],
    durationMs: 10_000,
    kneeFrom: 25_000,
    kneeTo: 1_000_000,
    kneeDurationMs: 3_000,
  },
  quick: {
    tenants: 8,
    lanes: 2,
    warmUp: 200,
    rates: [1_000],
    durationMs: 200,
    kneeFrom: 100,
    kneeTo: 150,
    kneeDurationMs: 200,
  },
  parts: ({ rates }) => [...rates.map(String), KNEE],
  arms: [synapse],
  aims: [{ row: '100,000/s: p99', arm: 'synapse', atMost: 5 }],
};

await main(import.meta.url, bench);
