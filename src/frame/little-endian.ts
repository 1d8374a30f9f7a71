/**
 * Little-endian numbers at fixed offsets of a byte array, without a DataView per array: creating one
 * costs more than the read. Offsets are the caller's to check; nothing here looks at lengths.
 */

const F64 = new DataView(new ArrayBuffer(8));
/** 2^32, where the upper word of a 53-bit integer begins. */
const WORD = 0x1_0000_0000;

/** Unsigned 16 bits at `offset`. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8);
}

/** Unsigned 32 bits at `offset`. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}

/** Unsigned 64 bits at `offset`; exact up to 2^53 - 1, larger values are rounded (so never safe integers). */
export function readU53(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 4) * WORD + readU32(bytes, offset);
}

/** IEEE 754 double at `offset`. */
export function readF64(bytes: Uint8Array, offset: number): number {
  F64.setUint32(0, readU32(bytes, offset), true);
  F64.setUint32(4, readU32(bytes, offset + 4), true);
  return F64.getFloat64(0, true);
}

/** Writes the low 16 bits of `value`. */
export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

/** Writes the low 32 bits of `value`. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Writes a safe integer that is not negative as unsigned 64 bits. */
export function writeU53(bytes: Uint8Array, offset: number, value: number): void {
  writeU32(bytes, offset, value >>> 0);
  writeU32(bytes, offset + 4, Math.floor(value / WORD));
}

/** Writes a double; every NaN as the one canonical NaN, since engines may keep a NaN's spare bits. */
export function writeF64(bytes: Uint8Array, offset: number, value: number): void {
  if (value !== value) {
    writeU32(bytes, offset, 0);
    writeU32(bytes, offset + 4, 0x7ff80000);
    return;
  }
  F64.setFloat64(0, value, true);
  writeU32(bytes, offset, F64.getUint32(0, true));
  writeU32(bytes, offset + 4, F64.getUint32(4, true));
}
