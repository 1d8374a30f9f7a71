/**
 * What the parts of a lane share: its seats, its gate, its ports, and the few moves on them. The
 * parts (taking in, recovery, memory, moves) stand in files of their own and meet here.
 */
import { Domain } from '../actor/domain.ts';
import { DomainState, type KernelPorts } from '../actor/domain-state.ts';
import { changedRowCount, changedRows, encodeImage, snapshotStored, takeSnapshot } from '../actor/domain-image.ts';
import { SNAPSHOT_ORDER } from '../actor/input.ts';
import { packRows } from '../actor/row-pack.ts';
import type { KernelConfig, Registry } from '../actor/kernel-config.ts';
import { type StepBody, encodeRecord } from '../actor/record.ts';
import {
  type StepRequest,
  type StoreRead,
  type StoreRequest,
  encodeStepRequest,
  encodeStoreRequest,
} from '../actor/store-port.ts';
import type { Output } from '../actor/step.ts';
import { shardOf } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { Queue } from '../base/queue.ts';
import { SynapseError } from '../base/error.ts';
import { SEED_BYTES } from '../base/seeded.ts';
import { Frame } from '../frame/frame.ts';
import { frameShard } from '../frame/header.ts';
import { OutputGate } from './gate.ts';
import {
  type Notice,
  answerFrame,
  cancelFrame,
  clientReply,
  effectFrame,
  noticeFrame,
  ownFrame,
  resendOrder,
  sendFrame,
  tenantReply,
} from './lane-frame.ts';
import { Seat } from './seat.ts';
import { SnapshotSending } from './snapshot-sending.ts';
import { type Answer, UnrecordedAnswers } from './unrecorded.ts';

const NOTHING = new Uint8Array(0);

/** The doors of a lane. Threads, the simulator and tests each bring their own. */
export interface LanePorts {
  /** The host's clock, ms since 1970. */
  nowMs(): number;
  /** Fresh chance for the seed of a step. */
  fillSeed(bytes: Uint8Array): void;
  /** The bytes hold only during the call. */
  toClient(bytes: Uint8Array): void;
  /** To the lane that the shard is pinned to, this one included. The bytes hold only during the call. */
  toShard(shard: number, bytes: Uint8Array): void;
  /** The bytes hold only during the call: who keeps them copies them. */
  toStore(bytes: Uint8Array): void;
  /** So much waits on its way to the store that a snapshot in parts holds back; left out: never. */
  isStoreFull?(): boolean;
  /** The input whose code is about to run, or none: what a death is blamed on. */
  blame(frame: Frame | undefined): void;
}

/** Limits of a lane; each with its reason where its default is set (system options). */
export interface LaneLimits {
  readonly shards: number;
  readonly snapshotEverySteps: number;
  readonly snapshotEveryBytes: number;
  readonly snapshotEveryRows: number;
  /** Rows of a snapshot in one message. */
  readonly snapshotPartBytes: number;
  readonly maxActiveActors: number;
  /** Every snapshot is recorded as an input: wanted where the journal may be trimmed up to it. */
  readonly recordsSnapshots: boolean;
}

export interface LaneSetup {
  readonly registry: Registry;
  /** Configurations by number; recorded steps name theirs. */
  readonly configs: ReadonlyMap<number, KernelConfig>;
  readonly configId: number;
  readonly limits: LaneLimits;
  readonly ports: LanePorts;
  readonly kernel: KernelPorts;
}

/** From here on first snapshots are spread; whoever asks for fewer steps wants to know when they come. */
const SPREAD_FROM_STEPS = 1_000;

/**
 * Steps by which a tenant's first snapshot comes early, drawn from its name: tenants called in turn would all have theirs
 * at once. From the whole way: a lane long under load stalls when its first comes, whose code the engine has never seen.
 */
function leadOf(tenant: string, everySteps: number): number {
  return everySteps < SPREAD_FROM_STEPS ? 0 : shardOf(tenant, everySteps);
}

export class LaneCore {
  readonly setup: LaneSetup;
  readonly config: KernelConfig;
  readonly seats: Map<string, Seat> = new Map();
  readonly gate: OutputGate = new OutputGate();
  readonly owned: Set<number> = new Set();
  readonly heldShards: Set<number> = new Set();
  /** Seats that have something to do, in turn. */
  readonly round: Queue<Seat> = new Queue();
  /** Seats whose snapshot somebody waits for. */
  readonly awaitedSnapshots: Set<Seat> = new Set();
  epoch = 0;
  position = 0;
  /** When the lane began: the use of cells is counted from here, since a small number takes no place of its own (16 bytes). */
  readonly bornMs: number;
  /** Host time, ms, as it was read last: once for each turn and each batch of answers. */
  clockMs = 0;
  /** Set while the store takes nothing. */
  outage: SynapseError | undefined = undefined;
  /** Tenants whose messages were dropped meanwhile. */
  readonly missed: Set<string> = new Set();
  readonly unrecorded: UnrecordedAnswers = new UnrecordedAnswers();
  cellCount = 0;
  turnCount = 0;
  stepCount = 0;
  repeatCount = 0;
  restartCount = 0;
  eventCount = 0;
  /** Seats whose snapshot goes on when the store can take more. */
  readonly #stalled: Set<Seat> = new Set();
  #rootsId = 0;

  constructor(setup: LaneSetup) {
    this.setup = setup;
    const config = setup.configs.get(setup.configId);
    if (config === undefined) throw new SynapseError('INVALID_ARGUMENT', `there is no configuration ${setup.configId}`);
    this.config = config;
    this.bornMs = setup.ports.nowMs();
  }

  get ports(): LanePorts {
    return this.setup.ports;
  }

  /** Reads the clock. */
  tick(): number {
    this.clockMs = this.setup.ports.nowMs();
    return this.clockMs;
  }

  /** Whole ms from the lane's beginning to `nowMs`: as a difference alone it would be a number on the heap, in each cell. */
  ageMs(nowMs: number): number {
    return Math.floor(nowMs - this.bornMs);
  }

  get shards(): number {
    return this.setup.limits.shards;
  }

  seatOf(tenant: string, shard: number): Seat {
    let seat = this.seats.get(tenant);
    if (seat === undefined) {
      seat = new Seat(tenant, shard);
      seat.snapshotLead = leadOf(tenant, this.setup.limits.snapshotEverySteps);
      this.seats.set(tenant, seat);
    }
    return seat;
  }

  newDomain(seat: Seat): Domain {
    const state = new DomainState(seat.tenant, seat.shard, this.setup.registry, this.config, this.setup.kernel);
    return new Domain(state);
  }

  /** Puts the seat into the round, unless it is there or has to wait for something. */
  wake(seat: Seat): void {
    if (seat.isQueued || seat.waitsFor !== undefined) return;
    seat.isQueued = true;
    this.round.push(seat);
  }

  toStore(request: Exclude<StoreRequest, StepRequest>): void {
    this.ports.toStore(encodeStoreRequest(request));
  }

  /** Sends a step with its record to the store; returns the record's size in bytes. */
  stepToStore(seat: Seat, seq: number, record: StepBody, outputs: readonly Output[]): number {
    const { tenant, shard } = seat;
    const place = { epoch: this.epoch, position: this.position, shard, tenant, seq };
    const { bytes, recordBytes } = encodeStepRequest(place, record, outputs);
    this.ports.toStore(bytes);
    return recordBytes;
  }

  /** Asks for the roots that a tenant has now; the answer names the id. */
  askRoots(seat: Seat, state: DomainState): number {
    this.#rootsId += 1;
    const id = this.#rootsId;
    this.ask({
      kind: 'roots',
      id,
      tenant: seat.tenant,
      seq: state.seq,
      image: encodeImage(state),
      changes: packRows(changedRows(state)),
    });
    return id;
  }

  /** Asks the store, under the lane's epoch: a failure makes it void. */
  ask(read: StoreRead): void {
    this.toStore({ ...read, epoch: this.epoch });
  }

  /** Asks for an actor's rows, once. */
  load(seat: Seat, actorId: string, group: string): void {
    if (seat.loading.has(actorId)) return;
    seat.loading.add(actorId);
    this.ask({ kind: 'load', tenant: seat.tenant, group, actorId });
  }

  notice(notice: Notice): void {
    this.ports.toClient(noticeFrame(notice, this.ports.nowMs()));
  }

  /** Asks the embedder's sender for everything it has not seen settled. */
  resendRequest(): Uint8Array {
    return noticeFrame({ kind: 'resend', shards: [...this.owned] }, this.ports.nowMs());
  }

  /** Asks another tenant for all that it has open. */
  askAgain(tenant: string): void {
    this.#send(resendOrder(tenant, this.shards, this.ports.nowMs()).bytes);
  }

  /** Answers the sender of a frame, where it waits for one. */
  answer(frame: Frame, outcome: Answer): void {
    const made = answerFrame(frame, outcome, this.shards, this.ports.nowMs());
    if (made === undefined) return;
    if (made.to === 'client') this.ports.toClient(made.bytes);
    else this.ports.toShard(made.shard, made.bytes);
  }

  /** Answers a message that no record will tell of: another copy of it must not run. */
  answerUnrecorded(frame: Frame, answer: Answer): void {
    this.unrecorded.note(frame, answer);
    this.answer(frame, answer);
  }

  /**
   * Takes a snapshot of a domain between steps and sends it to the store. Where the journal is kept whole it
   * follows from the records and is none itself; where it is trimmed, or acknowledgements are to be noted, it
   * is a recorded input with a seq of its own, and the audit log holds its roots (docs/adr/0033).
   */
  snapshot(seat: Seat): void {
    const state = seat.domain?.state;
    seat.snapshotWanted = false;
    if (state === undefined || seat.snapshotPending || state.step !== undefined || state.seq === 0) return;
    if (this.outage !== undefined) return; // the store would not hear of it, and nobody would answer
    if (this.heldShards.has(seat.shard)) {
      seat.snapshotWanted = true; // two lanes have the tenant: what one of them stored, the other would not know of
      return;
    }
    const isRecorded = this.setup.limits.recordsSnapshots || seat.isTrimmed || seat.acks.size > 0;
    const body = isRecorded ? this.#recordSnapshot(seat) : undefined;
    const { tenant, shard } = seat;
    const origin = { tenant, shard, rowCount: changedRowCount(state) };
    seat.sending = new SnapshotSending(origin, takeSnapshot(state), body);
    seat.snapshotPending = true;
    seat.stepsSinceSnapshot = 0;
    seat.snapshotLead = 0;
    seat.bytesSinceSnapshot = 0;
    this.#sendRows(seat, seat.sending, true);
  }

  /**
   * Sends a further part of a snapshot. Until the last has left no step of the tenant begins: the rows are read as they
   * go. Where it is recorded none begins before it is stored: its record comes to the journal with its roots.
   */
  sendSnapshot(seat: Seat): void {
    const { sending } = seat;
    if (sending === undefined || sending.isSent) return;
    if (this.ports.isStoreFull?.() === true) this.#stalled.add(seat);
    else this.#sendRows(seat, sending, false);
  }

  #sendRows(seat: Seat, sending: SnapshotSending, isFirst: boolean): void {
    const isLast = sending.fill(this.setup.limits.snapshotPartBytes);
    if (isFirst && isLast) {
      this.position += 1;
      seat.lastPosition = this.position;
    }
    this.toStore(sending.message({ epoch: this.epoch, position: this.position }));
    if (isLast && (isFirst || !sending.isRecorded)) seat.sending = undefined;
    if (!isFirst || !isLast) this.wake(seat);
  }

  /** Snapshots that waited until the store can take more go on; true where one does. */
  wakeStalled(): boolean {
    if (this.#stalled.size === 0 || this.ports.isStoreFull?.() === true) return false;
    for (const seat of this.#stalled) this.wake(seat);
    this.#stalled.clear();
    return true;
  }

  /** The step under which a snapshot is recorded: it takes note of acknowledgements, and changes nothing else. */
  #recordSnapshot(seat: Seat): Uint8Array {
    const { domain } = seat;
    assert(domain !== undefined, 'a snapshot is of an open domain');
    const nowMs = this.ports.nowMs();
    const { bytes } = ownFrame('control', seat.tenant, seat.shard, SNAPSHOT_ORDER, NOTHING, nowMs);
    const terms = { nowMs, seed: new Uint8Array(SEED_BYTES), acks: seat.takeAcks() };
    domain.begin(new Frame(bytes), terms);
    const { digest, decisions } = domain.end();
    this.stepCount += 1;
    return encodeRecord({ configId: this.setup.configId, ...terms, digest, decisions, frame: bytes });
  }

  snapshotStored(seat: Seat): void {
    seat.snapshotPending = false;
    if (seat.sending !== undefined) {
      seat.sending = undefined;
      this.wake(seat);
    }
    if (seat.domain !== undefined) snapshotStored(seat.domain.state);
    if (seat.snapshotWanted) this.snapshot(seat);
  }

  /** True when a snapshot would hold something new. */
  isDirty(seat: Seat): boolean {
    const state = seat.domain?.state;
    if (state === undefined) return false;
    return seat.stepsSinceSnapshot > 0 || seat.acks.size > 0 || changedRowCount(state) > 0;
  }

  /** Sends one output of a durable step on its way. */
  release(seat: Seat, output: Output): void {
    const { ports, shards, clockMs: timeMs } = this;
    const state = seat.domain?.state;
    switch (output.kind) {
      case 'reply':
        ports.toClient(clientReply(output.incarnation, output.messageId, output.ok, output.payload, timeMs));
        return;
      case 'tenant-reply':
        this.#send(tenantReply({ tenant: seat.tenant, type: '', key: '' }, output, output, shards, timeMs));
        return;
      case 'send':
        if (state === undefined) return;
        this.#send(sendFrame(state, output.entry, false, shards));
        return;
      case 'effect':
        // Settled or cancelled in the meantime: nobody waits for it.
        if (state?.effects.has(output.request.id) === true) ports.toClient(effectFrame(state, output.request, false));
        return;
      case 'cancel-effect':
        if (state !== undefined) ports.toClient(cancelFrame(state, output.id));
        return;
      case 'answered':
        for (const frame of seat.waiters.get(output.idempotencyKey) ?? []) this.answerUnrecorded(frame, output);
        seat.waiters.delete(output.idempotencyKey);
        return;
      case 'dead-letter': {
        const { address, handler, args, reason, message } = output;
        this.notice({ kind: 'dead-letter', address, handler, args, reason, message });
        return;
      }
      case 'supervision': {
        if (output.event === 'restart') this.restartCount += 1;
        const { event, address, reason, untilMs } = output;
        this.notice({ kind: event, tenant: seat.tenant, address, reason, untilMs });
        return;
      }
      case 'event':
        this.eventCount += 1; // the store has it; its readers are told by the store
    }
  }

  #send(bytes: Uint8Array): void {
    this.ports.toShard(frameShard(bytes), bytes);
  }

  /** Sends again what other tenants have not acknowledged, and what effects have not come back. */
  resume(seat: Seat): void {
    const state = seat.domain?.state;
    if (state === undefined) return;
    for (const request of state.effects.values()) this.ports.toClient(effectFrame(state, request, true));
    this.resend(seat);
  }

  resend(seat: Seat): void {
    const state = seat.domain?.state;
    // The messages of a step under way are in the outbox already: of a step that may come to nothing.
    seat.resendWanted = state?.step !== undefined;
    if (state === undefined || seat.resendWanted) return;
    // Only what is durable may leave; what is sent from now on leaves with its own step.
    const entries = [...state.outbox.entries()];
    this.gate.hold(seat, seat.lastPosition, () => {
      for (const entry of entries) {
        if (state.outbox.find(entry) === entry) this.#send(sendFrame(state, entry, true, this.shards));
      }
    });
  }
}
