/**
 * The memory driver: sorted rows in blocks, gone with the process.
 *
 * It outlives the Store that uses it: close() and reopen() keep the rows, so that a test, or a system
 * without a dataDir, opens another Store over the same instance. Rows are copied in and out.
 * A search is two binary searches, O(log n); a write moves at most one block (BLOCK_ROWS pointers).
 */
import { compareBytes, copyOf } from './binary.ts';
import { createWhole } from './directory.ts';
import type { KeyValue, RangeOptions, Row, Write } from './key-value.ts';
import { openLmdb } from './lmdb.ts';

/** Most rows of a block: a splice of 256 pointers is one short memmove, and 1 M rows make 4 to 8 k blocks. */
const BLOCK_ROWS = 256;

/** Rows of one commit of a backup: keeps the transaction's dirty pages in tens of MiB. */
const BACKUP_ROWS = 10_000;

interface Block {
  readonly keys: Uint8Array[];
  readonly values: Uint8Array[];
}

/** A {@link KeyValue} in memory; each instance is one store, "durable" as long as it is referenced. */
export class MemoryKeyValue implements KeyValue {
  /** Never empty blocks, ascending. */
  readonly #blocks: Block[] = [];

  commit(writes: readonly Write[]): void {
    for (const [key, value] of writes) {
      if (value === null) this.#remove(key);
      else this.#put(key, value);
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const block = this.#blocks[this.#blockOf(key)];
    if (block === undefined) return undefined;
    const at = lowerBound(block.keys, key);
    const found = block.keys[at];
    return found !== undefined && compareBytes(found, key) === 0 ? copyOf(block.values[at] as Uint8Array) : undefined;
  }

  range(from: Uint8Array, to: Uint8Array, options: RangeOptions = {}): readonly Row[] {
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    return options.reverse ? this.#descend(from, to, limit) : this.#ascend(from, to, limit);
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

  #ascend(from: Uint8Array, to: Uint8Array, limit: number): readonly Row[] {
    const rows: Row[] = [];
    for (let b = Math.max(0, this.#blockOf(from)); b < this.#blocks.length; b++) {
      const { keys, values } = this.#blocks[b] as Block;
      for (let i = lowerBound(keys, from); i < keys.length; i++) {
        const key = keys[i] as Uint8Array;
        if (rows.length >= limit || compareBytes(key, to) >= 0) return rows;
        rows.push([copyOf(key), copyOf(values[i] as Uint8Array)]);
      }
    }
    return rows;
  }

  #descend(from: Uint8Array, to: Uint8Array, limit: number): readonly Row[] {
    const rows: Row[] = [];
    for (let b = Math.max(0, this.#blockOf(to)); b >= 0; b--) {
      const { keys, values } = this.#blocks[b] ?? { keys: [], values: [] };
      for (let i = lowerBound(keys, to) - 1; i >= 0; i--) {
        const key = keys[i] as Uint8Array;
        if (rows.length >= limit || compareBytes(key, from) < 0) return rows;
        rows.push([copyOf(key), copyOf(values[i] as Uint8Array)]);
      }
    }
    return rows;
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    const b = Math.max(0, this.#blockOf(key));
    const block = this.#blocks[b];
    if (block === undefined) {
      this.#blocks.push({ keys: [copyOf(key)], values: [copyOf(value)] });
      return;
    }
    const at = lowerBound(block.keys, key);
    const found = block.keys[at];
    if (found !== undefined && compareBytes(found, key) === 0) {
      block.values[at] = copyOf(value);
      return;
    }
    block.keys.splice(at, 0, copyOf(key));
    block.values.splice(at, 0, copyOf(value));
    if (block.keys.length > BLOCK_ROWS) {
      const half = BLOCK_ROWS >> 1;
      this.#blocks.splice(b + 1, 0, { keys: block.keys.splice(half), values: block.values.splice(half) });
    }
  }

  #remove(key: Uint8Array): void {
    const b = this.#blockOf(key);
    const block = this.#blocks[b];
    if (block === undefined) return;
    const at = lowerBound(block.keys, key);
    const found = block.keys[at];
    if (found === undefined || compareBytes(found, key) !== 0) return;
    block.keys.splice(at, 1);
    block.values.splice(at, 1);
    if (block.keys.length === 0) this.#blocks.splice(b, 1);
  }

  /** The last block whose first key is <= `key`, else -1. */
  #blockOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes((this.#blocks[middle] as Block).keys[0] as Uint8Array, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  *#rows(): Generator<Write> {
    for (const { keys, values } of this.#blocks) {
      for (let i = 0; i < keys.length; i++) yield [keys[i] as Uint8Array, values[i] as Uint8Array];
    }
  }
}

/** Index of the first key >= `key`. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  // Writes come sorted: the place behind the last key is the common one while a store grows.
  const last = keys.at(-1);
  if (last !== undefined && compareBytes(last, key) < 0) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(keys[middle] as Uint8Array, key) < 0) low = middle + 1;
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
