/**
 * Clocks other than `Date`: `performance`, `process.hrtime`, `process.uptime`, an event's time stamp.
 * All show the recorded time of the turn, counted from 1970: `performance.timeOrigin` is 0, so
 * `timeOrigin + now()` is what `Date.now()` says. Within a turn no clock moves.
 */
import { disguise, type Members, seal, sealGetter } from './guard-seal.ts';

/** Replaces them for good. `nowMs` is the recorded time. */
export function guardClock(nowMs: () => number): void {
  guardPerformance(nowMs);
  const hrtime = disguise((previous?: readonly [number, number]) => elapsed(nowMs(), previous), 'hrtime', 1);
  Object.defineProperty(hrtime, 'bigint', { value: () => BigInt(Math.floor(nowMs() * 1_000)) * 1_000n });
  seal(process, 'hrtime', Object.freeze(hrtime));
  seal(process, 'uptime', () => nowMs() / 1_000);
  sealGetter(Event.prototype, 'timeStamp', () => nowMs());
}

/** Seconds and nanoseconds since `previous`, or since 1970. */
function elapsed(nowMs: number, previous?: readonly [number, number]): [number, number] {
  let seconds = Math.floor(nowMs / 1_000);
  let nanos = Math.floor((nowMs - seconds * 1_000) * 1_000) * 1_000;
  if (previous !== undefined) {
    seconds -= previous[0];
    nanos -= previous[1];
    if (nanos < 0) {
      seconds -= 1;
      nanos += 1_000_000_000;
    }
  }
  return [seconds, nanos];
}

function guardPerformance(nowMs: () => number): void {
  const prototype = Object.getPrototypeOf(globalThis.performance) as object;
  const { mark, measure } = globalThis.performance;
  seal(prototype, 'now', () => nowMs());
  seal(prototype, 'timeOrigin', 0);
  seal(prototype, 'toJSON', () => ({ timeOrigin: 0 }));
  seal(
    prototype,
    'mark',
    function (this: typeof performance, name: string, options?: { startTime?: number; detail?: unknown }) {
      return mark.call(this, name, { ...options, startTime: options?.startTime ?? nowMs() } as never);
    },
  );
  seal(prototype, 'measure', function (this: typeof performance, name: string, from?: unknown, to?: unknown) {
    const options: Members = typeof from === 'object' && from !== null ? { ...from } : {};
    if (typeof from === 'string') options['start'] = from;
    if (to !== undefined) options['end'] = to;
    if (options['end'] === undefined && options['duration'] === undefined) options['end'] = nowMs();
    if (options['start'] === undefined && options['duration'] === undefined) options['start'] = 0;
    return measure.call(this, name, options as never);
  });
  seal(globalThis, 'performance', globalThis.performance);
}
