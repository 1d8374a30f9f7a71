/**
 * Rows of a snapshot on their way to the driver, one behind the other in memory that is used again for the next one. As
 * arrays and lists of their own, some ten thousand at a time, they outlived the nursery: of the store's time with a
 * growing tenant a quarter went to the collector, and in a million actors' memory stood 100 MB of them.
 *
 *   write  [key's length u16][value's length u32, all ones: a deletion][key][value]     numbers little-endian
 */
import { compareBytes } from './binary.ts';
import type { Write, Writes } from './key-value.ts';

/** Bytes of the first slab, since most snapshots are small, and of the others. */
const FIRST_BYTES = 16 << 10;
const SLAB_BYTES = 1 << 20;

/** Bytes that stay for the next commit. */
const KEPT_BYTES = 16 << 20;

const HEAD_BYTES = 6;
const GONE = 0xff_ff_ff_ff;

/** Fewer keys than this are put in order one by one. */
const FEW = 24;

/** Up to so many bytes are copied here: a call into the engine takes as long. */
const BY_HAND_MAX = 64;

const NO_PLACES = new Uint32Array(0);
const NO_SLAB = new Uint8Array(0);

export class WriteBatch implements Writes {
  readonly #slabs: Uint8Array[] = [];
  /** The slab that is written to. */
  #slab = -1;
  #used = 0;
  /** By write: its slab, NO_SLAB where another took its place, and where in it. */
  #owners: Uint8Array[] = [];
  #places: Uint32Array = NO_PLACES;
  #count = 0;
  #dropped = 0;

  /** Writes there are. */
  get length(): number {
    return this.#count - this.#dropped;
  }

  /** Takes a copy of a write and returns its number. */
  add(key: Uint8Array, value: Uint8Array | null): number {
    const place = this.#room(HEAD_BYTES + key.length + (value?.length ?? 0));
    const bytes = this.#slabs[this.#slab] as Uint8Array;
    bytes[place] = key.length;
    bytes[place + 1] = key.length >> 8;
    const size = value?.length ?? GONE;
    for (let i = 0; i < 4; i++) bytes[place + 2 + i] = size >>> (8 * i);
    copy(key, bytes, place + HEAD_BYTES);
    if (value !== null) copy(value, bytes, place + HEAD_BYTES + key.length);
    if (this.#count === this.#places.length) this.#grow();
    this.#owners[this.#count] = bytes;
    this.#places[this.#count] = place;
    return this.#count++;
  }

  /** Forgets a write. */
  drop(number: number): void {
    this.#owners[number] = NO_SLAB;
    this.#dropped += 1;
  }

  /** The write of a number, in the batch's own memory. */
  at(number: number): Write {
    const bytes = this.#owners[number] as Uint8Array;
    const at = this.#places[number] as number;
    const value = at + HEAD_BYTES + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
    const low = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8) | ((bytes[at + 4] as number) << 16);
    const size = (bytes[at + 5] as number) * 2 ** 24 + low;
    const key = bytes.subarray(at + HEAD_BYTES, value);
    return [key, size === GONE ? null : bytes.subarray(value, value + size)];
  }

  /** In the order of their keys, of equal ones as they came. */
  *[Symbol.iterator](): Generator<Write, void, undefined> {
    for (const number of this.#order()) yield this.at(number);
  }

  /** Takes everything out. */
  clear(): this {
    let kept = 0;
    let sizeBytes = 0;
    for (const slab of this.#slabs) {
      sizeBytes += slab.length;
      if (sizeBytes > KEPT_BYTES) break;
      kept += 1;
    }
    this.#slabs.length = kept;
    this.#slab = -1;
    this.#used = 0;
    this.#owners = [];
    this.#count = 0;
    this.#dropped = 0;
    return this;
  }

  #room(sizeBytes: number): number {
    let slab = this.#slabs[this.#slab];
    while (slab === undefined || this.#used + sizeBytes > slab.length) {
      this.#slab += 1;
      this.#used = 0;
      slab = this.#slabs[this.#slab];
      if (slab !== undefined) continue;
      slab = new Uint8Array(Math.max(sizeBytes, this.#slab === 0 ? FIRST_BYTES : SLAB_BYTES));
      this.#slabs.push(slab);
    }
    const place = this.#used;
    this.#used = place + sizeBytes;
    return place;
  }

  #grow(): void {
    const grown = new Uint32Array(Math.max(64, 2 * this.#count));
    grown.set(this.#places);
    this.#places = grown;
  }

  #order(): Uint32Array {
    const order = new Uint32Array(this.length);
    let count = 0;
    for (let number = 0; number < this.#count; number++) {
      if (this.#owners[number] !== NO_SLAB) order[count++] = number;
    }
    this.#sort(order, new Uint32Array(count), 0, count, 0);
    return order;
  }

  /**
   * Puts numbers with keys that agree up to byte `depth` in order, stable: by that byte, and those that agree in it by the
   * next. With a comparator 35,000 keys of one tenant, of which the first five bytes say nothing, took ten times as long.
   */
  #sort(order: Uint32Array, spare: Uint32Array, from: number, to: number, depth: number): void {
    if (to - from < FEW) {
      this.#insert(order, from, to, depth);
      return;
    }
    const ends = new Uint32Array(258); // by byte, one up: of a key that ended 0
    for (let i = from; i < to; i++) {
      const place = this.#byteAt(order[i] as number, depth) + 1;
      ends[place] = (ends[place] as number) + 1;
    }
    for (let place = 1; place < 258; place++) ends[place] = (ends[place] as number) + (ends[place - 1] as number);
    for (let i = from; i < to; i++) {
      const place = this.#byteAt(order[i] as number, depth);
      spare[ends[place] as number] = order[i] as number;
      ends[place] = (ends[place] as number) + 1;
    }
    order.set(spare.subarray(0, to - from), from);
    // Each end has moved up to that of its own numbers.
    for (let place = 1; place < 257; place++) {
      const first = from + (ends[place - 1] as number);
      const end = from + (ends[place] as number);
      if (end - first > 1) this.#sort(order, spare, first, end, depth + 1);
    }
  }

  #insert(order: Uint32Array, from: number, to: number, depth: number): void {
    for (let i = from + 1; i < to; i++) {
      const number = order[i] as number;
      let at = i;
      while (at > from && this.#compare(order[at - 1] as number, number, depth) > 0) {
        order[at] = order[at - 1] as number;
        at -= 1;
      }
      order[at] = number;
    }
  }

  /** Of a key, one more; 0 behind its end. */
  #byteAt(number: number, depth: number): number {
    const bytes = this.#owners[number] as Uint8Array;
    const at = this.#places[number] as number;
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    return depth < length ? (bytes[at + HEAD_BYTES + depth] as number) + 1 : 0;
  }

  #compare(a: number, b: number, depth: number): number {
    for (let i = depth; ; i++) {
      const byte = this.#byteAt(a, i);
      const difference = byte - this.#byteAt(b, i);
      if (difference !== 0 || byte === 0) return difference;
    }
  }
}

/** Some writes, and those of a batch where there are any, in the order of their keys; of equal ones the later behind. */
export function inOrder(writes: readonly Write[], batch: WriteBatch | undefined): Writes {
  if (batch === undefined || batch.length === 0) return writes.toSorted((a, b) => compareBytes(a[0], b[0]));
  for (const [key, value] of writes) batch.add(key, value);
  return batch;
}

function copy(from: Uint8Array, to: Uint8Array, at: number): void {
  if (from.length > BY_HAND_MAX) to.set(from, at);
  else for (let i = 0; i < from.length; i++) to[at + i] = from[i] as number;
}
