/** The first difference of two stores: found by O(log n) roots, named with both records. */
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testSystem } from 'synapse-actors/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CompactRange, leafHash, type LogNodes } from '../../src/merkle/log.ts';
import { diffStores, firstDifference, type StoreDifference } from '../../src/replay/store-diff.ts';
import { openStoreView } from '../../src/store/store-view.ts';
import { purse } from './fixtures/purse.ts';

const ACTORS = new URL('./fixtures/purse.js', import.meta.url);

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-diff-'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A store whose tenants were sent these amounts. */
async function storeOf(name: string, amounts: Readonly<Record<string, readonly number[]>>): Promise<string> {
  const dir = join(root, name);
  const system = await testSystem({ actors: ACTORS, shards: 4 });
  for (const [tenant, list] of Object.entries(amounts)) {
    for (const amount of list) await system.ref(purse, tenant, 'p').add(amount);
  }
  await system.backup(dir);
  await system.close();
  return dir;
}

function diff(one: string, other: string): StoreDifference | undefined {
  const [a, b] = [openStoreView(one), openStoreView(other)];
  try {
    return diffStores(a, b);
  } finally {
    a.close();
    b.close();
  }
}

/** A log in memory that counts the subtrees asked for. */
class CountedLog implements LogNodes {
  readonly size: number;
  reads = 0;
  readonly #nodes: Map<string, Uint8Array> = new Map();

  constructor(leaves: readonly string[]) {
    this.size = leaves.length;
    const range = CompactRange.empty();
    for (const leaf of leaves)
      range.append(
        leafHash(Buffer.from(leaf)),
        (level, index, hash) => void this.#nodes.set(`${level}/${index}`, hash),
      );
  }

  node(level: number, index: number): Uint8Array {
    this.reads += 1;
    return this.#nodes.get(`${level}/${index}`) as Uint8Array;
  }
}

function firstOf(one: CountedLog, other: CountedLog): number | undefined {
  return firstDifference({ size: one.size, nodes: one }, { size: other.size, nodes: other });
}

describe('firstDifference', () => {
  it('finds the first leaf that differs, whatever the sizes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 70 }), fc.nat({ max: 70 }), fc.nat({ max: 69 }), (sizeA, sizeB, at) => {
        const leaves = (size: number, mark: string): string[] =>
          Array.from({ length: size }, (_, i) => (i >= at ? `${mark}${i}` : `${i}`));
        const found = firstOf(new CountedLog(leaves(sizeA, 'a')), new CountedLog(leaves(sizeB, 'b')));
        const least = Math.min(sizeA, sizeB);
        const expected = at < least ? at + 1 : sizeA === sizeB ? undefined : least + 1;
        expect(found).toBe(expected);
      }),
    );
  });

  it('reads the square of a logarithm of subtrees, not the leaves', () => {
    const leaves = Array.from({ length: 100_000 }, (_, i) => String(i));
    const [one, other] = [new CountedLog(leaves), new CountedLog(leaves.with(77_777, 'other'))];
    expect(firstOf(one, other)).toBe(77_778);
    const log = Math.ceil(Math.log2(100_000));
    expect(one.reads).toBeLessThanOrEqual((log + 1) * log);
  });
});

describe('diffStores', () => {
  it('finds nothing between a store and one that did the same', async () => {
    const amounts = { acme: [1, 2, 3], umbrella: [4] };
    expect(diff(await storeOf('same-1', amounts), await storeOf('same-2', amounts))).toBeUndefined();
  });

  it('names the first tenant and step that differ, and shows both records', async () => {
    const one = await storeOf('one', { acme: [1, 2], umbrella: [1, 2, 3, 4, 5, 6], zoo: [1] });
    const other = await storeOf('other', { acme: [1, 2], umbrella: [1, 2, 3, 40, 5, 6], zoo: [2] });
    const found = diff(one, other);
    expect(found).toMatchObject({ tenant: 'umbrella', seq: 4, what: 'the records differ' });
    expect(found?.sides.map(({ record }) => record?.input)).toEqual([
      'call umbrella/purse/p add(4)',
      'call umbrella/purse/p add(40)',
    ]);
    expect(found?.fields).toEqual(['input', 'frame', 'digest']);
  });

  it('tells of steps and tenants that one store alone has', async () => {
    const one = await storeOf('long', { acme: [1, 2, 3] });
    const other = await storeOf('short', { acme: [1, 2] });
    expect(diff(one, other)).toMatchObject({ tenant: 'acme', seq: 3, what: 'only one store has the step' });
    const more = await storeOf('more', { acme: [1, 2], beta: [1] });
    expect(diff(other, more)).toMatchObject({ tenant: 'beta', seq: undefined, what: 'only one store has the tenant' });
  });
});
