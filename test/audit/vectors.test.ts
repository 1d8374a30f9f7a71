/** The RFC 6962 vectors of transparency-dev/merkle: our hashes, roots, proofs and verifiers against theirs. */
import { existsSync, readFileSync } from 'node:fs';
import { leafHashOf, verifyConsistency, verifyInclusion } from 'synapse-actors/audit';
import { expect, test } from 'vitest';
import { nodeHash } from '../../src/audit/tree-hash.ts';
import { hexOf } from '../../src/base/hash.ts';
import {
  CompactRange,
  consistencyProof,
  inclusionProof,
  leafHash,
  rootAt,
  type LogNodes,
} from '../../src/merkle/log.ts';

/** From dist/test/audit/ to the folder beside the repository. */
const VECTORS = new URL('../../../../shared/vectors/rfc6962-reference.json', import.meta.url);

interface Vectors {
  readonly leafInputsHex: readonly string[];
  /** Complete subtrees by level, lowest first. */
  readonly nodeHashesByLevelHex: readonly (readonly string[])[];
  readonly rootBySizeHex: readonly string[];
  readonly hasher: {
    readonly emptyRoot: string;
    readonly leaf_of_empty: string;
    readonly leaf_of_ascii_L123456: string;
    readonly node_of_ascii_N123_N456: string;
  };
}

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

function readVectors(context: { skip: (reason: string) => void }): Vectors {
  if (!existsSync(VECTORS)) {
    console.log('SKIPPED: ../shared is absent');
    context.skip('../shared is absent');
  }
  return JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors;
}

/** The subtrees as the vectors give them, not as we compute them. */
function nodesOf(vectors: Vectors): LogNodes {
  return { node: (level, index) => bytesOf(vectors.nodeHashesByLevelHex[level]?.[index] as string) };
}

test('leaf hashes, subtrees and the root of every size are those of the vectors', (context) => {
  const vectors = readVectors(context);
  const range = CompactRange.empty();
  const seen = vectors.nodeHashesByLevelHex.map((level) => level.map(() => ''));
  expect(hexOf(range.root())).toBe(vectors.rootBySizeHex[0]);
  vectors.leafInputsHex.forEach((input, at) => {
    expect(hexOf(leafHashOf(bytesOf(input)))).toBe(vectors.nodeHashesByLevelHex[0]?.[at]);
    range.append(leafHash(bytesOf(input)), (level, index, hash) => {
      (seen[level] as string[])[index] = hexOf(hash);
    });
    expect(hexOf(range.root())).toBe(vectors.rootBySizeHex[at + 1]);
  });
  expect(seen).toEqual(vectors.nodeHashesByLevelHex);
});

test('proofs over the subtrees of the vectors verify against their roots', (context) => {
  const vectors = readVectors(context);
  const nodes = nodesOf(vectors);
  const roots = vectors.rootBySizeHex.map(bytesOf);
  const rootOf = (size: number): Uint8Array => roots[size] as Uint8Array;
  let proofs = 0;
  for (let size = 1; size < roots.length; size++) {
    expect(hexOf(rootAt(size, nodes))).toBe(hexOf(rootOf(size)));
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(index, size, nodes);
      const leaf = bytesOf(vectors.nodeHashesByLevelHex[0]?.[index] as string);
      expect(verifyInclusion({ leafHash: leaf, index, size, proof, root: rootOf(size) })).toBe(true);
      proofs += 1;
    }
    for (let size1 = 0; size1 <= size; size1++) {
      const proof = consistencyProof(size1, size, nodes);
      expect(verifyConsistency({ size1, size2: size, root1: rootOf(size1), root2: rootOf(size), proof })).toBe(true);
      proofs += 1;
    }
  }
  expect(proofs).toBe(36 + 44); // every leaf and every older size of eight sizes
});

test('the single hashes are those of the vectors', (context) => {
  const { hasher } = readVectors(context);
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  expect(hexOf(rootAt(0, { node: () => new Uint8Array(32) }))).toBe(hasher.emptyRoot);
  expect(hexOf(leafHashOf(new Uint8Array(0)))).toBe(hasher.leaf_of_empty);
  expect(hexOf(leafHashOf(ascii('L123456')))).toBe(hasher.leaf_of_ascii_L123456);
  // Their node is of two texts that are no hashes: the public function takes hashes only.
  expect(hexOf(nodeHash(ascii('N123'), ascii('N456')))).toBe(hasher.node_of_ascii_N123_N456);
});
