/**
 * All that a domain is, as plain tables, and the few moves that every part of the kernel shares.
 *
 * A domain is a deterministic state machine: tables and the run queue change only inside a step, and
 * only by what the step's input and the recorded answers say. Here is no clock, no chance, no I/O and
 * no user code; the ports at the end are the doors to all of that.
 */
import { type Address, addressText } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { ByteSink } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { Queue } from '../base/queue.ts';
import { OneMap, RareMap, RareSet } from '../base/rare.ts';
import { decodeError, encodeError, errorCodeOf } from '../frame/frame.ts';
import type { Cell } from './cell.ts';
import { DedupTable } from './dedup.ts';
import type { ResolvedActor } from './definition.ts';
import type { KernelConfig, Registry } from './kernel-config.ts';
import type { DomainFacts, LogLevel } from './life-scope.ts';
import { type Job, type Message, type Outcome, type ReplyTo, actorPartsOf } from './message.ts';
import { Outbox } from './outbox.ts';
import { RowMarks } from './row-marks.ts';
import { SessionTable, sourceOf } from './session.ts';
import type { EffectRequest, Step } from './step.ts';
import { TimerTable } from './timer-table.ts';
import type { Turn } from './turn.ts';
import { WatchTable } from './watch-table.ts';

/** The doors of the kernel. A lane, the simulator and a test each bring their own. */
export interface KernelPorts {
  /** Runs all microtasks, and rejections nobody handled, before it returns. */
  drain(): void;
  /** What was rejected and not handled in the last drain. */
  takeUnhandled(): readonly unknown[];
  /** May a handler of another tenant's actor be reached? Asked once per message, the answer is recorded. */
  admit(from: string, to: string, type: string, handler: string): boolean;
  log(actor: Address, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> | undefined): void;
  /** Tells whose code runs now: for the guards and the watchdog. */
  enter(turn: Running): void;
  leave(): void;
}

/** What the guards need to know of the code that runs. */
export interface Running {
  readonly nowMs: number;
  readonly random: { random(): number; fill(bytes: Uint8Array): void; uuid(): string };
  where(): string;
  /** Fails the turn or query for what its code did, even where that code caught the error or got none. */
  spoil(fault: SynapseError): void;
}

/** Messages that wait for one actor: its turn is suspended, or it waits out a back-off. */
export interface Mailbox {
  readonly messages: Message[];
  sizeBytes: number;
  /** Set while a restart's back-off runs. */
  restarting: string | undefined;
  /** A job that takes the next message is in the run queue. Only true inside a step. */
  scheduled: boolean;
}

export const TURN_GROUP = 'sys:turn';
export const EFFECT_GROUP = 'sys:effect';

/**
 * Which rows of an actor changed. A number: all that it has, so many, since it was born after the last snapshot and
 * is as it was born (a set takes 200 bytes and more).
 */
export type DirtyRows = Set<string> | number;

/** Sinks that no step has: a domain between steps needs none, and there are many domains (a sink takes 3 KB). */
const freeSinks: ByteSink[] = [];
/** A sink that a long step has made larger is not kept. */
const SINK_MAX_BYTES = 64 << 10;
const NO_SINK = new ByteSink();

export class DomainState implements DomainFacts {
  // What each command asks for stands first, and side by side: of thousands of tenants called in turn an object is
  // in no cache of the processor, and each further line of it costs as much as ten that are.
  /** Host time, ms since the lane began, that is noted with each use of a cell; decides passivation and nothing else. */
  useMs = 0;
  /** The store may have actors that are not in memory. False while none was read or put out: then nobody needs to ask. */
  mayLackCells = false;
  seq = 0;
  nowMs = 0;
  nextTurnId = 1;
  suspendedUntilMs = 0;
  dirtyRowCount = 0;
  /** Between steps the queue is empty and there is no step. */
  step: Step | undefined = undefined;
  /** Of the step that runs. */
  digestSink: ByteSink = NO_SINK;
  readonly queue: Queue<Job> = new Queue();
  sessions: SessionTable = new SessionTable();
  /** Version of each actor type that this domain has used. */
  readonly types: OneMap<string, number> = new OneMap();
  /** Actors in memory, in the order of their last use. */
  readonly cells: OneMap<string, Cell> = new OneMap();
  /** Changed rows by actor since the last snapshot. */
  dirty: OneMap<string, DirtyRows> = new OneMap();
  /** Suspended turns, live or dormant. */
  readonly turns: RareMap<number, Turn> = new RareMap();
  readonly turnOf: RareMap<string, Turn> = new RareMap();
  readonly mailboxes: RareMap<string, Mailbox> = new RareMap();
  /** Actors known not to be in the store. */
  readonly absent: RareSet<string> = new RareSet();
  timers: TimerTable = new TimerTable();
  config: KernelConfig;
  readonly registry: Registry;
  readonly ports: KernelPorts;
  readonly tenant: string;
  readonly shard: number;

  nextTimerOrder = 1;
  topics: Map<string, number> = new Map();
  dedup: DedupTable = new DedupTable();
  outbox: Outbox = new Outbox();
  readonly turnMarks: RowMarks = new RowMarks(TURN_GROUP);
  readonly effects: RareMap<string, EffectRequest> = new RareMap();
  readonly effectMarks: RowMarks = new RowMarks(EFFECT_GROUP);
  readonly watches: WatchTable = new WatchTable();
  /** Times of restarts of actors that never came to exist. */
  unborn: Map<string, readonly number[]> = new Map();
  /** Actors whose rows in the store are void: erased since the last durable snapshot. */
  erased: RareSet<string> = new RareSet();
  /** As `erased`, and the snapshot that says so is on its way to the disk. */
  erasedPending: RareSet<string> = new RareSet();
  /** Actors with rows in a snapshot on its way to the disk. */
  dirtyPending: OneMap<string, DirtyRows> = new OneMap();

  constructor(tenant: string, shard: number, registry: Registry, config: KernelConfig, ports: KernelPorts) {
    this.tenant = tenant;
    this.shard = shard;
    this.registry = registry;
    this.config = config;
    this.ports = ports;
  }

  takeSink(): ByteSink {
    this.digestSink = freeSinks.pop() ?? new ByteSink();
    return this.digestSink;
  }

  giveSink(): void {
    if (this.digestSink.length < SINK_MAX_BYTES) freeSinks.push(this.digestSink);
    this.digestSink = NO_SINK;
  }

  /** The step that runs. */
  get running(): Step {
    assert(this.step !== undefined, 'a step is under way');
    return this.step;
  }

  addressOf(actorId: string): Address {
    return { tenant: this.tenant, ...actorPartsOf(actorId) };
  }

  actorText(actorId: string): string {
    return addressText(this.addressOf(actorId));
  }

  /** The definition that runs for `type` now: of the version that this domain has been brought to. */
  definitionOf(type: string): ResolvedActor | undefined {
    const { step } = this;
    if (step === undefined) return this.#resolve(type);
    if (step.knownType !== type) {
      const definition = this.#resolve(type);
      if (definition === undefined) return undefined;
      step.knownDefinition = definition;
      step.knownType = type;
    }
    return step.knownDefinition;
  }

  #resolve(type: string): ResolvedActor | undefined {
    const version = this.types.get(type) ?? this.config.types[type];
    if (version === undefined) return undefined;
    const definition = this.registry.resolve(type, version);
    if (definition === undefined && this.step?.isReplay === true) throw this.#missingVersion(type, version);
    return definition;
  }

  /** A recorded input needs code that is not here. A type that was left out altogether is told by its steps' digests. */
  #missingVersion(type: string, version: number): SynapseError {
    const { tenant, seq } = this;
    const text = `tenant ${tenant}: step ${seq} was recorded by version ${version} of ${type}; give its module in \`previous\``;
    return new SynapseError('DIVERGED', text, { tenant, seq, type, version });
  }

  existence(actorId: string): 'yes' | 'no' | 'unknown' {
    if (this.turnOf.has(actorId)) return 'yes'; // its first turn may be suspended
    if (!this.isResident(actorId)) return 'unknown';
    return this.cells.get(actorId)?.exists === true ? 'yes' : 'no';
  }

  /** True when all that is to be known of the actor is in memory, its absence included. */
  isResident(actorId: string): boolean {
    if (!this.mayLackCells || this.cells.has(actorId)) return true;
    return this.absent.has(actorId) || this.erased.has(actorId) || this.erasedPending.has(actorId);
  }

  log(actor: Address, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> | undefined): void {
    if (this.step?.isReplay !== true) this.ports.log(actor, level, message, fields);
  }

  enqueue(job: Job): void {
    this.queue.push(job);
  }

  markRow(actorId: string, name: string): void {
    this.markIn(this.dirtyRows(actorId), name);
  }

  /** Marks a row of an actor of which several are marked: those that changed are looked up once for all of them. */
  markIn(names: Set<string>, name: string): void {
    if (names.has(name)) return;
    names.add(name);
    this.dirtyRowCount += 1;
  }

  /** Names of the rows of an actor that changed, to be marked. */
  dirtyRows(actorId: string): Set<string> {
    const known = this.dirty.get(actorId);
    if (typeof known === 'object') return known;
    const names = new Set(known === undefined ? undefined : this.cells.get(actorId)?.newRowNames());
    this.dirty.set(actorId, names);
    this.dirtyRowCount += names.size - (known ?? 0);
    return names;
  }

  /** Marks all rows of a cell that has just come to exist. */
  markBirth(cell: Cell, names: readonly string[]): void {
    if (this.dirty.has(cell.id)) {
      for (const name of names) this.markRow(cell.id, name); // beside rows of an earlier life that are still to go
      return;
    }
    this.dirty.set(cell.id, names.length);
    this.dirtyRowCount += names.length;
  }

  /** Marks all rows of a cell that ends. */
  markEnd(cell: Cell): void {
    const known = this.dirty.get(cell.id);
    if (typeof known === 'number') {
      this.dirty.delete(cell.id); // nothing of it was ever stored
      this.dirtyRowCount -= known;
      return;
    }
    for (const name of cell.rowNames()) this.markRow(cell.id, name);
  }

  /** Names of the rows that changed, of one entry of `dirty`. */
  dirtyNames(actorId: string, rows: DirtyRows): Iterable<string> {
    return typeof rows === 'object' ? rows : (this.cells.get(actorId)?.newRowNames() ?? []);
  }

  mailboxOf(actorId: string): Mailbox {
    let mailbox = this.mailboxes.get(actorId);
    if (mailbox === undefined) {
      mailbox = { messages: [], sizeBytes: 0, restarting: undefined, scheduled: false };
      this.mailboxes.set(actorId, mailbox);
    }
    return mailbox;
  }

  /** True while a command of the actor has to wait. */
  isBusy(actorId: string): boolean {
    return (
      (this.mailboxes.size > 0 && this.mailboxes.has(actorId)) || (this.turnOf.size > 0 && this.turnOf.has(actorId))
    );
  }

  /** Sends an outcome to whoever waits for it, and keeps it where a repeat may ask again. */
  reply(message: Message, outcome: Outcome): void {
    const step = this.running;
    if (message.idempotencyKey !== undefined) {
      const waiters = this.dedup.answer(message.idempotencyKey, outcome);
      for (const waiter of waiters) this.#answer(waiter, outcome, message);
      step.put({ kind: 'answered', idempotencyKey: message.idempotencyKey, ...outcome });
    }
    this.#answer(message.replyTo, outcome, message);
  }

  #answer(replyTo: ReplyTo, outcome: Outcome, message: Message): void {
    const step = this.running;
    const { ok, payload } = outcome;
    switch (replyTo.kind) {
      case 'none':
        if (!ok && message.role === 'command') this.#deadLetter(message, outcome);
        return;
      case 'turn':
        this.enqueue({ kind: 'result', turnId: replyTo.turnId, callIndex: replyTo.callIndex, outcome });
        return;
      case 'client': {
        const { incarnation, messageId } = replyTo;
        if (message.role !== 'query') this.sessions.answer(sourceOf(undefined, incarnation), messageId, outcome);
        step.note('reply', messageId, ok ? 'ok' : 'error', digestOf(outcome));
        step.put({ kind: 'reply', incarnation, messageId, ok, payload });
        return;
      }
      case 'tenant': {
        const { tenant, incarnation, messageId, tell } = replyTo;
        if (message.role !== 'query') this.sessions.answer(sourceOf(tenant, incarnation), messageId, outcome);
        step.note('tenant-reply', tenant, messageId, ok ? 'ok' : 'error', digestOf(outcome));
        step.put({ kind: 'tenant-reply', tenant, incarnation, messageId, ok, tell, payload });
      }
    }
  }

  #deadLetter(message: Message, outcome: Outcome): void {
    const error = decodeError(outcome.payload);
    const address = { tenant: this.tenant, type: message.type, key: message.key };
    this.deadLetter(address, message.handler, message.args.bytes, error);
  }

  deadLetter(address: Address, handler: string, args: Uint8Array, error: SynapseError): void {
    this.running.put({
      kind: 'dead-letter',
      address,
      handler,
      args,
      reason: error.code,
      message: error.message,
    });
  }
}

/** What of an outcome enters the digest: of a failure the code, of a refusal everything. */
export function digestOf(outcome: Outcome): Uint8Array | string {
  if (outcome.ok) return outcome.payload;
  const code = errorCodeOf(outcome.payload);
  return code === 'REFUSED' ? outcome.payload : code;
}

/** An error as an outcome. */
export function failureOf(error: SynapseError): Outcome {
  return { ok: false, payload: encodeError(error) };
}
