/**
 * Memory for rows in pieces of one size, cut from large arrays that stay as long as the store does. One piece is as good
 * as another, so what one block leaves another takes, and the collector and the allocator have nothing to do with it.
 *
 * Blocks that had an array each, of the size they needed, left a third of the allocator's memory in holes between them:
 * 70 of 317 MB with a million actors, and 60 that waited for the collector.
 */

/** Bytes of a chunk: the last one of a block is half empty, a row goes over the end of one now and then. */
export const CHUNK_BITS = 10;
export const CHUNK_BYTES: number = 1 << CHUNK_BITS;

/** Chunks of a slab: a MiB. */
const SLAB_BITS = 10;
const SLAB_CHUNKS: number = 1 << SLAB_BITS;

/** Chunks of the first slab to begin with, since most stores of a test are small. */
const FIRST_CHUNKS = 16;

export class RowMemory {
  readonly #slabs: Uint8Array[] = [];
  /** Chunks that nobody has. */
  readonly #free: number[] = [];
  #count = 0;

  /** A chunk, whatever is in it. */
  take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const chunk = this.#count++;
    if (chunk % SLAB_CHUNKS === 0) {
      this.#slabs.push(new Uint8Array((chunk === 0 ? FIRST_CHUNKS : SLAB_CHUNKS) * CHUNK_BYTES));
    } else if (chunk < SLAB_CHUNKS && chunk * CHUNK_BYTES === this.#slabs[0]?.length) {
      const grown = new Uint8Array(2 * chunk * CHUNK_BYTES);
      grown.set(this.#slabs[0]);
      this.#slabs[0] = grown;
    }
    return chunk;
  }

  giveBack(chunk: number): void {
    this.#free.push(chunk);
  }

  /** The array that holds a chunk, until the next `take`. */
  slabOf(chunk: number): Uint8Array {
    return this.#slabs[chunk >> SLAB_BITS] as Uint8Array;
  }

  /** Where a chunk begins in its array. */
  startOf(chunk: number): number {
    return (chunk & (SLAB_CHUNKS - 1)) << CHUNK_BITS;
  }
}
