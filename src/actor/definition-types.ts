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

/** What follows a failed turn of an actor. */
export type FailureDirective = 'resume' | 'restart' | 'stop' | 'escalate';

/** Which children restart with a failed one. */
export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

/** How an actor's failures are handled, and its children's. */
export interface SuperviseOptions {
  /** For this actor's children; `'one-for-one'` when left out. */
  readonly strategy?: Strategy;
  /** For this actor's own failed turns; `'resume'` when left out. */
  readonly onFailure?: FailureDirective;
  /** Restarts within `periodMs` before it escalates; 3 when left out. */
  readonly intensity?: number;
  /** 60,000 when left out. */
  readonly periodMs?: number;
  /** First and longest pause before a restarted actor goes on, in ms; it doubles. `[50, 5_000]` when left out. */
  readonly backoffMs?: readonly [first: number, longest: number];
}

/** Bounds of an actor's mailbox; over either a call is refused with `MAILBOX_FULL`. */
export interface MailboxOptions {
  /** Messages; 10,000 when left out. */
  readonly limit?: number;
  /** Bytes; 16 MiB when left out. */
  readonly limitBytes?: number;
}

/** The definition of an actor type. `state` and at least one of `commands` and `queries` are required. */
export interface ActorDefinition<State, Effects, Commands, Queries> {
  /** Version of state and code, a positive integer; 1 when left out. */
  readonly version?: number;
  /** Makes the first state: a plain object of values that travel. */
  readonly state: () => State;
  /** Effects by name, or a loader of a module that exports them: `() => import('./mail.js')`. */
  readonly effects?: Effects;
  readonly commands?: Commands;
  readonly queries?: Queries & Synchronous<Queries>;
  /** First activation ever. */
  started?(ctx: CommandContext<State, Effects>): unknown;
  /** After a restart. `reason` is an error code or a few fixed words, never an engine's text: it may be written to the state. */
  restarted?(ctx: CommandContext<State, Effects>, reason: string): unknown;
  /** An actor this one watches has ended; `addressOf(ref)` says which. */
  terminated?(ctx: CommandContext<State, Effects>, ref: UntypedRef, reason: string): unknown;
  readonly supervise?: SuperviseOptions;
  readonly mailbox?: MailboxOptions;
  /** Idle time before the actor leaves memory, in ms; 60,000 when left out. */
  readonly idleAfterMs?: number;
  /** By the version they start from: brings its state one version forward. */
  readonly migrate?: Readonly<Record<number, Shapes<State, Effects>['migration']>>;
}
