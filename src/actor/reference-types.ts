/**
 * Typed references: what `system.ref` and `ctx.ref` return.
 *
 * A reference is an address with a method for each handler. It costs nothing, activates nothing, and
 * is never thenable. Equal addresses are interchangeable. The methods are made by a proxy of the
 * room that sends; this file holds the types both rooms share and the way to read an address back.
 */
import type { Address } from '../base/address.ts';
import type { ActorType } from './actor-type.ts';

/** Under this key every reference answers with its address. From the global registry, as all our brands. */
export const ADDRESS: unique symbol = Symbol.for('synapse-actors.address') as never;

/** Any reference, typed or not: what `ctx.watch` and `addressOf` take. */
export interface AnyRef {
  readonly [ADDRESS]: Address;
}

/** Names that no handler may have, since a reference answers them itself or JavaScript asks for them. */
export const RESERVED_NAMES: readonly string[] = Object.freeze([
  'tell',
  'with',
  'then',
  'catch',
  'finally',
  'constructor',
  'toString',
  'toJSON',
  'valueOf',
  '__proto__',
]);

/**
 * Options of the calls made through `ref.with(options)`. Out of range or unknown: each call rejects with
 * `INVALID_ARGUMENT`, a tell becomes a dead letter.
 *
 * @example
 * await alice.with({ idempotencyKey: 'k-1', timeoutMs: 1_000 }).deposit(10);
 */
export interface CallOptions {
  /**
   * Two calls of one tenant with the same key take effect once and get the same answer, refusals and failures
   * included. 1 to 512 characters. With another command: `INVALID_ARGUMENT`.
   */
  readonly idempotencyKey?: string;
  /** How long to wait for the reply, in ms, at most 2^31 - 1. After it: `TIMEOUT`, and the command may still happen. */
  readonly timeoutMs?: number;
  /** On whose behalf, 1 to 512 characters; the handler reads it as `ctx.sender.principal`, and passes it on with its own calls. */
  readonly principal?: string;
}

/** A handler without its `ctx`, as its caller sees it. */
type CallOf<H> = H extends (ctx: never, ...args: infer Args) => infer Result
  ? (...args: Args) => Promise<Awaited<Result>>
  : never;

type TellOf<H> = H extends (ctx: never, ...args: infer Args) => unknown ? (...args: Args) => void : never;

/** Names of the handlers; none where a definition left them out. */
type NamesOf<Handlers> = string extends keyof Handlers ? never : keyof Handlers & string;

type Calls<Handlers> = { readonly [Name in NamesOf<Handlers>]: CallOf<Handlers[Name]> };
type Tells<Handlers> = { readonly [Name in NamesOf<Handlers>]: TellOf<Handlers[Name]> };

/** A reference to actors of commands `C` and queries `Q`: a method for each, without its `ctx`, that returns a promise. */
export type TypedRef<C, Q> = Calls<C> &
  Calls<Q> &
  AnyRef & {
    /** Sends a command without waiting for a reply. What is refused goes to the dead letters. */
    readonly tell: Tells<C>;
    /** The same address with call options; the reference itself stays as it is. */
    readonly with: (options: CallOptions) => TypedRef<C, Q>;
  };

/** A reference by name only: every handler takes and resolves to unknown values. */
export type UntypedRef = AnyRef & {
  readonly tell: { readonly [handler: string]: (...args: unknown[]) => void };
  readonly with: (options: CallOptions) => UntypedRef;
} & { readonly [handler: string]: (...args: unknown[]) => Promise<unknown> };

/**
 * The reference to actors of type `A`: `Ref<typeof account>`.
 *
 * Every call resolves once the step is durable, or rejects with a `SynapseError`; it never throws. A name
 * that is no handler is a method that rejects with `UNKNOWN_HANDLER`. A reference is not thenable.
 */
export type Ref<A extends ActorType> =
  A extends ActorType<unknown, unknown, infer C, infer Q> ? (unknown extends C ? UntypedRef : TypedRef<C, Q>) : never;

/**
 * The address a reference stands for.
 *
 * @example
 * addressOf(system.ref(account, 'acme', 'alice')); // { tenant: 'acme', type: 'account', key: 'alice' }
 */
export function addressOf(ref: AnyRef): Address {
  return ref[ADDRESS];
}
