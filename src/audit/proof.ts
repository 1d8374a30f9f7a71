/**
 * Checks of Merkle proofs as RFC 9162 sections 2.1.3.2 and 2.1.4.2 write them down. Whatever they are
 * handed they answer true or false: a wrong type, a throwing getter, a size beyond 2^53 is false.
 * Every field is read once and copied before anything is computed.
 */
import { copyOfBytes, sameBytes } from './bytes.ts';
import { emptyRoot, nodeHash, TREE_HASH_BYTES } from './tree-hash.ts';

/** What {@link verifyInclusion} takes; hashes are 32 bytes. */
export interface InclusionClaim {
  /** `sha256(0x00 ‖ leaf bytes)`, see leafHashOf. */
  readonly leafHash: Uint8Array;
  /** Of the leaf, from 0. */
  readonly index: number;
  /** Number of leaves in the tree. */
  readonly size: number;
  /** Siblings from the leaf to the root. */
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** What {@link verifyConsistency} takes; roots are 32 bytes. */
export interface ConsistencyClaim {
  /** Number of leaves of the older tree. */
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
  /** Empty where `size1` is 0 or both sizes are equal. */
  readonly proof: readonly Uint8Array[];
}

/** No proof in a tree of less than 2^53 leaves is longer: 53 levels, and the node that both trees share. */
const PROOF_MAX_LENGTH = 54;

/**
 * True when `proof` shows that the tree of `size` leaves with this root holds `leafHash` at `index`
 * (RFC 9162 section 2.1.3.2). Never throws.
 *
 * @example verifyInclusion(await system.audit('acme').prove(7)) // true
 */
export function verifyInclusion(claim: InclusionClaim): boolean {
  try {
    const { leafHash: givenLeaf, index, size, proof: givenProof, root: givenRoot } = claim;
    const [leafHash, root, proof] = [hashOf(givenLeaf), hashOf(givenRoot), proofOf(givenProof)];
    if (leafHash === undefined || root === undefined || proof === undefined) return false;
    if (!isSize(index) || !isSize(size) || index >= size) return false;
    return sameBytes(root, rootFrom(leafHash, index, size, proof) ?? NO_HASH);
  } catch {
    // Only what the caller handed in can throw: a getter, a proxy, a claim that is no object.
    return false;
  }
}

/**
 * True when `proof` shows that the first `size1` leaves of the tree of `size2` are the tree with `root1`
 * (RFC 9162 section 2.1.4.2). A tree without leaves, with its one root, is the beginning of every tree, and a tree is consistent
 * with itself; both with an empty proof. Never throws.
 *
 * @example verifyConsistency(await system.audit('acme').proveConsistency(3, 7)) // true
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  try {
    const { size1, size2, root1: given1, root2: given2, proof: givenProof } = claim;
    const [root1, root2, proof] = [hashOf(given1), hashOf(given2), proofOf(givenProof)];
    if (root1 === undefined || root2 === undefined || proof === undefined) return false;
    if (!isSize(size1) || !isSize(size2) || size1 > size2) return false;
    if (size1 === 0 && !sameBytes(root1, emptyRoot())) return false;
    if (size1 === size2) return proof.length === 0 && sameBytes(root1, root2);
    if (size1 === 0) return proof.length === 0;
    return areConsistent(size1, size2, root1, root2, proof);
  } catch {
    return false;
  }
}

const NO_HASH = new Uint8Array(0);

/** The root that `leafHash` and `proof` lead to; nothing when the proof's length does not fit the tree. */
function rootFrom(
  leafHash: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  const walk = new Walk(index, size - 1);
  let hash = leafHash;
  for (const sibling of proof) {
    if (walk.isOver) return undefined;
    hash = walk.up() ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  }
  return walk.isOver ? hash : undefined;
}

function areConsistent(
  size1: number,
  size2: number,
  root1: Uint8Array,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  // The old tree may be one whole subtree of the new: its root is the first node then, and is not sent.
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  const walk = new Walk(size1 - 1, size2 - 1);
  walk.skipRightEdge();
  let [old, fresh] = [first, first];
  for (const node of rest) {
    if (walk.isOver) return false;
    if (walk.up()) {
      old = nodeHash(node, old);
      fresh = nodeHash(node, fresh);
    } else fresh = nodeHash(fresh, node);
  }
  return walk.isOver && sameBytes(old, root1) && sameBytes(fresh, root2);
}

/** The way of one node up to the root: its number and that of the last node, level by level (`fn` and `sn` of the RFC). */
class Walk {
  #node: number;
  #last: number;

  constructor(node: number, last: number) {
    this.#node = node;
    this.#last = last;
  }

  /** At the root. */
  get isOver(): boolean {
    return this.#last === 0;
  }

  /** Goes to the parent; true when the sibling stands on the left. */
  up(): boolean {
    const fromLeft = this.#node % 2 === 1 || this.#node === this.#last;
    if (fromLeft) while (this.#node % 2 === 0 && this.#node !== 0) this.#halve();
    this.#halve();
    return fromLeft;
  }

  /** Up to where the node is a left child: below, the old tree is whole. */
  skipRightEdge(): void {
    while (this.#node % 2 === 1) this.#halve();
  }

  /** Not by shifts: numbers go to 2^53. */
  #halve(): void {
    this.#node = Math.floor(this.#node / 2);
    this.#last = Math.floor(this.#last / 2);
  }
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Of a safe integer above 0. */
function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function hashOf(value: unknown): Uint8Array | undefined {
  const copy = copyOfBytes(value, TREE_HASH_BYTES);
  return copy?.length === TREE_HASH_BYTES ? copy : undefined;
}

/** Copies of a proof's hashes; nothing when it is not a list of hashes, or longer than any proof can be. */
function proofOf(value: unknown): Uint8Array[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const { length } = value;
  if (!isSize(length) || length > PROOF_MAX_LENGTH) return undefined;
  const proof: Uint8Array[] = [];
  for (let i = 0; i < length; i++) {
    const hash = hashOf(value[i]);
    if (hash === undefined) return undefined;
    proof.push(hash);
  }
  return proof;
}
