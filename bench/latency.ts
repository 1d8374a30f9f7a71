/**
 * Question: how long does one durable call take when nothing else is under way, beside a `put` and its flush on
 * bare LMDB? Median and 99th percentile, one call in flight, default options.
 *
 * Estimate before measuring: a put with its flush 300 to 500 µs, nearly all of it the disk; a call adds six
 * wake-ups of threads, 20 to 40 µs each, and 30 µs of work: 1.3 to 1.8 times as long.
 *
 *   npm run bench -- latency [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import { openLmdb } from '../src/store/lmdb.ts';
import type { Arm, Bench, Measure } from './rig/bench.ts';
import { check, quantileOf } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly calls: number;
  readonly warmUp: number;
}

/** Bytes of a step's record: those of the counter's, with its frame. */
const RECORD_BYTES = 220;

/** Calls `one` in turn and gives the quantiles of its times. */
async function quantiles({ calls, warmUp }: Parameters, one: (at: number) => unknown): Promise<readonly Measure[]> {
  for (let at = 0; at < warmUp; at++) await one(at);
  const times = new Float64Array(calls);
  for (let at = 0; at < calls; at++) {
    const startMs = performance.now();
    await one(warmUp + at);
    times[at] = (performance.now() - startMs) * 1e3;
  }
  const row = (name: string, share: number): Measure => ({ row: name, unit: 'µs', value: quantileOf(times, share) });
  return [row('p50', 0.5), row('p99', 0.99)];
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'durable, audited, replayable',
  run: (parameters) =>
    withScratch(async (dataDir) => {
      const system = await createSystem({ actors: new URL('../actors/counter.js', import.meta.url), dataDir });
      const ref = system.ref(counter, 'acme', 'one');
      const measures = await quantiles(parameters, () => ref.increment());
      check('commands counted', await ref.count(), parameters.calls + parameters.warmUp);
      await system.close();
      return measures;
    }),
};

const lmdb: Arm<Parameters> = {
  name: 'lmdb put',
  keeps: 'durable; nothing executed, hashed or answered',
  run: (parameters) =>
    withScratch(async (dir) => {
      const driver = openLmdb(dir);
      const key = (at: number): Uint8Array => {
        const bytes = new Uint8Array(8);
        new DataView(bytes.buffer).setUint32(4, at);
        return bytes;
      };
      const value = new Uint8Array(RECORD_BYTES).fill(7);
      const measures = await quantiles(parameters, (at) => driver.commit([[key(at), value]]));
      const all = driver.range(key(0), new Uint8Array(8).fill(255));
      check('rows on disk', all.length, parameters.calls + parameters.warmUp);
      driver.close();
      return measures;
    }),
};

const bench: Bench<Parameters> = {
  name: 'latency',
  question: 'how long does one durable call take when nothing else is under way?',
  estimate: 'bare LMDB 300 to 500 µs, nearly all of it the disk; a call 1.3 to 1.8 times as long',
  full: { calls: 5_000, warmUp: 2_000 },
  quick: { calls: 50, warmUp: 10 },
  arms: [synapse, lmdb],
  aims: [{ row: 'p50', arm: 'synapse', over: 'lmdb put', atMost: 1.5 }],
};

await main(import.meta.url, bench);
