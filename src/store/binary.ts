/**
 * Bytes of rows: big-endian numbers, length-prefixed texts and byte strings, and the seal under which
 * every value is stored:
 *
 *   value = [payload][crc32(key | payload) u32]
 *
 * CRC-32 finds every flipped bit and every burst up to 32 bits; with the key in it, a row under a
 * foreign key is found too. Reading past an end is STORE_CORRUPT.
 */
import { crc32 } from 'node:zlib';
import { SynapseError } from '../base/error.ts';

/** Bytes of a seal. */
export const SEAL_BYTES = 4;
const TWO_32 = 0x1_0000_0000;

/** The stored value of `payload` under `key`. */
export function sealRow(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const value = new Uint8Array(payload.length + SEAL_BYTES);
  value.set(payload);
  new DataView(value.buffer).setUint32(payload.length, crc32(payload, crc32(key)));
  return value;
}

/** `bytes` with their seal in the last four of them, which are to spare: as sealRow, without its copy. */
export function sealInPlace(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const end = bytes.length - SEAL_BYTES;
  putU32(bytes, end, crc32(bytes.subarray(0, end), crc32(key)));
  return bytes;
}

/** The payload of a stored value (a view), or nothing when the seal does not fit. */
export function openRow(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  const length = value.length - SEAL_BYTES;
  if (length < 0) return undefined;
  const payload = value.subarray(0, length);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return crc32(payload, crc32(key)) === view.getUint32(length) ? payload : undefined;
}

/**
 * A text as bytes, injective for every JavaScript string: [0][UTF-8], or [1][UTF-16LE] where a lone
 * surrogate has no UTF-8.
 */
export function textBytes(text: string): Uint8Array {
  const encoding = text.isWellFormed() ? 'utf8' : 'utf16le';
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text, encoding));
  bytes[0] = encoding === 'utf8' ? 0 : 1;
  bytes.write(text, 1, encoding);
  return bytes;
}

/** The inverse of {@link textBytes}. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(bytes[0] === 0 ? 'utf8' : 'utf16le', 1);
}

/** Writes the low 32 bits of `value`. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a safe integer in 8 bytes. */
export function putU64(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, Math.floor(value / TWO_32));
  putU32(bytes, at + 4, value >>> 0);
}

/** As memcmp: negative, 0 or positive. In JavaScript: for short keys the call into native code costs more. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** A copy that shares no memory with `bytes`, also when that is a Buffer (whose slice is a view). */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

const float = new DataView(new ArrayBuffer(8));

/** Writers' memory is cut from chunks; to each its own costs as much as a checksum, and more when it is collected. */
const CHUNK_BYTES: number = 64 << 10;
const PIECE_MAX_BYTES: number = 4 << 10;
/** Up to here the engine keeps the bytes in the object itself. */
const INLINE_MAX_BYTES = 64;
let chunk = new Uint8Array(0);
let chunkUsed = 0;

function take(sizeBytes: number): Uint8Array {
  if (sizeBytes <= INLINE_MAX_BYTES || sizeBytes > PIECE_MAX_BYTES) return new Uint8Array(sizeBytes);
  if (chunkUsed + sizeBytes > chunk.length) {
    chunk = new Uint8Array(CHUNK_BYTES);
    chunkUsed = 0;
  }
  chunkUsed += sizeBytes;
  return chunk.subarray(chunkUsed - sizeBytes, chunkUsed);
}

/** Up to so many characters a loop here is faster than a call into the engine and the array that it takes. */
const SHORT_TEXT_MAX = 64;

/** Writes fields one behind the other; grows as needed. One row, then it is done. */
export class ByteWriter {
  #bytes: Uint8Array;
  #size = 0;

  /** @param memory to write into as long as it is enough, or a guess of how much it takes */
  constructor(memory: number | Uint8Array = 256) {
    this.#bytes = typeof memory === 'number' ? take(memory) : memory;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#size++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#bytes[this.#size++] = value >>> 8;
    this.#bytes[this.#size++] = value;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    putU32(this.#bytes, this.#size, value);
    this.#size += 4;
    return this;
  }

  /** A safe integer in 8 bytes: keys sort as the numbers do. */
  u64(value: number): this {
    this.#reserve(8);
    putU64(this.#bytes, this.#size, value);
    this.#size += 8;
    return this;
  }

  f64(value: number): this {
    float.setFloat64(0, value);
    return this.u32(float.getUint32(0)).u32(float.getUint32(4));
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
    return this;
  }

  /** Length as u32, then the bytes. */
  block(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.#shortText(text) ? this : this.block(textBytes(text));
  }

  /** Writes a short text that is ASCII as `text` does; false where it is not, and nothing is written. */
  #shortText(text: string): boolean {
    const { length } = text;
    if (length > SHORT_TEXT_MAX) return false;
    this.#reserve(5 + length);
    const bytes = this.#bytes;
    const at = this.#size + 5;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return false;
      bytes[at + i] = unit;
    }
    putU32(bytes, at - 5, length + 1);
    bytes[at - 1] = 0;
    this.#size = at + length;
    return true;
  }

  /** What was written, a view: the writer is not used after it. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** What was written, sealed under `key`: as sealRow, without its copy. */
  sealed(key: Uint8Array): Uint8Array {
    this.u32(crc32(this.bytes(), crc32(key)));
    return this.bytes();
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#bytes.length) return;
    const larger = take(Math.max(this.#bytes.length * 2, this.#size + count));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }
}

/** Reads what a {@link ByteWriter} wrote; byte strings come out as copies. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    return this.u32() * TWO_32 + this.u32();
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return copyOf(this.#bytes.subarray(at, at + length));
  }

  block(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    return textOf(this.block());
  }

  /** Everything not yet read. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at);
  }

  /** True at the end. */
  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length)
      throw new SynapseError('STORE_CORRUPT', 'a stored row is shorter than its fields');
    this.#at = at + count;
    return at;
  }
}
