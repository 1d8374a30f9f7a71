/**
 * Pages of the Merkle radix trie: what is stored under one prefix, and its bytes.
 *
 *   bucket  [0x01][count u8]  then per leaf, ascending: [key 32][leaf hash 32]
 *   branch  [0x02][bitmap u16, bit n = child of nibble n] then per child, ascending: [leaves u48][hash 32]
 *
 * The layout is a function of the set of leaves alone: a subtree of at most BUCKET_LEAVES leaves is a
 * bucket, a larger one is a branch. A malformed page is STORE_CORRUPT; a page is never repaired here.
 * A leaf's hash stands in the bucket, not its value's: of a bucket with one change 10 leaves need no hash again.
 *
 * Everything is read, merged and hashed where it stands: an object and two arrays for each leaf took half of
 * the time of a trie's update.
 */
import { SynapseError } from '../base/error.ts';
import { HASH_BYTES, sha256Into } from '../base/hash.ts';

/**
 * Most leaves of a bucket: 16 x 64 B + 2 stays well under half an LMDB page of 4 KiB (no overflow
 * page), and at most 31 hashes bring its root up to date after a change.
 */
export const BUCKET_LEAVES = 16;

/** Children of a branch: one per nibble of the key. */
export const FAN_OUT = 16;

/** A leaf where it stands: its key and its hash. */
export const LEAF_BYTES: number = 2 * HASH_BYTES;

/** Bytes of a bucket before its first leaf. */
export const BUCKET_HEAD = 2;

const BUCKET_TAG = 1;
const BRANCH_TAG = 2;
const BRANCH_HEAD = 3;
const COUNT_BYTES = 6; // a u48 counts more leaves than a disk holds
const CHILD_BYTES = COUNT_BYTES + HASH_BYTES;
const TWO_32 = 0x1_0000_0000;

/** A new root of the empty set: 32 zero bytes. */
export function emptyRoot(): Uint8Array {
  return new Uint8Array(HASH_BYTES);
}

/** Nibble `index` of the key at `at`, counted from its first half byte. */
export function nibbleAt(bytes: Uint8Array, at: number, index: number): number {
  const byte = bytes[at + (index >> 1)] as number;
  return (index & 1) === 0 ? byte >> 4 : byte & 15;
}

/** Copies one to the other, byte by byte: for 64 bytes quicker than a view and a call into the engine. */
export function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, size: number): void {
  for (let i = 0; i < size; i++) to[toAt + i] = from[fromAt + i] as number;
}

/** As memcmp over 32 bytes: negative, 0 or positive. */
export function compareHashes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (a[aAt + i] as number) - (b[bAt + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Bytes that are copied by the engine from this many on; fewer are copied here. */
const RUN_BYTES = 128;

/** The same for any number of bytes. */
export function copyRun(from: Uint8Array, start: number, end: number, to: Uint8Array, toAt: number): void {
  if (end - start < RUN_BYTES) copyBytes(from, start, to, toAt, end - start);
  else to.set(from.subarray(start, end), toAt);
}

/** Pages are cut from a larger array: an array for each costs as much as a hash, and more when it is collected. */
const CHUNK_BYTES: number = 32 << 10;
let chunk = new Uint8Array(0);
let chunkUsed = 0;

/** Memory for a page, all of it to be written. Whoever keeps pages for long copies them. */
function takePage(sizeBytes: number): Uint8Array {
  if (chunkUsed + sizeBytes > chunk.length) {
    chunk = new Uint8Array(CHUNK_BYTES); // the largest page has 1,026 bytes
    chunkUsed = 0;
  }
  const page = chunk.subarray(chunkUsed, chunkUsed + sizeBytes);
  chunkUsed += sizeBytes;
  return page;
}

const PAIR_BYTES: number = 1 + LEAF_BYTES;

/** Preimages of inner nodes, [0x01][left 32][right 32] each: sides are written where they are hashed, and views are made once. */
class Pairs {
  readonly bytes: Uint8Array;
  readonly #views: (Uint8Array | undefined)[] = [];

  constructor(count: number) {
    this.bytes = new Uint8Array(count * PAIR_BYTES);
    for (let pair = 0; pair < count; pair++) this.bytes[pair * PAIR_BYTES] = 1;
  }

  /** Where the left (0) or the right (1) side of a pair stands. */
  sideAt(pair: number, side: number): number {
    return pair * PAIR_BYTES + 1 + side * HASH_BYTES;
  }

  /** Writes the hash of a pair to `out`. */
  hash(pair: number, out: Uint8Array, outAt: number): void {
    const start = pair * PAIR_BYTES;
    sha256Into((this.#views[pair] ??= this.bytes.subarray(start, start + PAIR_BYTES)), out, outAt);
  }
}

/** The preimage of a leaf. */
const leafBytes = new Uint8Array(PAIR_BYTES);

/** Makes a leaf of the key and the hash of its value that stand at `at`: the leaf's hash takes the place of the value's. */
export function makeLeaf(bytes: Uint8Array, at: number): void {
  copyBytes(bytes, at, leafBytes, 1, LEAF_BYTES);
  sha256Into(leafBytes, bytes, at + HASH_BYTES);
}

/** The nodes of a bucket while it is hashed: at most one pair for each bit of a key. */
const nodes = new Pairs(HASH_BYTES * 8 + 1);

/**
 * Writes the hash of the leaves between `from` and `to`, at least one, to `out`. They stand in `bytes`, ascending,
 * and agree in their first `bit` bits.
 */
export function bucketHash(
  bytes: Uint8Array,
  from: number,
  to: number,
  bit: number,
  out: Uint8Array,
  outAt: number,
): void {
  if (to - from === LEAF_BYTES) {
    copyBytes(bytes, from + HASH_BYTES, out, outAt, HASH_BYTES);
    return;
  }
  let at = bit;
  let split = from;
  for (; split === from || split === to; at++) {
    split = from;
    while (split < to && bitAt(bytes, split, at) === 0) split += LEAF_BYTES;
  }
  // `at` grows with each level: this pair is nobody else's.
  bucketHash(bytes, from, split, at, nodes.bytes, nodes.sideAt(at, 0));
  bucketHash(bytes, split, to, at, nodes.bytes, nodes.sideAt(at, 1));
  nodes.hash(at, out, outAt);
}

function bitAt(bytes: Uint8Array, at: number, bit: number): number {
  return ((bytes[at + (bit >> 3)] as number) >> (7 - (bit & 7))) & 1;
}

/** The children of a branch, unpacked. */
export class Children {
  /** Leaves under each; 0: there is no such child. */
  readonly leaves: Float64Array = new Float64Array(FAN_OUT);
  /** The four levels over them, the children's own hashes first. */
  readonly #nodes: Pairs = new Pairs(FAN_OUT - 1);

  /** Where the hash of child `n` stands in `hashes`. */
  placeOf(n: number): number {
    return this.#nodes.sideAt(n >> 1, n & 1);
  }

  get hashes(): Uint8Array {
    return this.#nodes.bytes;
  }

  clear(): void {
    this.leaves.fill(0);
  }

  /** Takes the children of a branch page. Malformed: STORE_CORRUPT. */
  read(page: Uint8Array, prefix: string): void {
    const bitmap = ((page[1] as number) << 8) | (page[2] as number);
    let at = BRANCH_HEAD;
    for (let n = 0; n < FAN_OUT; n++) {
      this.leaves[n] = 0;
      if ((bitmap & (1 << n)) === 0) continue;
      if (at + CHILD_BYTES > page.length) throw malformed(prefix, 'branch length');
      let leaves = 0;
      for (let i = 0; i < COUNT_BYTES; i++) leaves = leaves * 256 + (page[at + i] as number);
      if (leaves === 0) throw malformed(prefix, 'an empty child');
      this.leaves[n] = leaves;
      copyBytes(page, at + COUNT_BYTES, this.hashes, this.placeOf(n), HASH_BYTES);
      at += CHILD_BYTES;
    }
    if (at !== page.length) throw malformed(prefix, 'branch length');
  }

  /** Leaves under all of them. */
  total(): number {
    let sum = 0;
    for (let n = 0; n < FAN_OUT; n++) sum += this.leaves[n] as number;
    return sum;
  }

  /** Bytes of the branch page. */
  page(): Uint8Array {
    let bitmap = 0;
    let present = 0;
    for (let n = 0; n < FAN_OUT; n++) {
      if (this.leaves[n] === 0) continue;
      bitmap |= 1 << n;
      present += 1;
    }
    const page = takePage(BRANCH_HEAD + present * CHILD_BYTES);
    page[0] = BRANCH_TAG;
    page[1] = bitmap >> 8;
    page[2] = bitmap;
    let at = BRANCH_HEAD;
    for (let n = 0; n < FAN_OUT; n++) {
      const leaves = this.leaves[n] as number;
      if (leaves === 0) continue;
      const high = Math.floor(leaves / TWO_32);
      page[at] = high >> 8;
      page[at + 1] = high;
      for (let i = 0; i < 4; i++) page[at + 2 + i] = leaves >>> (24 - 8 * i);
      copyBytes(this.hashes, this.placeOf(n), page, at + COUNT_BYTES, HASH_BYTES);
      at += CHILD_BYTES;
    }
    return page;
  }

  /** Writes the branch's hash, four binary levels over the children, to `out`; they are used up. Not of no children. */
  hash(out: Uint8Array, outAt: number): void {
    const { leaves, hashes } = this;
    let first = 0; // pair of the level
    for (let pairs = FAN_OUT / 2; pairs > 0; pairs >>= 1) {
      const above = first + pairs;
      for (let n = 0; n < pairs; n++) {
        const left = leaves[2 * n] as number;
        const right = leaves[2 * n + 1] as number;
        leaves[n] = left + right;
        const to = pairs === 1 ? out : hashes;
        const toAt = pairs === 1 ? outAt : this.#nodes.sideAt(above + (n >> 1), n & 1);
        if (left !== 0 && right !== 0) this.#nodes.hash(first + n, to, toAt);
        else copyBytes(hashes, this.#nodes.sideAt(first + n, left === 0 ? 1 : 0), to, toAt, HASH_BYTES); // an absent side vanishes
      }
      first = above;
    }
  }
}

/** Bytes of a bucket page with the leaves of `bytes` between `from` and `to`. */
export function encodeBucket(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const page = takePage(BUCKET_HEAD + to - from);
  page[0] = BUCKET_TAG;
  page[1] = (to - from) / LEAF_BYTES;
  copyRun(bytes, from, to, page, BUCKET_HEAD);
  return page;
}

/** Which kind of page stood under `prefix`. A malformed bucket, or neither: STORE_CORRUPT. A branch is checked as it is read. */
export function checkPage(page: Uint8Array, prefix: string): 'bucket' | 'branch' {
  if (page[0] === BRANCH_TAG && page.length >= BRANCH_HEAD) return 'branch';
  if (page[0] !== BUCKET_TAG || page.length < BUCKET_HEAD) throw malformed(prefix, 'unknown kind');
  const count = page[1] as number;
  if (count === 0 || count > BUCKET_LEAVES || page.length !== BUCKET_HEAD + count * LEAF_BYTES)
    throw malformed(prefix, 'bucket length');
  // Ascending, so that all are under the prefix when the first and the last are.
  for (let at = BUCKET_HEAD + LEAF_BYTES; at < page.length; at += LEAF_BYTES) {
    if (compareHashes(page, at - LEAF_BYTES, page, at) >= 0) throw malformed(prefix, 'bucket order');
  }
  if (!isUnder(page, BUCKET_HEAD, prefix) || !isUnder(page, page.length - LEAF_BYTES, prefix))
    throw malformed(prefix, 'a leaf of another prefix');
  return 'bucket';
}

function isUnder(bytes: Uint8Array, at: number, prefix: string): boolean {
  for (let i = 0; i < prefix.length; i++) {
    const digit = prefix.charCodeAt(i);
    if (nibbleAt(bytes, at, i) !== (digit < 0x3a ? digit - 0x30 : digit - 0x57)) return false;
  }
  return true;
}

/** The STORE_CORRUPT of a page under `prefix`. */
export function malformed(prefix: string, fault: string): SynapseError {
  return new SynapseError('STORE_CORRUPT', `trie page "${prefix}" is malformed: ${fault}`, { page: prefix });
}
