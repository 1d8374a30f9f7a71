/**
 * The memory driver: sorted rows in blocks, gone with the process.
 *
 * It outlives the Store that uses it: close() and reopen() keep the rows, so that a test, or a system
 * without a dataDir, opens another Store over the same instance. Rows are copied in and out.
 * A search is two binary searches, O(log n); a write moves at most the places of one block (row-block.ts).
 */
import { copyOf, putU32 } from './binary.ts';
import { createWhole } from './directory.ts';
import type { KeyValue, RangeOptions, Row, Write, Writes } from './key-value.ts';
import { openLmdb } from './lmdb.ts';
import { ROW_VALUE_MAX_BYTES, RowBlock } from './row-block.ts';
import { RowMemory } from './row-memory.ts';

/** Rows of one commit of a backup: keeps the transaction's dirty pages in tens of MiB. */
const BACKUP_ROWS = 10_000;

/** A {@link KeyValue} in memory; each instance is one store, "durable" as long as it is referenced. */
export class MemoryKeyValue implements KeyValue {
  readonly #memory: RowMemory = new RowMemory();
  /** Never empty blocks, ascending. */
  readonly #blocks: RowBlock[] = [];
  /** Values too long for a block, by the number that stands there in their place, marked. */
  readonly #long: Map<number, Uint8Array> = new Map();
  #longCount = 0;
  /** Where the last search ended: the next one is often for a neighbour. */
  #lastBlock = 0;

  commit(writes: Writes): void {
    for (const [key, value] of writes) {
      if (value === null) this.#remove(key);
      else this.#put(key, value);
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const block = this.#blocks[this.#blockOf(key)];
    if (block === undefined) return undefined;
    const at = block.lowerBound(key);
    return block.holds(at, key) ? this.#valueAt(block, at) : undefined;
  }

  lent(key: Uint8Array): Uint8Array | undefined {
    const block = this.#blocks[this.#blockOf(key)];
    if (block === undefined) return undefined;
    const at = block.lowerBound(key);
    if (!block.holds(at, key)) return undefined;
    return block.isMarked(at) ? this.#long.get(numberOf(block.valueAt(at))) : block.lentAt(at);
  }

  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined {
    return this.get(key)?.subarray(offset, offset + length);
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
        for (const batch of batchesOf(this.#rows(), BACKUP_ROWS)) copy.commit(batch);
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
      const block = this.#blocks[b] as RowBlock;
      for (let at = block.lowerBound(from); at < block.count; at++) {
        if (rows.length >= limit || block.compare(at, to) >= 0) return rows;
        rows.push(this.#rowAt(block, at));
      }
    }
    return rows;
  }

  #descend(from: Uint8Array, to: Uint8Array, limit: number): readonly Row[] {
    const rows: Row[] = [];
    for (let b = this.#blockOf(to); b >= 0; b--) {
      const block = this.#blocks[b] as RowBlock;
      for (let at = block.lowerBound(to) - 1; at >= 0; at--) {
        if (rows.length >= limit || block.compare(at, from) < 0) return rows;
        rows.push(this.#rowAt(block, at));
      }
    }
    return rows;
  }

  #put(key: Uint8Array, value: Uint8Array): void {
    const b = Math.max(0, this.#blockOf(key));
    let block = this.#blocks[b];
    if (block === undefined) {
      block = new RowBlock(this.#memory);
      this.#blocks.push(block);
    }
    const at = block.lowerBound(key);
    const isLong = value.length > ROW_VALUE_MAX_BYTES;
    const kept = isLong ? this.#keepLong(value) : value;
    if (block.holds(at, key)) {
      this.#forgetLong(block, at);
      block.replace(at, key, kept, isLong);
    } else block.insert(at, key, kept, isLong);
    if (block.isFull) this.#blocks.splice(b + 1, 0, block.split());
  }

  #remove(key: Uint8Array): void {
    const b = this.#blockOf(key);
    const block = this.#blocks[b];
    if (block === undefined) return;
    const at = block.lowerBound(key);
    if (!block.holds(at, key)) return;
    this.#forgetLong(block, at);
    block.remove(at);
    if (block.count > 0) return;
    block.release();
    this.#blocks.splice(b, 1);
  }

  /** The last block whose first key is <= `key`, else -1. */
  #blockOf(key: Uint8Array): number {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    const last = this.#lastBlock;
    if (last < high && (blocks[last] as RowBlock).compare(0, key) <= 0) {
      if (last + 1 === high || (blocks[last + 1] as RowBlock).compare(0, key) > 0) return last;
      low = last + 1;
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((blocks[middle] as RowBlock).compare(0, key) <= 0) low = middle + 1;
      else high = middle;
    }
    this.#lastBlock = Math.max(0, low - 1);
    return low - 1;
  }

  #rowAt(block: RowBlock, at: number): Row {
    return [block.keyAt(at), this.#valueAt(block, at)];
  }

  /** A copy, the caller's own. */
  #valueAt(block: RowBlock, at: number): Uint8Array {
    const value = block.valueAt(at);
    return block.isMarked(at) ? copyOf(this.#long.get(numberOf(value)) as Uint8Array) : value;
  }

  #keepLong(value: Uint8Array): Uint8Array {
    const mark = new Uint8Array(4);
    putU32(mark, 0, ++this.#longCount);
    this.#long.set(this.#longCount, copyOf(value));
    return mark;
  }

  #forgetLong(block: RowBlock, at: number): void {
    if (block.isMarked(at)) this.#long.delete(numberOf(block.valueAt(at)));
  }

  *#rows(): Generator<Write> {
    for (const block of this.#blocks) {
      for (let at = 0; at < block.count; at++) yield this.#rowAt(block, at);
    }
  }
}

function numberOf(mark: Uint8Array): number {
  return new DataView(mark.buffer, mark.byteOffset).getUint32(0);
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
