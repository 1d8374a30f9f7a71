/**
 * Opening a tenant: its last snapshot, then the tail of its journal through the same code as live
 * execution. What a replayed step puts out is dropped: replies are kept in the sessions and are
 * asked for again, messages and effects that are still open leave again at the end.
 *
 * A step whose digest differs, or that needs a version not here, refuses the tenant with `DIVERGED`;
 * damaged rows refuse it with `STORE_CORRUPT`. Nothing of it is overwritten, others are served.
 */
import { restoreDomain, versionsToMigrate } from '../actor/domain-image.ts';
import { decodeRecord } from '../actor/record.ts';
import type { ListedTenant, StoreAnswer } from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import { Queue } from '../base/queue.ts';
import { encodeValue } from '../frame/codec.ts';
import { FRAME_KIND, Frame, decodeError } from '../frame/frame.ts';
import { type Intake, POISON_DEATHS } from './intake.ts';
import { identityOf, ownFrame } from './lane-frame.ts';
import type { LaneCore } from './lane-core.ts';
import type { Seat } from './seat.ts';

/** Tenants opened at a time without a message: enough to keep the store busy, few enough to let messages by. */
const OPENING_MAX = 16;

/** The next are asked for when no more than these are left: store and lane wake each other for some at a time. */
const OPENING_LOW = 8;

/** Turns of a replay before other tenants have theirs. */
const TURNS_PER_GO = 8;

export class Recovery {
  readonly #core: LaneCore;
  readonly #intake: Intake;
  /** Tenants to look at without a message: they may have timers, effects or messages of their own under way. */
  readonly #backlog: Queue<ListedTenant> = new Queue();
  readonly #opening: Set<string> = new Set();
  #listsPending = 0;

  constructor(core: LaneCore, intake: Intake) {
    this.#core = core;
    this.#intake = intake;
  }

  get isDone(): boolean {
    return this.#listsPending === 0 && this.#backlog.length === 0 && this.#opening.size === 0;
  }

  /** Asks the store which tenants there are; they are opened in the background. */
  list(shards: readonly number[]): void {
    this.#listsPending += 1;
    this.#core.ask({ kind: 'list', shards });
  }

  takeList({ tenants, isLast }: Extract<StoreAnswer, { kind: 'list' }>): void {
    // One asked for before an outage may be answered after it, beside the one asked for anew: it counts for nothing.
    if (isLast) this.#listsPending = Math.max(0, this.#listsPending - 1);
    this.openAll(tenants);
  }

  /** Opens tenants in the background. */
  openAll(tenants: readonly ListedTenant[]): void {
    for (const listed of tenants) if (this.#core.owned.has(listed.shard)) this.#backlog.push(listed);
    this.#openMore();
  }

  #openMore(): void {
    if (this.#opening.size > OPENING_LOW) return;
    while (this.#opening.size < OPENING_MAX) {
      const listed = this.#backlog.shift();
      if (listed === undefined) return;
      const seat = this.#core.seatOf(listed.tenant, listed.shard);
      if (seat.phase !== 'closed' || this.#core.outage !== undefined) continue;
      this.#opening.add(seat.tenant);
      this.open(seat);
    }
  }

  open(seat: Seat): void {
    seat.phase = 'opening';
    this.#core.ask({ kind: 'open', tenant: seat.tenant });
  }

  takeDomain(answer: Extract<StoreAnswer, { kind: 'domain' }>): void {
    const seat = this.#core.seats.get(answer.tenant);
    if (seat === undefined || seat.phase !== 'opening') return;
    if (answer.error !== undefined) {
      this.refuse(seat, decodeError(answer.error));
      return;
    }
    const domain = this.#core.newDomain(seat);
    if (answer.image !== undefined) restoreDomain(domain.state, answer.image, answer.system);
    seat.isTrimmed = answer.isTrimmed;
    seat.domain = domain;
    seat.phase = 'replaying';
    this.#core.wake(seat);
  }

  takeRecords(answer: Extract<StoreAnswer, { kind: 'records' }>): void {
    const seat = this.#core.seats.get(answer.tenant);
    // All are here: an opening asked for before an outage is answered after it, beside the one asked for anew.
    if (seat === undefined || seat.phase !== 'replaying' || seat.hasAllRecords) return;
    if (answer.error !== undefined) {
      this.refuse(seat, decodeError(answer.error));
      return;
    }
    seat.records ??= new Queue();
    for (const body of answer.bodies) seat.records.push(body);
    seat.hasAllRecords = answer.isLast;
    this.#core.wake(seat);
  }

  /** Gives a replaying seat one go. */
  run(seat: Seat): void {
    try {
      let left = TURNS_PER_GO;
      while (left > 0 && this.#replay(seat)) left -= 1;
      if (left === 0) this.#core.wake(seat);
    } catch (error) {
      if (!(error instanceof SynapseError)) throw error;
      this.refuse(seat, error);
    }
  }

  /** One turn of a step, or the beginning of the next. False when it cannot go on at once. */
  #replay(seat: Seat): boolean {
    if (seat.domain === undefined || seat.phase !== 'replaying' || seat.waitsFor !== undefined) return false;
    if (seat.current !== undefined) {
      this.#intake.advance(seat);
      return true;
    }
    const body = seat.records?.shift();
    if (body !== undefined) {
      this.#begin(seat, body);
      return true;
    }
    if (seat.hasAllRecords) this.#finish(seat);
    return false;
  }

  #begin(seat: Seat, body: Uint8Array): void {
    const { domain } = seat;
    if (domain === undefined) return;
    const core = this.#core;
    const record = decodeRecord(body);
    const config = core.setup.configs.get(record.configId);
    if (config === undefined) {
      throw new SynapseError(
        'STORE_CORRUPT',
        `tenant ${seat.tenant}: a record names configuration ${record.configId}, which is not there`,
        {
          tenant: seat.tenant,
          seq: domain.state.seq + 1,
        },
      );
    }
    domain.state.config = config;
    const frame = Frame.parse(record.frame);
    const { suspects } = this.#intake;
    const deaths = suspects.size === 0 ? 0 : (suspects.get(identityOf(frame)) ?? 0); // a name made costs 0.7 µs
    if (deaths >= POISON_DEATHS && frame.kind !== FRAME_KIND.poison) {
      throw new SynapseError(
        'DIVERGED',
        `tenant ${seat.tenant}: step ${domain.state.seq + 1} kills its lane when it is replayed`,
        {
          tenant: seat.tenant,
          seq: domain.state.seq + 1,
        },
      );
    }
    const { nowMs, seed, acks, decisions, digest } = record;
    seat.current = { frame, nowMs, seed, acks, expected: digest, origin: undefined };
    seat.stepsSinceSnapshot += 1;
    seat.bytesSinceSnapshot += body.length;
    domain.begin(frame, { nowMs, seed, acks, decisions });
  }

  /** All is as it was: what is open leaves again, and newer versions are recorded as an input. */
  #finish(seat: Seat): void {
    const core = this.#core;
    const { domain } = seat;
    if (domain === undefined) return;
    domain.state.config = core.config;
    const versions = versionsToMigrate(domain.state);
    seat.records = undefined;
    this.#opening.delete(seat.tenant);
    this.#intake.count(seat);
    seat.phase = core.heldShards.has(seat.shard) ? 'held' : 'ready';
    if (seat.phase === 'ready') this.goLive(seat, versions);
    this.#openMore();
  }

  goLive(seat: Seat, versions: Readonly<Record<string, number>>): void {
    seat.phase = 'ready';
    if (Object.keys(versions).length > 0) {
      const { tenant, shard } = seat;
      const frame = ownFrame('control', tenant, shard, 'migrate', encodeValue(versions), this.#core.ports.nowMs());
      // Before all that waits: those messages are for the new version.
      const waiting = seat.inbox.drain();
      seat.inbox.push(frame);
      for (const other of waiting) seat.inbox.push(other);
    }
    this.#core.resume(seat);
    this.#core.wake(seat);
  }

  /** Serves this tenant no more; everything that waits hears why. */
  refuse(seat: Seat, error: SynapseError): void {
    seat.phase = 'refused';
    seat.error = error;
    // Of an erased tenant nobody will ever be told more; else what is under way may yet prove to be durable.
    this.#core.gate.abandonOf(seat, error.code === 'INVALID_ADDRESS' ? error : undefined);
    for (const frames of seat.waiters.values()) for (const frame of frames) this.#intake.refuse(frame, error);
    seat.waiters.clear();
    this.clear(seat);
    this.#opening.delete(seat.tenant);
    for (const frame of seat.inbox.drain()) this.#intake.refuse(frame, error);
    this.#openMore();
  }

  /** Drops a seat's domain from memory. */
  clear(seat: Seat): void {
    this.#core.cellCount -= seat.cellCount;
    seat.cellCount = 0;
    seat.domain = undefined;
    seat.current = undefined;
    seat.records = undefined;
    seat.hasAllRecords = false;
    seat.waitsFor = undefined;
    seat.loading.clear();
    seat.takeAcks();
    this.#intake.giveUp(seat);
    seat.snapshotPending = false;
    seat.sending = undefined;
    seat.snapshotWanted = false;
    seat.timerQueued = undefined;
    seat.agendaMs = undefined;
    seat.stepsSinceSnapshot = 0;
    seat.bytesSinceSnapshot = 0;
    this.#opening.delete(seat.tenant);
  }

  /** The store failed: what is not durable is undone, by forgetting it and reading what is. */
  undo(durable: number, outage: SynapseError): void {
    for (const seat of this.#core.seats.values()) {
      for (const frames of seat.waiters.values()) for (const frame of frames) this.#intake.refuse(frame, outage);
      seat.waiters.clear();
      for (const frame of seat.inbox.drain()) this.#intake.refuse(frame, outage);
      seat.arrived.clear(); // what was drained is sent again
      seat.timerQueued = undefined;
      const isWhole =
        seat.phase === 'ready' && seat.current === undefined && !seat.snapshotPending && seat.lastPosition <= durable;
      seat.lastPosition = Math.min(seat.lastPosition, durable); // what it waits for beyond that will never be
      seat.waitsFor = undefined; // what was asked for will not be answered
      seat.loading.clear();
      if (isWhole || seat.phase === 'refused') continue;
      const { current } = seat;
      if (current !== undefined && current.expected === undefined) this.#intake.refuse(current.frame, outage);
      this.clear(seat);
      seat.phase = 'closed';
    }
    this.#backlog.drain();
    this.#listsPending = 0;
    this.#opening.clear();
  }
}
