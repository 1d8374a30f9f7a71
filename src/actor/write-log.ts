/**
 * The writes of one turn, kept so that they can be undone, redone and counted.
 *
 * A turn writes straight into its cell (reading its own writes costs nothing) and the log remembers
 * what stood there before. When the turn suspends, its writes are taken out of the cell again, so
 * that queries see the state before it; when it goes on, they are put back. Commands of the actor
 * wait meanwhile, so nothing else can have written.
 */
import { type Cell, putValue, stateRow, tableRow } from './cell.ts';

/** Marks "there was, or is, no such key". */
const ABSENT: unique symbol = Symbol('absent');

/** One row that the turn wrote. */
class Write {
  readonly name: string;
  readonly table: string | undefined;
  readonly key: string;
  readonly before: unknown;
  after: unknown;
  /** The encoded value where the writer had to make it anyway. */
  bytes: Uint8Array | undefined;

  constructor(
    name: string,
    table: string | undefined,
    key: string,
    before: unknown,
    after: unknown,
    bytes: Uint8Array | undefined,
  ) {
    this.name = name;
    this.table = table;
    this.key = key;
    this.before = before;
    this.after = after;
    this.bytes = bytes;
  }

  /** The row came and went within the turn. */
  get isVoid(): boolean {
    return this.before === ABSENT && this.after === ABSENT;
  }

  get isDeleted(): boolean {
    return this.after === ABSENT;
  }
}

const NONE: readonly never[] = [];

/** Up to this many writes the earlier one of a row is found by looking at all of them: a Map takes as long to make. */
const SEARCHED_MAX = 8;

export class WriteLog {
  readonly #cell: Cell;
  #writes: Write[] | undefined = undefined;
  #byName: Map<string, Write> | undefined = undefined;
  #applied = true;

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  setState(key: string, value: unknown, bytes: Uint8Array | undefined): void {
    const { state } = this.#cell;
    const known = state[key];
    // What is no object and no function is its own, not one that all objects have: the usual case, one look-up less.
    const isOwn = typeof known === 'number' || typeof known === 'string' || Object.hasOwn(state, key);
    const before = isOwn ? known : ABSENT;
    this.#note(stateRow(key), undefined, key, before, value, bytes);
    // Nothing that has to be defined is in the way: the usual case, and one look-up less.
    if (typeof before !== 'object' && typeof value !== 'object' && before !== ABSENT) state[key] = value;
    else putValue(state, key, value);
  }

  deleteState(key: string): void {
    if (!Object.hasOwn(this.#cell.state, key)) return;
    this.#note(stateRow(key), undefined, key, this.#cell.state[key], ABSENT, undefined);
    delete this.#cell.state[key];
  }

  setEntry(table: string, key: string, value: unknown, bytes: Uint8Array | undefined): void {
    const rows = this.#cell.tableRows(table);
    const before = rows.values.has(key) ? rows.values.get(key) : ABSENT;
    this.#note(tableRow(table, key), table, key, before, value, bytes);
    rows.set(key, value);
  }

  deleteEntry(table: string, key: string): boolean {
    const rows = this.#cell.tableRows(table);
    if (!rows.values.has(key)) return false;
    this.#note(tableRow(table, key), table, key, rows.values.get(key), ABSENT, undefined);
    rows.delete(key);
    return true;
  }

  #note(
    name: string,
    table: string | undefined,
    key: string,
    before: unknown,
    after: unknown,
    bytes: Uint8Array | undefined,
  ): void {
    const writes = this.#writes;
    const earlier = this.#find(writes ?? NONE, name);
    if (earlier === undefined) {
      const write = new Write(name, table, key, before, after, bytes);
      if (writes === undefined) this.#writes = [write];
      else writes.push(write);
      this.#byName?.set(name, write);
    } else {
      earlier.after = after;
      earlier.bytes = bytes;
    }
  }

  #find(writes: readonly Write[], name: string): Write | undefined {
    if (writes.length > SEARCHED_MAX) {
      this.#byName ??= new Map(writes.map((write) => [write.name, write]));
      return this.#byName.get(name);
    }
    for (const write of writes) if (write.name === name) return write;
    return undefined;
  }

  /** Takes the writes out of the cell: for a roll-back, or while the turn is suspended. */
  revert(): void {
    if (!this.#applied) return;
    this.#applied = false;
    for (const write of this.#writes ?? NONE) this.#put(write, write.before);
  }

  /** Puts the writes back into the cell. */
  apply(): void {
    if (this.#applied) return;
    this.#applied = true;
    for (const write of this.#writes ?? NONE) this.#put(write, write.after);
  }

  #put(write: Write, value: unknown): void {
    if (write.table === undefined) {
      if (value === ABSENT) delete this.#cell.state[write.key];
      else putValue(this.#cell.state, write.key, value);
      return;
    }
    const rows = this.#cell.tableRows(write.table);
    if (value === ABSENT) rows.delete(write.key);
    else rows.set(write.key, value);
  }

  /** What the turn wrote, in the order of first writing. */
  get written(): readonly Write[] {
    return this.#writes ?? NONE;
  }
}
