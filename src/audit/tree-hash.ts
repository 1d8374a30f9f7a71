/**
 * The hashes of an RFC 6962 tree by @noble/hashes, for verifiers without Node. What writes the log
 * (src/merkle/log.ts) hashes with node:crypto; a test holds the two together.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { joinBytes } from './bytes.ts';

/** Bytes of one hash. */
export const TREE_HASH_BYTES = 32;

const LEAF = Uint8Array.of(0x00);
const NODE = Uint8Array.of(0x01);

/** sha256(0x00 ‖ bytes). */
export function leafHash(bytes: Uint8Array): Uint8Array {
  return sha256(joinBytes(LEAF, bytes));
}

/** sha256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(joinBytes(NODE, left, right));
}

/** Root of a tree without leaves: sha256 of nothing. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array(0));
}
