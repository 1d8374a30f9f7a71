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

/** Where the number of a slab stands in a place: a write is whole in one slab. */
const TWO_32 = 0x1_0000_0000;

/** Up to so many bytes are copied here: a call into the engine takes as long. */
const BY_HAND_MAX = 64;

const NO_PLACES = new Float64Array(0);

export class WriteBatch implements Writes {
  readonly #slabs: Uint8Array[] = [];
  /** The slab that is written to. */
  #slab = -1;
  #used = 0;
  /** By write: its slab and where in it; negative where another took its place. */
  #places: Float64Array = NO_PLACES;
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
    this.#places[this.#count] = this.#slab * TWO_32 + place;
    return this.#count++;
  }

  /** Forgets a write. */
  drop(number: number): void {
    this.#places[number] = -1;
    this.#dropped += 1;
  }

  /** The write of a number, in the batch's own memory. */
  at(number: number): Write {
    return this.#writeAt(this.#places[number] as number);
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
    const grown = new Float64Array(Math.max(64, 2 * this.#count));
    grown.set(this.#places);
    this.#places = grown;
  }

  #order(): Uint32Array {
    const order = new Uint32Array(this.length);
    let count = 0;
    for (let number = 0; number < this.#count; number++) {
      if ((this.#places[number] as number) >= 0) order[count++] = number;
    }
    return order.sort((a, b) => this.#compare(a, b) || a - b);
  }

  #compare(a: number, b: number): number {
    const placeA = this.#places[a] as number;
    const placeB = this.#places[b] as number;
    const bytesA = this.#slabOf(placeA);
    const bytesB = this.#slabOf(placeB);
    const atA = placeA % TWO_32;
    const atB = placeB % TWO_32;
    const lengthA = (bytesA[atA] as number) | ((bytesA[atA + 1] as number) << 8);
    const lengthB = (bytesB[atB] as number) | ((bytesB[atB + 1] as number) << 8);
    const common = Math.min(lengthA, lengthB) + HEAD_BYTES;
    for (let i = HEAD_BYTES; i < common; i++) {
      const difference = (bytesA[atA + i] as number) - (bytesB[atB + i] as number);
      if (difference !== 0) return difference;
    }
    return lengthA - lengthB;
  }

  #writeAt(place: number): Write {
    const bytes = this.#slabOf(place);
    const at = place % TWO_32;
    const value = at + HEAD_BYTES + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8));
    const low = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8) | ((bytes[at + 4] as number) << 16);
    const size = (bytes[at + 5] as number) * 2 ** 24 + low;
    const key = bytes.subarray(at + HEAD_BYTES, value);
    return [key, size === GONE ? null : bytes.subarray(value, value + size)];
  }

  #slabOf(place: number): Uint8Array {
    return this.#slabs[Math.floor(place / TWO_32)] as Uint8Array;
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
