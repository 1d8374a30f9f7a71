/**
 * `ctx` and references, as handlers meet them in the model: what is asked for is left with the turn. See
 * model-state.ts for what the model is.
 */
import { nextCronMs } from '../actor/cron.ts';
import { ADDRESS, type AnyRef, type CallOptions, addressOf } from '../actor/reference-types.ts';
import { type Address, addressText, checkName } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { compareUtf8, utf8Length } from '../base/text.ts';
import { encodeArguments, encodeValue } from '../frame/codec.ts';
import type { ModelActor, ModelMessage } from './model-message.ts';
import type { ModelState } from './model-state.ts';
import { type ModelTurn, frozen } from './model-turn.ts';

type Bag = Record<string, unknown>;

/** Byte arrays are read as copies; all else is frozen already. */
function readable(value: unknown): unknown {
  return value instanceof Uint8Array || value instanceof ArrayBuffer ? value.slice(0) : value;
}

/** `ctx.state`: keys in byte order, values frozen copies. */
function stateOf(bag: Bag, isReadOnly: boolean): Bag {
  return new Proxy(bag, {
    get: (target, key) => readable(Reflect.get(target, key)),
    ownKeys: (target) => Object.keys(target).sort(compareUtf8),
    set(target, key, value) {
      if (isReadOnly) throw new TypeError('a query may not write');
      checkRowKey(key);
      target[String(key)] = frozen(value);
      return true;
    },
    deleteProperty(target, key) {
      if (isReadOnly) throw new TypeError('a query may not write');
      return Reflect.deleteProperty(target, key);
    },
  });
}

/** Longest key of a row, bytes of UTF-8, as the kernel's. */
const ROW_KEY_MAX_BYTES = 1_024;

/** Longest name of a table or topic, as the kernel's. */
const LABEL_MAX = 64;

function checkRowKey(key: unknown): void {
  if (typeof key !== 'string') throw new SynapseError('INVALID_ARGUMENT', 'a key must be a string');
  if (utf8Length(key) > ROW_KEY_MAX_BYTES) throw new SynapseError('TOO_LARGE', 'a key is too long');
}

function checkLabel(label: unknown): void {
  const isLabel = typeof label === 'string' && label.length > 0 && label.length <= LABEL_MAX && !/\p{Cc}/u.test(label);
  if (!isLabel) throw new SynapseError('INVALID_ARGUMENT', 'a name must be 1 to 64 characters');
}

function tableOf(tables: Map<string, Map<string, unknown>>, name: string, isReadOnly: boolean): object {
  checkLabel(name);
  const rows = (): Map<string, unknown> => tables.get(name) ?? new Map();
  const keys = (): string[] => [...rows().keys()].sort(compareUtf8);
  const check = (): void => {
    if (isReadOnly) throw new TypeError('a query may not write');
  };
  const entries = (): IterableIterator<[string, unknown]> =>
    keys()
      .map((key): [string, unknown] => [key, readable(rows().get(key))])
      .values();
  return {
    get size(): number {
      return rows().size;
    },
    get(key: string): unknown {
      checkRowKey(key);
      return readable(rows().get(key));
    },
    has(key: string): boolean {
      checkRowKey(key);
      return rows().has(key);
    },
    set(key: string, value: unknown): void {
      check();
      checkRowKey(key);
      const table = rows();
      table.set(key, frozen(value));
      tables.set(name, table);
    },
    delete(key: string): boolean {
      check();
      checkRowKey(key);
      return rows().delete(key);
    },
    keys: () => keys().values(),
    entries,
    [Symbol.iterator]: entries,
  };
}

const noLog = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** `ctx` of a query. */
export function queryContext(state: ModelState, actor: ModelActor, message: ModelMessage): object {
  return {
    tenant: state.tenant,
    type: actor.type,
    key: actor.key,
    seq: state.seq,
    sender: message.sender,
    log: noLog,
    now: () => state.nowMs,
    state: stateOf(actor.state, true),
    table: (name: string) => tableOf(actor.tables, name, true),
  };
}

/** `ctx` of a command and of the lifecycle handlers. */
export function turnContext(state: ModelState, turn: ModelTurn): object {
  const { message, actor } = turn;
  const ref = (type: string | { readonly name: string }, key: string, tenant: string = state.tenant): AnyRef => {
    checkName('key', key);
    checkName('tenant', tenant);
    return referenceOf(state, turn, { tenant, type: typeof type === 'string' ? type : type.name, key }, {});
  };
  const schedule = (dueMs: number, cron: string | undefined, command: string, args: unknown[]): string => {
    if (state.registry.resolve(actor.type, turn.version)?.commands.has(command) !== true)
      throw new SynapseError('UNKNOWN_HANDLER', `${actor.type} has no command '${command}'`);
    const id = turn.nextOrderId();
    turn.orders.push({ kind: 'timer', id, dueMs, cron, command, args: encodeArguments(args) });
    return id;
  };
  return {
    tenant: state.tenant,
    type: actor.type,
    key: actor.key,
    sender: message.sender,
    log: noLog,
    get seq(): number {
      return turn.seq;
    },
    state: stateOf(turn.state, false),
    table: (name: string) => tableOf(turn.tables, name, false),
    now: () => turn.nowMs,
    random: () => turn.random.random(),
    uuid: () => turn.random.uuid(),
    ref,
    after(ms: number, command: string, ...args: unknown[]): string {
      if (typeof ms !== 'number' || !(ms >= 0)) throw new SynapseError('INVALID_ARGUMENT', 'after takes ms');
      return schedule(turn.nowMs + Math.ceil(ms), undefined, command, args);
    },
    cron: (expression: string, command: string, ...args: unknown[]) =>
      schedule(nextCronMs(expression, turn.nowMs), expression, command, args),
    cancel: (id: string) => void turn.orders.push({ kind: 'cancel', id }),
    effect: (name: string, input?: unknown) =>
      turn.request(() => {
        if (state.registry.resolve(actor.type, turn.version)?.hasEffect(name) === false)
          throw new SynapseError('INVALID_ARGUMENT', `${actor.type} has no effect '${name}'`);
        return { kind: 'effect', name, input: encodeValue(input, undefined, 'input') };
      }),
    spawn: (type: string | { readonly name: string }, key: string) => spawn(state, turn, ref(type, key)),
    stop: () => void turn.orders.push({ kind: 'stop' }),
    watch(target: AnyRef): void {
      const { tenant, type, key } = target[ADDRESS];
      if (tenant !== state.tenant)
        throw new SynapseError('INVALID_ARGUMENT', 'watch takes an actor of the same tenant');
      turn.orders.push({ kind: 'watch', type, key });
    },
    emit(topic: string, value: unknown): void {
      checkLabel(topic);
      turn.orders.push({ kind: 'emit', topic, value: encodeValue(value) });
    },
  };
}

function spawn(state: ModelState, turn: ModelTurn, ref: AnyRef): AnyRef {
  const { type, key } = addressOf(ref);
  if (state.definitionOf(type) === undefined) throw new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}'`);
  const id = `${type}\0${key}`;
  const isTwice = turn.orders.some((order) => order.kind === 'spawn' && order.type === type && order.key === key);
  if (isTwice || id === turn.actor.id || state.isTaken(id))
    throw new SynapseError('INVALID_ARGUMENT', `${type}/${key} exists already`);
  turn.orders.push({ kind: 'spawn', type, key });
  return ref;
}

/** A reference inside a turn. */
function referenceOf(state: ModelState, turn: ModelTurn, address: Address, options: CallOptions): AnyRef {
  const principal = options.principal ?? turn.message.sender.principal;
  const call = (handler: string, args: unknown[]): Promise<unknown> =>
    turn.request(() => {
      const encoded = encodeArguments(args);
      if (address.tenant === state.tenant) checkHandler(state, turn, address, handler);
      return { kind: 'call', address, handler, args: encoded, options, principal };
    });
  const tell = (handler: string, args: unknown[]): void =>
    void turn.orders.push({ kind: 'tell', address, handler, args: encodeArguments(args), principal });
  const methods = (send: (handler: string, args: unknown[]) => unknown): object =>
    new Proxy(Object.freeze({}), {
      get: (_target, name) =>
        typeof name === 'string' && name !== 'then' ? (...args: unknown[]): unknown => send(name, args) : undefined,
    });
  const known: Record<string, unknown> = {
    tell: methods(tell),
    toString: () => addressText(address),
    valueOf: () => addressText(address),
    toJSON: () => address,
    with: (more: CallOptions) => referenceOf(state, turn, address, { ...options, ...more }),
  };
  return new Proxy(Object.freeze({}), {
    get(_target, name): unknown {
      if (name === ADDRESS) return address;
      if (typeof name !== 'string' || name === 'then') return undefined;
      return Object.hasOwn(known, name) ? known[name] : (...args: unknown[]): unknown => call(name, args);
    },
  }) as AnyRef;
}

function checkHandler(state: ModelState, turn: ModelTurn, { type, key }: Address, handler: string): void {
  const definition = state.definitionOf(type);
  if (definition === undefined)
    throw new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}' is registered`, { type });
  if (definition.queries.has(handler)) return;
  if (!definition.commands.has(handler))
    throw new SynapseError('UNKNOWN_HANDLER', `${type} has no handler '${handler}'`, { type, handler });
  const isUnborn = turn.orders.some((order) => order.kind === 'spawn' && order.type === type && order.key === key);
  if (isUnborn) throw new SynapseError('INVALID_ARGUMENT', `${type}/${key} comes into being at the end of this turn`);
}
