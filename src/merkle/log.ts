/**
 * The Merkle tree of an append-only log, as RFC 6962 section 2.1 defines it: leaf hashes in, roots and
 * proofs out. Holds no leaves: what is needed of the tree is asked for as roots of complete subtrees,
 *
 *   node(level, index)  the root over leaves index·2^level … (index + 1)·2^level - 1
 *
 *          level 2          x            node(2, 0)
 *          level 1       x     x         node(1, 0), node(1, 1)
 *          level 0      a b   c d   e    leaf hashes; five leaves are node(2, 0) and node(0, 4)
 *
 * which never change once all their leaves are there. Sizes are safe integers: levels go to 52.
 */
import { assert } from '../base/assert.ts';
import { HASH_BYTES, sha256, sha256Into } from '../base/hash.ts';

/** Complete subtrees of a log. */
export interface LogNodes {
  /** Root over the leaves from index·2^level on, 2^level of them; all are there. 32 bytes. */
  node(level: number, index: number): Uint8Array;
}

/** Told of every complete subtree as it comes to be, the lowest first. */
export type NodeListener = (level: number, index: number, hash: Uint8Array) => void;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

const pair = new Uint8Array(1 + 2 * HASH_BYTES);
pair[0] = NODE_PREFIX;

/** Longest leaf whose copy is kept for the next one: records are a few hundred bytes. */
const SCRATCH_BYTES = 16 << 10;
const scratch = new Uint8Array(SCRATCH_BYTES);
scratch[0] = LEAF_PREFIX;

/** Room for hashes that a range gets at a time: the edge of a log of n leaves has at most log2 n + 1 of them. */
export const SPARE_BYTES = 4 * HASH_BYTES;

/** sha256(0x00 ‖ bytes). */
export function leafHash(bytes: Uint8Array): Uint8Array {
  const prefixed = bytes.length < SCRATCH_BYTES ? scratch : new Uint8Array(bytes.length + 1);
  prefixed[0] = LEAF_PREFIX;
  prefixed.set(bytes, 1);
  return sha256(prefixed.subarray(0, bytes.length + 1));
}

/** sha256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  return sha256(pair);
}

/** Root over a power of two of hashes, one behind the other; what stood in `row` is lost. */
export function rootOver(row: Uint8Array): Uint8Array {
  for (let end = row.length; end > HASH_BYTES; end /= 2) {
    for (let at = 0; at < end; at += 2 * HASH_BYTES) {
      for (let i = 0; i < 2 * HASH_BYTES; i++) pair[1 + i] = row[at + i] as number;
      sha256Into(pair, row, at / 2);
    }
  }
  return row.subarray(0, HASH_BYTES);
}

/** Root of the log without leaves: sha256 of nothing. */
export function emptyLogRoot(): Uint8Array {
  return sha256('');
}

/**
 * Hashes a leaf where it stands: `prefixed` is a byte to spare and the leaf. What was in that byte is lost.
 * Two copies and a view less than {@link leafHash}.
 */
export function leafHashInto(prefixed: Uint8Array, target: Uint8Array, at: number): void {
  prefixed[0] = LEAF_PREFIX;
  sha256Into(prefixed, target, at);
}

/** A part of an array to work in: a view of it would cost as much as a hash. */
export interface RangeMemory {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly length: number;
}

function memoryOf(length: number): RangeMemory {
  return { bytes: new Uint8Array(length), start: 0, length };
}

/**
 * The right edge of a log: the roots of its maximal complete subtrees, the largest first, one for each
 * bit of its size. All that is needed to append and to say the root.
 */
export class CompactRange {
  #size: number;
  /** The hashes one behind the other from `start` on, and room for more up to `limit`. */
  #hashes: Uint8Array;
  #start: number;
  #end: number;
  #limit: number;

  private constructor(size: number, { bytes, start, length }: RangeMemory, used: number) {
    this.#size = size;
    this.#hashes = bytes;
    this.#start = start;
    this.#end = start + used;
    this.#limit = start + length;
  }

  /**
   * From the first `length` of `bytes`, as the `bytes` getter gave them; nothing for a range of another size. It works in
   * `memory`, where that is given: SPARE_BYTES more than `length`.
   */
  static of(
    size: number,
    bytes: Uint8Array,
    length: number = bytes.length,
    memory: RangeMemory = memoryOf(length + SPARE_BYTES),
  ): CompactRange | undefined {
    if (!Number.isSafeInteger(size) || size < 0 || length !== edgeLength(size) * HASH_BYTES) return undefined;
    const { bytes: hashes, start } = memory;
    for (let i = 0; i < length; i++) hashes[start + i] = bytes[i] as number;
    return new CompactRange(size, memory, length);
  }

  static empty(): CompactRange {
    return new CompactRange(0, memoryOf(SPARE_BYTES), 0);
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** Appends the leaf at `at` of `leaves` and joins what it completes. */
  append(leaves: Uint8Array, onNode?: NodeListener, at = 0): void {
    if (this.#end === this.#limit) this.#grow();
    const hashes = this.#hashes;
    let end = this.#end + HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) hashes[end - HASH_BYTES + i] = leaves[at + i] as number;
    let index = this.#size;
    for (let level = 0; ; level++) {
      onNode?.(level, index, hashes.slice(end - HASH_BYTES, end));
      if (index % 2 === 0) break;
      end -= HASH_BYTES;
      assert(end > this.#start, 'a right child has a left sibling in the range');
      // By hand: a view of the two costs more than their copy.
      for (let i = 0; i < 2 * HASH_BYTES; i++) pair[1 + i] = hashes[end - HASH_BYTES + i] as number;
      sha256Into(pair, hashes, end - HASH_BYTES);
      index = (index - 1) / 2;
    }
    this.#end = end;
    this.#size += 1;
  }

  /** The log's root. */
  root(): Uint8Array {
    if (this.#end === this.#start) return emptyLogRoot();
    let root: Uint8Array = this.#hashes.slice(this.#end - HASH_BYTES, this.#end);
    for (let at = this.#end - 2 * HASH_BYTES; at >= this.#start; at -= HASH_BYTES)
      root = nodeHash(this.#hashes.subarray(at, at + HASH_BYTES), root);
    return root;
  }

  /** The hashes one behind the other, for {@link CompactRange.of}. */
  get bytes(): Uint8Array {
    return this.#hashes.slice(this.#start, this.#end);
  }

  /** As `bytes`, without a copy: the range is not used after it. */
  release(): Uint8Array {
    return this.#hashes.subarray(this.#start, this.#end);
  }

  /** Length of `bytes`. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies `bytes` to the beginning of `target`, which has room for them. */
  copyTo(target: Uint8Array): void {
    const start = this.#start;
    for (let at = start; at < this.#end; at++) target[at - start] = this.#hashes[at] as number;
  }

  #grow(): void {
    const { length } = this;
    const larger = new Uint8Array(length + SPARE_BYTES);
    this.copyTo(larger);
    this.#hashes = larger;
    this.#start = 0;
    this.#end = length;
    this.#limit = larger.length;
  }
}

/** How many hashes the range of a log of this size has: the ones in its binary form. */
function edgeLength(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** Root of the first `size` leaves. */
export function rootAt(size: number, nodes: LogNodes): Uint8Array {
  return size === 0 ? emptyLogRoot() : subtree(0, size, nodes);
}

/**
 * The proof that leaf `index` is one of the first `size` (RFC 6962 section 2.1.1), the sibling nearest
 * to the leaf first.
 */
export function inclusionProof(index: number, size: number, nodes: LogNodes): Uint8Array[] {
  assert(index >= 0 && index < size, 'a leaf lies within the log');
  const proof: Uint8Array[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      proof.push(subtree(middle, to, nodes));
      to = middle;
    } else {
      proof.push(subtree(from, middle, nodes));
      from = middle;
    }
  }
  return proof.toReversed();
}

/** The proof that the first `size1` of `size2` leaves are what they were (RFC 6962 section 2.1.2). */
export function consistencyProof(size1: number, size2: number, nodes: LogNodes): Uint8Array[] {
  assert(size1 >= 0 && size1 <= size2, 'the smaller log comes first');
  if (size1 === 0 || size1 === size2) return [];
  const proof: Uint8Array[] = [];
  let [from, to] = [0, size2];
  let isWhole = true; // the old log is exactly the part we look at: its root is known, no hash is sent
  while (size1 !== to) {
    const middle = from + splitOf(to - from);
    if (size1 <= middle) {
      proof.push(subtree(middle, to, nodes));
      to = middle;
    } else {
      proof.push(subtree(from, middle, nodes));
      from = middle;
      isWhole = false;
    }
  }
  if (!isWhole) proof.push(subtree(from, to, nodes));
  return proof.toReversed();
}

/** The largest power of two below `count`: where the tree over `count` > 1 leaves divides. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** Root over the leaves from `from` to before `to`, which are a subtree of some log: `from` is a multiple of its split. */
function subtree(from: number, to: number, nodes: LogNodes): Uint8Array {
  const edges: Uint8Array[] = [];
  for (let at = from; at < to;) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= to) level += 1;
    edges.push(nodes.node(level, at / 2 ** level));
    at += 2 ** level;
  }
  return edges.reduceRight((right, left) => nodeHash(left, right));
}
