/**
 * A lane without its thread: seats in turn, one turn each, so that a tenant with much to do does not
 * starve the others. Frames and answers of the store come in, frames and requests go out, time and
 * chance come through ports: the same code runs in a worker thread, in a test and in the simulator.
 */
import { SynapseError } from '../base/error.ts';
import { type StoreAnswer, decodeStoreAnswer } from '../actor/store-port.ts';
import { decodeError } from '../frame/frame.ts';
import { Agenda } from './agenda.ts';
import { Census } from './census.ts';
import { Intake } from './intake.ts';
import { LaneCore, type LaneSetup } from './lane-core.ts';
import { Memory } from './memory.ts';
import { Moves } from './moves.ts';
import { Recovery } from './recovery.ts';
import { MailboxDepth } from './seat-round.ts';
import type { Seat } from './seat.ts';

/** What a lane tells of itself. */
export interface LaneFigures {
  readonly tenants: number;
  readonly actors: number;
  readonly mailboxDepth: number;
  readonly turns: number;
  readonly steps: number;
  readonly restarts: number;
  readonly repeats: number;
  readonly events: number;
  readonly durablePosition: number;
  readonly position: number;
}

/** Turns between two looks at the clock. */
const LOOK_EVERY = 4;

/** Steps between two looks at the number of actors in memory. */
const SHRINK_EVERY = 256;

export class LaneHost {
  readonly #core: LaneCore;
  readonly #intake: Intake;
  readonly #recovery: Recovery;
  readonly #memory: Memory;
  readonly #agenda: Agenda;
  readonly #depth: MailboxDepth;
  readonly moves: Moves;
  readonly census: Census;
  #sinceShrink = 0;

  constructor(setup: LaneSetup) {
    this.#core = new LaneCore(setup);
    this.#intake = new Intake(this.#core);
    this.#recovery = new Recovery(this.#core, this.#intake);
    this.#memory = new Memory(this.#core, this.#intake, this.#recovery);
    this.#agenda = new Agenda(this.#core);
    this.#depth = new MailboxDepth(this.#core.seats);
    this.moves = new Moves(this.#core, this.#recovery);
    this.census = new Census(this.#core);
  }

  /** Takes over shards; tenants with something under way are opened without a message. */
  own(shards: readonly number[], suspects: ReadonlyMap<string, number>): void {
    for (const shard of shards) this.#core.owned.add(shard);
    for (const [identity, deaths] of suspects) this.#intake.suspects.set(identity, deaths);
    this.#recovery.list(shards);
  }

  receive(bytes: Uint8Array): void {
    this.#intake.receive(bytes);
  }

  /** The embedder or another lane lost what it had in memory: what is open is sent again. */
  resendAll(): void {
    for (const seat of this.#core.seats.values()) if (seat.phase === 'ready') this.#core.resend(seat);
  }

  /** An answer of the store. */
  answer(bytes: Uint8Array): void {
    const answer = decodeStoreAnswer(bytes);
    const core = this.#core;
    switch (answer.kind) {
      case 'durable':
        core.tick();
        core.gate.advance(answer.position);
        this.moves.check();
        return;
      case 'stored': {
        const seat = core.seats.get(answer.tenant);
        if (seat !== undefined) core.snapshotStored(seat);
        this.moves.check();
        return;
      }
      case 'domain':
        this.#recovery.takeDomain(answer);
        return;
      case 'records':
        this.#recovery.takeRecords(answer);
        return;
      case 'rows':
        this.#takeRows(answer);
        return;
      case 'roots':
        this.moves.takeRoots(answer);
        this.census.takeRoots(answer);
        return;
      case 'list':
        this.#recovery.takeList(answer);
        return;
      case 'refused':
        this.refuse(answer.tenant, decodeError(answer.error));
        return;
      case 'failed':
        this.#fail(answer);
        return;
      case 'available':
        this.#recover();
    }
  }

  /** Serves a tenant no more and forgets what is in memory of it. One that is not here is asked for at the store, and refused there. */
  refuse(tenant: string, error: SynapseError): void {
    const seat = this.#core.seats.get(tenant);
    if (seat !== undefined) this.#recovery.refuse(seat, error);
  }

  #takeRows(answer: Extract<StoreAnswer, { kind: 'rows' }>): void {
    const seat = this.#core.seats.get(answer.tenant);
    if (seat === undefined) return;
    if (answer.error === undefined) this.#intake.supply(seat, answer.actorId, answer.rows);
    else this.#recovery.refuse(seat, decodeError(answer.error));
  }

  #fail(answer: Extract<StoreAnswer, { kind: 'failed' }>): void {
    const core = this.#core;
    core.epoch = answer.epoch;
    core.outage = new SynapseError('STORE_UNAVAILABLE', answer.message);
    core.tick();
    core.gate.advance(answer.position);
    core.gate.abandon();
    this.#recovery.undo(core.gate.durable, core.outage);
    this.moves.abort(core.outage);
    this.census.abort(core.outage);
  }

  #recover(): void {
    const core = this.#core;
    core.outage = undefined;
    for (const seat of core.seats.values()) {
      if (seat.phase !== 'ready') continue;
      core.resend(seat);
      core.wake(seat);
    }
    this.#recovery.list([...core.owned]);
    core.ports.toClient(core.resendRequest());
    for (const tenant of core.missed) core.askAgain(tenant);
    core.missed.clear();
  }

  /** Runs up to `budget` turns, or until `isOver` says so. True when there is more to do. */
  run(budget: number, isOver: () => boolean = () => false): boolean {
    const core = this.#core;
    this.#agenda.collect();
    let left = budget;
    for (let untilLook = LOOK_EVERY; left > 0;) {
      const seat = this.#intake.solo ?? core.round.shift();
      if (seat === undefined) {
        this.#check();
        return core.round.length > 0;
      }
      const isSolo = seat === this.#intake.solo;
      if (isSolo && (seat.current === undefined || seat.waitsFor !== undefined)) return false; // waits for the disk
      if (!isSolo) seat.isQueued = false;
      const before = core.turnCount;
      core.tick();
      // Where nobody else waits, turns follow each other until the next look: 0.2 µs of 1.5 a turn less.
      this.#runSeat(seat, core.round.length === 0 ? Math.min(left, untilLook) : 1);
      this.#agenda.note(seat);
      if (seat.sending !== undefined) break; // a part takes as long as ten thousand turns
      const ran = Math.max(1, core.turnCount - before);
      left -= ran;
      untilLook -= ran;
      if (untilLook > 0) continue;
      if (isOver()) break; // turns may be long: those who wait are looked after in time
      untilLook = LOOK_EVERY;
    }
    this.#check();
    return core.round.length > 0;
  }

  /** To be asked when something has left for the store: a snapshot in parts may wait for that. True: there is more to do. */
  wakeStalled(): boolean {
    return this.#core.wakeStalled();
  }

  #check(): void {
    this.moves.check();
    this.census.check();
  }

  #runSeat(seat: Seat, turns: number): void {
    const core = this.#core;
    if (seat.waitsFor !== undefined || core.outage !== undefined) return;
    if (seat.sending !== undefined) {
      core.sendSnapshot(seat);
      return;
    }
    switch (seat.phase) {
      case 'closed':
        this.#recovery.open(seat);
        return;
      case 'replaying':
        this.#recovery.run(seat);
        return;
      case 'ready':
        seat.usedMs = core.ageMs(core.clockMs);
        this.#runReady(seat, turns);
        return;
      default:
    }
  }

  #runReady(seat: Seat, turns: number): void {
    const core = this.#core;
    if (core.heldShards.has(seat.shard) && seat.current === undefined) {
      this.moves.check();
      return;
    }
    try {
      this.#intake.run(seat, turns);
    } catch (error) {
      // A suspended turn that no longer runs as recorded: the tenant stops here, nothing is overwritten.
      if (!(error instanceof SynapseError) || error.code !== 'DIVERGED') throw error;
      const { current } = seat;
      this.#recovery.refuse(seat, error);
      if (current !== undefined) this.#intake.refuse(current.frame, error);
    }
    this.#sinceShrink += 1;
    if (this.#sinceShrink >= SHRINK_EVERY) {
      this.#sinceShrink = 0;
      this.#memory.shrink();
    }
  }

  /** Milliseconds since 1970 at which the next timer is due; infinity without one. */
  get nextDueMs(): number {
    return this.#agenda.nextDueMs;
  }

  /** Passivation; about once a second. `limit` lowers the number of actors kept, under memory pressure. */
  tick(limit?: number): void {
    this.#memory.tick();
    if (limit !== undefined) this.#memory.shrink(limit);
  }

  /** True when no tenant is being opened in the background. */
  get isOpened(): boolean {
    return this.#recovery.isDone || this.#core.outage !== undefined;
  }

  /** True when the snapshots that `snapshotAll` asked for are on disk, or will never be. */
  get areSnapshotsStored(): boolean {
    if (this.#core.outage !== undefined) return true;
    for (const seat of this.#core.awaitedSnapshots) {
      if (!seat.snapshotPending && !seat.snapshotWanted) this.#core.awaitedSnapshots.delete(seat);
    }
    return this.#core.awaitedSnapshots.size === 0;
  }

  /** `STORE_UNAVAILABLE` while the store takes nothing. */
  checkAvailable(): void {
    if (this.#core.outage !== undefined) throw this.#core.outage;
  }

  /** Asks for a snapshot of every tenant that has something new. */
  snapshotAll(): void {
    for (const seat of this.#core.seats.values()) {
      if (seat.phase !== 'ready' && seat.phase !== 'held') continue;
      if (seat.snapshotPending) this.#core.awaitedSnapshots.add(seat); // one in parts takes its time
      if (!this.#core.isDirty(seat)) continue;
      this.#core.awaitedSnapshots.add(seat);
      if (seat.current !== undefined || seat.snapshotPending) seat.snapshotWanted = true;
      else this.#core.snapshot(seat);
    }
  }

  /** True when all that was asked for is on disk and nothing runs or opens. */
  get isSettled(): boolean {
    const core = this.#core;
    if (core.outage !== undefined) return true;
    if (!this.#recovery.isDone || core.gate.durable < core.position) return false;
    for (const seat of core.seats.values()) {
      if (seat.phase === 'opening' || seat.phase === 'replaying') return false;
      if (seat.current !== undefined || seat.inbox.length > 0 || seat.snapshotPending || seat.snapshotWanted)
        return false;
    }
    return true;
  }

  /** True while something here waits until the store says that it is durable, beside what the store sends itself. */
  get awaitsDurable(): boolean {
    return this.#core.gate.awaitedCount > 0 || this.#core.heldShards.size > 0;
  }

  get tenantCount(): number {
    return this.#core.seats.size;
  }

  get actorCount(): number {
    return this.#core.cellCount;
  }

  get figures(): LaneFigures {
    return this.#figures(this.#depth.whole());
  }

  /** The same for who looks often: where there are many tenants, `mailboxDepth` may be a second old. */
  glance(nowMs: number, isIdle: boolean): LaneFigures {
    return this.#figures(this.#depth.glance(nowMs, isIdle));
  }

  #figures(mailboxDepth: number): LaneFigures {
    const core = this.#core;
    return {
      tenants: core.seats.size,
      actors: core.cellCount,
      mailboxDepth,
      turns: core.turnCount,
      steps: core.stepCount,
      restarts: core.restartCount,
      repeats: core.repeatCount,
      events: core.eventCount,
      durablePosition: core.gate.durable,
      position: core.position,
    };
  }
}
