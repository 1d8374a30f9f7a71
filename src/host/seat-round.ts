/**
 * The seats of a lane, some at a time, round after round: a look at each of 50,000 tenants takes some 30 ms, since
 * most of them are in no cache of the processor.
 */
import type { Seat } from './seat.ts';

export class SeatRound {
  readonly #seats: ReadonlyMap<string, Seat>;
  #rest: Iterator<Seat> | undefined;

  constructor(seats: ReadonlyMap<string, Seat>) {
    this.#seats = seats;
  }

  /** True where the next slice begins a round. */
  get isAtStart(): boolean {
    return this.#rest === undefined;
  }

  /** Begins anew. */
  restart(): void {
    this.#rest = undefined;
  }

  /** The next `1 / parts` of all seats, `least` at least, and no more than the round has left. */
  *share(parts: number, least: number): Generator<Seat, void, undefined> {
    this.#rest ??= this.#seats.values();
    for (let left = Math.max(least, Math.ceil(this.#seats.size / parts)); left > 0; left--) {
      const { done, value } = this.#rest.next();
      if (done === true) {
        this.#rest = undefined;
        return;
      }
      yield value;
    }
    if (this.#seats.size <= least) this.#rest = undefined; // all were seen: the next slice is a round of its own
  }
}

/** Tenants that are counted whenever the figures are shown. */
const FEW_TENANTS = 256;

/** Of more than that a busy lane counts such a part each time, 50 ms apart: all of them in about a second. */
const DEPTH_PARTS = 20;

/** How often a lane that has nothing to do counts all of them, ms. */
const WHOLE_MS = 1_000;

/** How many messages wait in a lane: a sum over its tenants. */
export class MailboxDepth {
  readonly #seats: ReadonlyMap<string, Seat>;
  readonly #round: SeatRound;
  /** As of the last round. */
  #known = 0;
  #sum = 0;
  #wholeMs = Number.NEGATIVE_INFINITY;

  constructor(seats: ReadonlyMap<string, Seat>) {
    this.#seats = seats;
    this.#round = new SeatRound(seats);
  }

  whole(): number {
    this.#round.restart();
    this.#sum = 0;
    for (const seat of this.#seats.values()) this.#sum += depthOf(seat);
    this.#known = this.#sum;
    return this.#known;
  }

  /** The same, at most a second old where there are many tenants. */
  glance(nowMs: number, isIdle: boolean): number {
    if (this.#seats.size <= FEW_TENANTS) return this.whole();
    if (isIdle && nowMs - this.#wholeMs >= WHOLE_MS) {
      this.#wholeMs = nowMs;
      return this.whole();
    }
    if (this.#round.isAtStart) this.#sum = 0;
    for (const seat of this.#round.share(DEPTH_PARTS, FEW_TENANTS)) this.#sum += depthOf(seat);
    if (this.#round.isAtStart) this.#known = this.#sum;
    return this.#known;
  }
}

function depthOf({ inbox, domain }: Seat): number {
  let depth = inbox.length;
  const mailboxes = domain?.state.mailboxes;
  if (mailboxes !== undefined && mailboxes.size > 0)
    for (const { messages } of mailboxes.values()) depth += messages.length;
  return depth;
}
