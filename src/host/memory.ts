/**
 * Memory of a lane: actors that are idle, or too many, leave it. Only what the store has may leave,
 * so a changed actor is first the reason for a snapshot. Never touches order or results.
 */
import { evict, isEvictable } from '../actor/residency.ts';
import type { Intake } from './intake.ts';
import type { LaneCore } from './lane-core.ts';
import type { Recovery } from './recovery.ts';
import { SeatRound } from './seat-round.ts';
import type { Seat } from './seat.ts';

/** A tenant unused for this long, and quiet, gives back its tables as well. */
const SEAT_IDLE_MS = 60_000;

/** Cells looked at per seat and tick, so that a tick stays short. */
const SCAN_MAX = 20_000;

/** Tenants looked at with each tick, at the least, and the part of all: once round in some seconds. */
const TICK_SEATS = 2_000;
const TICK_PARTS = 8;

export class Memory {
  readonly #core: LaneCore;
  readonly #intake: Intake;
  readonly #recovery: Recovery;
  readonly #round: SeatRound;

  constructor(core: LaneCore, intake: Intake, recovery: Recovery) {
    this.#core = core;
    this.#intake = intake;
    this.#recovery = recovery;
    this.#round = new SeatRound(core.seats);
  }

  /** Lets idle actors and quiet tenants go; of very many tenants those of one slice. Called about once a second. */
  tick(): void {
    const ageMs = this.#core.ageMs(this.#core.ports.nowMs());
    for (const seat of this.#round.share(TICK_PARTS, TICK_SEATS)) {
      if (seat.phase !== 'ready' || seat.current !== undefined) continue;
      this.#releaseIdle(seat, ageMs);
      if (ageMs - seat.usedMs < SEAT_IDLE_MS) continue;
      if (seat.acks.size > 0 && !seat.snapshotPending) this.#core.snapshot(seat); // takes note of them
      if (!seat.isQuiet) continue;
      if (this.#core.isDirty(seat)) this.#core.snapshot(seat);
      else if (seat.domain?.state.cells.size === 0) this.#close(seat);
    }
    this.shrink();
  }

  #releaseIdle(seat: Seat, useMs: number): void {
    const state = seat.domain?.state;
    if (state === undefined) return;
    const { leastIdleMs } = state.registry;
    let looked = 0;
    for (const cell of state.cells.values()) {
      // In the order of their last use: the rest was used later still. (Of 100,000 busy tenants most end here.)
      if (useMs - cell.usedMs < leastIdleMs) break;
      looked += 1;
      if (looked > SCAN_MAX) break;
      const idleAfterMs = state.definitionOf(cell.type)?.idleAfterMs ?? 0;
      if (useMs - cell.usedMs < idleAfterMs) continue;
      if (isEvictable(state, cell)) evict(state, cell);
      else if (state.dirty.has(cell.id)) seat.snapshotWanted = true;
    }
    this.#intake.count(seat);
    if (seat.snapshotWanted && !seat.snapshotPending) this.#core.snapshot(seat);
  }

  /** Brings the number of actors in memory down to the limit, least recently used first. */
  shrink(limit: number = this.#core.setup.limits.maxActiveActors): void {
    const core = this.#core;
    if (core.cellCount <= limit) return;
    const seats = [...core.seats.values()].filter((seat) => seat.phase === 'ready' && seat.cellCount > 0);
    seats.sort((a, b) => a.usedMs - b.usedMs);
    for (const seat of seats) {
      const state = seat.domain?.state;
      if (state === undefined || seat.current !== undefined) continue;
      for (const cell of state.cells.values()) {
        if (core.cellCount <= limit) return;
        if (!isEvictable(state, cell)) {
          if (!seat.snapshotPending && state.dirty.has(cell.id)) core.snapshot(seat);
          continue;
        }
        evict(state, cell);
        this.#intake.count(seat);
      }
    }
  }

  #close(seat: Seat): void {
    this.#recovery.clear(seat);
    seat.phase = 'closed';
    this.#core.seats.delete(seat.tenant);
  }
}
