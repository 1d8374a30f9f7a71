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
import { assert } from '../base/assert.ts';
import { HASH_BYTES } from '../base/hash.ts';
import {
  branchHash,
  BUCKET_LEAVES,
  bucketHash,
  compareKeys,
  decodePage,
  emptyRoot,
  encodeBranch,
  encodeBucket,
  FAN_OUT,
  malformed,
  nibbleAt,
} from './trie-page.ts';
import type { TrieChild, TrieLeaf, TriePage } from './trie-page.ts';

/** Where pages live. A prefix is the hex digits all keys under the page begin with; the root's is ''. */
export interface TriePages {
  /** The page last written under `prefix`, or nothing. */
  read(prefix: string): Uint8Array | undefined;
  /** Stores a page, or deletes it (`null`). The trie never changes a page it handed over. */
  write(prefix: string, page: Uint8Array | null): void;
}

/** One change: a new value hash (32 bytes) for a key (32 bytes), or its deletion. */
export interface TrieChange {
  readonly key: Uint8Array;
  readonly valueHash: Uint8Array | null;
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
    else this.#pages.set(prefix, page);
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
  const page = readPage(pages, '');
  return (page === undefined ? undefined : pageHash(page, 0)) ?? emptyRoot();
}

/** Number of leaves stored. */
export function trieSize(pages: TriePages): number {
  const page = readPage(pages, '');
  return page === undefined ? 0 : pageSize(page);
}

/**
 * Applies `changes` and returns the new root. Of two changes of one key the later wins; deleting
 * what is absent changes nothing. A malformed page: STORE_CORRUPT, and the pages may be half written:
 * write into an OverlayPages where that matters.
 */
export function updateTrie(pages: TriePages, changes: readonly TrieChange[]): Uint8Array {
  for (const change of changes) {
    assert(change.key.length === HASH_BYTES, 'a trie key has 32 bytes');
    assert(change.valueHash === null || change.valueHash.length === HASH_BYTES, 'a trie value hash has 32 bytes');
  }
  if (changes.length === 0) return trieRoot(pages);
  return updateSubtree(pages, '', undefined, lastOfEachKey(changes)).hash ?? emptyRoot();
}

const COUNTS_DIFFER = 'its branch counts other leaves';

interface Subtree {
  readonly leaves: number;
  readonly hash: Uint8Array | undefined;
}

/** `changes` share `prefix`, ascend and hold each key once; `expected` leaves stand under it, by its branch. */
function updateSubtree(
  pages: TriePages,
  prefix: string,
  expected: number | undefined,
  changes: readonly TrieChange[],
): Subtree {
  const page = readPage(pages, prefix);
  // A lost page must not pass for an empty subtree.
  if (expected !== undefined && expected !== (page === undefined ? 0 : pageSize(page)))
    throw malformed(prefix, COUNTS_DIFFER);
  if (page?.kind === 'branch') return updateBranch(pages, prefix, page.children, changes);
  const before = page?.leaves ?? [];
  const after = merge(before, changes);
  if (after === undefined)
    return { leaves: before.length, hash: bucketHash(before, 0, before.length, prefix.length * 4) };
  return buildSubtree(pages, prefix, after);
}

function updateBranch(
  pages: TriePages,
  prefix: string,
  before: readonly (TrieChild | undefined)[],
  changes: readonly TrieChange[],
): Subtree {
  const children = before.slice();
  let from = 0;
  while (from < changes.length) {
    const nibble = nibbleAt((changes[from] as TrieChange).key, prefix.length);
    const to = endOfNibble(changes, from, prefix.length, nibble);
    const child = updateSubtree(
      pages,
      prefix + nibble.toString(16),
      before[nibble]?.leaves ?? 0,
      changes.slice(from, to),
    );
    children[nibble] = child.hash === undefined ? undefined : { leaves: child.leaves, hash: child.hash };
    from = to;
  }
  const leaves = leavesOf(children);
  if (leaves <= BUCKET_LEAVES) return buildSubtree(pages, prefix, collapse(pages, prefix, children));
  pages.write(prefix, encodeBranch(children));
  return { leaves, hash: branchHash(children) };
}

/** Writes the pages of a subtree none of whose lower pages exist any more. */
function buildSubtree(pages: TriePages, prefix: string, leaves: readonly TrieLeaf[]): Subtree {
  if (leaves.length <= BUCKET_LEAVES) {
    pages.write(prefix, leaves.length === 0 ? null : encodeBucket(leaves));
    return { leaves: leaves.length, hash: bucketHash(leaves, 0, leaves.length, prefix.length * 4) };
  }
  const children: (TrieChild | undefined)[] = [];
  let from = 0;
  for (let nibble = 0; nibble < FAN_OUT; nibble++) {
    const to = endOfNibble(leaves, from, prefix.length, nibble);
    const child = from === to ? undefined : buildSubtree(pages, prefix + nibble.toString(16), leaves.slice(from, to));
    children.push(child?.hash === undefined ? undefined : { leaves: child.leaves, hash: child.hash });
    from = to;
  }
  pages.write(prefix, encodeBranch(children));
  return { leaves: leaves.length, hash: branchHash(children) };
}

/** Takes the few leaves left out of the buckets under a branch. */
function collapse(pages: TriePages, prefix: string, children: readonly (TrieChild | undefined)[]): readonly TrieLeaf[] {
  const leaves: TrieLeaf[] = [];
  for (let nibble = 0; nibble < FAN_OUT; nibble++) {
    const child = children[nibble];
    if (child === undefined) continue;
    const below = prefix + nibble.toString(16);
    const page = readPage(pages, below);
    if (page?.kind !== 'bucket' || page.leaves.length !== child.leaves) throw malformed(below, COUNTS_DIFFER);
    leaves.push(...page.leaves);
    pages.write(below, null);
  }
  return leaves;
}

/** The leaves with the changes applied, ascending; nothing when they change nothing. */
function merge(leaves: readonly TrieLeaf[], changes: readonly TrieChange[]): readonly TrieLeaf[] | undefined {
  const after: TrieLeaf[] = [];
  let changed = false;
  let at = 0;
  for (const { key, valueHash } of changes) {
    while (at < leaves.length && compareKeys((leaves[at] as TrieLeaf).key, key) < 0)
      after.push(leaves[at++] as TrieLeaf);
    const old = at < leaves.length && compareKeys((leaves[at] as TrieLeaf).key, key) === 0 ? leaves[at++] : undefined;
    if (valueHash !== null) after.push({ key, valueHash });
    changed ||=
      old === undefined ? valueHash !== null : valueHash === null || compareKeys(old.valueHash, valueHash) !== 0;
  }
  if (!changed) return undefined;
  while (at < leaves.length) after.push(leaves[at++] as TrieLeaf);
  return after;
}

function lastOfEachKey(changes: readonly TrieChange[]): readonly TrieChange[] {
  const sorted = changes.toSorted((a, b) => compareKeys(a.key, b.key)); // stable: the later of equal keys stays behind
  return sorted.filter(
    (change, i) => i + 1 === sorted.length || compareKeys(change.key, (sorted[i + 1] as TrieChange).key) !== 0,
  );
}

function endOfNibble(
  entries: readonly { readonly key: Uint8Array }[],
  from: number,
  depth: number,
  nibble: number,
): number {
  let to = from;
  while (to < entries.length && nibbleAt((entries[to] as { key: Uint8Array }).key, depth) === nibble) to += 1;
  return to;
}

function readPage(pages: TriePages, prefix: string): TriePage | undefined {
  const bytes = pages.read(prefix);
  return bytes === undefined ? undefined : decodePage(bytes, prefix);
}

function pageHash(page: TriePage, depth: number): Uint8Array | undefined {
  return page.kind === 'branch' ? branchHash(page.children) : bucketHash(page.leaves, 0, page.leaves.length, depth * 4);
}

function pageSize(page: TriePage): number {
  return page.kind === 'branch' ? leavesOf(page.children) : page.leaves.length;
}

function leavesOf(children: readonly (TrieChild | undefined)[]): number {
  return children.reduce((sum, child) => sum + (child?.leaves ?? 0), 0);
}
