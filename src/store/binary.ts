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

const SEAL_BYTES = 4;
const TWO_32 = 0x1_0000_0000;

/** The stored value of `payload` under `key`. */
export function sealRow(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const value = new Uint8Array(payload.length + SEAL_BYTES);
  value.set(payload);
  new DataView(value.buffer).setUint32(payload.length, crc32(payload, crc32(key)));
  return value;
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
  const wellFormed = text.isWellFormed();
  const body = Buffer.from(text, wellFormed ? 'utf8' : 'utf16le');
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = wellFormed ? 0 : 1;
  bytes.set(body, 1);
  return bytes;
}

/** The inverse of {@link textBytes}. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(bytes[0] === 0 ? 'utf8' : 'utf16le', 1);
}

/** Writes fields one behind the other; grows as needed. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #size = 0;

  constructor(expectedBytes = 256) {
    this.#bytes = new Uint8Array(expectedBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#size] = value;
    this.#size += 1;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    this.#view.setUint16(this.#size, value);
    this.#size += 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    this.#view.setUint32(this.#size, value);
    this.#size += 4;
    return this;
  }

  /** A safe integer in 8 bytes: keys sort as the numbers do. */
  u64(value: number): this {
    this.u32(Math.floor(value / TWO_32));
    return this.u32(value % TWO_32);
  }

  f64(value: number): this {
    this.#reserve(8);
    this.#view.setFloat64(this.#size, value);
    this.#size += 8;
    return this;
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
    return this.block(textBytes(text));
  }

  /** Bytes written so far. */
  get sizeBytes(): number {
    return this.#size;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + count));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
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
    return this.#bytes.slice(at, at + length);
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
    if (at + count > this.#bytes.length) throw new SynapseError('STORE_CORRUPT', 'a stored row is shorter than its fields');
    this.#at = at + count;
    return at;
  }
}
