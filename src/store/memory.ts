/**
 * The memory driver: sorted rows in blocks, gone with the process.
 *
 * It outlives the Store that uses it: close() and reopen() keep the rows, so that a test, or a system
 * without a dataDir, opens another Store over the same instance. Rows are copied in and out.
 * A search is two binary searches, O(log n); a write moves at most one block (BLOCK_ROWS pointers).
 *
 * Keys, and values that are short, are kept as strings with a character for each byte: a byte array of 38 bytes
 * takes 240, such a string 56, and strings compare in the order of their bytes.
 */
import { copyOf } from './binary.ts';
import { createWhole } from './directory.ts';
import type { KeyValue, RangeOptions, Row, Write } from './key-value.ts';
import { openLmdb } from './lmdb.ts';

/** Most rows of a block: a splice of 256 pointers is one short memmove, and 1 M rows make 4 to 8 k blocks. */
const BLOCK_ROWS = 256;

/** Rows of one commit of a backup: keeps the transaction's dirty pages in tens of MiB. */
const BACKUP_ROWS = 10_000;

/** Longest value, bytes, that is kept as a string: a longer one is better off outside of the heap. */
const TEXT_MAX_BYTES = 1_024;

type Kept = string | Uint8Array;

interface Block {
  readonly keys: string[];
  readonly values: Kept[];
}

/** The engine's own way, which Node's types leave out: on a byte array that is no Buffer it makes no view of it. */
const latinOf = Buffer.prototype as unknown as { readonly latin1Slice: (this: Uint8Array) => string };

function textOf(bytes: Uint8Array): string {
  return latinOf.latin1Slice.call(bytes);
}

function keep(value: Uint8Array): Kept {
  return value.length <= TEXT_MAX_BYTES ? textOf(value) : copyOf(value);
}

/** A copy, the caller's own. */
function bytesOf(kept: Kept): Uint8Array {
  if (typeof kept !== 'string') return copyOf(kept);
  const bytes = new Uint8Array(kept.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = kept.charCodeAt(i);
  return bytes;
}

/** A {@link KeyValue} in memory; each instance is one store, "durable" as long as it is referenced. */
export class MemoryKeyValue implements KeyValue {
  /** Never empty blocks, ascending. */
  readonly #blocks: Block[] = [];

  commit(writes: readonly Write[]): void {
    for (const [key, value] of writes) {
      if (value === null) this.#remove(textOf(key));
      else this.#put(textOf(key), keep(value));
    }
  }

  get(bytes: Uint8Array): Uint8Array | undefined {
    const key = textOf(bytes);
    const block = this.#blocks[this.#blockOf(key)];
    if (block === undefined) return undefined;
    const at = lowerBound(block.keys, key);
    return block.keys[at] === key ? bytesOf(block.values[at] as Kept) : undefined;
  }

  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined {
    return this.get(key)?.subarray(offset, offset + length);
  }

  range(from: Uint8Array, to: Uint8Array, options: RangeOptions = {}): readonly Row[] {
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    const [first, end] = [textOf(from), textOf(to)];
    return options.reverse ? this.#descend(first, end, limit) : this.#ascend(first, end, limit);
  }

  reopen(): void {
    // Nothing was cached.
  }

  backup(dir: string, amend: readonly Write[] = [], besides: (partial: string) => void = () => undefined): void {
    createWhole(dir, (partial) => {
      const copy = openLmdb(partial);
      try {
        for (const block of batchesOf(this.#rows(), BACKUP_ROWS)) copy.commit(block);
        copy.commit(amend);
      } finally {
        copy.close();
      }
      besides(partial);
    });
  }

  close(): void {
    // The rows stay, for the next Store over this instance.
  }

  #ascend(from: string, to: string, limit: number): readonly Row[] {
    const rows: Row[] = [];
    for (let b = Math.max(0, this.#blockOf(from)); b < this.#blocks.length; b++) {
      const { keys, values } = this.#blocks[b] as Block;
      for (let i = lowerBound(keys, from); i < keys.length; i++) {
        const key = keys[i] as string;
        if (rows.length >= limit || key >= to) return rows;
        rows.push([bytesOf(key), bytesOf(values[i] as Kept)]);
      }
    }
    return rows;
  }

  #descend(from: string, to: string, limit: number): readonly Row[] {
    const rows: Row[] = [];
    for (let b = Math.max(0, this.#blockOf(to)); b >= 0; b--) {
      const { keys, values } = this.#blocks[b] ?? { keys: [], values: [] };
      for (let i = lowerBound(keys, to) - 1; i >= 0; i--) {
        const key = keys[i] as string;
        if (rows.length >= limit || key < from) return rows;
        rows.push([bytesOf(key), bytesOf(values[i] as Kept)]);
      }
    }
    return rows;
  }

  #put(key: string, value: Kept): void {
    const b = Math.max(0, this.#blockOf(key));
    const block = this.#blocks[b];
    if (block === undefined) {
      this.#blocks.push({ keys: [key], values: [value] });
      return;
    }
    const at = lowerBound(block.keys, key);
    if (block.keys[at] === key) {
      block.values[at] = value;
      return;
    }
    block.keys.splice(at, 0, key);
    block.values.splice(at, 0, value);
    if (block.keys.length > BLOCK_ROWS) {
      const half = BLOCK_ROWS >> 1;
      this.#blocks.splice(b + 1, 0, { keys: block.keys.splice(half), values: block.values.splice(half) });
    }
  }

  #remove(key: string): void {
    const b = this.#blockOf(key);
    const block = this.#blocks[b];
    if (block === undefined) return;
    const at = lowerBound(block.keys, key);
    if (block.keys[at] !== key) return;
    block.keys.splice(at, 1);
    block.values.splice(at, 1);
    if (block.keys.length === 0) this.#blocks.splice(b, 1);
  }

  /** The last block whose first key is <= `key`, else -1. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.#blocks[middle] as Block).keys[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  *#rows(): Generator<Write> {
    for (const { keys, values } of this.#blocks) {
      for (let i = 0; i < keys.length; i++) yield [bytesOf(keys[i] as string), bytesOf(values[i] as Kept)];
    }
  }
}

/** Index of the first key >= `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  // Writes come sorted: the place behind the last key is the common one while a store grows.
  const last = keys.at(-1);
  if (last !== undefined && last < key) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function* batchesOf<T>(all: Iterable<T>, size: number): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const one of all) {
    batch.push(one);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
