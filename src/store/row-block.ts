/**
 * Rows in the order of their keys, all in chunks of bytes (row-memory.ts) that the collector never looks into. A row is
 * written behind the others, whatever its key; places, one a row, are in order and have a chunk of their own. What a row
 * leaves behind is room again when the rows are written anew.
 *
 *   row    [key's length u16][value's length u16, top bit: a mark of the owner's][key][value], then up to 3 bytes of no use
 *   place  u16: where the row begins, by 4 bytes
 *
 * As strings and arrays of their own the same rows took twice the memory and, since they survive every collection, a
 * third of the processor time of a snapshot.
 */
import { assert } from '../base/assert.ts';
import { CHUNK_BITS, CHUNK_BYTES, type RowMemory } from './row-memory.ts';

/** Most rows of a block before it is cut: one more has a place yet. */
const ROWS_MAX: number = CHUNK_BYTES / 2 - 1;

/** Most bytes before a block is cut: some 60 pages of a trie. */
const BYTES_MAX: number = 48 << 10;

/** Longest value, bytes, that fits into a row. */
export const ROW_VALUE_MAX_BYTES: number = 4 << 10;

const HEAD_BYTES = 4;
const MARK = 0x8000;

/** Of a place, where in its chunk that is. */
const IN_CHUNK: number = CHUNK_BYTES - 1;

/** Rows begin at multiples of this: a head is in one chunk. */
const ALIGN = 4;

/** Rows that are no more are worth writing the others anew once they are a fifth of the bytes. */
const WORTH = 5;

/** Up to so many bytes are copied here: a call into the engine takes as long. */
const BY_HAND_MAX = 64;

/** One value for all blocks, on loan. */
const lent = new Uint8Array(ROW_VALUE_MAX_BYTES);

export class RowBlock {
  readonly #memory: RowMemory;
  /** The rows', in order. */
  #chunks: number[] = [];
  readonly #places: number;
  #count = 0;
  #used = 0;
  /** Bytes of rows that are no more. */
  #dead = 0;

  constructor(memory: RowMemory) {
    this.#memory = memory;
    this.#places = memory.take();
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count > ROWS_MAX || this.#used - this.#dead > BYTES_MAX;
  }

  /** As memcmp: the key of row `at` beside `key`. */
  compare(at: number, key: Uint8Array): number {
    const place = this.#placeAt(at);
    const chunk = this.#chunks[place >> CHUNK_BITS] as number;
    const bytes = this.#memory.slabOf(chunk);
    const start = this.#memory.startOf(chunk) + (place & IN_CHUNK);
    const length = (bytes[start] as number) | ((bytes[start + 1] as number) << 8);
    const common = Math.min(length, key.length);
    const here = Math.min(common, CHUNK_BYTES - HEAD_BYTES - (place & IN_CHUNK));
    for (let i = 0; i < here; i++) {
      const difference = (bytes[start + HEAD_BYTES + i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return (here === common ? 0 : this.#compareRest(place + HEAD_BYTES, here, common, key)) || length - key.length;
  }

  /** The same from byte `from` of the key on, which is in the next chunk. */
  #compareRest(keyAt: number, from: number, to: number, key: Uint8Array): number {
    for (let i = from; i < to; i++) {
      const difference = (this.#slabAt(keyAt + i)[this.#startAt(keyAt + i)] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Number of the first row whose key is not below `key`. */
  lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#count;
    // Writes come sorted: the place behind the last key is the common one while a store grows.
    if (high > 0 && this.compare(high - 1, key) < 0) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether row `at` is that of `key`. */
  holds(at: number, key: Uint8Array): boolean {
    return at < this.#count && this.compare(at, key) === 0;
  }

  /** A copy of the key of row `at`. */
  keyAt(at: number): Uint8Array {
    const place = this.#placeAt(at);
    return this.#copy(place + HEAD_BYTES, this.#u16(place));
  }

  /** A copy of the value of row `at`. */
  valueAt(at: number): Uint8Array {
    const place = this.#placeAt(at);
    return this.#copy(place + HEAD_BYTES + this.#u16(place), this.#u16(place + 2) & ~MARK);
  }

  /** The same, until the next row is lent. */
  lentAt(at: number): Uint8Array {
    const place = this.#placeAt(at);
    const length = this.#u16(place + 2) & ~MARK;
    this.#copyTo(place + HEAD_BYTES + this.#u16(place), length, lent);
    return lent.subarray(0, length);
  }

  isMarked(at: number): boolean {
    return (this.#u16(this.#placeAt(at) + 2) & MARK) !== 0;
  }

  /** Writes a row before row `at`. */
  insert(at: number, key: Uint8Array, value: Uint8Array, isMarked: boolean): void {
    assert(value.length <= ROW_VALUE_MAX_BYTES, 'a longer value stands elsewhere');
    const place = this.#room(sizeOf(key.length, value.length));
    this.#insertPlace(at, place);
    this.#putU16(place, key.length);
    this.#putU16(place + 2, isMarked ? value.length | MARK : value.length);
    this.#write(key, place + HEAD_BYTES);
    this.#write(value, place + HEAD_BYTES + key.length);
  }

  /** Writes another value into row `at`, which is that of `key`. */
  replace(at: number, key: Uint8Array, value: Uint8Array, isMarked: boolean): void {
    const place = this.#placeAt(at);
    if (this.#sizeAt(place) === sizeOf(key.length, value.length)) {
      this.#putU16(place + 2, isMarked ? value.length | MARK : value.length);
      this.#write(value, place + HEAD_BYTES + key.length);
    } else {
      this.#dropPlace(at); // its own bytes are not kept, should the rows be written anew
      this.insert(at, key, value, isMarked);
    }
  }

  remove(at: number): void {
    this.#dropPlace(at);
    if (this.#dead * 2 > this.#used) this.#rewrite(this.#count);
  }

  /** Takes the rows above the middle out. */
  split(): RowBlock {
    const half = (this.#used - this.#dead) / 2;
    let at = 0;
    for (let size = 0; size < half; at++) size += this.#sizeAt(this.#placeAt(at));
    const cut = Math.min(at, this.#count - 1);
    const above = new RowBlock(this.#memory);
    for (at = cut; at < this.#count; at++)
      above.#append(this.#chunks, this.#placeAt(at), this.#sizeAt(this.#placeAt(at)));
    this.#rewrite(cut);
    return above;
  }

  /** Gives its memory back; the block is over. */
  release(): void {
    for (const chunk of this.#chunks) this.#memory.giveBack(chunk);
    this.#memory.giveBack(this.#places);
  }

  /** Place for so many bytes. */
  #room(sizeBytes: number): number {
    const isFilled = this.#used + sizeBytes > this.#chunks.length * CHUNK_BYTES;
    if (isFilled && this.#dead * WORTH > this.#used) this.#rewrite(this.#count);
    const place = this.#used;
    this.#used = place + sizeBytes;
    while (this.#used > this.#chunks.length * CHUNK_BYTES) this.#chunks.push(this.#memory.take());
    return place;
  }

  /** Writes the first `count` rows into other chunks, one behind the other; those behind are gone. */
  #rewrite(count: number): void {
    const before = this.#chunks;
    this.#chunks = [];
    this.#used = 0;
    this.#dead = 0;
    this.#count = 0;
    for (let at = 0; at < count; at++) {
      const place = this.#placeAt(at);
      this.#append(before, place, this.#sizeAt(place, before));
    }
    for (const chunk of before) this.#memory.giveBack(chunk);
  }

  /** Copies a row of other chunks behind all. */
  #append(chunks: readonly number[], place: number, size: number): void {
    const memory = this.#memory;
    const to = this.#room(size);
    for (let i = 0; i < size;) {
      const chunk = chunks[(place + i) >> CHUNK_BITS] as number;
      const part = Math.min(size - i, CHUNK_BYTES - ((place + i) & IN_CHUNK), CHUNK_BYTES - ((to + i) & IN_CHUNK));
      const start = memory.startOf(chunk) + ((place + i) & IN_CHUNK);
      copyRun(memory.slabOf(chunk), start, part, this.#slabAt(to + i), this.#startAt(to + i));
      i += part;
    }
    this.#insertPlace(this.#count, to);
  }

  #placeAt(at: number): number {
    const bytes = this.#memory.slabOf(this.#places);
    const start = this.#memory.startOf(this.#places) + 2 * at;
    return ((bytes[start] as number) | ((bytes[start + 1] as number) << 8)) << 2;
  }

  #insertPlace(at: number, place: number): void {
    const bytes = this.#memory.slabOf(this.#places);
    const start = this.#memory.startOf(this.#places);
    const end = start + 2 * this.#count;
    if (start + 2 * at < end) bytes.copyWithin(start + 2 * at + 2, start + 2 * at, end);
    bytes[start + 2 * at] = place >> 2;
    bytes[start + 2 * at + 1] = place >> 10;
    this.#count += 1;
  }

  #dropPlace(at: number): void {
    this.#dead += this.#sizeAt(this.#placeAt(at));
    const start = this.#memory.startOf(this.#places);
    const end = start + 2 * this.#count;
    this.#memory.slabOf(this.#places).copyWithin(start + 2 * at, start + 2 * at + 2, end);
    this.#count -= 1;
  }

  /** Bytes of the row at a place, of these chunks or of others. */
  #sizeAt(place: number, chunks: readonly number[] = this.#chunks): number {
    return sizeOf(this.#u16(place, chunks), this.#u16(place + 2, chunks) & ~MARK);
  }

  #u16(at: number, chunks: readonly number[] = this.#chunks): number {
    const chunk = chunks[at >> CHUNK_BITS] as number;
    const bytes = this.#memory.slabOf(chunk);
    const start = this.#memory.startOf(chunk) + (at & IN_CHUNK);
    return (bytes[start] as number) | ((bytes[start + 1] as number) << 8);
  }

  #putU16(at: number, value: number): void {
    const bytes = this.#slabAt(at);
    const start = this.#startAt(at);
    bytes[start] = value;
    bytes[start + 1] = value >> 8;
  }

  #slabAt(at: number): Uint8Array {
    return this.#memory.slabOf(this.#chunks[at >> CHUNK_BITS] as number);
  }

  #startAt(at: number): number {
    return this.#memory.startOf(this.#chunks[at >> CHUNK_BITS] as number) + (at & IN_CHUNK);
  }

  #write(from: Uint8Array, at: number): void {
    for (let i = 0; i < from.length;) {
      const part = Math.min(from.length - i, CHUNK_BYTES - ((at + i) & IN_CHUNK));
      copyRun(from, i, part, this.#slabAt(at + i), this.#startAt(at + i));
      i += part;
    }
  }

  #copy(at: number, length: number): Uint8Array {
    const copy = new Uint8Array(length);
    this.#copyTo(at, length, copy);
    return copy;
  }

  #copyTo(at: number, length: number, copy: Uint8Array): void {
    for (let i = 0; i < length;) {
      const part = Math.min(length - i, CHUNK_BYTES - ((at + i) & IN_CHUNK));
      copyRun(this.#slabAt(at + i), this.#startAt(at + i), part, copy, i);
      i += part;
    }
  }
}

/** Bytes that a row takes. */
function sizeOf(keyBytes: number, valueBytes: number): number {
  return (HEAD_BYTES + keyBytes + valueBytes + ALIGN - 1) & -ALIGN;
}

function copyRun(from: Uint8Array, start: number, length: number, to: Uint8Array, toAt: number): void {
  if (length > BY_HAND_MAX) to.set(from.subarray(start, start + length), toAt);
  else for (let i = 0; i < length; i++) to[toAt + i] = from[start + i] as number;
}
