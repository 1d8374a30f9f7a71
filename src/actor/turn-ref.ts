/**
 * References inside a turn: proxies with a method for every name. What is called or told through one leaves with
 * the turn, as a call or as an order; after the turn it reaches nothing.
 */
import { type Address, addressText } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { Arguments } from './arguments.ts';
import type { LifeScope } from './life-scope.ts';
import { type Message, NO_REPLY } from './message.ts';
import { ADDRESS, type AnyRef, type CallOptions } from './reference-types.ts';
import type { Call } from './turn-calls.ts';

/** What the proxies of references stand before: nothing of it is ever read. */
const NOTHING: object = Object.freeze({});
const NO_OPTIONS: CallOptions = Object.freeze({});

/** Where a reference leads, and for whom; behind its proxy a method for every name, never thenable. */
class Target implements ProxyHandler<object> {
  readonly scope: LifeScope;
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  readonly options: CallOptions;
  /** The id inside its tenant: made once, for all that is sent there. */
  readonly actorId: string;

  constructor(scope: LifeScope, tenant: string, type: string, key: string, actorId: string, options: CallOptions) {
    this.scope = scope;
    this.tenant = tenant;
    this.type = type;
    this.key = key;
    this.options = options;
    this.actorId = actorId;
  }

  get address(): Address {
    return Object.freeze({ tenant: this.tenant, type: this.type, key: this.key });
  }

  get principal(): string | undefined {
    return this.options.principal ?? this.scope.turn.message.sender.principal;
  }

  get(_nothing: object, name: string | symbol): unknown {
    if (name === 'tell') return new Proxy(NOTHING, new TellHandler(this));
    if (name === ADDRESS) return this.address;
    if (typeof name !== 'string' || name === 'then') return undefined;
    if (name === 'toString' || name === 'valueOf') return () => addressText(this);
    if (name === 'toJSON') return () => this.address;
    if (name === 'with') {
      const { scope, tenant, type, key, actorId, options } = this;
      return (more: CallOptions): AnyRef =>
        refTo(new Target(scope, tenant, type, key, actorId, { ...options, ...more }));
    }
    return (...args: unknown[]): unknown => callSend(this, name, args);
  }
}

/** `ref.tell`. */
class TellHandler implements ProxyHandler<object> {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  get(_nothing: object, name: string | symbol): unknown {
    if (typeof name !== 'string' || name === 'then') return undefined;
    const target = this.#target;
    return (...args: unknown[]): void => tellSend(target, name, args);
  }
}

function callSend(target: Target, handler: string, args: unknown[]): Promise<unknown> {
  target.scope.assertRunning('a call');
  return target.scope.turn.calls.request((index): Call => {
    try {
      return makeCall(target, handler, args, index);
    } catch (error) {
      return { kind: 'failed', index, error: error as SynapseError };
    }
  });
}

/** A tell waits for nobody and nobody for it. */
const NO_CHAIN: readonly string[] = Object.freeze([]);

function tellSend({ scope, tenant, type, key, actorId, principal }: Target, handler: string, given: unknown[]): void {
  scope.assertRunning('a tell');
  const { turn, facts } = scope;
  const args = Arguments.of(given);
  const sender = turn.senderIn(facts.tenant, principal);
  // Whether it names a command or a query is looked up when it leaves.
  const message: Message = { role: 'command', type, key, handler, args, sender, replyTo: NO_REPLY, chain: NO_CHAIN };
  turn.order({ kind: 'message', actorId, message, tenant });
}

function makeCall(target: Target, handler: string, args: unknown[], index: number): Call {
  const given = Arguments.of(args);
  const { tenant, type, key, actorId, principal, options } = target;
  const { turn, facts } = target.scope;
  const { idempotencyKey } = options;
  if (tenant !== facts.tenant) {
    const { timeoutMs } = options;
    return {
      kind: 'remote',
      index,
      tenant,
      type,
      key,
      handler,
      args: given.bytes,
      principal,
      timeoutMs,
      idempotencyKey,
    };
  }
  const definition = facts.definitionOf(type);
  if (definition === undefined)
    throw new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}' is registered`, { type });
  const query = definition.queries.has(handler);
  if (!query && !definition.commands.has(handler)) {
    throw new SynapseError('UNKNOWN_HANDLER', `${type} has no handler '${handler}'`, { type, handler });
  }
  // It would arrive before the child is born, bring it to life as nobody's child, and leave nothing to be born.
  if (!query && turn.spawns(type, key)) {
    const text = `${type}/${key} comes into being at the end of this turn: tell it, or call it in a later one`;
    throw new SynapseError('INVALID_ARGUMENT', text, { argument: 'key' });
  }
  return { kind: 'local', index, actorId, type, key, handler, query, args: given, principal, idempotencyKey };
}

/** A reference for the code of the scope's turn; `actorId` is the id of type and key. */
export function turnRef(scope: LifeScope, tenant: string, type: string, key: string, actorId: string): AnyRef {
  return refTo(new Target(scope, tenant, type, key, actorId, NO_OPTIONS));
}

function refTo(target: Target): AnyRef {
  return new Proxy(NOTHING, target) as AnyRef;
}
