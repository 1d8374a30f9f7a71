/**
 * `ctx`: what a handler is given, and all it is given. Everything a turn may do to the world goes
 * through here, so that it can be recorded, rolled back and replayed. The types say what each kind of
 * handler may do; the kernel builds the objects.
 */
import type { ActorType } from './actor-type.ts';
import type { EffectArguments, EffectName, EffectResult, EffectsOf } from './effect-definition.ts';
import type { DeepReadonly, WritableState } from './readonly-types.ts';
import type { AnyRef, Ref } from './reference-types.ts';

/** Who sent the message. All parts are absent for a call from the embedding program without a principal. */
export interface Sender {
  readonly tenant?: string;
  readonly type?: string;
  readonly key?: string;
  /** As the caller's `ref.with({ principal })` said. */
  readonly principal?: string;
}

/**
 * Writes to the host's log (standard output and error, with the actor's address). Live only: a replay
 * logs nothing. `fields` are values for people, not recorded.
 */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * A keyed collection beside the state, as a query sees it. Keys are strings, iterated in UTF-8 byte
 * order, as they stood at the call. Values are deeply frozen, though their type is yours: declare its
 * fields `readonly`. A name of a table has 1 to 64 characters, a key at most 1,024 bytes of UTF-8 (`TOO_LARGE`).
 */
export interface ReadonlyTable<V> {
  /** Number of entries. */
  readonly size: number;
  /** The value, or undefined where there is no entry. */
  get(key: string): V | undefined;
  has(key: string): boolean;
  keys(): IterableIterator<string>;
  entries(): IterableIterator<[key: string, value: V]>;
}

/**
 * A keyed collection beside the state, for many entries: each is a row of its own, so that setting one
 * costs the same however many there are. Rolled back with the turn. A value is copied when it is set;
 * one that cannot travel is `UNSERIALIZABLE`, one over 8 MiB `TOO_LARGE`.
 *
 * @example
 * const lines = ctx.table<{ readonly price: number }>('lines');
 * lines.set('a-1', { price: 10 });
 */
export interface Table<V> extends ReadonlyTable<V> {
  set(key: string, value: V): void;
  /** True when there was such an entry. */
  delete(key: string): boolean;
}

/** What every handler may read. */
export interface ActorContext {
  readonly tenant: string;
  /** Name of the actor type. */
  readonly type: string;
  readonly key: string;
  /** Number of the tenant's step that runs this handler. */
  readonly seq: number;
  readonly sender: Sender;
  readonly log: Log;
  /** Milliseconds since 1970, recorded with the input; never goes backwards. */
  now(): number;
}

/**
 * What a query gets. It can read the committed state, and that is all: a write throws `TypeError`. It sees
 * the state before a suspended command's writes. Dead once the query has returned.
 */
export interface QueryContext<State> extends ActorContext {
  readonly state: DeepReadonly<State>;
  table<V = unknown>(name: string): ReadonlyTable<V>;
}

/**
 * What a command and a lifecycle handler get. Writes, tells, emits, timers, spawns, watches and `stop` take
 * effect at the turn's end, or not at all where it throws; calls and effects leave when they are made. A
 * command may await only what this object returns (else `AMBIENT_AUTHORITY`), and so is every use of it
 * after the turn's end.
 */
export interface CommandContext<State, Effects> extends ActorContext {
  /** Top-level keys are assignable; what lies under them is frozen. */
  readonly state: WritableState<State>;
  table<V = unknown>(name: string): Table<V>;
  /** Seeded and replayable, in [0, 1). */
  random(): number;
  /** Seeded and replayable, a version 4 UUID. */
  uuid(): string;
  /**
   * A reference to an actor of this tenant, or of another one (which takes a grant). Given a name
   * instead of a type, its handlers are untyped unless the type is stated: `ctx.ref<typeof account>('account', key)`.
   */
  ref<A extends ActorType>(type: A | string, key: string, tenant?: string): Ref<A>;
  /**
   * Sends `command` to this actor once, `ms` milliseconds (0 to 100 years) of recorded time from now. Durable:
   * one that was due while nothing ran fires once after recovery. Returns an id for `cancel`.
   * `INVALID_ARGUMENT` for the time, `UNKNOWN_HANDLER` for the command.
   */
  after(ms: number, command: string, ...args: readonly unknown[]): string;
  /**
   * Sends `command` to this actor whenever the cron expression says, in UTC. Durable; of what was missed
   * while nothing ran one fires. Returns an id for `cancel`. `INVALID_ARGUMENT` for the expression,
   * `UNKNOWN_HANDLER` for the command.
   */
  cron(expression: string, command: string, ...args: readonly unknown[]): string;
  /** Takes back a timer or cron; an id that is unknown or spent changes nothing. */
  cancel(id: string): void;
  /**
   * Runs an effect outside the lane, once this step is durable; its result comes back as a recorded input.
   * Rejects with `EFFECT_FAILED` after the last attempt, `REFUSED` where it threw a `Refusal`,
   * `INVALID_ARGUMENT` where the definition has no such effect, `POISONED` where its result killed lanes.
   */
  effect<Name extends EffectName<Effects>>(
    name: Name,
    ...input: EffectArguments<EffectsOf<Effects>[Name]>
  ): Promise<EffectResult<EffectsOf<Effects>[Name]>>;
  /**
   * Makes a child of this actor: it dies with its parent, and the parent's `strategy` applies to it. An
   * address that exists is `INVALID_ARGUMENT`, a type that is not registered `UNKNOWN_ACTOR`.
   */
  spawn<A extends ActorType>(type: A | string, key: string): Ref<A>;
  /** Ends this actor at the end of the turn and erases its state. The next message starts it afresh. */
  stop(): void;
  /** Asks for `terminated`, once, when that actor of this tenant ends; of another tenant's `INVALID_ARGUMENT`. */
  watch(ref: AnyRef): void;
  /** Appends a value to a topic of the tenant (1 to 64 characters); `system.events` reads it. */
  emit(topic: string, value: unknown): void;
}
