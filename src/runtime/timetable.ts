/**
 * Time-outs of calls, many at a time: they are kept by the tick in which they end, and one timer of
 * Node serves each tick. A call that ends early only leaves its tick.
 */

/** Length of a tick, ms: a time-out comes at most this much late, never early. */
const TICK_MS = 8;

/** What a timer of Node can count, ms. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Timetable {
  readonly #ticks: Map<number, { readonly callbacks: Set<() => void>; readonly timer: NodeJS.Timeout }> = new Map();

  /** Calls back once, after `ms`; returns what takes it back. */
  after(ms: number, callback: () => void): () => void {
    const nowMs = performance.now();
    const number = Math.ceil((nowMs + ms) / TICK_MS);
    let tick = this.#ticks.get(number);
    if (tick === undefined) {
      const callbacks = new Set<() => void>();
      // A timer of Node that is longer than it can count ends at once.
      const timer = setTimeout(() => this.#fire(number), Math.min(number * TICK_MS - nowMs, TIMER_MAX_MS));
      tick = { callbacks, timer };
      this.#ticks.set(number, tick);
    }
    const { callbacks, timer } = tick;
    const entry = (): void => callback();
    callbacks.add(entry);
    return () => {
      callbacks.delete(entry);
      if (callbacks.size > 0 || !this.#ticks.has(number)) return;
      clearTimeout(timer);
      this.#ticks.delete(number);
    };
  }

  #fire(number: number): void {
    const tick = this.#ticks.get(number);
    this.#ticks.delete(number);
    for (const callback of tick?.callbacks ?? []) callback();
  }

  stop(): void {
    for (const { timer } of this.#ticks.values()) clearTimeout(timer);
    this.#ticks.clear();
  }
}
