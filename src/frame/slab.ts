/**
 * Memory for short-lived byte arrays. Beyond 64 bytes V8 gives every Uint8Array an allocation of its
 * own, which costs ten times a view into a larger one (measured: 216 ns against 20 ns); so arrays of
 * middle size are cut from a slab. A slab is never handed to user code (its neighbours belong to
 * other tenants), never transferred (marked so) and never used twice.
 */
import { markAsUntransferable } from 'node:worker_threads';

/** Bytes of one slab: about 160 frames, and the most that one surviving array keeps alive. */
export const SLAB_BYTES: number = 16 * 1024;
/** Larger arrays get their own memory: a quarter, so that at most a quarter of a slab is wasted. */
export const SLAB_ITEM_MAX_BYTES: number = SLAB_BYTES / 4;
/** Up to here V8 keeps the bytes in the object itself, without a second allocation. */
export const INLINE_MAX_BYTES = 64;

/** Room behind a large part of a value, for what little mostly follows it. */
export const SPARE_BYTES = 512;

/**
 * A grown buffer goes with its value where at most this part of the value is lost behind it. With an
 * eighth lost behind each, commands of actors that held 50 MiB in a lane cost a fifth more.
 */
export const KEPT_SHARE = 32;

let slab: ArrayBuffer = createSlab();
let usedBytes = 0;

/** A fresh slab, zeroed. */
export function createSlab(): ArrayBuffer {
  const buffer = new ArrayBuffer(SLAB_BYTES);
  markAsUntransferable(buffer);
  return buffer;
}

/** A zeroed array of `sizeBytes` bytes whose `buffer` may be larger: never show it to user code. */
export function takeBytes(sizeBytes: number): Uint8Array {
  if (sizeBytes <= INLINE_MAX_BYTES || sizeBytes > SLAB_ITEM_MAX_BYTES) return new Uint8Array(sizeBytes);
  if (sizeBytes > SLAB_BYTES - usedBytes) {
    slab = createSlab();
    usedBytes = 0;
  }
  const bytes = new Uint8Array(slab, usedBytes, sizeBytes);
  usedBytes += (sizeBytes + 7) & ~7;
  return bytes;
}

/** A copy with memory as {@link takeBytes} gives it. */
export function keptBytes(bytes: Uint8Array): Uint8Array {
  const copy = takeBytes(bytes.length);
  copyInto(copy, 0, bytes);
  return copy;
}

/** Below this a loop beats the engine's copy. */
const LOOP_MAX_BYTES = 32;
/** Copies `piece` to `offset`; returns where it ends. */
export function copyInto(bytes: Uint8Array, offset: number, piece: Uint8Array): number {
  if (piece.length <= LOOP_MAX_BYTES) for (let i = 0; i < piece.length; i++) bytes[offset + i] = piece[i]!;
  else bytes.set(piece, offset);
  return offset + piece.length;
}
