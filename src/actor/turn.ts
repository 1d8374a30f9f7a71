/**
 * A turn: one message being handled by one actor, from its first line to its end.
 *
 * What a turn asks for leaves in two ways. Calls and effects leave when they are made (at the end of
 * the stretch of code that made them) and are not undone. All else (tells, emits, timers, spawns,
 * watches, the stop) waits in `orders` and takes effect when the turn has succeeded.
 *
 * A suspended turn can be thrown away and run again: with the same message, seed and state, and with
 * `results` delivered in the recorded order, it arrives at the same place. Calls that have left
 * already are not sent again.
 */
import type { SynapseError } from '../base/error.ts';
import { SeededRandom } from '../base/seeded.ts';
import type { Cell } from './cell.ts';
import type { Sender } from './context-types.ts';
import type { ResolvedActor } from './definition.ts';
import { outOfReach } from './failure.ts';
import { type Message, type StoredMessage, actorIdOf, messageFrom, storedMessage } from './message.ts';
import { type OpenCall, TurnCalls, type TurnResult } from './turn-calls.ts';
import { WriteLog } from './write-log.ts';

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

/** A turn as a snapshot holds it: everything that is needed to run it again. */
export interface TurnImage {
  readonly id: number;
  readonly version: number;
  readonly message: StoredMessage;
  readonly seed: Uint8Array;
  readonly nowMs: number;
  readonly seq: number;
  readonly sentCount: number;
  readonly results: readonly TurnResult[];
  readonly existences: readonly boolean[];
  /** Open calls: index and, for a call to a command of this domain, the actor waited for. */
  readonly open: readonly OpenCall[];
}

/** How a handler came out: nothing yet, a value, or what it threw. */
export type Settled = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** Of a turn that has none: most turns wait for nothing, and lists made for them alone were a quarter of their cost. */
const NONE: readonly never[] = []; // not frozen: a loop over a frozen array makes an object a round

/** When a turn began, or saw its last result: recorded time and seq. */
export interface Moment {
  readonly nowMs: number;
  readonly seq: number;
}

export class Turn {
  readonly id: number;
  readonly actorId: string;
  readonly message: Message;
  readonly version: number;
  readonly seed: Uint8Array;
  readonly began: Moment;

  /** What follows exists only while the turn is live, that is: its handler's frames are in memory. */
  phase: 'dormant' | 'running' | 'suspended' | 'over' = 'dormant';
  now: Moment;
  cell: Cell | undefined = undefined;
  definition: ResolvedActor | undefined = undefined;
  settled: Settled | undefined = undefined;
  writes: WriteLog | undefined = undefined;
  orders: readonly Order[] = NONE;
  /** Some order is more than a message: what it would take has to be looked at before it takes effect. */
  hasClaims = false;
  /** The children to be, made at the turn's end, the first one last. */
  newborns: readonly Cell[] = NONE;
  /** Version that the turn brings its actor to, if it does. */
  migratesTo: number | undefined = undefined;
  /** Counts how often the turn was made live: what an earlier life left behind is a stray and reaches nothing. */
  life = 0;
  /** What the guards found while the turn's code ran; it fails the turn, whatever the handler made of it. */
  fault: SynapseError | undefined = undefined;
  /** Set when the turn must know of an actor that is not in memory: it is run again once that is known. */
  needs: string | undefined = undefined;
  // These are made when they are needed: a turn has 250 bytes as it is.
  #calls: TurnCalls | undefined = undefined;
  #existences: boolean[] | undefined = undefined;
  #spawned: Set<string> | undefined = undefined;
  #sender: Sender | undefined = undefined;
  #random: SeededRandom | undefined = undefined;
  #orderCount = 0;
  #existenceCount = 0;
  /** Lines logged in this life, and in any: a life that runs the same code again does not write them twice. */
  #lineCount = 0;
  #linesKnown = 0;
  #isCatchingUp = false;

  constructor(id: number, actorId: string, message: Message, version: number, seed: Uint8Array, began: Moment) {
    this.id = id;
    this.actorId = actorId;
    this.message = message;
    this.version = version;
    this.seed = seed;
    this.began = began;
    this.now = began;
  }

  static fromImage(image: TurnImage): Turn {
    const { id, version, seed, nowMs, seq } = image;
    const message = messageFrom(image.message);
    const turn = new Turn(id, actorIdOf(message.type, message.key), message, version, seed, { nowMs, seq });
    if (image.existences.length > 0) turn.#existences = [...image.existences];
    const { calls } = turn;
    for (const result of image.results) calls.results.push(result);
    for (const [index, actorId] of image.open) calls.openCall(index, actorId);
    calls.sentCount = image.sentCount;
    return turn;
  }

  /** The calls of the turn, for what makes some. */
  get calls(): TurnCalls {
    return (this.#calls ??= new TurnCalls());
  }

  /** The calls of the turn where it has made some. */
  get callsMade(): TurnCalls | undefined {
    return this.#calls;
  }

  /** No call is open: a handler that has not ended waits for something that is none of ours. */
  get waitsForNothing(): boolean {
    return this.#calls === undefined || this.#calls.openCount === 0;
  }

  get nowMs(): number {
    return this.now.nowMs;
  }

  image(): TurnImage {
    return {
      id: this.id,
      version: this.version,
      message: storedMessage(this.message),
      seed: this.seed,
      nowMs: this.began.nowMs,
      seq: this.began.seq,
      sentCount: this.#calls?.sentCount ?? 0,
      results: this.#calls?.results ?? NONE,
      existences: this.#existences ?? NONE,
      open: this.#calls?.open ?? NONE,
    };
  }

  /** Makes a dormant turn live again, at its beginning. */
  arm(cell: Cell, definition: ResolvedActor): void {
    this.life += 1;
    this.cell = cell;
    this.definition = definition;
    this.writes = new WriteLog(cell);
    this.phase = 'running';
    this.now = this.began;
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
    this.hasClaims = false;
    this.newborns = NONE;
    this.needs = undefined;
    this.migratesTo = undefined;
    this.#calls?.disarm();
    this.#random = undefined;
    this.#orderCount = 0;
    this.#existenceCount = 0;
    this.#lineCount = 0;
    this.#spawned = undefined;
  }

  /** Asks for something that takes effect at the turn's end. */
  order(order: Order): void {
    if (order.kind !== 'message') this.hasClaims = true;
    if (this.orders === NONE) this.orders = [order];
    else (this.orders as Order[]).push(order);
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

  /** Who sends what this turn sends: the same for all of it, but for the principal. Frozen once a handler asks for it. */
  senderIn(tenant: string, principal: string | undefined): Sender {
    if (principal === undefined && this.#sender !== undefined) return this.#sender;
    const { type, key } = this.message;
    if (principal !== undefined) return { tenant, type, key, principal };
    return (this.#sender = { tenant, type, key });
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

  /** An id for a timer: the same whenever the turn is run again, and never another turn's. */
  nextOrderId(): string {
    this.#orderCount += 1;
    return `${this.id}.${this.#orderCount}`;
  }
}
