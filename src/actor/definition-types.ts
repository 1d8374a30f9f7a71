/**
 * What `actor()` takes: the definition of an actor type.
 *
 * Everything is inferred from it: the state from `state`, effects by name, and each handler's
 * arguments and result. The four type parameters have no defaults, since a defaulted one loses the
 * type of `ctx` (tried with TypeScript 5.9 and 7.0).
 */
import type { CommandContext, QueryContext } from './context-types.ts';
import type { UntypedRef } from './reference-types.ts';

// The handler shapes are taken from method signatures on purpose: their parameters are compared
// both ways, so a handler may declare `amount: number` where the constraint says unknown, and an
// argument without a type is unknown rather than never.
interface Shapes<State, Effects> {
  command(ctx: CommandContext<State, Effects>, ...args: unknown[]): unknown;
  query(ctx: QueryContext<State>, ...args: unknown[]): unknown;
  migration(old: Record<string, unknown>): object;
}

/** Commands by name: they may change the state, synchronously or not. */
export type CommandMap<State, Effects> = Readonly<Record<string, Shapes<State, Effects>['command']>>;

/** Queries by name: read-only and synchronous. */
export type QueryMap<State> = Readonly<Record<string, Shapes<State, unknown>['query']>>;

/** Maps a query that returns a promise to something no function is. */
export type Synchronous<Queries> = {
  readonly [Name in keyof Queries]: Queries[Name] extends (...args: never[]) => infer Result
    ? [Result] extends [never]
      ? unknown
      : Result extends PromiseLike<unknown>
        ? 'a query is synchronous'
        : unknown
    : unknown;
};

/**
 * What follows a failed turn of an actor, after it was rolled back:
 * `resume` goes on; `restart` keeps committed state, stops children, waits out a back-off and runs `restarted`;
 * `stop` erases the actor; `escalate` makes it the failure of the parent, at the top the tenant's `SUSPENDED`.
 */
export type FailureDirective = 'resume' | 'restart' | 'stop' | 'escalate';

/**
 * Which children restart with one that restarts by its own failure: only that one, all of them, or those
 * spawned after it.
 */
export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

/**
 * How an actor's failures are handled, and its children's. Times are recorded time. See docs/supervision.md.
 *
 * @example
 * supervise: { onFailure: 'restart', intensity: 3, periodMs: 60_000, backoffMs: [50, 5_000] }
 */
export interface SuperviseOptions {
  /** For this actor's children; `'one-for-one'` when left out. */
  readonly strategy?: Strategy;
  /** For this actor's own failed turns; `'resume'` when left out. */
  readonly onFailure?: FailureDirective;
  /** Restarts within `periodMs`; one more escalates. An integer of at least 0; 3 when left out. */
  readonly intensity?: number;
  /** In ms, at least 1; also how long a tenant stays `SUSPENDED`. 60,000 when left out. */
  readonly periodMs?: number;
  /** First and longest pause before a restarted actor goes on, in ms; it doubles. `[50, 5_000]` when left out. */
  readonly backoffMs?: readonly [first: number, longest: number];
}

/** Bounds of what may wait for one actor; over either a message is refused with `MAILBOX_FULL`. */
export interface MailboxOptions {
  /** Messages; 10,000 when left out. */
  readonly limit?: number;
  /** Bytes; 16 MiB when left out. */
  readonly limitBytes?: number;
}

/**
 * The definition of an actor type, the second argument of `actor(name, definition)`. `state` and at least
 * one of `commands` and `queries` are required; a command and a query may not share a name. Whatever is
 * out of range or unknown is `INVALID_ARGUMENT` when the module loads, with `details.field`.
 */
export interface ActorDefinition<State, Effects, Commands, Queries> {
  /** Version of state and code, a positive integer; 1 when left out. */
  readonly version?: number;
  /** Makes the first state: a plain object of values that travel. Called for each new actor; must not depend on anything. */
  readonly state: () => State;
  /** Effects by name, or a loader of a module that exports them: `() => import('./mail.js')`. */
  readonly effects?: Effects;
  /** By name: `(ctx, ...args) => result`, synchronous or async. They may change the state and are recorded. */
  readonly commands?: Commands;
  /** By name: `(ctx, ...args) => result`, synchronous. They only read and are not recorded. */
  readonly queries?: Queries & Synchronous<Queries>;
  /** First activation ever, before the first command. If it throws, the actor does not come to be. */
  started?(ctx: CommandContext<State, Effects>): unknown;
  /**
   * After a restart, before the messages that waited. `reason` says why, in words that are the same on every
   * engine, since they may be written to the state: name and message of an error of the user's own, the
   * name of one of the engine's, the code of an operating failure, or a few fixed words.
   */
  restarted?(ctx: CommandContext<State, Effects>, reason: string): unknown;
  /** An actor this one watches has ended; `addressOf(ref)` says which. `reason` as in `restarted`. */
  terminated?(ctx: CommandContext<State, Effects>, ref: UntypedRef, reason: string): unknown;
  /** What failures lead to. `onFailure: 'resume'` when left out. */
  readonly supervise?: SuperviseOptions;
  /** How much may wait. 10,000 messages and 16 MiB when left out. */
  readonly mailbox?: MailboxOptions;
  /** Idle time before the actor leaves memory, in ms; 60,000 when left out. */
  readonly idleAfterMs?: number;
  /**
   * By the version they start from: brings its state one version forward, with the first turn that touches
   * the actor. Pure: no `ctx`, no clock, no chance. A version without one keeps the shape.
   */
  readonly migrate?: Readonly<Record<number, Shapes<State, Effects>['migration']>>;
  /**
   * Runs the actor's functions under SES, away from the module they were written in: each is evaluated anew from
   * its source text, in a Compartment of hardened intrinsics. They see `ctx`, `endowments`, `Refusal`, `SynapseError`
   * and the language's own objects, and nothing else; another name is a `ReferenceError` when it is met. Needs the
   * optional package `ses` (`INVALID_ARGUMENT` with advice without it). False when left out. See docs/determinism.md.
   */
  readonly hardened?: boolean;
  /**
   * What a hardened actor may use beside `ctx`, by the name under which its functions see it. Made immutable, deeply,
   * when a lane loads it. A function given here brings with it all that it can reach itself.
   */
  readonly endowments?: Readonly<Record<string, unknown>>;
}
