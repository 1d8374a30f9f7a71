/**
 * RFC 6962 section 2.1 as it is written there, recursion and all, over node:crypto: what everything else
 * about the log is held to. Remembers subtrees, so that hundreds of proofs of one log stay cheap.
 */
import { createHash } from 'node:crypto';
import type { LogNodes } from '../../src/merkle/log.ts';

const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hasher = createHash('sha256');
  for (const part of parts) hasher.update(part);
  return new Uint8Array(hasher.digest());
};

export const naiveLeaf = (bytes: Uint8Array): Uint8Array => sha256(Uint8Array.of(0), bytes);
export const naiveNode = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(Uint8Array.of(1), left, right);

export class NaiveTree implements LogNodes {
  /** Leaf hashes. */
  readonly leaves: readonly Uint8Array[];
  readonly #known = new Map<string, Uint8Array>();

  constructor(leaves: readonly Uint8Array[]) {
    this.leaves = leaves;
  }

  /** MTH(D[from:to]). */
  root(to: number, from = 0): Uint8Array {
    if (to === from) return sha256();
    const name = `${from}:${to}`;
    let hash = this.#known.get(name);
    if (hash === undefined) {
      const cut = from + split(to - from);
      hash = to - from === 1 ? (this.leaves[from] as Uint8Array) : naiveNode(this.root(cut, from), this.root(to, cut));
      this.#known.set(name, hash);
    }
    return hash;
  }

  /** PATH(index, D[from:to]), `index` counted from `from`. */
  path(index: number, to: number, from = 0): Uint8Array[] {
    const count = to - from;
    if (count === 1) return [];
    const cut = split(count);
    return index < cut
      ? [...this.path(index, from + cut, from), this.root(to, from + cut)]
      : [...this.path(index - cut, to, from + cut), this.root(from + cut, from)];
  }

  /** PROOF(size1, D[size2]). */
  consistency(size1: number, size2: number): Uint8Array[] {
    return size1 === 0 ? [] : this.#subproof(size1, 0, size2, true);
  }

  /** SUBPROOF(m, D[from:to], b). */
  #subproof(m: number, from: number, to: number, isWhole: boolean): Uint8Array[] {
    const count = to - from;
    if (m === count) return isWhole ? [] : [this.root(to, from)];
    const cut = split(count);
    return m <= cut
      ? [...this.#subproof(m, from, from + cut, isWhole), this.root(to, from + cut)]
      : [...this.#subproof(m - cut, from + cut, to, false), this.root(from + cut, from)];
  }

  node(level: number, index: number): Uint8Array {
    return this.root((index + 1) * 2 ** level, index * 2 ** level);
  }
}

/** The largest power of two below `count`. */
function split(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

/** A tree of `count` different leaves. */
export function sampleTree(count: number): NaiveTree {
  return new NaiveTree(Array.from({ length: count }, (_, n) => naiveLeaf(new TextEncoder().encode(`leaf ${n}`))));
}
