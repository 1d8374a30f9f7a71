/**
 * The objects behind `ctx`. A context belongs to one turn (or one query) and is dead after it: every
 * member asks its turn first. It asks the domain for nothing but facts; whatever it wants done it
 * leaves with the turn, as a call or as an order.
 */
import { type Address, addressText, checkName } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { encodeArguments, encodeValue } from '../frame/codec.ts';
import type { Cell } from './cell.ts';
import type { Log, Sender } from './context-types.ts';
import { nextCronMs } from './cron.ts';
import type { ResolvedActor } from './definition.ts';
import { actorIdOf } from './message.ts';
import { ADDRESS, type AnyRef, type CallOptions, addressOf } from './reference-types.ts';
import { TableView, type ViewScope, stateView } from './state-view.ts';
import type { Call, Turn } from './turn.ts';

/** Longest time ahead that a timer may be set, ms: 100 years, well inside what a double counts exactly. */
const TIMER_MAX_MS = 100 * 366 * 86_400_000;

/** Longest name of a table or topic, UTF-16 units. */
const LABEL_MAX = 64;

/** The facts that a context may ask of its domain. */
export interface DomainFacts {
  readonly tenant: string;
  readonly nowMs: number;
  readonly seq: number;
  definitionOf(type: string): ResolvedActor | undefined;
  /** Whether an actor exists, as of the last finished turn; `unknown` while it is not in memory. */
  existence(actorId: string): 'yes' | 'no' | 'unknown';
  log(actor: Address, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> | undefined): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

function checkLabel(what: string, label: unknown): asserts label is string {
  if (typeof label === 'string' && label.length > 0 && label.length <= LABEL_MAX && !/\p{Cc}/u.test(label)) return;
  throw new SynapseError(
    'INVALID_ARGUMENT',
    `${what} must be 1 to ${LABEL_MAX} characters without control characters`,
    {
      argument: what,
    },
  );
}

class ReadContext {
  // Private to the engine, not only to the compiler: a handler holds this object.
  readonly #facts: DomainFacts;
  readonly #cell: Cell;
  readonly #scope: ViewScope;
  readonly sender: Sender;
  #state: Record<string, unknown> | undefined;
  #log: Log | undefined;

  constructor(facts: DomainFacts, cell: Cell, scope: ViewScope, sender: Sender) {
    this.#facts = facts;
    this.#cell = cell;
    this.#scope = scope;
    this.sender = Object.freeze(sender);
  }

  get tenant(): string {
    return this.#facts.tenant;
  }

  get type(): string {
    return this.#cell.type;
  }

  get key(): string {
    return this.#cell.key;
  }

  get seq(): number {
    this.#scope.assertRunning('the seq');
    return this.#facts.seq;
  }

  get state(): Record<string, unknown> {
    this.#state ??= stateView(this.#cell, this.#scope);
    return this.#state;
  }

  /** `ctx.state = {...}` would lose its guards; keys are assigned one by one. */
  set state(_value: unknown) {
    throw new TypeError('assign the keys of ctx.state, not ctx.state itself');
  }

  get log(): Log {
    const address = { tenant: this.#facts.tenant, type: this.#cell.type, key: this.#cell.key };
    const at =
      (level: LogLevel) =>
      (message: string, fields?: Readonly<Record<string, unknown>>): void => {
        this.#scope.assertRunning('the log');
        if (this.#scope.isNewLine()) this.#facts.log(address, level, message, fields);
      };
    this.#log ??= { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return this.#log;
  }

  now(): number {
    this.#scope.assertRunning('the time');
    return this.#facts.nowMs;
  }

  table(name: string): TableView {
    checkLabel('a table name', name);
    return new TableView(this.#cell, this.#scope, name);
  }
}

/** `ctx` of a query: it can read, and that is all. */
export class QueryScope extends ReadContext {}

/** The doors of a turn's present life: shut when it is over, and when the turn is thrown away and run anew. */
function scopeOf(turn: Turn, tenant: string): ViewScope {
  const { life } = turn;
  return {
    get writes() {
      return turn.writes;
    },
    assertRunning: (what) => turn.assertRunning(what, life, tenant),
    isNewLine: () => turn.isNewLine(),
  };
}

/** `ctx` of a command and of the lifecycle handlers. */
export class TurnContext extends ReadContext {
  readonly #facts: DomainFacts;
  readonly #turn: Turn;
  readonly #scope: ViewScope;

  constructor(facts: DomainFacts, cell: Cell, turn: Turn) {
    const scope = scopeOf(turn, facts.tenant);
    super(facts, cell, scope, turn.message.sender);
    this.#facts = facts;
    this.#turn = turn;
    this.#scope = scope;
  }

  override get seq(): number {
    this.#scope.assertRunning('the seq');
    return this.#turn.seq;
  }

  override now(): number {
    this.#scope.assertRunning('the time');
    return this.#turn.nowMs;
  }

  random(): number {
    this.#scope.assertRunning('chance');
    return this.#turn.random.random();
  }

  uuid(): string {
    this.#scope.assertRunning('chance');
    return this.#turn.random.uuid();
  }

  ref(type: string | { readonly name: string }, key: string, tenant: string = this.#facts.tenant): AnyRef {
    const name = typeof type === 'string' ? type : type?.name;
    if (typeof name !== 'string')
      throw new SynapseError('INVALID_ARGUMENT', 'ref takes an actor type or its name', { argument: 'type' });
    checkName('key', key);
    checkName('tenant', tenant);
    return turnRef(
      { turn: this.#turn, facts: this.#facts, scope: this.#scope },
      Object.freeze({ tenant, type: name, key }),
      {},
    );
  }

  after(ms: number, command: string, ...args: readonly unknown[]): string {
    this.#scope.assertRunning('a timer');
    if (typeof ms !== 'number' || !(ms >= 0) || ms > TIMER_MAX_MS) {
      throw new SynapseError('INVALID_ARGUMENT', `after takes 0 to ${TIMER_MAX_MS} ms, got ${String(ms)}`, {
        argument: 'ms',
      });
    }
    return this.#schedule(this.#turn.nowMs + Math.ceil(ms), undefined, command, args);
  }

  cron(expression: string, command: string, ...args: readonly unknown[]): string {
    this.#scope.assertRunning('a timer');
    return this.#schedule(nextCronMs(expression, this.#turn.nowMs), expression, command, args);
  }

  #schedule(dueMs: number, cron: string | undefined, command: string, args: readonly unknown[]): string {
    const { definition } = this.#turn;
    if (definition?.commands.has(command) !== true) {
      throw new SynapseError('UNKNOWN_HANDLER', `${this.type} has no command '${String(command)}'`, {
        handler: String(command),
      });
    }
    const id = this.#turn.nextOrderId();
    this.#turn.orders.push({ kind: 'timer', id, dueMs, cron, command, args: encodeArguments(args) });
    return id;
  }

  cancel(id: string): void {
    this.#scope.assertRunning('a timer');
    if (typeof id !== 'string')
      throw new SynapseError('INVALID_ARGUMENT', 'cancel takes the id of a timer', { argument: 'id' });
    this.#turn.orders.push({ kind: 'cancel', id });
  }

  effect(name: string, input?: unknown): Promise<unknown> {
    this.#scope.assertRunning('an effect');
    return this.#turn.request((index): Call => {
      try {
        if (this.#turn.definition?.hasEffect(name) === false) {
          throw new SynapseError('INVALID_ARGUMENT', `${this.type} has no effect '${String(name)}'`, {
            argument: 'name',
          });
        }
        return { kind: 'effect', index, name, input: encodeValue(input, undefined, 'input') };
      } catch (error) {
        return { kind: 'failed', index, error: error as SynapseError };
      }
    });
  }

  spawn(type: string | { readonly name: string }, key: string): AnyRef {
    const turn = this.#turn;
    this.#scope.assertRunning('a child');
    const ref = this.ref(type, key);
    const address = addressOf(ref);
    if (this.#facts.definitionOf(address.type) === undefined) {
      throw new SynapseError('UNKNOWN_ACTOR', `no actor type '${address.type}' is registered`, { type: address.type });
    }
    const actorId = actorIdOf(address.type, key);
    const isKnown = turn.spawns(address.type, key) || actorId === turn.actorId;
    const existence = isKnown ? 'yes' : turn.existenceOf(actorId, () => this.#facts.existence(actorId));
    if (existence === 'yes') {
      throw new SynapseError('INVALID_ARGUMENT', `${address.type}/${key} exists already`, { argument: 'key' });
    }
    turn.spawn(address.type, key);
    return ref;
  }

  stop(): void {
    this.#scope.assertRunning('its end');
    this.#turn.orders.push({ kind: 'stop' });
  }

  watch(ref: AnyRef): void {
    this.#scope.assertRunning('a watch');
    const address = (ref as Partial<AnyRef> | undefined)?.[ADDRESS];
    if (address === undefined || address.tenant !== this.tenant) {
      throw new SynapseError('INVALID_ARGUMENT', 'watch takes a reference to an actor of the same tenant', {
        argument: 'ref',
      });
    }
    this.#turn.orders.push({ kind: 'watch', type: address.type, key: address.key });
  }

  emit(topic: string, value: unknown): void {
    this.#scope.assertRunning('an event');
    checkLabel('a topic', topic);
    this.#turn.orders.push({ kind: 'emit', topic, value: encodeValue(value, undefined, 'value') });
  }
}

/** Whose references these are. */
interface Origin {
  readonly turn: Turn;
  readonly facts: DomainFacts;
  readonly scope: ViewScope;
}

/** What a reference's handler property does. */
type Send = (origin: Origin, address: Address, handler: string, args: unknown[], options: CallOptions) => unknown;

const callSend: Send = ({ turn, facts, scope }, address, handler, args, options) => {
  scope.assertRunning('a call');
  return turn.request((index): Call => {
    try {
      return makeCall({ turn, facts }, address, handler, args, options, index);
    } catch (error) {
      return { kind: 'failed', index, error: error as SynapseError };
    }
  });
};

const tellSend: Send = ({ turn, scope }, address, handler, args, options) => {
  scope.assertRunning('a tell');
  const principal = options.principal ?? turn.message.sender.principal;
  const encoded = encodeArguments(args);
  turn.orders.push({ kind: 'tell', ...address, handler, args: encoded, principal });
};

function makeCall(
  { turn, facts }: Pick<Origin, 'turn' | 'facts'>,
  address: Address,
  handler: string,
  args: unknown[],
  options: CallOptions,
  index: number,
): Call {
  const encoded = encodeArguments(args);
  const principal = options.principal ?? turn.message.sender.principal;
  const { type, key } = address;
  const { idempotencyKey } = options;
  if (address.tenant !== facts.tenant) {
    const { timeoutMs } = options;
    return { kind: 'remote', index, ...address, handler, args: encoded, principal, timeoutMs, idempotencyKey };
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
  return { kind: 'local', index, type, key, handler, query, args: encoded, principal, idempotencyKey };
}

/** A reference inside a turn: a method for every name, never thenable. */
function turnRef(origin: Origin, address: Address, options: CallOptions): AnyRef {
  const methods = (send: Send): object =>
    new Proxy(Object.freeze({}), {
      get: (_target, name) =>
        typeof name === 'string' && name !== 'then'
          ? (...args: unknown[]): unknown => send(origin, address, name, args, options)
          : undefined,
    });
  return new Proxy(Object.freeze({}), {
    get(_target, name): unknown {
      if (name === ADDRESS) return address;
      if (typeof name !== 'string' || name === 'then') return undefined;
      if (name === 'tell') return methods(tellSend);
      if (name === 'toString' || name === 'valueOf') return () => addressText(address);
      if (name === 'toJSON') return () => address;
      if (name === 'with') return (more: CallOptions): AnyRef => turnRef(origin, address, { ...options, ...more });
      return (...args: unknown[]): unknown => callSend(origin, address, name, args, options);
    },
  }) as AnyRef;
}
