/**
 * Load with a fixed number of calls under way: a new call leaves when one is answered. What it measures is
 * throughput; latency under a given rate is another question (open-loop).
 */
import { medianOf } from './figures.ts';

/**
 * Makes `calls` calls, `inFlight` at a time, and returns the sum of what they gave. `call` gets numbers
 * from 0; the first rejection ends the load.
 */
export async function keepInFlight(
  calls: number,
  inFlight: number,
  call: (at: number) => Promise<number>,
): Promise<number> {
  let next = 0;
  let sum = 0;
  const one = async (): Promise<void> => {
    while (next < calls) {
      const given = await call(next++);
      sum += given;
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, calls) }, one));
  return sum;
}

/** Seconds that `work` took, with what it gave. */
export async function timed<T>(work: () => T | Promise<T>): Promise<{ readonly seconds: number; readonly given: T }> {
  const startNs = process.hrtime.bigint();
  const given = await work();
  return { seconds: Number(process.hrtime.bigint() - startNs) / 1e9, given };
}

/** Quantiles of times, in the unit they came in; `times` is sorted in place. */
export function quantileOf(times: Float64Array, share: number): number {
  times.sort();
  return times[Math.min(times.length - 1, Math.ceil(times.length * share) - 1)] ?? medianOf([...times]);
}

/** Throws, with what was expected, unless a result is right. */
export function check(what: string, got: unknown, expected: unknown): void {
  if (got !== expected) throw new Error(`${what}: got ${String(got)}, expected ${String(expected)}`);
}
