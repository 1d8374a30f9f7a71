/**
 * Changes of a trie on their way into it: one behind the other in one array of bytes, and sorted by a call into the
 * engine. An object with two arrays for each change, put in order by a comparator, cost more than the hashes.
 */
import { assert } from '../base/assert.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { compareHashes, copyBytes, LEAF_BYTES, makeLeaf } from './trie-page.ts';

/** One change: a new value hash (32 bytes) for a key (32 bytes), or its deletion. */
export interface TrieChange {
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array | null;
}

/** Bits of a double's integers. */
const EXACT_BITS = 53;
const HEAD_BITS = 32;

export class TrieBatch {
  /** By change: its key and the hash of its value. */
  bytes: Uint8Array;
  /** By change: 1 where its key goes. */
  isGone: Uint8Array;
  #count = 0;

  /** @param expected a good guess saves copies */
  constructor(expected = 16) {
    this.bytes = new Uint8Array(expected * LEAF_BYTES);
    this.isGone = new Uint8Array(expected);
  }

  static of(changes: readonly TrieChange[]): TrieBatch {
    const batch = new TrieBatch(changes.length);
    for (const { key, valueHash } of changes) {
      assert(key.length === HASH_BYTES, 'a trie key has 32 bytes');
      assert(valueHash === null || valueHash.length === HASH_BYTES, 'a trie value hash has 32 bytes');
      const at = batch.add(valueHash === null);
      copyBytes(key, 0, batch.bytes, at, HASH_BYTES);
      if (valueHash !== null) copyBytes(valueHash, 0, batch.bytes, at + HASH_BYTES, HASH_BYTES);
    }
    return batch;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes place for a change and returns where in `bytes`: there the caller writes its key and its value's hash. */
  add(isGone: boolean): number {
    const at = this.#count * LEAF_BYTES;
    if (at === this.bytes.length) this.#grow();
    if (isGone) this.isGone[this.#count] = 1;
    this.#count += 1;
    return at;
  }

  #grow(): void {
    const { bytes, isGone } = this;
    this.bytes = new Uint8Array(Math.max(2 * bytes.length, LEAF_BYTES));
    this.bytes.set(bytes);
    this.isGone = new Uint8Array(this.bytes.length / LEAF_BYTES);
    this.isGone.set(isGone);
  }

  /** The changes as leaves, by ascending key, of each key the last. */
  leaves(): TrieBatch {
    const order = this.#order();
    const sorted = new TrieBatch(order.length);
    for (let i = 0; i < order.length; i++) {
      const place = (order[i] as number) * LEAF_BYTES;
      const next = (order[i + 1] ?? -1) * LEAF_BYTES;
      if (next >= 0 && compareHashes(this.bytes, place, this.bytes, next) === 0) continue; // the later stands behind
      const isGone = this.isGone[order[i] as number] === 1;
      const at = sorted.add(isGone);
      copyBytes(this.bytes, place, sorted.bytes, at, LEAF_BYTES);
      if (!isGone) makeLeaf(sorted.bytes, at);
    }
    return sorted;
  }

  /** Numbers of the changes, by key and then as they came: the first bits of the key before the number sort as doubles do. */
  #order(): Float64Array {
    const count = this.#count;
    const numberBits = Math.ceil(Math.log2(count + 1));
    const dropped = 2 ** Math.max(0, HEAD_BITS + numberBits - EXACT_BITS);
    const scale = 2 ** numberBits;
    const order = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const at = i * LEAF_BYTES;
      const low = ((this.bytes[at + 1] as number) << 16) | ((this.bytes[at + 2] as number) << 8);
      const head = (this.bytes[at] as number) * 2 ** 24 + (low | (this.bytes[at + 3] as number));
      order[i] = Math.floor(head / dropped) * scale + i;
    }
    order.sort();
    for (let from = 0, to = 1; from < count; from = to++) {
      const head = Math.floor((order[from] as number) / scale);
      while (to < count && Math.floor((order[to] as number) / scale) === head) to += 1;
      for (let i = from; i < to; i++) order[i] = (order[i] as number) - head * scale;
      if (to - from > 1) order.subarray(from, to).sort((a, b) => this.#compare(a, b)); // stable
    }
    return order;
  }

  #compare(a: number, b: number): number {
    return compareHashes(this.bytes, a * LEAF_BYTES, this.bytes, b * LEAF_BYTES) || a - b;
  }
}
