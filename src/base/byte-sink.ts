/**
 * A growable little-endian byte writer and its reader, for records of our own making (step records,
 * outcome digests). Not for values that travel: those have the codec. Every variable part carries
 * its length, so that two different sequences of writes never give the same bytes.
 */
import { SynapseError } from './error.ts';

const INITIAL_BYTES = 1_024; // holds an average step record, so that most records never grow it

/** Up to this many bytes or ASCII characters a loop here is faster than a call into the engine (40 to 100 ns). */
const BY_HAND_MAX = 48;

/**
 * Short texts written lately, each in a place by some of its letters: names of actors, handlers and rows come again
 * and again, and to copy one by words takes a quarter of the time of asking it for its characters.
 */
const lately: string[] = Array.from({ length: 512 }, () => '');
const latelyWords: DataView = new DataView(new ArrayBuffer(512 * BY_HAND_MAX));

/** Up to this length to ask for the characters is as fast. */
const LETTERS_MAX = 4;

/** Room behind the end: a text is copied by words of four bytes. */
const WORD_SPARE = 3;

function placeOf(text: string, length: number): number {
  const tail =
    text.charCodeAt(length - 1) * 31 + text.charCodeAt(length - 2) * 961 + text.charCodeAt(length - 3) * 29_791;
  return (tail + text.charCodeAt(0) * 7 + length) & 511;
}

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
    if (end + WORD_SPARE > this.#bytes.length) this.#grow(end + WORD_SPARE);
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
    const { length } = value;
    const at = this.#room(4);
    if (length > BY_HAND_MAX) {
      this.#numbers.setUint32(at, this.#utf8(value), true);
      return;
    }
    const start = this.#room(length);
    const numbers = this.#numbers;
    numbers.setUint32(at, length, true);
    const place = length > LETTERS_MAX ? placeOf(value, length) : -1;
    if (place >= 0 && lately[place] === value) {
      const from = place * BY_HAND_MAX;
      for (let i = 0; i < length; i += 4) numbers.setUint32(start + i, latelyWords.getUint32(from + i, true), true);
    } else if (!this.#ascii(value, start)) {
      this.#length = start;
      numbers.setUint32(at, this.#utf8(value), true);
    } else if (place >= 0) this.#remember(value, start, place);
  }

  #remember(text: string, start: number, place: number): void {
    lately[place] = text;
    for (let i = 0; i < text.length; i++)
      latelyWords.setUint8(place * BY_HAND_MAX + i, this.#bytes[start + i] as number);
  }

  /** Writes a short text that is ASCII where room was made for it; false where it is not. */
  #ascii(value: string, start: number): boolean {
    const bytes = this.#bytes;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return false;
      bytes[start + i] = unit;
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
