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

/** Writes to the host's log. Live only: a replay logs nothing. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/**
 * A keyed collection beside the state, as a query sees it. Keys are strings, iterated in UTF-8 byte
 * order. Values are deeply frozen, though their type is yours: declare its fields `readonly`.
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

/** A keyed collection beside the state, for many entries. Rolled back with the turn. */
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

/** What a query gets. It can read, and that is all. */
export interface QueryContext<State> extends ActorContext {
  readonly state: DeepReadonly<State>;
  table<V = unknown>(name: string): ReadonlyTable<V>;
}

/** What a command and a lifecycle handler get. Writes, tells, emits, timers and spawns take effect at the turn's end. */
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
  /** Sends `command` to this actor once, `ms` milliseconds from now. Durable. Returns an id for `cancel`. */
  after(ms: number, command: string, ...args: readonly unknown[]): string;
  /** Sends `command` to this actor whenever the cron expression (UTC) says. Durable. Returns an id for `cancel`. */
  cron(expression: string, command: string, ...args: readonly unknown[]): string;
  /** Takes back a timer or cron; an id that is unknown or spent changes nothing. */
  cancel(id: string): void;
  /**
   * Runs an effect outside the lane; its result comes back as a recorded input.
   * Rejects with `EFFECT_FAILED` after the last attempt.
   */
  effect<Name extends EffectName<Effects>>(
    name: Name,
    ...input: EffectArguments<EffectsOf<Effects>[Name]>
  ): Promise<EffectResult<EffectsOf<Effects>[Name]>>;
  /** Makes a child of this actor; an address that exists is `INVALID_ARGUMENT`. */
  spawn<A extends ActorType>(type: A | string, key: string): Ref<A>;
  /** Ends this actor at the end of the turn and erases its state. The next message starts it afresh. */
  stop(): void;
  /** Asks for `terminated` when that actor ends. */
  watch(ref: AnyRef): void;
  /** Appends a value to a topic of the tenant; `system.events` reads it. */
  emit(topic: string, value: unknown): void;
}
