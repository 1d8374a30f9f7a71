/**
 * The two clocks of a simulated host: one that only goes on, for time-outs and latencies, and the one
 * on the wall, which somebody may set forward or back. Neither looks at the machine's own.
 */
import { VirtualClock } from './virtual-clock.ts';

/** 2024-01-01T00:00:00Z */
const START_MS = 1_704_067_200_000;

export class SimulatedClock {
  readonly steady: VirtualClock = new VirtualClock(0);
  #offsetMs: number = START_MS;

  /** What the wall clock shows, ms since 1970. */
  get wallMs(): number {
    return this.steady.nowMs + this.#offsetMs;
  }

  /** Somebody sets the wall clock by so much; time-outs do not notice. */
  shiftWall(ms: number): void {
    this.#offsetMs += ms;
  }

  /** Lets `ms` go by and calls back what came due. */
  pass(ms: number): void {
    this.steady.setTo(this.steady.nowMs + ms);
    this.steady.fire();
  }
}
