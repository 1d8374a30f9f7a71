/**
 * Pages of the Merkle radix trie: what is stored under one prefix, and its bytes.
 *
 *   bucket  [0x01][count u8]  then per leaf, ascending: [key 32][value hash 32]
 *   branch  [0x02][bitmap u16, bit n = child of nibble n] then per child, ascending: [leaves u48][hash 32]
 *
 * The layout is a function of the set of leaves alone: a subtree of at most BUCKET_LEAVES leaves is a
 * bucket, a larger one is a branch. A malformed page is STORE_CORRUPT; a page is never repaired here.
 */
import { SynapseError } from '../base/error.ts';
import { HASH_BYTES, sha256 } from '../base/hash.ts';

/**
 * Most leaves of a bucket: 16 x 64 B + 2 stays well under half an LMDB page of 4 KiB (no overflow
 * page), and at most 31 hashes bring its root up to date after a change.
 */
export const BUCKET_LEAVES = 16;

/** Children of a branch: one per nibble of the key. */
export const FAN_OUT = 16;

/** Hash of the empty set. A read-only constant: callers get copies. */
const EMPTY_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

const BUCKET_TAG = 1;
const BRANCH_TAG = 2;
const LEAF_BYTES = 2 * HASH_BYTES;
const COUNT_BYTES = 6; // a u48 counts more leaves than a disk holds
const CHILD_BYTES = COUNT_BYTES + HASH_BYTES;

/** One entry of the trie. */
export interface TrieLeaf {
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array;
}

/** What a branch knows of one subtree. */
export interface TrieChild {
  readonly leaves: number;
  readonly hash: Uint8Array;
}

/** A page, decoded. */
export type TriePage =
  | { readonly kind: 'bucket'; readonly leaves: readonly TrieLeaf[] }
  | { readonly kind: 'branch'; readonly children: readonly (TrieChild | undefined)[] };

/** A copy of the root of the empty set: 32 zero bytes. */
export function emptyRoot(): Uint8Array {
  return EMPTY_HASH.slice();
}

/** Nibble `index` of a key, counted from its first half byte. */
export function nibbleAt(key: Uint8Array, index: number): number {
  const byte = key[index >> 1] as number;
  return (index & 1) === 0 ? byte >> 4 : byte & 15;
}

/** What is hashed stands here: 65 bytes, more than V8 keeps on its own heap, so one buffer for all. */
const preimage = new Uint8Array(1 + LEAF_BYTES);

/** sha256(0x00 | key | valueHash). */
function leafHash(leaf: TrieLeaf): Uint8Array {
  preimage[0] = 0;
  preimage.set(leaf.key, 1);
  preimage.set(leaf.valueHash, 1 + HASH_BYTES);
  return sha256(preimage);
}

/** sha256(0x01 | left | right); an absent side vanishes. */
function innerHash(left: Uint8Array | undefined, right: Uint8Array | undefined): Uint8Array | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  preimage[0] = 1;
  preimage.set(left, 1);
  preimage.set(right, 1 + HASH_BYTES);
  return sha256(preimage);
}

/** Hash of ascending leaves `[from, to)` that agree in their first `bit` bits. */
export function bucketHash(leaves: readonly TrieLeaf[], from: number, to: number, bit: number): Uint8Array | undefined {
  if (from === to) return undefined;
  if (to - from === 1) return leafHash(leaves[from] as TrieLeaf);
  let split = from;
  while (split < to && bitAt((leaves[split] as TrieLeaf).key, bit) === 0) split += 1;
  return innerHash(bucketHash(leaves, from, split, bit + 1), bucketHash(leaves, split, to, bit + 1));
}

/** Hash of a branch: four binary levels over its 16 children. */
export function branchHash(children: readonly (TrieChild | undefined)[]): Uint8Array | undefined {
  let level: (Uint8Array | undefined)[] = children.map((child) => child?.hash);
  while (level.length > 1) {
    const above: (Uint8Array | undefined)[] = [];
    for (let i = 0; i < level.length; i += 2) above.push(innerHash(level[i], level[i + 1]));
    level = above;
  }
  return level[0];
}

/** Bytes of a bucket page. */
export function encodeBucket(leaves: readonly TrieLeaf[]): Uint8Array {
  const page = new Uint8Array(2 + leaves.length * LEAF_BYTES);
  page[0] = BUCKET_TAG;
  page[1] = leaves.length;
  let at = 2;
  for (const leaf of leaves) {
    page.set(leaf.key, at);
    page.set(leaf.valueHash, at + HASH_BYTES);
    at += LEAF_BYTES;
  }
  return page;
}

/** Bytes of a branch page. */
export function encodeBranch(children: readonly (TrieChild | undefined)[]): Uint8Array {
  let bitmap = 0;
  let present = 0;
  for (let n = 0; n < FAN_OUT; n++) {
    if (children[n] === undefined) continue;
    bitmap |= 1 << n;
    present += 1;
  }
  const page = new Uint8Array(3 + present * CHILD_BYTES);
  const view = new DataView(page.buffer);
  page[0] = BRANCH_TAG;
  view.setUint16(1, bitmap);
  let at = 3;
  for (const child of children) {
    if (child === undefined) continue;
    view.setUint16(at, Math.floor(child.leaves / 0x1_0000_0000));
    view.setUint32(at + 2, child.leaves >>> 0);
    page.set(child.hash, at + COUNT_BYTES);
    at += CHILD_BYTES;
  }
  return page;
}

/** The page in `bytes`, which stood under `prefix`. Malformed: STORE_CORRUPT. */
export function decodePage(bytes: Uint8Array, prefix: string): TriePage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] === BUCKET_TAG && bytes.length >= 2) return decodeBucket(bytes, prefix);
  if (bytes[0] === BRANCH_TAG && bytes.length >= 3) return decodeBranch(bytes, view, prefix);
  throw malformed(prefix, 'unknown kind');
}

function decodeBucket(bytes: Uint8Array, prefix: string): TriePage {
  const count = bytes[1] as number;
  if (count === 0 || count > BUCKET_LEAVES || bytes.length !== 2 + count * LEAF_BYTES)
    throw malformed(prefix, 'bucket length');
  const leaves: TrieLeaf[] = [];
  for (let at = 2; at < bytes.length; at += LEAF_BYTES) {
    leaves.push({ key: bytes.slice(at, at + HASH_BYTES), valueHash: bytes.slice(at + HASH_BYTES, at + LEAF_BYTES) });
  }
  for (let i = 0; i < leaves.length; i++) {
    const key = (leaves[i] as TrieLeaf).key;
    if (i > 0 && compareKeys((leaves[i - 1] as TrieLeaf).key, key) >= 0) throw malformed(prefix, 'bucket order');
    if (!startsWith(key, prefix)) throw malformed(prefix, 'a leaf of another prefix');
  }
  return { kind: 'bucket', leaves };
}

function decodeBranch(bytes: Uint8Array, view: DataView, prefix: string): TriePage {
  const bitmap = view.getUint16(1);
  const children: (TrieChild | undefined)[] = [];
  let at = 3;
  for (let n = 0; n < FAN_OUT; n++) {
    if ((bitmap & (1 << n)) === 0) {
      children.push(undefined);
      continue;
    }
    if (at + CHILD_BYTES > bytes.length) throw malformed(prefix, 'branch length');
    const leaves = view.getUint16(at) * 0x1_0000_0000 + view.getUint32(at + 2);
    if (leaves === 0) throw malformed(prefix, 'an empty child');
    children.push({ leaves, hash: bytes.slice(at + COUNT_BYTES, at + CHILD_BYTES) });
    at += CHILD_BYTES;
  }
  if (at !== bytes.length) throw malformed(prefix, 'branch length');
  return { kind: 'branch', children };
}

/** As memcmp: negative, 0 or positive. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The STORE_CORRUPT of a page under `prefix`. */
export function malformed(prefix: string, fault: string): SynapseError {
  return new SynapseError('STORE_CORRUPT', `trie page "${prefix}" is malformed: ${fault}`, { page: prefix });
}

function bitAt(key: Uint8Array, bit: number): number {
  return ((key[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
}

function startsWith(key: Uint8Array, prefix: string): boolean {
  for (let i = 0; i < prefix.length; i++) {
    if (nibbleAt(key, i) !== Number.parseInt(prefix[i] as string, 16)) return false;
  }
  return true;
}
