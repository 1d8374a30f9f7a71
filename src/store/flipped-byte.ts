/**
 * Which byte of a checked stretch was changed, when it was one: CRC-32 is linear, so the difference of two
 * checksums is the checksum of the error alone, and an error of one byte is found by going back through it.
 *
 *   stored crc ^ crc as it stands  =  T[error] shifted over the bytes behind it
 *
 * A guess, as several changed bytes may look like one: whoever has another digest of the right bytes proves it.
 */
const POLYNOMIAL = 0xed_b8_83_20;

/** The table of the reflected CRC-32, and its way back: by checksum to byte, and by highest byte to byte. */
const table = new Uint32Array(256);
const errorOf = new Map<number, number>();
const byTop = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  table[byte] = crc;
  errorOf.set(crc >>> 0, byte);
  byTop[crc >>> 24] = byte;
}

/** One changed byte. */
export interface FlippedByte {
  /** From 0; behind the bytes, 0 to 3 stand for the stored checksum itself, highest byte first. */
  readonly offset: number;
  /** What it was and what it is now. */
  readonly was: number;
  readonly is: number;
}

/** The one byte of `bytes` whose change explains the two checksums; nothing when no single one does. */
export function flippedByte(bytes: Uint8Array, stored: number, computed: number): FlippedByte | undefined {
  let rest = (stored ^ computed) >>> 0;
  if (rest === 0) return undefined;
  for (let i = 0; i < 4; i++) {
    const shift = 24 - 8 * i;
    if (rest === (rest & (0xff << shift)) >>> 0)
      return { offset: bytes.length + i, was: (computed >>> shift) & 0xff, is: (stored >>> shift) & 0xff };
  }
  for (let offset = bytes.length - 1; offset >= 0; offset--) {
    const error = errorOf.get(rest);
    if (error !== undefined && error !== 0) {
      const is = bytes[offset] as number;
      return { offset, was: is ^ error, is };
    }
    const byte = byTop[rest >>> 24] as number;
    rest = (((rest ^ (table[byte] as number)) << 8) | byte) >>> 0;
  }
  return undefined;
}
