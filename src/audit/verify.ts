/**
 * `synapse-actors/audit`: what an outsider needs to check what a host says about its log, and nothing
 * else. Runs in a browser: no Node module, no global of Node, no dependency but @noble/hashes.
 * Verifiers answer; they never throw, whatever they are handed.
 */
import { leafHash, nodeHash, TREE_HASH_BYTES } from './tree-hash.ts';

export { type Checkpoint, type NoteSignature, parseCheckpoint, verifyCheckpoint } from './checkpoint.ts';
export { type ConsistencyClaim, type InclusionClaim, verifyConsistency, verifyInclusion } from './proof.ts';
export { type ProvedReceipt, type RefusedReceipt, verifyReceipt } from './receipt.ts';

/**
 * Hash of a leaf: `sha256(0x00 ‖ bytes)` (RFC 6962 section 2.1), 32 bytes.
 *
 * @throws TypeError for what is no Uint8Array
 * @example
 * const { leaf, ...rest } = await system.audit('acme').prove(7);
 * verifyInclusion({ ...rest, leafHash: leafHashOf(leaf) });
 */
export function leafHashOf(bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('expected a Uint8Array, the bytes of a leaf');
  return leafHash(bytes);
}

/**
 * Hash of an inner node: `sha256(0x01 ‖ left ‖ right)` (RFC 6962 section 2.1), 32 bytes.
 *
 * @throws TypeError unless both are Uint8Arrays of 32 bytes
 */
export function nodeHashOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  for (const side of [left, right]) {
    if (!(side instanceof Uint8Array) || side.length !== TREE_HASH_BYTES) {
      throw new TypeError('expected two Uint8Arrays of 32 bytes, the hashes of the children');
    }
  }
  return nodeHash(left, right);
}
