/** The trie against its definition written down naively: any order, batching and deletion gives the same root. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hexOf, sha256, sha256Of } from '../../src/base/hash.ts';
import { BUCKET_LEAVES } from '../../src/merkle/trie-page.ts';
import { MemoryPages, OverlayPages, trieRoot, trieSize, updateTrie } from '../../src/merkle/trie.ts';
import type { TrieChange } from '../../src/merkle/trie-batch.ts';

/** The definition, written down again as plainly as possible: bits as text, a map of leaves. */
function naiveRoot(leaves: ReadonlyMap<string, Uint8Array>): string {
  const all = [...leaves].map(([key, valueHash]) => ({ bits: bitsOf(key), key: Buffer.from(key, 'hex'), valueHash }));
  const hashOf = (some: typeof all, depth: number): Uint8Array | undefined => {
    const only = some[0];
    if (only === undefined) return undefined;
    if (some.length === 1) return sha256Of([Uint8Array.of(0), only.key, only.valueHash]);
    const left = hashOf(
      some.filter((leaf) => leaf.bits[depth] === '0'),
      depth + 1,
    );
    const right = hashOf(
      some.filter((leaf) => leaf.bits[depth] === '1'),
      depth + 1,
    );
    if (left === undefined || right === undefined) return left ?? right;
    return sha256Of([Uint8Array.of(1), left, right]);
  };
  return hexOf(hashOf(all, 0) ?? new Uint8Array(32));
}

function bitsOf(hex: string): string {
  return [...hex].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('');
}

/** Few distinct keys, many of them with long common prefixes, so that splits and collapses happen. */
const keyArb = fc.oneof(
  fc.integer({ min: 0, max: 60 }).map((n) => sha256(`key ${n}`)),
  fc.integer({ min: 0, max: 60 }).map((n) => Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? n * 4 : 0xab))),
  fc
    .tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 255 }))
    .map(([at, byte]) => Uint8Array.from({ length: 32 }, (_, i) => (i === at ? byte : 0))),
);
const changeArb: fc.Arbitrary<TrieChange> = fc.record({
  key: keyArb,
  valueHash: fc.option(
    fc.integer({ min: 0, max: 5 }).map((n) => sha256(`value ${n}`)),
    { freq: 3 },
  ),
});
const batchesArb = fc.array(fc.array(changeArb, { maxLength: 60 }), { maxLength: 12 });

function applied(batches: readonly (readonly TrieChange[])[]): Map<string, Uint8Array> {
  const leaves = new Map<string, Uint8Array>();
  for (const { key, valueHash } of batches.flat()) {
    if (valueHash === null) leaves.delete(hexOf(key));
    else leaves.set(hexOf(key), valueHash);
  }
  return leaves;
}

test('after any batches of inserts, updates and deletes the root is the naive definition of the set that is left', () => {
  fc.assert(
    fc.property(batchesArb, (batches) => {
      const pages = new MemoryPages();
      const leaves = new Map<string, Uint8Array>();
      for (const batch of batches) {
        const root = hexOf(updateTrie(pages, batch));
        for (const [key, value] of applied([batch])) leaves.set(key, value);
        for (const { key } of batch) if (!applied([batch]).has(hexOf(key))) leaves.delete(hexOf(key));
        expect(root).toBe(naiveRoot(leaves));
        expect(hexOf(trieRoot(pages))).toBe(root);
        expect(trieSize(pages)).toBe(leaves.size);
      }
    }),
    { numRuns: 150 },
  );
});

test('the same set gives the same root and the same pages whatever order and batching led to it', () => {
  fc.assert(
    fc.property(batchesArb, fc.infiniteStream(fc.nat()), (batches, noise) => {
      const left = applied(batches);
      const long = new MemoryPages();
      for (const batch of batches) updateTrie(long, batch);
      const short = new MemoryPages();
      const order = [...left].map(([key, valueHash]) => ({
        key: Buffer.from(key, 'hex'),
        valueHash,
        rank: noise.next().value as number,
      }));
      for (const change of order.toSorted((a, b) => a.rank - b.rank)) updateTrie(short, [change]);
      expect(hexOf(trieRoot(long))).toBe(hexOf(trieRoot(short)));
      expect(long.count()).toBe(short.count());
    }),
    { numRuns: 100 },
  );
});

test('deleting everything in any order gives the root of nothing and leaves no page', () => {
  fc.assert(
    fc.property(fc.uniqueArray(keyArb, { selector: hexOf, maxLength: 120 }), fc.boolean(), (keys, atOnce) => {
      const pages = new MemoryPages();
      updateTrie(
        pages,
        keys.map((key) => ({ key, valueHash: sha256(key) })),
      );
      const deletes = keys.toReversed().map((key) => ({ key, valueHash: null }));
      if (atOnce) updateTrie(pages, deletes);
      else for (const one of deletes) updateTrie(pages, [one]);
      expect(hexOf(trieRoot(pages))).toBe('00'.repeat(32));
      expect(pages.count()).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('an overlay computes the root of a change and leaves the pages below as they were', () => {
  fc.assert(
    fc.property(batchesArb, fc.array(changeArb, { minLength: 1, maxLength: 40 }), (batches, more) => {
      const pages = new MemoryPages();
      for (const batch of batches) updateTrie(pages, batch);
      const before = hexOf(trieRoot(pages));
      const overlay = new OverlayPages(pages);
      const root = hexOf(updateTrie(overlay, more));
      expect(hexOf(trieRoot(pages))).toBe(before);
      for (const [prefix, page] of overlay.changes()) pages.write(prefix, page);
      expect(hexOf(trieRoot(pages))).toBe(root);
      expect(root).toBe(naiveRoot(applied([...batches, more])));
    }),
    { numRuns: 100 },
  );
});

test('one change among many leaves writes a number of pages that grows like the logarithm', () => {
  const pages = new MemoryPages();
  const leaves = 20_000;
  updateTrie(
    pages,
    Array.from({ length: leaves }, (_, n) => ({ key: sha256(`leaf ${n}`), valueHash: sha256('v') })),
  );
  const depth = Math.ceil(Math.log2(leaves / BUCKET_LEAVES) / 4) + 2;
  for (let n = 0; n < 200; n++) {
    const overlay = new OverlayPages(pages);
    updateTrie(overlay, [{ key: sha256(`leaf ${n}`), valueHash: sha256('w') }]);
    expect(overlay.changes().size).toBeLessThanOrEqual(depth);
  }
});
