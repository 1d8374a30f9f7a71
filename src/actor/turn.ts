/**
 * A turn: one message being handled by one actor, from its first line to its end.
 *
 * What a turn asks for leaves in two ways. Calls and effects leave when they are made (at the end of
 * the stretch of code that made them) and are not undone. All else (tells, emits, timers, spawns,
 * watches, the stop) waits in `orders` and takes effect when the turn has succeeded.
 *
 * A suspended turn can be thrown away and run again: with the same message, seed and state, and with
 * `results` delivered in the recorded order, it arrives at the same place. Calls that have left
 * already (`sentCount`) are not sent again.
 */
import type { SynapseError } from '../base/error.ts';
import { SeededRandom } from '../base/seeded.ts';
import type { Cell } from './cell.ts';
import type { Sender } from './context-types.ts';
import type { ResolvedActor } from './definition.ts';
import { outOfReach } from './failure.ts';
import { type Message, actorIdOf } from './message.ts';
import { WriteLog } from './write-log.ts';

/** What a turn waits for; `waitsFor` names an actor of this domain whose turn has to end first. */
export type Call =
  | {
      readonly kind: 'local';
      readonly index: number;
      readonly actorId: string;
      readonly type: string;
      readonly key: string;
      readonly handler: string;
      readonly query: boolean;
      readonly args: Uint8Array;
      readonly principal: string | undefined;
      readonly idempotencyKey: string | undefined;
    }
  | {
      readonly kind: 'remote';
      readonly index: number;
      readonly tenant: string;
      readonly type: string;
      readonly key: string;
      readonly handler: string;
      readonly args: Uint8Array;
      readonly principal: string | undefined;
      readonly timeoutMs: number | undefined;
      readonly idempotencyKey: string | undefined;
    }
  | { readonly kind: 'effect'; readonly index: number; readonly name: string; readonly input: Uint8Array }
  | { readonly kind: 'failed'; readonly index: number; readonly error: SynapseError };

/** What takes effect at the end of a turn that succeeded, in the order it was asked for. */
export type Order =
  /** A tell; inside the tenant it is the job of its receiver as it stands. */
  | { readonly kind: 'message'; readonly actorId: string; readonly message: Message; readonly tenant: string }
  | { readonly kind: 'emit'; readonly topic: string; readonly value: Uint8Array }
  | {
      readonly kind: 'timer';
      readonly id: string;
      readonly dueMs: number;
      readonly cron: string | undefined;
      readonly command: string;
      readonly args: Uint8Array;
    }
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'spawn'; readonly type: string; readonly key: string }
  | { readonly kind: 'watch'; readonly type: string; readonly key: string }
  | { readonly kind: 'stop' };

/** One delivered result, with the recorded time and seq at which the turn saw it. */
export interface TurnResult {
  readonly callIndex: number;
  readonly ok: boolean;
  readonly payload: Uint8Array;
  readonly nowMs: number;
  readonly seq: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A turn as a snapshot holds it: everything that is needed to run it again. */
export interface TurnImage {
  readonly id: number;
  readonly version: number;
  readonly message: Message;
  readonly seed: Uint8Array;
  readonly nowMs: number;
  readonly seq: number;
  readonly sentCount: number;
  readonly results: readonly TurnResult[];
  readonly existences: readonly boolean[];
  /** Open calls: index and, for a call to a command of this domain, the actor waited for. */
  readonly open: readonly (readonly [callIndex: number, actorId: string | undefined])[];
}

/** How a handler came out: nothing yet, a value, or what it threw. */
export type Settled = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** Of a turn that has none: most turns wait for nothing, and lists made for them alone were a quarter of their cost. */
const NONE: readonly never[] = Object.freeze([]);
const NOT_OPEN: ReadonlyMap<number, string | undefined> = new Map();

export class Turn {
  readonly id: number;
  readonly actorId: string;
  readonly message: Message;
  readonly version: number;
  readonly seed: Uint8Array;
  readonly startMs: number;
  readonly startSeq: number;
  sentCount = 0;

  /** What follows exists only while the turn is live, that is: its handler's frames are in memory. */
  phase: 'dormant' | 'running' | 'suspended' | 'over' = 'dormant';
  nowMs: number;
  seq: number;
  cell: Cell | undefined = undefined;
  definition: ResolvedActor | undefined = undefined;
  settled: Settled | undefined = undefined;
  writes: WriteLog | undefined = undefined;
  orders: readonly Order[] = NONE;
  outgoing: readonly Call[] = NONE;
  /** The children to be, made at the turn's end. */
  newborns: readonly Cell[] = NONE;
  /** Version that the turn brings its actor to, if it does. */
  migratesTo: number | undefined = undefined;
  /** Counts how often the turn was made live: what an earlier life left behind is a stray and reaches nothing. */
  life = 0;
  /** What the guards found while the turn's code ran; it fails the turn, whatever the handler made of it. */
  fault: SynapseError | undefined = undefined;
  /** Set when the turn must know of an actor that is not in memory: it is run again once that is known. */
  needs: string | undefined = undefined;
  // These lists are made when the first entry comes.
  #results: TurnResult[] | undefined = undefined;
  #existences: boolean[] | undefined = undefined;
  #open: Map<number, string | undefined> | undefined = undefined;
  #waiting: (Waiting | undefined)[] | undefined = undefined;
  #spawned: Set<string> | undefined = undefined;
  #sender: Sender | undefined = undefined;
  #random: SeededRandom | undefined = undefined;
  #orderCount = 0;
  #existenceCount = 0;
  /** Lines logged in this life, and in any: a life that runs the same code again does not write them twice. */
  #lineCount = 0;
  #linesKnown = 0;
  #isCatchingUp = false;

  constructor(
    id: number,
    actorId: string,
    message: Message,
    version: number,
    seed: Uint8Array,
    nowMs: number,
    seq: number,
  ) {
    this.id = id;
    this.actorId = actorId;
    this.message = message;
    this.version = version;
    this.seed = seed;
    this.startMs = nowMs;
    this.startSeq = seq;
    this.nowMs = nowMs;
    this.seq = seq;
  }

  static fromImage(image: TurnImage): Turn {
    const { id, message, version, seed, nowMs, seq } = image;
    const turn = new Turn(id, actorIdOf(message.type, message.key), message, version, seed, nowMs, seq);
    if (image.results.length > 0) turn.#results = [...image.results];
    if (image.existences.length > 0) turn.#existences = [...image.existences];
    turn.sentCount = image.sentCount;
    if (image.open.length > 0) turn.#open = new Map(image.open);
    return turn;
  }

  /** What the turn has been given so far, in the order it got it. */
  get results(): readonly TurnResult[] {
    return this.#results ?? NONE;
  }

  addResult(result: TurnResult): void {
    (this.#results ??= []).push(result);
  }

  /** Calls without a result yet and, of a call to a command of this domain, the actor waited for. */
  get open(): ReadonlyMap<number, string | undefined> {
    return this.#open ?? NOT_OPEN;
  }

  openCall(callIndex: number, actorId: string | undefined): void {
    (this.#open ??= new Map()).set(callIndex, actorId);
  }

  closeCall(callIndex: number): void {
    this.#open?.delete(callIndex);
  }

  image(): TurnImage {
    return {
      id: this.id,
      version: this.version,
      message: this.message,
      seed: this.seed,
      nowMs: this.startMs,
      seq: this.startSeq,
      sentCount: this.sentCount,
      results: this.results,
      existences: this.#existences ?? NONE,
      open: [...this.open],
    };
  }

  /** Makes a dormant turn live again, at its beginning. */
  arm(cell: Cell, definition: ResolvedActor): void {
    this.life += 1;
    this.cell = cell;
    this.definition = definition;
    this.writes = new WriteLog(cell);
    this.phase = 'running';
    this.nowMs = this.startMs;
    this.seq = this.startSeq;
  }

  /** Throws away the live part. What the snapshot holds stays. */
  disarm(): void {
    this.writes?.revert();
    this.phase = 'dormant';
    this.cell = undefined;
    this.definition = undefined;
    this.settled = undefined;
    this.fault = undefined;
    this.writes = undefined;
    this.orders = NONE;
    this.outgoing = NONE;
    this.newborns = NONE;
    this.needs = undefined;
    this.migratesTo = undefined;
    this.#waiting = undefined;
    this.#random = undefined;
    this.#orderCount = 0;
    this.#existenceCount = 0;
    this.#lineCount = 0;
    this.#spawned = undefined;
  }

  /** Asks for something that takes effect at the turn's end. */
  order(order: Order): void {
    if (this.orders === NONE) this.orders = [order];
    else (this.orders as Order[]).push(order);
  }

  /** Takes the calls that the last stretch of code made. */
  takeOutgoing(): readonly Call[] {
    const calls = this.outgoing;
    this.outgoing = NONE;
    return calls;
  }

  /** Asks for a child, at the turn's end. */
  spawn(type: string, key: string): void {
    this.order({ kind: 'spawn', type, key });
    (this.#spawned ??= new Set()).add(actorIdOf(type, key));
  }

  /** Whether the turn has asked for this child. */
  spawns(type: string, key: string): boolean {
    return this.#spawned?.has(actorIdOf(type, key)) === true;
  }

  /** From here to `caughtUp` an earlier life has been, perhaps in a process that is gone: its lines are written. */
  catchUp(): void {
    this.#isCatchingUp = true;
  }

  caughtUp(): void {
    this.#isCatchingUp = false;
  }

  /** Counts a line of the log; false when it has been written before, or is said by code that will run again. */
  isNewLine(): boolean {
    if (this.needs !== undefined) return false;
    this.#lineCount += 1;
    const isKnown = this.#isCatchingUp || this.#lineCount <= this.#linesKnown;
    this.#linesKnown = Math.max(this.#linesKnown, this.#lineCount);
    return !isKnown;
  }

  get random(): SeededRandom {
    this.#random ??= new SeededRandom(this.seed, this.id);
    return this.#random;
  }

  /** Number of calls made so far by the live handler. */
  get callCount(): number {
    return this.#waiting?.length ?? 0;
  }

  /** Whether an actor exists, as the turn saw it when it first asked: a rerun is told the same. */
  existenceOf(actorId: string, ask: () => 'yes' | 'no' | 'unknown'): 'yes' | 'no' | 'unknown' {
    const at = this.#existenceCount++;
    const known = this.#existences?.[at];
    if (known !== undefined) return known ? 'yes' : 'no';
    const answer = ask();
    if (answer === 'unknown') this.needs = actorId; // the turn will be run again; what it does now is void
    if (this.needs === undefined) (this.#existences ??= [])[at] = answer === 'yes';
    return answer;
  }

  /** The error for code of the life that asks, where the stretch that runs is not its own. */
  outOfReach(what: string, life: number, tenant: string): SynapseError {
    let why = 'this turn is not the one that runs';
    if (this.phase === 'over') why = 'this turn is over';
    else if (this.phase === 'running' && this.life !== life) why = 'this turn was thrown away and runs anew';
    return outOfReach(tenant, this.message, why, what);
  }

  /** Who sends what this turn sends: the same for all of it, but for the principal. */
  senderIn(tenant: string, principal: string | undefined): Sender {
    const { type, key } = this.message;
    if (principal !== undefined) return Object.freeze({ tenant, type, key, principal });
    return (this.#sender ??= Object.freeze({ tenant, type, key }));
  }

  /** How the handler ended; only the first answer counts, and only that of the present life. */
  settleHandler(life: number, settled: Settled): void {
    if (this.life === life) this.settled ??= settled;
  }

  /** Fails the turn for what its code reached for; the first finding counts. */
  spoil(fault: SynapseError): void {
    this.fault ??= fault;
  }

  where(): string {
    return `${this.message.type}/${this.message.key} ${this.message.handler}`;
  }

  /** A promise for the result of the next call; the call leaves unless it has left before. */
  request(make: (index: number) => Call): Promise<unknown> {
    const waiting = (this.#waiting ??= []);
    const index = waiting.length;
    const promise = new Promise<unknown>((resolve, reject) => {
      waiting.push({ resolve, reject });
    });
    if (index >= this.sentCount) {
      const call = make(index);
      if (this.outgoing === NONE) this.outgoing = [call];
      else (this.outgoing as Call[]).push(call);
    }
    return promise;
  }

  /** An id for a timer: the same whenever the turn is run again, and never another turn's. */
  nextOrderId(): string {
    this.#orderCount += 1;
    return `${this.id}.${this.#orderCount}`;
  }

  /** Settles the promise of one call. The caller drains the microtasks. */
  settle(result: TurnResult, value: unknown): void {
    this.nowMs = result.nowMs;
    this.seq = result.seq;
    const waiting = this.#waiting?.[result.callIndex];
    if (this.#waiting === undefined || waiting === undefined) return;
    this.#waiting[result.callIndex] = undefined;
    if (result.ok) waiting.resolve(value);
    else waiting.reject(value);
  }
}
