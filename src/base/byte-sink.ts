/**
 * A growable little-endian byte writer and its reader, for records of our own making (step records,
 * outcome digests). Not for values that travel: those have the codec. Every variable part carries
 * its length, so that two different sequences of writes never give the same bytes.
 */
import { SynapseError } from './error.ts';

const INITIAL_BYTES = 1_024; // holds an average step record, so that most records never grow it

export class ByteSink {
  #bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written and keeps the memory. */
  clear(): void {
    this.#length = 0;
  }

  #room(sizeBytes: number): number {
    const start = this.#length;
    const end = start + sizeBytes;
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, start);
      this.#bytes = grown;
    }
    this.#length = end;
    return start;
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  f64(value: number): void {
    const at = this.#room(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** Length (u32) and bytes. */
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  /** Bytes of a fixed, known length, without a length before them. */
  raw(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  /** Length (u32) and UTF-8. */
  text(value: string): void {
    const lengthAt = this.#room(4);
    // Three bytes a UTF-16 unit is the most that UTF-8 can need.
    const at = this.#room(value.length * 3);
    const written = this.#bytes.write(value, at, 'utf8');
    this.#length = at + written;
    this.#bytes.writeUInt32LE(written, lengthAt);
  }

  /** A view of what was written, valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length);
  }
}

/** Reads what a {@link ByteSink} wrote; a short or wrong input is `STORE_CORRUPT`. */
export class ByteSource {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get rest(): number {
    return this.#bytes.length - this.#at;
  }

  #step(sizeBytes: number): number {
    const at = this.#at;
    if (at + sizeBytes > this.#bytes.length) {
      throw new SynapseError('STORE_CORRUPT', `record ends at byte ${this.#bytes.length}, expected ${at + sizeBytes}`);
    }
    this.#at = at + sizeBytes;
    return at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#step(1));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#step(4));
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#step(8));
  }

  raw(sizeBytes: number): Uint8Array {
    const at = this.#step(sizeBytes);
    return Uint8Array.prototype.slice.call(this.#bytes, at, at + sizeBytes);
  }

  bytes(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    const length = this.u32();
    const at = this.#step(length);
    return this.#bytes.toString('utf8', at, at + length);
  }
}
