/**
 * Pages of the Merkle radix trie: what is stored under one prefix, and its bytes.
 *
 *   bucket  [0x01][count u8]  then per leaf, ascending: [key 32][value hash 32]
 *   branch  [0x02][bitmap u16, bit n = child of nibble n] then per child, ascending: [leaves u48][hash 32]
 *
 * The layout is a function of the set of leaves alone: a subtree of at most BUCKET_LEAVES leaves is a
 * bucket, a larger one is a branch. A malformed page is STORE_CORRUPT; a page is never repaired here.
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

/** A leaf where it stands: its key and the hash of its value. */
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

/** What is hashed stands here: 65 bytes, more than V8 keeps on its own heap, so one buffer for all. */
const preimage = new Uint8Array(1 + LEAF_BYTES);

/** sha256(tag | the 64 bytes at `at`) to `out`. */
function hashPair(tag: 0 | 1, bytes: Uint8Array, at: number, out: Uint8Array, outAt: number): void {
  preimage[0] = tag;
  copyBytes(bytes, at, preimage, 1, LEAF_BYTES);
  sha256Into(preimage, out, outAt);
}

/** The hashes of the left sides of a bucket while their right sides are made: at most one pair for each bit of a key. */
const sides = new Uint8Array((HASH_BYTES * 8 + 1) * LEAF_BYTES);

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
    hashPair(0, bytes, from, out, outAt);
    return;
  }
  let at = bit;
  let split = from;
  for (; split === from || split === to; at++) {
    split = from;
    while (split < to && bitAt(bytes, split, at) === 0) split += LEAF_BYTES;
  }
  const side = at * LEAF_BYTES; // `at` grows with each level: nobody else's
  bucketHash(bytes, from, split, at, sides, side);
  bucketHash(bytes, split, to, at, sides, side + HASH_BYTES);
  hashPair(1, sides, side, out, outAt);
}

function bitAt(bytes: Uint8Array, at: number, bit: number): number {
  return ((bytes[at + (bit >> 3)] as number) >> (7 - (bit & 7))) & 1;
}

/** The children of a branch, unpacked. */
export class Children {
  /** Leaves under each; 0: there is no such child. */
  readonly leaves: Float64Array = new Float64Array(FAN_OUT);
  readonly hashes: Uint8Array = new Uint8Array(FAN_OUT * HASH_BYTES);

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
      copyBytes(page, at + COUNT_BYTES, this.hashes, n * HASH_BYTES, HASH_BYTES);
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
    const page = new Uint8Array(BRANCH_HEAD + present * CHILD_BYTES);
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
      copyBytes(this.hashes, n * HASH_BYTES, page, at + COUNT_BYTES, HASH_BYTES);
      at += CHILD_BYTES;
    }
    return page;
  }

  /** Writes the branch's hash, four binary levels over the children, to `out`; they are used up. Not of no children. */
  hash(out: Uint8Array, outAt: number): void {
    const { leaves, hashes } = this;
    for (let width = FAN_OUT; width > 1; width >>= 1) {
      for (let n = 0; n < width; n += 2) {
        const [left, right, above] = [n * HASH_BYTES, (n + 1) * HASH_BYTES, (n >> 1) * HASH_BYTES];
        if (leaves[n] !== 0 && leaves[n + 1] !== 0) hashPair(1, hashes, left, hashes, above);
        else copyBytes(hashes, leaves[n] === 0 ? right : left, hashes, above, HASH_BYTES); // an absent side vanishes
        leaves[n >> 1] = (leaves[n] as number) + (leaves[n + 1] as number);
      }
    }
    copyBytes(hashes, 0, out, outAt, HASH_BYTES);
  }
}

/** Bytes of a bucket page with the leaves of `bytes` between `from` and `to`. */
export function encodeBucket(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const page = new Uint8Array(BUCKET_HEAD + to - from);
  page[0] = BUCKET_TAG;
  page[1] = (to - from) / LEAF_BYTES;
  copyBytes(bytes, from, page, BUCKET_HEAD, to - from);
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
