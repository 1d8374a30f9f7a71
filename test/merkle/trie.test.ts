/** The trie by example: the hash rule by hand, a golden root, pages at their edges, damage. */
import { expect, test } from 'vitest';
import { hexOf, sha256, sha256Of } from '../../src/base/hash.ts';
import { BUCKET_LEAVES, checkPage, Children, encodeBucket, LEAF_BYTES } from '../../src/merkle/trie-page.ts';
import { MemoryPages, trieRoot, updateTrie } from '../../src/merkle/trie.ts';

const leaf = (n: number): { key: Uint8Array; valueHash: Uint8Array } => ({
  key: sha256(`k${n}`),
  valueHash: sha256(`v${n}`),
});

test('the root of nothing is 32 zero bytes and the root of one leaf is its hash', () => {
  const pages = new MemoryPages();
  expect(hexOf(trieRoot(pages))).toBe('00'.repeat(32));
  expect(hexOf(updateTrie(pages, []))).toBe('00'.repeat(32));
  const { key, valueHash } = leaf(1);
  expect(hexOf(updateTrie(pages, [{ key, valueHash }]))).toBe(hexOf(sha256Of([Uint8Array.of(0), key, valueHash])));
});

test('the root of two leaves that part at a late bit is one inner hash, the empty sides above it vanish', () => {
  const a = { key: new Uint8Array(32).fill(7), valueHash: sha256('a') };
  const b = { key: new Uint8Array(32).fill(7), valueHash: sha256('b') };
  b.key[31] = 6; // differs in the last bit only
  const hash = (one: typeof a): Uint8Array => sha256Of([Uint8Array.of(0), one.key, one.valueHash]);
  const pages = new MemoryPages();
  expect(hexOf(updateTrie(pages, [a, b]))).toBe(hexOf(sha256Of([Uint8Array.of(1), hash(b), hash(a)])));
});

test('the root of 1,000 leaves is the recorded one, so a change of the hash rule cannot pass unseen', () => {
  const pages = new MemoryPages();
  const root = updateTrie(
    pages,
    Array.from({ length: 1_000 }, (_, n) => leaf(n)),
  );
  expect(hexOf(root)).toBe('70d1b23ef6b7927b90f01fae512b6576f03b8e5e19a441ee951c92c7af7d9f35');
});

test('keys that share 63 nibbles split into pages down to the last nibble and collapse again', () => {
  const pages = new MemoryPages();
  const changes = Array.from({ length: 16 * 16 }, (_, n) => {
    const key = new Uint8Array(32);
    key[31] = n;
    return { key, valueHash: sha256(`${n}`) };
  });
  updateTrie(pages, changes);
  expect(pages.count()).toBe(63 + 16);
  updateTrie(
    pages,
    changes.slice(BUCKET_LEAVES).map(({ key }) => ({ key, valueHash: null })),
  );
  expect(pages.count()).toBe(1);
});

test('a page that is cut, of unknown kind, out of order or under a foreign prefix is STORE_CORRUPT', () => {
  const bucketOf = (...leaves: readonly ReturnType<typeof leaf>[]): Uint8Array =>
    encodeBucket(
      Buffer.concat(leaves.flatMap(({ key, valueHash }) => [key, valueHash])),
      0,
      leaves.length * LEAF_BYTES,
    );
  const check = (page: Uint8Array, prefix: string): void => {
    if (checkPage(page, prefix) === 'branch') new Children().read(page, prefix);
  };
  const bucket = bucketOf(leaf(0));
  const children = new Children();
  children.leaves.set([20, 20]);
  const branch = children.page();
  const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' });
  for (const page of [
    bucket.slice(0, -1),
    branch.slice(0, -1),
    Uint8Array.of(3, 0),
    new Uint8Array(0),
    Uint8Array.of(1, 0),
  ]) {
    expect(() => check(page, '')).toThrow(corrupt);
  }
  const [low, high] = [leaf(0), leaf(1)].toSorted((a, b) => Buffer.compare(a.key, b.key));
  if (low === undefined || high === undefined) throw new Error('two leaves');
  expect(() => check(bucketOf(high, low), '')).toThrow(corrupt);
  const foreign = hexOf(leaf(0).key)[0] === '0' ? '1' : '0';
  expect(() => check(bucket, foreign)).toThrow(corrupt);
});

test('a lost page is STORE_CORRUPT and never taken for an empty subtree', () => {
  const pages = new MemoryPages();
  const changes = Array.from({ length: 500 }, (_, n) => leaf(n));
  updateTrie(pages, changes);
  const first = changes[0];
  if (first === undefined) throw new Error('a change');
  pages.write(hexOf(first.key).slice(0, 1), null);
  expect(() => updateTrie(pages, [first])).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
});
