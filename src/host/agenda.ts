/**
 * When the timers of a lane's tenants are due. Each ready seat stands here with its next due time; a
 * due timer becomes a frame in the seat's inbox, and is recorded like any other input.
 */
import { ownFrame } from './lane-frame.ts';
import type { LaneCore } from './lane-core.ts';
import type { Seat } from './seat.ts';

const EMPTY = new Uint8Array(0);

export class Agenda {
  readonly #core: LaneCore;
  readonly #seats: Set<Seat> = new Set();
  #nextMs: number = Number.POSITIVE_INFINITY;

  constructor(core: LaneCore) {
    this.#core = core;
  }

  get nextDueMs(): number {
    return this.#nextMs;
  }

  /** Takes note of the seat's next timer. */
  note(seat: Seat): void {
    const state = seat.domain?.state;
    const next = seat.phase === 'ready' && seat.timerQueued === undefined ? state?.timers.next() : undefined;
    if (next === undefined || state === undefined) {
      if (seat.agendaMs !== undefined) {
        seat.agendaMs = undefined;
        this.#seats.delete(seat);
      }
      return;
    }
    // A suspended tenant's timers wait until it may run again.
    const dueMs = Math.max(next.dueMs, state.suspendedUntilMs);
    if (dueMs === seat.agendaMs) return;
    seat.agendaMs = dueMs;
    this.#seats.add(seat);
    if (dueMs < this.#nextMs) this.#nextMs = dueMs;
  }

  /** Puts due timers into their inboxes. */
  collect(): void {
    const nowMs = this.#core.ports.nowMs();
    if (nowMs < this.#nextMs) return;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const seat of this.#seats) {
      if (seat.agendaMs === undefined) {
        this.#seats.delete(seat); // closed or moved since
        continue;
      }
      if (seat.agendaMs > nowMs) {
        nextMs = Math.min(nextMs, seat.agendaMs);
        continue;
      }
      this.#seats.delete(seat);
      seat.agendaMs = undefined;
      this.#fire(seat, nowMs);
    }
    this.#nextMs = nextMs;
  }

  #fire(seat: Seat, nowMs: number): void {
    const timer = seat.domain?.state.timers.next();
    if (
      seat.phase !== 'ready' ||
      timer === undefined ||
      seat.timerQueued !== undefined ||
      this.#core.outage !== undefined
    )
      return;
    seat.timerQueued = timer.id;
    seat.timerMs = nowMs;
    seat.inbox.push(ownFrame('timer', seat.tenant, seat.shard, timer.id, EMPTY, nowMs));
    this.#core.wake(seat);
  }
}
