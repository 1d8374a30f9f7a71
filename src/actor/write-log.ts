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

interface Write {
  readonly table: string | undefined;
  readonly key: string;
  readonly before: unknown;
  after: unknown;
  /** The encoded value where the writer had to make it anyway. */
  bytes: Uint8Array | undefined;
}

/** One changed row, for the digest: the bytes are absent where the writer did not need them. */
export interface ChangedRow {
  readonly name: string;
  readonly deleted: boolean;
  readonly value: unknown;
  readonly bytes: Uint8Array | undefined;
}

export class WriteLog {
  readonly #cell: Cell;
  #writes: Map<string, Write> | undefined;
  #applied = true;

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  get size(): number {
    return this.#writes?.size ?? 0;
  }

  setState(key: string, value: unknown, bytes: Uint8Array | undefined): void {
    const before = Object.hasOwn(this.#cell.state, key) ? this.#cell.state[key] : ABSENT;
    this.#note(stateRow(key), undefined, key, before, value, bytes);
    putValue(this.#cell.state, key, value);
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
    this.#writes ??= new Map();
    const earlier = this.#writes.get(name);
    if (earlier === undefined) this.#writes.set(name, { table, key, before, after, bytes });
    else {
      earlier.after = after;
      earlier.bytes = bytes;
    }
  }

  /** Takes the writes out of the cell: for a roll-back, or while the turn is suspended. */
  revert(): void {
    if (!this.#applied) return;
    this.#applied = false;
    for (const write of this.#writes?.values() ?? []) this.#put(write, write.before);
  }

  /** Puts the writes back into the cell. */
  apply(): void {
    if (this.#applied) return;
    this.#applied = true;
    for (const write of this.#writes?.values() ?? []) this.#put(write, write.after);
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

  /** What the turn changed, in the order of first writing. */
  *changes(): Generator<ChangedRow> {
    for (const [name, write] of this.#writes ?? []) {
      if (write.before === ABSENT && write.after === ABSENT) continue;
      yield { name, deleted: write.after === ABSENT, value: write.after, bytes: write.bytes };
    }
  }
}
