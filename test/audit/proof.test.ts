/** Proofs: every honest one is accepted, nothing else is, and nothing that is handed in makes a verifier throw. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leafHashOf, nodeHashOf, verifyConsistency, verifyInclusion } from 'synapse-actors/audit';
import type { ConsistencyClaim, InclusionClaim } from 'synapse-actors/audit';
import { hexOf, sha256 } from '../../src/base/hash.ts';
import { CompactRange, consistencyProof, inclusionProof, leafHash, nodeHash, rootAt } from '../../src/merkle/log.ts';
import { naiveLeaf, naiveNode, sampleTree } from './naive-tree.ts';

/** Every size up to it in full. */
const EXHAUSTIVE_SIZE = 70;
/** Every size up to it for roots, samples for proofs. */
const LARGEST_SIZE = 300;

const tree = sampleTree(LARGEST_SIZE);

function inclusion(index: number, size: number): InclusionClaim {
  const leaf = tree.leaves[index] as Uint8Array;
  return { leafHash: leaf, index, size, proof: tree.path(index, size), root: tree.root(size) };
}

function consistency(size1: number, size2: number): ConsistencyClaim {
  return {
    size1,
    size2,
    root1: tree.root(size1),
    root2: tree.root(size2),
    proof: tree.consistency(size1, size2),
  };
}

const hexes = (proof: readonly Uint8Array[]): string[] => proof.map(hexOf);

describe('the compact log against the recursive definition', () => {
  test(`has the same root at every size to ${LARGEST_SIZE}`, () => {
    const range = CompactRange.empty();
    for (let size = 0; size <= LARGEST_SIZE; size++) {
      expect(hexOf(range.root())).toBe(hexOf(tree.root(size)));
      expect(hexOf(rootAt(size, tree))).toBe(hexOf(tree.root(size)));
      expect(hexOf(CompactRange.of(size, range.bytes)?.root() ?? new Uint8Array(0))).toBe(hexOf(tree.root(size)));
      const next = tree.leaves[size];
      if (next !== undefined) range.append(next);
    }
  });

  test(`makes the same proofs, all of which verify, at every size to ${EXHAUSTIVE_SIZE}`, () => {
    for (let size = 1; size <= EXHAUSTIVE_SIZE; size++) {
      for (let index = 0; index < size; index++) {
        const claim = inclusion(index, size);
        expect(hexes(inclusionProof(index, size, tree))).toEqual(hexes(claim.proof));
        expect(verifyInclusion(claim)).toBe(true);
      }
      for (let size1 = 0; size1 <= size; size1++) {
        const claim = consistency(size1, size);
        expect(hexes(consistencyProof(size1, size, tree))).toEqual(hexes(claim.proof));
        expect(verifyConsistency(claim)).toBe(true);
      }
    }
  });

  test(`makes the same proofs at samples of every size to ${LARGEST_SIZE}`, () => {
    for (let size = EXHAUSTIVE_SIZE + 1; size <= LARGEST_SIZE; size++) {
      for (const at of [0, 1, size >> 1, (size * 7919) % size, ((size * 31) % 257) % size, size - 2, size - 1]) {
        expect(hexes(inclusionProof(at, size, tree))).toEqual(hexes(inclusion(at, size).proof));
        expect(verifyInclusion(inclusion(at, size))).toBe(true);
        expect(hexes(consistencyProof(at, size, tree))).toEqual(hexes(consistency(at, size).proof));
        expect(verifyConsistency(consistency(at, size))).toBe(true);
      }
    }
  });
});

describe('honest claims at the edges', () => {
  test('a log without leaves is the beginning of every log, by its one root', () => {
    expect(verifyConsistency(consistency(0, 0))).toBe(true);
    expect(verifyConsistency(consistency(0, 5))).toBe(true);
    expect(verifyConsistency({ ...consistency(0, 5), root1: tree.root(1) })).toBe(false);
    expect(verifyConsistency({ ...consistency(0, 5), proof: [tree.root(5)] })).toBe(false);
    expect(verifyConsistency({ ...consistency(0, 0), root2: tree.root(1) })).toBe(false);
  });

  test('a log is consistent with itself, by equal roots and no proof', () => {
    expect(verifyConsistency(consistency(5, 5))).toBe(true);
    expect(verifyConsistency({ ...consistency(5, 5), proof: [tree.root(5)] })).toBe(false);
    expect(verifyConsistency({ ...consistency(5, 5), root2: tree.root(4) })).toBe(false);
  });

  test('a proof has exactly the length that index and size ask for, whatever root it leads to', () => {
    const more = sha256('more');
    for (const [index, size] of [
      [0, 1],
      [4, 11],
      [10, 11],
      [7, 8],
    ] as const) {
      const claim = inclusion(index, size);
      const above = { ...claim, proof: [...claim.proof, more] };
      expect(verifyInclusion({ ...above, root: naiveNode(more, claim.root) })).toBe(false);
      expect(verifyInclusion({ ...above, root: naiveNode(claim.root, more) })).toBe(false);
    }
    for (const [size1, size2] of [
      [4, 8],
      [5, 11],
      [10, 11],
    ] as const) {
      const claim = consistency(size1, size2);
      const above = { ...claim, proof: [...claim.proof, more] };
      const [root1, root2] = [naiveNode(more, claim.root1), naiveNode(more, claim.root2)];
      expect(verifyConsistency({ ...above, root1, root2 })).toBe(false);
      expect(verifyConsistency({ ...above, root2 })).toBe(false);
    }
  });

  test('an index at or behind the size is none', () => {
    const leaf = sha256('leaf');
    for (const index of [1, 2, 3]) {
      expect(verifyInclusion({ leafHash: leaf, index, size: 1, proof: [], root: leaf })).toBe(false);
      expect(verifyInclusion({ leafHash: leaf, index, size: 0, proof: [], root: leaf })).toBe(false);
    }
  });

  test('logs beyond 2^32 leaves are walked without losing bits', () => {
    // The last leaf of 2^52 + 1 has one sibling: everything before it.
    const size = 2 ** 52 + 1;
    const [left, leaf] = [sha256('left'), sha256('leaf')];
    const claim = { leafHash: leaf, index: size - 1, size, proof: [left], root: naiveNode(left, leaf) };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: size - 2 })).toBe(false);
    expect(verifyConsistency({ size1: size - 1, size2: size, root1: left, root2: claim.root, proof: [leaf] })).toBe(
      true,
    );
    expect(verifyConsistency({ size1: size - 2, size2: size, root1: left, root2: claim.root, proof: [leaf] })).toBe(
      false,
    );
  });
});

/** A claim that is honest, and one lie about it. */
const pickArb = fc.tuple(fc.nat(), fc.nat(), fc.nat());
const hashArb = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** Lies about a proof; a lie that changes nothing is dropped where it is told. */
const lieArb = fc.oneof(
  fc.record({ lie: fc.constant('truncate'), at: fc.nat(), hash: hashArb }),
  fc.record({ lie: fc.constant('extend'), at: fc.nat(), hash: hashArb }),
  fc.record({ lie: fc.constant('swap'), at: fc.nat(), hash: hashArb }),
  fc.record({ lie: fc.constant('flip'), at: fc.nat(), hash: hashArb }),
  fc.record({ lie: fc.constant('replace'), at: fc.nat(), hash: hashArb }),
  fc.record({ lie: fc.constant('repeat'), at: fc.nat(), hash: hashArb }),
);

function lied(
  proof: readonly Uint8Array[],
  { lie, at, hash }: { lie: string; at: number; hash: Uint8Array },
): Uint8Array[] {
  const i = proof.length === 0 ? 0 : at % proof.length;
  switch (lie) {
    case 'truncate':
      return proof.toSpliced(i, 1);
    case 'extend':
      return proof.toSpliced(at % (proof.length + 1), 0, hash);
    case 'repeat':
      return proof.toSpliced(i, 0, proof[i] ?? hash);
    case 'replace':
      return proof.with(i, hash);
    case 'flip':
      return proof.map((one, n) =>
        n === i ? one.map((byte, k) => (k === at % 32 ? byte ^ (1 << (at % 8)) : byte)) : one,
      );
    default: {
      const j = (i + 1) % Math.max(1, proof.length);
      return proof.map((one, n) => (n === i ? (proof[j] ?? one) : n === j ? (proof[i] ?? one) : one));
    }
  }
}

const isSame = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  JSON.stringify(hexes(a)) === JSON.stringify(hexes(b));

describe('no lie is ever believed', () => {
  test('about an inclusion proof', () => {
    fc.assert(
      fc.property(pickArb, lieArb, ([a, b], lie) => {
        const size = 1 + (a % LARGEST_SIZE);
        const claim = inclusion(b % size, size);
        if (claim.proof.length === 0 && lie.lie !== 'extend') return;
        const proof = lied(claim.proof, lie);
        fc.pre(!isSame(proof, claim.proof));
        expect(verifyInclusion({ ...claim, proof })).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test('about a consistency proof', () => {
    fc.assert(
      fc.property(pickArb, lieArb, ([a, b], lie) => {
        const size2 = 1 + (a % LARGEST_SIZE);
        const claim = consistency(b % (size2 + 1), size2);
        if (claim.proof.length === 0 && lie.lie !== 'extend') return;
        const proof = lied(claim.proof, lie);
        fc.pre(!isSame(proof, claim.proof));
        expect(verifyConsistency({ ...claim, proof })).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test('about index, root or leaf', () => {
    fc.assert(
      fc.property(pickArb, hashArb, ([a, b, c], hash) => {
        const size = 1 + (a % LARGEST_SIZE);
        const claim = inclusion(b % size, size);
        if (c % LARGEST_SIZE !== claim.index)
          expect(verifyInclusion({ ...claim, index: c % LARGEST_SIZE })).toBe(false);
        expect(verifyInclusion({ ...claim, root: hash })).toBe(false);
        expect(verifyInclusion({ ...claim, leafHash: hash })).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test('about the sizes or roots of two logs', () => {
    fc.assert(
      fc.property(pickArb, hashArb, ([a, b, c], hash) => {
        const size2 = 1 + (a % LARGEST_SIZE);
        const claim = consistency(1 + (b % size2), size2);
        const size1 = c % (LARGEST_SIZE + 1);
        if (size1 !== claim.size1) expect(verifyConsistency({ ...claim, size1 })).toBe(false);
        expect(verifyConsistency({ ...claim, root1: hash })).toBe(false);
        expect(verifyConsistency({ ...claim, root2: hash })).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test('by random hashes', () => {
    fc.assert(
      fc.property(fc.nat(1 << 20), fc.nat(1 << 20), fc.array(hashArb, { maxLength: 60 }), (a, b, proof) => {
        const [root, other] = [tree.root(7), tree.root(8)];
        expect(verifyInclusion({ leafHash: other, index: a, size: b, proof, root })).toBe(false);
        const believed = a === b && a > 0 && proof.length === 0;
        expect(verifyConsistency({ size1: a, size2: b, root1: root, root2: other, proof })).toBe(false);
        expect(verifyConsistency({ size1: a, size2: b, root1: root, root2: root, proof })).toBe(believed);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Whatever a stranger may put in the place of anything. */
const strangeArb = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
  }),
  fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -1,
    0.5,
    2 ** 53,
    1e308,
    7n,
    '7',
    [],
    [[]],
    new Uint8Array(31),
    new Uint8Array(33),
    new Uint16Array(32),
    new Uint8ClampedArray(32),
    new DataView(new ArrayBuffer(32)),
    new ArrayBuffer(32),
    Array.from({ length: 32 }, () => 0),
    { length: 32 },
    new Proxy(new Uint8Array(32), {}),
    new Proxy([], { get: () => { throw new TypeError('caught you looking'); } }), // prettier-ignore
    Object.create(Uint8Array.prototype),
    Object.defineProperty([], 0, { get: () => { throw new TypeError('caught you looking'); } }), // prettier-ignore
    () => {},
    Symbol('s'),
  ),
);

describe('whatever is handed in, the answer is false and nothing is thrown', () => {
  test('in the place of the whole claim', () => {
    fc.assert(
      fc.property(strangeArb, (claim) => {
        expect(verifyInclusion(claim as InclusionClaim)).toBe(false);
        expect(verifyConsistency(claim as ConsistencyClaim)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
    expect(Reflect.apply(verifyInclusion, undefined, [])).toBe(false);
    expect(Reflect.apply(verifyConsistency, undefined, [])).toBe(false);
  });

  /** Sizes between which these proofs do not tell: the way up is the same, and it is the checkpoint that signs size and root. */
  const isAlike = (field: string, value: unknown): boolean =>
    (field === 'size' || field === 'size2') && typeof value === 'number' && value >= 9 && value <= 16;

  test('in the place of one field', () => {
    const fields1 = ['leafHash', 'index', 'size', 'proof', 'root'] as const;
    const fields2 = ['size1', 'size2', 'root1', 'root2', 'proof'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...fields1), fc.constantFrom(...fields2), strangeArb, (field1, field2, strange) => {
        const one = { ...inclusion(4, 11), [field1]: strange };
        const isOther = strange !== 4 && strange !== 11;
        if (isOther && !isAlike(field1, strange)) expect(verifyInclusion(one)).toBe(false);
        const two = { ...consistency(4, 11), [field2]: strange };
        if (isOther && !isAlike(field2, strange)) expect(verifyConsistency(two)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    for (let size = 0; size <= 40; size++) {
      if (size === 11) continue;
      expect(verifyInclusion({ ...inclusion(4, 11), size })).toBe(isAlike('size', size));
      expect(verifyConsistency({ ...consistency(4, 11), size2: size })).toBe(isAlike('size2', size));
    }
  });

  test('in the place of one hash of a proof', () => {
    fc.assert(
      fc.property(fc.nat(), strangeArb, (at, strange) => {
        const one = inclusion(4, 11);
        const two = consistency(5, 11);
        const within = (proof: readonly Uint8Array[]): Uint8Array[] =>
          proof.with(at % proof.length, strange as Uint8Array);
        expect(verifyInclusion({ ...one, proof: within(one.proof) })).toBe(false);
        expect(verifyConsistency({ ...two, proof: within(two.proof) })).toBe(false);
      }),
    );
  });

  test('by a field that says something else at every look', () => {
    const claim = inclusion(4, 11);
    let looks = 0;
    const fickle = {
      ...claim,
      get index() {
        return looks++ === 0 ? 5 : 4;
      },
    };
    expect(verifyInclusion(fickle)).toBe(false);
    expect(looks).toBe(1);
    const proof = new Proxy([...claim.proof], { get: (list, name) => (name === 'length' ? Number.MAX_SAFE_INTEGER : Reflect.get(list, name)) }); // prettier-ignore
    expect(verifyInclusion({ ...claim, proof })).toBe(false);
  });

  test('by memory that was taken away', () => {
    const claim = inclusion(4, 11);
    const root = claim.root.slice();
    structuredClone(root, { transfer: [root.buffer] });
    expect(verifyInclusion({ ...claim, root })).toBe(false);
  });
});

test('a Buffer is as good as a Uint8Array, also one within other memory', () => {
  const claim = inclusion(4, 11);
  const within = Buffer.concat([Buffer.alloc(3), claim.root, Buffer.alloc(5)]).subarray(3, 35);
  expect(verifyInclusion({ ...claim, root: within, proof: claim.proof.map((hash) => Buffer.from(hash)) })).toBe(true);
});

test('hashes by @noble/hashes, by node:crypto and as the definition says are the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), hashArb, hashArb, (bytes, left, right) => {
      expect(hexOf(leafHashOf(bytes))).toBe(hexOf(naiveLeaf(bytes)));
      expect(hexOf(leafHash(bytes))).toBe(hexOf(naiveLeaf(bytes)));
      expect(hexOf(nodeHashOf(left, right))).toBe(hexOf(naiveNode(left, right)));
      expect(hexOf(nodeHash(left, right))).toBe(hexOf(naiveNode(left, right)));
    }),
  );
  const long = new Uint8Array(100_000).fill(7);
  expect(hexOf(leafHash(long))).toBe(hexOf(naiveLeaf(long)));
});

test('what has no hash is refused by the hash functions', () => {
  expect(() => leafHashOf('text' as unknown as Uint8Array)).toThrow(TypeError);
  expect(() => nodeHashOf(new Uint8Array(31), new Uint8Array(32))).toThrow(TypeError);
  expect(() => nodeHashOf(new Uint8Array(32), [] as unknown as Uint8Array)).toThrow(TypeError);
});
