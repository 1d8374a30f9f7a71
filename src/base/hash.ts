/**
 * SHA-256 by Node's one-shot `crypto.hash`, several times as fast as `createHash` for short inputs
 * (bench/micro.ts shows what one costs). A test holds it to @noble/hashes, for verifiers without Node.
 */
import { createHash, hash as oneShot } from 'node:crypto';

/** Bytes of one SHA-256 digest. */
export const HASH_BYTES = 32;

/** SHA-256 of `bytes` as 32 bytes. */
export function sha256(bytes: Uint8Array | string): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  sha256Into(bytes, out, 0);
  return out;
}

/** Writes the SHA-256 of `bytes` at `at`: what hashes many small pieces need not allocate for each. */
export function sha256Into(bytes: Uint8Array | string, target: Uint8Array, at: number): void {
  // A string of bytes, copied by hand, is more than twice as fast as a Buffer from the same call.
  lettersInto(oneShot('sha256', bytes, 'binary'), target, at);
}

function lettersInto(digest: string, target: Uint8Array, at: number): void {
  for (let i = 0; i < HASH_BYTES; i++) target[at + i] = digest.charCodeAt(i);
}

/**
 * The digest of a hasher, as a string for a reason of its own: to make a Buffer of it Node detaches an ArrayBuffer, and
 * from the first of those on V8 asks at each access to bytes, in all code of the thread, whether they are still there.
 */
function digestOf(hasher: ReturnType<typeof createHash>): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  lettersInto(hasher.digest('binary'), out, 0);
  return out;
}

/** SHA-256 of `bytes` as 64 lower-case hex digits. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return oneShot('sha256', bytes, 'hex');
}

/** SHA-256 of what comes piece by piece. */
export class Sha256 {
  readonly #hasher: ReturnType<typeof createHash> = createHash('sha256');

  add(piece: Uint8Array): this {
    this.#hasher.update(piece);
    return this;
  }

  digest(): Uint8Array {
    return digestOf(this.#hasher);
  }
}

/** SHA-256 over several pieces, in order, without joining them first. */
export function sha256Of(pieces: readonly Uint8Array[]): Uint8Array {
  const hasher = createHash('sha256');
  for (const piece of pieces) hasher.update(piece);
  return digestOf(hasher);
}

/** Lower-case hex of `bytes`. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Block of SHA-256, to which HMAC fills its key up. */
const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);

/**
 * HMAC-SHA256 (RFC 2104) under a key of 32 bytes, by two one-shot hashes: half the time of Node's
 * `createHmac` for messages of some hundred bytes. A test holds it to that one.
 */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  const inner = new Uint8Array(BLOCK_BYTES + message.length).fill(INNER_PAD, 0, BLOCK_BYTES);
  outer.fill(OUTER_PAD, 0, BLOCK_BYTES);
  for (let i = 0; i < HASH_BYTES; i++) {
    inner[i] = (key[i] as number) ^ INNER_PAD;
    outer[i] = (key[i] as number) ^ OUTER_PAD;
  }
  inner.set(message, BLOCK_BYTES);
  outer.set(sha256(inner), BLOCK_BYTES);
  return sha256(outer);
}
