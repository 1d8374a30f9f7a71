/**
 * Rows in the order of their keys, all in one array of bytes that the collector never looks into. A row is written
 * behind the others, whatever its key; places, one a row, are in order. What a row leaves behind is room again when
 * the array is full and is written anew.
 *
 *   row  [key's length u16][value's length u16, top bit: a mark of the owner's][key][value]
 *
 * As strings and arrays of their own the same rows took twice the memory and, since they survive every collection, a
 * third of the processor time of a snapshot.
 */
import { assert } from '../base/assert.ts';

/** Most rows of a block: to make place for one among so many is a short move. */
const ROWS_MAX = 256;

/** Most bytes before a block is cut: some 40 pages of a trie. */
const BYTES_MAX: number = 32 << 10;

/** Longest value, bytes, that fits into a row. */
export const ROW_VALUE_MAX_BYTES: number = 4 << 10;

const HEAD_BYTES = 4;
const MARK = 0x8000;

/** Rows that are no more are worth a new array once they are a fifth of the bytes. */
const WORTH = 5;

/** Arrays come in multiples of this. */
const PAGE_BYTES = 1_024;

/** Arrays that have no rows, by their size, and how many of each are kept at most. */
const freeArrays: (Uint8Array[] | undefined)[] = [];
const FREE_MAX = 32;

/** Up to so many bytes are copied here: a call into the engine takes as long. */
const BY_HAND_MAX = 64;

export class RowBlock {
  #bytes: Uint8Array = take(0);
  #used = 0;
  /** Bytes of rows that are no more. */
  #dead = 0;
  /** Where rows begin, by their keys. */
  #places: number[] = [];

  get count(): number {
    return this.#places.length;
  }

  get isFull(): boolean {
    return this.#places.length > ROWS_MAX || this.#used - this.#dead > BYTES_MAX;
  }

  /** As memcmp: the key of row `at` beside `key`. */
  compare(at: number, key: Uint8Array): number {
    const bytes = this.#bytes;
    const place = this.#places[at] as number;
    const start = place + HEAD_BYTES;
    const length = this.#u16(place);
    const common = Math.min(length, key.length);
    for (let i = 0; i < common; i++) {
      const difference = (bytes[start + i] as number) - (key[i] as number);
      if (difference !== 0) return difference;
    }
    return length - key.length;
  }

  /** Number of the first row whose key is not below `key`. */
  lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#places.length;
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
    return at < this.#places.length && this.compare(at, key) === 0;
  }

  /** A copy of the key of row `at`. */
  keyAt(at: number): Uint8Array {
    const place = this.#places[at] as number;
    return this.#copy(place + HEAD_BYTES, this.#u16(place));
  }

  /** A copy of the value of row `at`. */
  valueAt(at: number): Uint8Array {
    const place = this.#places[at] as number;
    return this.#copy(place + HEAD_BYTES + this.#u16(place), this.#u16(place + 2) & ~MARK);
  }

  isMarked(at: number): boolean {
    return (this.#u16((this.#places[at] as number) + 2) & MARK) !== 0;
  }

  /** Writes the row of `key` in place of row `at` where that has the key, else before it. */
  put(at: number, key: Uint8Array, value: Uint8Array, isMarked: boolean): void {
    assert(value.length <= ROW_VALUE_MAX_BYTES, 'a longer value stands elsewhere');
    const size = HEAD_BYTES + key.length + value.length;
    if (!this.holds(at, key)) this.#places.splice(at, 0, this.#room(size));
    else if (this.#sizeAt(at) !== size) {
      this.#dead += this.#sizeAt(at);
      // Its own bytes are not kept, should the array be written anew.
      this.#places.splice(at, 1);
      this.#places.splice(at, 0, this.#room(size));
    }
    const bytes = this.#bytes;
    const place = this.#places[at] as number;
    const last = isMarked ? value.length | MARK : value.length;
    bytes[place] = key.length;
    bytes[place + 1] = key.length >> 8;
    bytes[place + 2] = last;
    bytes[place + 3] = last >> 8;
    write(key, bytes, place + HEAD_BYTES);
    write(value, bytes, place + HEAD_BYTES + key.length);
  }

  remove(at: number): void {
    this.#dead += this.#sizeAt(at);
    this.#places.splice(at, 1);
    if (this.#dead * 2 < this.#bytes.length) return;
    const before = this.#bytes;
    this.#rewrite(0);
    giveBack(before);
  }

  /** Takes the rows above the middle out. */
  split(): RowBlock {
    const half = (this.#used - this.#dead) / 2;
    let at = 0;
    for (let size = 0; size < half; at++) size += this.#sizeAt(at);
    const above = new RowBlock();
    giveBack(above.#bytes);
    above.#bytes = this.#bytes;
    above.#places = this.#places.splice(Math.min(at, this.count - 1));
    const before = this.#bytes;
    above.#rewrite(0);
    this.#rewrite(0);
    giveBack(before);
    return above;
  }

  /** Place for so many bytes. */
  #room(sizeBytes: number): number {
    if (this.#used + sizeBytes > this.#bytes.length) {
      const before = this.#bytes;
      if (this.#dead * WORTH > this.#used) this.#rewrite(sizeBytes);
      else this.#grow(sizeBytes);
      giveBack(before);
    }
    const place = this.#used;
    this.#used = place + sizeBytes;
    return place;
  }

  /** The same bytes in a longer array: one copy, where a row by row copy would win little room. */
  #grow(more: number): void {
    const bytes = take(this.#used + more);
    bytes.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = bytes;
  }

  /** Writes the rows into a new array, one behind the other, with room for `more` bytes. */
  #rewrite(more: number): void {
    const from = this.#bytes;
    let size = more;
    for (let at = 0; at < this.#places.length; at++) size += this.#sizeAt(at);
    const bytes = take(size);
    let used = 0;
    for (let at = 0; at < this.#places.length; at++) {
      const length = this.#sizeAt(at);
      const place = this.#places[at] as number;
      if (length > BY_HAND_MAX) bytes.set(from.subarray(place, place + length), used);
      else for (let i = 0; i < length; i++) bytes[used + i] = from[place + i] as number;
      // The size of what follows is still read from the old array.
      this.#places[at] = used;
      used += length;
    }
    this.#bytes = bytes;
    this.#used = used;
    this.#dead = 0;
  }

  #sizeAt(at: number): number {
    const place = this.#places[at] as number;
    return HEAD_BYTES + this.#u16(place) + (this.#u16(place + 2) & ~MARK);
  }

  #u16(at: number): number {
    return (this.#bytes[at] as number) | ((this.#bytes[at + 1] as number) << 8);
  }

  #copy(start: number, length: number): Uint8Array {
    const bytes = this.#bytes;
    if (length > BY_HAND_MAX) return bytes.slice(start, start + length);
    const copy = new Uint8Array(length);
    for (let i = 0; i < length; i++) copy[i] = bytes[start + i] as number;
    return copy;
  }
}

/** An array of at least so many bytes, with some to spare: not every row is to make a new one. What is in it, nobody knows. */
function take(sizeBytes: number): Uint8Array {
  const pages = Math.ceil((sizeBytes + 1) / PAGE_BYTES);
  return freeArrays[pages]?.pop() ?? new Uint8Array(pages * PAGE_BYTES);
}

/** Takes an array back that nobody reads any more: to wait for the collector took as much memory as all rows. */
function giveBack(bytes: Uint8Array): void {
  const free = (freeArrays[bytes.length / PAGE_BYTES] ??= []);
  if (free.length < FREE_MAX) free.push(bytes);
}

function write(from: Uint8Array, to: Uint8Array, at: number): void {
  if (from.length > BY_HAND_MAX) to.set(from, at);
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i] as number;
}
