/**
 * Reads little-endian fields one after another from bytes of strangers. Never reads beyond the end: what
 * is cut short, or no UTF-8, throws `RangeError`, which the verifier turns into its answer.
 */
import { utf8Text } from './bytes.ts';

/** 2^32, where the upper word of a 53-bit integer begins. */
const WORD = 0x1_0000_0000;

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get rest(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#step(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#step(8), true);
  }

  /** 64 bits that must hold a safe integer. */
  u53(): number {
    const low = this.u32();
    const value = this.u32() * WORD + low;
    if (!Number.isSafeInteger(value)) throw new RangeError('a number is beyond 2^53');
    return value;
  }

  /** The next bytes, as a view. */
  raw(sizeBytes: number): Uint8Array {
    const at = this.#step(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }

  /** UTF-8 of a known size. */
  text(sizeBytes: number): string {
    const text = utf8Text(this.raw(sizeBytes));
    if (text === undefined) throw new RangeError('a text is not UTF-8');
    return text;
  }

  /** Length (u32) and bytes. */
  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  /** Unsigned LEB128, below 2^32. */
  count(): number {
    let value = 0;
    for (let shift = 1; shift <= 2 ** 28; shift *= 2 ** 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a count is beyond 2^32');
  }

  #step(sizeBytes: number): number {
    if (sizeBytes > this.rest) throw new RangeError('the bytes end too early');
    const at = this.#at;
    this.#at += sizeBytes;
    return at;
  }
}
