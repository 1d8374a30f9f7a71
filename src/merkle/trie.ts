/**
 * A history-independent Merkle radix trie over 32-byte keys with 32-byte value hashes.
 *
 * Its root is a function of the set alone, whatever the order of inserts, updates and deletes:
 *   root({}) = 32 zero bytes;  root({leaf}) = sha256(0x00 | key | valueHash);
 *   else split at the next bit: sha256(0x01 | left | right), where an empty side vanishes and its
 *   sibling's hash passes up.
 * Stored as 16-ary pages (trie-page.ts) behind a port, so that one change touches O(log n) pages
 * and the changes of a batch share the upper ones. Pure: no I/O of its own, no clock, no cache.
 */
import { HASH_BYTES } from '../base/hash.ts';
import { TrieBatch, type TrieChange } from './trie-batch.ts';
import {
  BUCKET_HEAD,
  BUCKET_LEAVES,
  bucketHash,
  checkPage,
  Children,
  compareHashes,
  copyBytes,
  copyRun,
  emptyRoot,
  encodeBucket,
  FAN_OUT,
  LEAF_BYTES,
  malformed,
  nibbleAt,
} from './trie-page.ts';

/** Where pages live. A prefix is the hex digits all keys under the page begin with; the root's is ''. */
export interface TriePages {
  /** The page last written under `prefix`, or nothing. */
  read(prefix: string): Uint8Array | undefined;
  /** Stores a page, or deletes it (`null`). The trie never changes a page it handed over. */
  write(prefix: string, page: Uint8Array | null): void;
}

/** Pages over other pages: reads fall through, writes stay here. For a root without writing anything. */
export class OverlayPages implements TriePages {
  readonly #below: TriePages;
  readonly #written: Map<string, Uint8Array | null> = new Map();

  constructor(below: TriePages) {
    this.#below = below;
  }

  read(prefix: string): Uint8Array | undefined {
    const page = this.#written.get(prefix);
    if (page !== undefined) return page ?? undefined;
    return this.#below.read(prefix);
  }

  write(prefix: string, page: Uint8Array | null): void {
    this.#written.set(prefix, page);
  }

  /** What was written since construction, each prefix once; `null` deletes. */
  changes(): ReadonlyMap<string, Uint8Array | null> {
    return this.#written;
  }
}

/** Pages in a plain map, for tests and tries that live in memory. */
export class MemoryPages implements TriePages {
  readonly #pages: Map<string, Uint8Array> = new Map();

  read(prefix: string): Uint8Array | undefined {
    return this.#pages.get(prefix);
  }

  write(prefix: string, page: Uint8Array | null): void {
    if (page === null) this.#pages.delete(prefix);
    else this.#pages.set(prefix, page.slice()); // a page is a piece of a larger array
  }

  /** Number of pages kept. */
  count(): number {
    return this.#pages.size;
  }

  /** Every page by its prefix. */
  entries(): Iterable<readonly [prefix: string, page: Uint8Array]> {
    return this.#pages;
  }
}

/** The root as stored: 32 bytes; of nothing stored, 32 zero bytes. Malformed root page: STORE_CORRUPT. */
export function trieRoot(pages: TriePages): Uint8Array {
  const root = emptyRoot();
  const page = pages.read('');
  if (page === undefined) return root;
  if (checkPage(page, '') === 'bucket') bucketHash(page, BUCKET_HEAD, page.length, 0, root, 0);
  else childrenOf(page, '').hash(root, 0);
  return root;
}

/** Number of leaves stored. */
export function trieSize(pages: TriePages): number {
  const page = pages.read('');
  if (page === undefined) return 0;
  return checkPage(page, '') === 'bucket' ? (page[1] as number) : childrenOf(page, '').total();
}

/**
 * Applies `changes` and returns the new root. Of two changes of one key the later wins; deleting
 * what is absent changes nothing. A malformed page: STORE_CORRUPT, and the pages may be half written:
 * write into an OverlayPages where that matters.
 */
export function updateTrie(pages: TriePages, changes: readonly TrieChange[] | TrieBatch): Uint8Array {
  const batch = changes instanceof TrieBatch ? changes : TrieBatch.of(changes);
  if (batch.count === 0) return trieRoot(pages);
  const root = emptyRoot();
  const leaves = batch.leaves();
  new TrieUpdate(pages, leaves).subtree('', undefined, 0, leaves.count, { bytes: root, at: 0 });
  return root;
}

const COUNTS_DIFFER = 'its branch counts other leaves';
/** The page of nothing. */
const NO_PAGE = new Uint8Array(BUCKET_HEAD);
const HEX = '0123456789abcdef';

/** Where the hash of a subtree goes, if it has leaves. */
interface Place {
  readonly bytes: Uint8Array;
  at: number;
}

/** The branch being worked on at one depth. */
interface Level {
  readonly children: Children;
  readonly place: Place;
}

/** One batch of changes on its way through the pages. What a method returns is the number of leaves under its prefix. */
class TrieUpdate {
  readonly #pages: TriePages;
  /** The changes as leaves, ascending, each key once. */
  readonly #changed: Uint8Array;
  /** By change: 1 where its key goes. */
  readonly #isGone: Uint8Array;
  readonly #levels: Level[] = [];
  /** The leaves of a bucket with its changes, until the next one's. */
  #merged: Uint8Array = new Uint8Array(2 * BUCKET_LEAVES * LEAF_BYTES);

  constructor(pages: TriePages, leaves: TrieBatch) {
    this.#pages = pages;
    this.#changed = leaves.bytes;
    this.#isGone = leaves.isGone;
  }

  /** Applies the changes `from` to `to`, all of `prefix`; `expected` leaves stand under it, by its branch. */
  subtree(prefix: string, expected: number | undefined, from: number, to: number, place: Place): number {
    const page = this.#pages.read(prefix);
    if (page !== undefined && checkPage(page, prefix) === 'branch') {
      const level = this.#level(prefix.length);
      level.children.read(page, prefix);
      checkCount(prefix, expected, level.children.total());
      return this.#branch(prefix, level, from, to, place);
    }
    const before = page ?? NO_PAGE;
    const leaves = (before.length - BUCKET_HEAD) / LEAF_BYTES;
    checkCount(prefix, expected, leaves);
    const size = this.#merge(before, from, to);
    if (size !== undefined) return this.#build(prefix, this.#merged, 0, size, place);
    if (leaves > 0) bucketHash(before, BUCKET_HEAD, before.length, prefix.length * 4, place.bytes, place.at);
    return leaves;
  }

  #branch(prefix: string, { children, place: below }: Level, first: number, last: number, place: Place): number {
    const depth = prefix.length;
    for (let from = first; from < last;) {
      const nibble = nibbleAt(this.#changed, from * LEAF_BYTES, depth);
      let to = from + 1;
      while (to < last && nibbleAt(this.#changed, to * LEAF_BYTES, depth) === nibble) to += 1;
      below.at = children.placeOf(nibble);
      const known = children.leaves[nibble] as number;
      children.leaves[nibble] = this.subtree(prefix + HEX[nibble], known, from, to, below);
      from = to;
    }
    const leaves = children.total();
    if (leaves > BUCKET_LEAVES) return this.#finish(prefix, children, place);
    const left = this.#collapse(prefix, children);
    return this.#build(prefix, left, 0, left.length, place);
  }

  /** Writes the pages of a subtree none of whose lower pages exist any more: the leaves of `bytes` between `first` and `last`. */
  #build(prefix: string, bytes: Uint8Array, first: number, last: number, place: Place): number {
    const depth = prefix.length;
    const leaves = (last - first) / LEAF_BYTES;
    if (leaves <= BUCKET_LEAVES) {
      this.#pages.write(prefix, leaves === 0 ? null : encodeBucket(bytes, first, last));
      if (leaves > 0) bucketHash(bytes, first, last, depth * 4, place.bytes, place.at);
      return leaves;
    }
    const { children, place: below } = this.#level(depth);
    children.clear();
    for (let from = first; from < last;) {
      const nibble = nibbleAt(bytes, from, depth);
      let to = from + LEAF_BYTES;
      while (to < last && nibbleAt(bytes, to, depth) === nibble) to += LEAF_BYTES;
      below.at = children.placeOf(nibble);
      children.leaves[nibble] = this.#build(prefix + HEX[nibble], bytes, from, to, below);
      from = to;
    }
    return this.#finish(prefix, children, place);
  }

  #finish(prefix: string, children: Children, place: Place): number {
    const leaves = children.total();
    this.#pages.write(prefix, children.page());
    children.hash(place.bytes, place.at);
    return leaves;
  }

  /** Takes the few leaves left out of the buckets under a branch. */
  #collapse(prefix: string, children: Children): Uint8Array {
    const leaves = new Uint8Array(children.total() * LEAF_BYTES);
    let size = 0;
    for (let nibble = 0; nibble < FAN_OUT; nibble++) {
      const count = children.leaves[nibble] as number;
      if (count === 0) continue;
      const below = prefix + HEX[nibble];
      const page = this.#pages.read(below);
      if (page === undefined || checkPage(page, below) !== 'bucket') throw malformed(below, COUNTS_DIFFER);
      checkCount(below, count, page[1] as number);
      copyBytes(page, BUCKET_HEAD, leaves, size, count * LEAF_BYTES);
      size += count * LEAF_BYTES;
      this.#pages.write(below, null);
    }
    return leaves;
  }

  /** Writes the leaves of a bucket with the changes applied, ascending, to `#merged` and returns how many bytes; nothing when they change nothing. */
  #merge(page: Uint8Array, from: number, to: number): number | undefined {
    const most = page.length + (to - from) * LEAF_BYTES;
    if (this.#merged.length < most) this.#merged = new Uint8Array(2 * most);
    const merged = this.#merged;
    const changed = this.#changed;
    let isChanged = false;
    let at = BUCKET_HEAD;
    let size = 0;
    for (let i = from; i < to; i++) {
      const change = i * LEAF_BYTES;
      let order = -1;
      const kept = at;
      while (at < page.length && (order = compareHashes(page, at, changed, change)) < 0) at += LEAF_BYTES;
      copyRun(page, kept, at, merged, size);
      size += at - kept;
      const isKnown = order === 0;
      const isGone = this.#isGone[i] === 1;
      const hash = HASH_BYTES; // it stands behind the key
      isChanged ||= isKnown ? isGone || compareHashes(page, at + hash, changed, change + hash) !== 0 : !isGone;
      if (isKnown) at += LEAF_BYTES;
      if (isGone) continue;
      copyBytes(changed, change, merged, size, LEAF_BYTES);
      size += LEAF_BYTES;
    }
    if (!isChanged) return undefined;
    copyRun(page, at, page.length, merged, size);
    return size + page.length - at;
  }

  #level(depth: number): Level {
    let level = this.#levels[depth];
    if (level === undefined) {
      const children = new Children();
      level = { children, place: { bytes: children.hashes, at: 0 } };
      this.#levels[depth] = level;
    }
    return level;
  }
}

/** A lost page must not pass for an empty subtree. */
function checkCount(prefix: string, expected: number | undefined, found: number): void {
  if (expected !== undefined && expected !== found) throw malformed(prefix, COUNTS_DIFFER);
}

function childrenOf(page: Uint8Array, prefix: string): Children {
  const children = new Children();
  children.read(page, prefix);
  return children;
}
