/**
 * Clocks other than `Date`: `performance`, `process.hrtime`, `process.uptime`, an event's time stamp.
 * All show the recorded time of the turn, counted from 1970: `performance.timeOrigin` is 0, so
 * `timeOrigin + now()` is what `Date.now()` says. Within a turn no clock moves.
 */
import { disguise, type Members, type Placement } from './guard-seal.ts';

/** Replaces them. `nowMs` is the recorded time. */
export function guardClock(nowMs: () => number, place: Placement): void {
  guardPerformance(nowMs, place);
  const hrtime = disguise((previous?: readonly [number, number]) => elapsed(nowMs(), previous), 'hrtime', 1);
  Object.defineProperty(hrtime, 'bigint', { value: () => BigInt(Math.floor(nowMs() * 1_000)) * 1_000n });
  place.member(process, 'hrtime', Object.freeze(hrtime));
  place.member(process, 'uptime', () => nowMs() / 1_000);
  place.getter(Event.prototype, 'timeStamp', () => nowMs());
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

function guardPerformance(nowMs: () => number, place: Placement): void {
  const prototype = Object.getPrototypeOf(globalThis.performance) as object;
  const { mark, measure } = globalThis.performance;
  place.value(prototype, 'now', () => nowMs());
  place.value(prototype, 'timeOrigin', 0);
  // What Node measured of itself: times that nobody recorded.
  place.value(prototype, 'nodeTiming', Object.freeze({ name: 'node', entryType: 'node', startTime: 0, duration: 0 }));
  place.value(prototype, 'toJSON', () => ({ timeOrigin: 0 }));
  place.value(
    prototype,
    'mark',
    function (this: typeof performance, name: string, options?: { startTime?: number; detail?: unknown }) {
      return mark.call(this, name, { ...options, startTime: options?.startTime ?? nowMs() } as never);
    },
  );
  place.value(prototype, 'measure', function (this: typeof performance, name: string, from?: unknown, to?: unknown) {
    const options: Members = typeof from === 'object' && from !== null ? { ...from } : {};
    if (typeof from === 'string') options['start'] = from;
    if (to !== undefined) options['end'] = to;
    if (options['end'] === undefined && options['duration'] === undefined) options['end'] = nowMs();
    if (options['start'] === undefined && options['duration'] === undefined) options['start'] = 0;
    return measure.call(this, name, options as never);
  });
  place.value(globalThis, 'performance', globalThis.performance);
}
