/**
 * A growable little-endian byte writer and its reader, for records of our own making (step records,
 * outcome digests). Not for values that travel: those have the codec. Every variable part carries
 * its length, so that two different sequences of writes never give the same bytes.
 */
import { SynapseError } from './error.ts';

const INITIAL_BYTES = 1_024; // holds an average step record, so that most records never grow it

/** Up to this many bytes or ASCII characters a loop here is faster than a call into the engine (40 to 100 ns). */
const BY_HAND_MAX = 48;

/** Views of the beginning that are kept for use again, by their length: making one costs as much as hashing it. */
const VIEWS_MAX = 512;

export class ByteSink {
  #bytes: Uint8Array = new Uint8Array(INITIAL_BYTES);
  #numbers: DataView = new DataView(this.#bytes.buffer);
  #views: (Uint8Array | undefined)[] = [];
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
    if (end > this.#bytes.length) this.#grow(end);
    this.#length = end;
    return start;
  }

  #grow(leastBytes: number): void {
    const grown = new Uint8Array(Math.max(leastBytes, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#numbers = new DataView(grown.buffer);
    this.#views = [];
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#numbers.setUint32(at, value, true);
  }

  f64(value: number): void {
    const at = this.#room(8);
    this.#numbers.setFloat64(at, value, true);
  }

  /** Length (u32) and bytes. */
  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.raw(value);
  }

  /** Length (u32) and the bytes from `start` to before `end`. */
  piece(bytes: Uint8Array, start: number, end: number): void {
    this.u32(end - start);
    this.span(bytes, start, end);
  }

  /** The bytes from `start` to before `end`, without a length before them. */
  span(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const at = this.#room(length);
    const to = this.#bytes;
    if (length > BY_HAND_MAX) to.set(bytes.subarray(start, end), at);
    else for (let i = 0; i < length; i++) to[at + i] = bytes[start + i] as number;
  }

  /** Bytes of a fixed, known length, without a length before them. */
  raw(value: Uint8Array): void {
    const { length } = value;
    const at = this.#room(length);
    const bytes = this.#bytes;
    if (length > BY_HAND_MAX) bytes.set(value, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = value[i] as number;
  }

  /** Length (u32) and UTF-8. */
  text(value: string): void {
    const lengthAt = this.#room(4);
    const written = this.#ascii(value) ? value.length : this.#utf8(value);
    this.#numbers.setUint32(lengthAt, written, true);
  }

  /** Writes a short text that is ASCII; false where it is not, and nothing is written. */
  #ascii(value: string): boolean {
    const { length } = value;
    if (length > BY_HAND_MAX) return false;
    const at = this.#room(length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) {
        this.#length = at;
        return false;
      }
      bytes[at + i] = unit;
    }
    return true;
  }

  #utf8(value: string): number {
    // Three bytes a UTF-16 unit is the most that UTF-8 can need.
    const at = this.#room(value.length * 3);
    const { buffer, byteOffset } = this.#bytes;
    const written = Buffer.from(buffer, byteOffset + at).write(value, 'utf8');
    this.#length = at + written;
    return written;
  }

  /** Keeps four bytes free for the length of what is written up to {@link close}; returns where that begins. */
  open(): number {
    return this.#room(4) + 4;
  }

  /** Writes how many bytes came since `open`, and returns that. */
  close(start: number): number {
    const sizeBytes = this.#length - start;
    this.#numbers.setUint32(start - 4, sizeBytes, true);
    return sizeBytes;
  }

  /** A view of what was written, valid until the next write. */
  view(): Uint8Array {
    const length = this.#length;
    if (length >= VIEWS_MAX) return this.#bytes.subarray(0, length);
    return (this.#views[length] ??= this.#bytes.subarray(0, length));
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
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
