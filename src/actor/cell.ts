/**
 * A cell is one actor in memory: its committed state, its tables and what supervision knows of it.
 *
 * Rows are how a cell is stored, one row for each thing that may change alone:
 *
 *   group  a \0 type \0 key
 *   name   m                      supervision: version, parent, children, restarts  (system row)
 *          s key                  one top-level key of ctx.state                    (state row)
 *          t table \0 key         one entry of ctx.table(table)                     (state row)
 *
 * A cell that holds nothing but defaults and has a state row needs no `m` row. Values in a cell are
 * deeply frozen, byte arrays excepted, which are read as copies. A cell never runs code.
 */
import { compareUtf8 } from '../base/text.ts';
import { decodeFrozen, decodeValue, encodeValue } from '../frame/codec.ts';
import type { ResolvedActor } from './definition.ts';

const NO_NAMES: readonly string[] = [];
const NO_TIMES: readonly number[] = [];

/** What supervision keeps of an actor; the `m` row. Most actors have nothing of their own there: they share one. */
interface CellMeta {
  /** Version whose shape the state has. */
  readonly version: number;
  readonly parent: string | undefined;
  readonly children: readonly string[];
  /** Recorded times of restarts inside the current period, oldest first. */
  readonly restarts: readonly number[];
  /** Not in the row: false until a turn has committed, since an actor that never did anything does not exist. */
  readonly exists: boolean;
}

/** What an actor has of which nothing is known, by version: before it exists, and since. */
const unbornMetas: Map<number, CellMeta> = new Map();
const bornMetas: Map<number, CellMeta> = new Map();

function freshMeta(version: number, exists: boolean): CellMeta {
  const metas = exists ? bornMetas : unbornMetas;
  let meta = metas.get(version);
  if (meta === undefined) {
    meta = { version, parent: undefined, children: NO_NAMES, restarts: NO_TIMES, exists };
    metas.set(version, meta);
  }
  return meta;
}

/** The entries of one table, with their order made only when somebody iterates. */
export class TableRows {
  readonly values: Map<string, unknown> = new Map();
  #sorted: string[] | undefined;

  set(key: string, value: unknown): void {
    if (this.#sorted !== undefined && !this.values.has(key)) this.#insert(key);
    this.values.set(key, value);
  }

  delete(key: string): void {
    if (!this.values.delete(key) || this.#sorted === undefined) return;
    this.#sorted.splice(this.#placeOf(key), 1);
  }

  /** Keys in UTF-8 byte order. */
  sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.values.keys()].sort(compareUtf8);
    return this.#sorted;
  }

  #insert(key: string): void {
    this.#sorted?.splice(this.#placeOf(key), 0, key);
  }

  #placeOf(key: string): number {
    const sorted = this.#sorted ?? [];
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(sorted[middle] ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export interface StoredRow {
  readonly name: string;
  readonly value: Uint8Array;
}

/**
 * One of a million: what it does not have takes no place, and what can be told from the rest neither. 64 bytes; a private
 * method would take 8 more, since it marks each object.
 */
export class Cell {
  readonly id: string;
  meta: CellMeta;
  readonly state: Record<string, unknown>;
  tables: Map<string, TableRows> | undefined = undefined;
  /** Time of the last use, whole ms since the lane began; decides passivation, never what is computed. */
  usedMs = 0;

  /**
   * @param id as it is used elsewhere already: another text of the same letters would be hashed again
   * @param state becomes the cell's own
   */
  constructor(id: string, version: number, state: Record<string, unknown> = {}) {
    this.id = id;
    this.meta = freshMeta(version, false);
    this.state = state;
  }

  get type(): string {
    return this.id.slice(0, this.id.indexOf('\0'));
  }

  get key(): string {
    return this.id.slice(this.id.indexOf('\0') + 1);
  }

  /** False until a turn has committed: an actor that never did anything does not exist. */
  get exists(): boolean {
    return this.meta.exists;
  }

  set exists(exists: boolean) {
    const { version } = this.meta;
    if (this.meta.exists === exists) return;
    if (this.meta === freshMeta(version, !exists)) this.meta = freshMeta(version, exists);
    else this.amend({ exists });
  }

  /** What one actor has is another object from then on. */
  amend(change: Partial<CellMeta>): void {
    this.meta = { ...this.meta, ...change };
  }

  /** Builds the cell that `rows` describe, or nothing when there are none. */
  static fromRows(id: string, rows: readonly StoredRow[]): Cell | undefined {
    if (rows.length === 0) return undefined;
    const cell = new Cell(id, 1);
    for (const row of rows) takeRow(cell, row);
    cell.exists = true;
    return cell;
  }

  tableRows(name: string): TableRows {
    this.tables ??= new Map();
    let rows = this.tables.get(name);
    if (rows === undefined) {
      rows = new TableRows();
      this.tables.set(name, rows);
    }
    return rows;
  }

  /** The encoded value of one row, or null where the row is no more. */
  rowValue(name: string): Uint8Array | null {
    if (!this.exists) return null;
    if (name === META_ROW) return metaValue(this);
    if (name[0] === 's') {
      const key = name.slice(1);
      return Object.hasOwn(this.state, key) ? encodeValue(this.state[key]) : null;
    }
    const cut = name.indexOf('\0');
    const rows = this.tables?.get(name.slice(1, cut));
    const key = name.slice(cut + 1);
    return rows?.values.has(key) === true ? encodeValue(rows.values.get(key)) : null;
  }

  /** Names of the rows that a cell just made has: there is no `m` row to be undone. */
  newRowNames(): string[] {
    const names = this.rowNames();
    if (isPlain(this)) names.shift();
    return names;
  }

  /** Names of all rows the cell has or may have, the `m` row first. */
  rowNames(): string[] {
    const names = [META_ROW];
    for (const key of Object.keys(this.state)) names.push(stateRow(key));
    for (const [table, rows] of this.tables ?? []) {
      for (const key of rows.values.keys()) names.push(tableRow(table, key));
    }
    return names;
  }
}

/** Nothing but defaults, and a state row that tells of the actor. */
function isPlain({ meta, state }: Cell): boolean {
  const { version, parent, children, restarts } = meta;
  if (version !== 1 || parent !== undefined || children.length > 0 || restarts.length > 0) return false;
  for (const key in state) if (Object.hasOwn(state, key)) return true;
  return false;
}

function metaValue(cell: Cell): Uint8Array | null {
  if (isPlain(cell)) return null;
  const { version, parent, children, restarts } = cell.meta;
  return encodeValue({ version, parent, children, restarts });
}

function takeRow(cell: Cell, row: StoredRow): void {
  const kind = row.name[0];
  if (kind === 's') {
    putValue(cell.state, row.name.slice(1), decodeFrozen(row.value));
  } else if (kind === 't') {
    const cut = row.name.indexOf('\0');
    cell.tableRows(row.name.slice(1, cut)).set(row.name.slice(cut + 1), decodeFrozen(row.value));
  } else {
    cell.meta = { ...(decodeValue(row.value) as Omit<CellMeta, 'exists'>), exists: false };
  }
}

export const META_ROW = 'm';

/** Names of state rows made lately: the same few keys are written in every turn, and a new string is hashed anew. */
const stateRows: Map<string, string> = new Map();
const STATE_ROWS_MAX = 4_096;

export function stateRow(key: string): string {
  let name = stateRows.get(key);
  if (name === undefined) {
    name = `s${key}`;
    if (stateRows.size >= STATE_ROWS_MAX) stateRows.clear();
    stateRows.set(key, name);
  }
  return name;
}

export function tableRow(table: string, key: string): string {
  return `t${table}\0${key}`;
}

/** The store's group of an actor's rows. */
export function rowGroupOf(actorId: string): string {
  return `a\0${actorId}`;
}

/** Whether a value is kept as an accessor. */
function isBytes(value: unknown): value is Uint8Array | ArrayBuffer {
  return typeof value === 'object' && (value instanceof Uint8Array || value instanceof ArrayBuffer);
}

/** Whether a value enters a cell as it is; all else is copied and frozen by the codec. */
export function isShort(value: unknown): boolean {
  if (typeof value === 'string') return value.length < 256;
  return typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined;
}

/**
 * Sets an own property, `__proto__` included, and makes a byte array an accessor that gives a copy:
 * bytes cannot be frozen, and what a reader changes must stay the reader's.
 */
export function putValue(target: Record<string, unknown>, key: string, value: unknown): void {
  if (isBytes(value)) {
    Object.defineProperty(target, key, { get: () => value.slice(0), enumerable: true, configurable: true });
  } else if (key === '__proto__' || isBytes(target[key])) {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** A fresh cell with the definition's initial state, not yet existing. */
export function freshCell(definition: ResolvedActor, id: string): Cell {
  const initial = definition.initialState();
  // A copy has places for the keys it has and no more; an empty object that is filled has four at the least (24 bytes).
  const state = { ...initial };
  for (const symbol of Object.getOwnPropertySymbols(state)) Reflect.deleteProperty(state, symbol); // no row could hold it
  for (const name of Object.keys(initial)) {
    const value = state[name];
    if (!isShort(value)) putValue(state, name, decodeFrozen(encodeValue(value)));
  }
  return new Cell(id, definition.version, state);
}
