/**
 * `ctx.state` and `ctx.table(name)`: the doors through which a handler sees its cell.
 *
 * Top-level keys are assignable; a value is copied and frozen by the codec at the moment it is
 * assigned, so that what the handler keeps of it afterwards is the handler's own. Keys are listed
 * in UTF-8 byte order, whatever order they came in, since a cell read back from disk knows no other.
 * A view belongs to one turn and is dead after it.
 */
import { SynapseError } from '../base/error.ts';
import { compareUtf8, utf8Length } from '../base/text.ts';
import { decodeFrozen, encodeValue } from '../frame/codec.ts';
import { type Cell, type TableRows, isShort } from './cell.ts';
import type { WriteLog } from './write-log.ts';

/** Longest key of a table or of the state, bytes of UTF-8: a key is part of a row, not a document. */
export const ROW_KEY_MAX_BYTES = 1_024;

/** Largest encoded value under one key, bytes: it must fit one frame between lane and store. */
const VALUE_MAX_BYTES: number = 8 << 20;

/** What a view asks of its turn. */
export interface ViewScope {
  /** Undefined in a query: nothing may be written. */
  readonly writes: WriteLog | undefined;
  /** Throws when the turn is over or not the one that runs. */
  assertRunning(what: string): void;
  /** False for a line of the log that the turn wrote before it was run again. */
  isNewLine(): boolean;
}

function checkRowKey(key: unknown): asserts key is string {
  if (typeof key !== 'string') {
    throw new SynapseError('INVALID_ARGUMENT', `a key must be a string, got ${typeof key}`, { argument: 'key' });
  }
  if (key.length * 3 > ROW_KEY_MAX_BYTES && utf8Length(key) > ROW_KEY_MAX_BYTES) {
    throw new SynapseError('TOO_LARGE', `a key must be at most ${ROW_KEY_MAX_BYTES} bytes of UTF-8`, {
      limitBytes: ROW_KEY_MAX_BYTES,
    });
  }
}

class StateHandler implements ProxyHandler<Record<string, unknown>> {
  readonly #scope: ViewScope;

  constructor(scope: ViewScope) {
    this.#scope = scope;
  }

  get(target: Record<string, unknown>, key: string | symbol): unknown {
    this.#scope.assertRunning('state');
    return Reflect.get(target, key);
  }

  has(target: Record<string, unknown>, key: string | symbol): boolean {
    this.#scope.assertRunning('state');
    return Reflect.has(target, key);
  }

  ownKeys(target: Record<string, unknown>): string[] {
    this.#scope.assertRunning('state');
    return Object.keys(target).sort(compareUtf8);
  }

  set(target: Record<string, unknown>, key: string | symbol, value: unknown): boolean {
    const writes = this.#writer();
    if (typeof key === 'symbol') throw new TypeError('a key of ctx.state must be a string');
    checkRowKey(key);
    if (isSamePrimitive(target[key], value) && Object.hasOwn(target, key)) return true;
    if (isShort(value)) writes.setState(key, value, undefined);
    else {
      const bytes = encodeValue(value, VALUE_MAX_BYTES, `ctx.state.${key}`);
      writes.setState(key, decodeFrozen(bytes), bytes);
    }
    return true;
  }

  deleteProperty(_target: Record<string, unknown>, key: string | symbol): boolean {
    const writes = this.#writer();
    if (typeof key === 'string') writes.deleteState(key);
    return true;
  }

  defineProperty(target: Record<string, unknown>, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (!('value' in descriptor)) throw new TypeError('ctx.state holds values, not accessors');
    return this.set(target, key, descriptor.value);
  }

  setPrototypeOf(): boolean {
    throw new TypeError('the prototype of ctx.state is fixed');
  }

  preventExtensions(): boolean {
    throw new TypeError('ctx.state stays extensible');
  }

  #writer(): WriteLog {
    this.#scope.assertRunning('state');
    if (this.#scope.writes === undefined) throw new TypeError('a query may not write: ctx.state is read-only');
    return this.#scope.writes;
  }
}

function isSamePrimitive(a: unknown, b: unknown): boolean {
  return Object.is(a, b) && (typeof b !== 'object' || b === null);
}

/** The proxy that a handler knows as `ctx.state`. */
export function stateView(cell: Cell, scope: ViewScope): Record<string, unknown> {
  return new Proxy(cell.state, new StateHandler(scope));
}

/** The object that a handler knows as `ctx.table(name)`. */
export class TableView {
  readonly #cell: Cell;
  readonly #scope: ViewScope;
  readonly #name: string;

  constructor(cell: Cell, scope: ViewScope, name: string) {
    this.#cell = cell;
    this.#scope = scope;
    this.#name = name;
  }

  get size(): number {
    return this.#rows()?.values.size ?? 0;
  }

  get(key: string): unknown {
    checkRowKey(key);
    return readable(this.#rows()?.values.get(key));
  }

  has(key: string): boolean {
    checkRowKey(key);
    return this.#rows()?.values.has(key) ?? false;
  }

  set(key: string, value: unknown): void {
    const writes = this.#writer();
    checkRowKey(key);
    const rows = this.#cell.tables?.get(this.#name)?.values;
    if (rows?.has(key) === true && isSamePrimitive(rows.get(key), value)) return;
    if (isShort(value)) writes.setEntry(this.#name, key, value, undefined);
    else {
      const bytes = encodeValue(value, VALUE_MAX_BYTES, `ctx.table("${this.#name}").get("${key}")`);
      writes.setEntry(this.#name, key, decodeFrozen(bytes), bytes);
    }
  }

  delete(key: string): boolean {
    const writes = this.#writer();
    checkRowKey(key);
    return writes.deleteEntry(this.#name, key);
  }

  /** Keys in UTF-8 byte order, as they stood at the call. */
  keys(): IterableIterator<string> {
    return [...(this.#rows()?.sortedKeys() ?? [])].values();
  }

  /** Entries in UTF-8 byte order of their keys, as they stood at the call. */
  entries(): IterableIterator<[string, unknown]> {
    const rows = this.#rows();
    return (rows?.sortedKeys() ?? []).map((key): [string, unknown] => [key, readable(rows?.values.get(key))]).values();
  }

  [Symbol.iterator](): IterableIterator<[string, unknown]> {
    return this.entries();
  }

  #rows(): TableRows | undefined {
    this.#scope.assertRunning('a table');
    return this.#cell.tables?.get(this.#name);
  }

  #writer(): WriteLog {
    this.#scope.assertRunning('a table');
    if (this.#scope.writes === undefined) throw new TypeError('a query may not write: the table is read-only');
    return this.#scope.writes;
  }
}

/** A byte array is read as a copy; all else is frozen already. */
function readable(value: unknown): unknown {
  return value instanceof Uint8Array || value instanceof ArrayBuffer ? value.slice(0) : value;
}
