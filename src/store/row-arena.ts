/**
 * Memory for the rows of one commit, used again for the next: a driver copies what it is given. A buffer for
 * each row would cost some 0.3 µs, and LMDB asks the engine for the address of each that it has not seen.
 */

/** To begin with, and what is kept after a commit at most: a full one has 16,384 records of some hundred bytes. */
const INITIAL_BYTES = 64 << 10;
const KEPT_BYTES = 8 << 20;

export class RowArena {
  #bytes: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** So many bytes, whatever is in them; valid until `clear`. */
  take(sizeBytes: number): Uint8Array {
    const start = this.place(sizeBytes);
    return this.#bytes.subarray(start, this.#used);
  }

  /** As `take`, where no view is wanted: says where in `bytes`, as it is now, they stand. */
  place(sizeBytes: number): number {
    const start = this.#used;
    if (start + sizeBytes > this.#bytes.length) {
      // What was taken keeps the smaller one alive.
      this.#bytes = new Uint8Array(Math.max(INITIAL_BYTES, 2 * this.#bytes.length, sizeBytes));
      this.#used = sizeBytes;
      return 0;
    }
    this.#used = start + sizeBytes;
    return start;
  }

  /** The memory that `place` spoke of last. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Takes everything back. */
  clear(): void {
    this.#used = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(0);
  }
}
