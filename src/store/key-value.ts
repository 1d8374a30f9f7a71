/**
 * The port under the store: a sorted map of bytes with one writer.
 *
 * A commit is atomic, and durable when it returns. It throws when it is not durable, and then no
 * reader may be told that it happened until reopen() has been called and the rows were read back:
 * a driver never reports durable what is not. One contract suite (test/contract/key-value.test.ts)
 * holds every driver to this page.
 */

/** One change: a value for a key, or its deletion. Keys have 1 to 1,900 bytes (LMDB's limit is 1,978). */
export type Write = readonly [key: Uint8Array, value: Uint8Array | null];

/** The writes of one commit; their bytes are the driver's to read until the commit returns. */
export interface Writes extends Iterable<Write> {
  readonly length: number;
}

/** One row, the caller's own copy. */
export type Row = readonly [key: Uint8Array, value: Uint8Array];

/** How a range is read. */
export interface RangeOptions {
  /** From the highest key below `to` down. */
  readonly reverse?: boolean;
  /** At most so many rows; all when left out. */
  readonly limit?: number;
}

/**
 * A sorted key-value store of bytes, keys in memcmp order. Failures are `SynapseError`:
 * `STORE_UNAVAILABLE` (disk full, I/O error) or `STORE_CORRUPT` (the driver's own structure is broken).
 */
export interface KeyValue {
  /** All writes or none, durable on return; of two writes of one key the later wins. */
  commit(writes: Writes): void;
  /** The value of `key`; an empty value is not an absent one. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** The same in the driver's own memory: until it is asked for another value. */
  lent(key: Uint8Array): Uint8Array | undefined;
  /** A copy of `length` bytes of a value from `offset` on; fewer where the value ends before. */
  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined;
  /** Rows with `from <= key < to`, in order. */
  range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): readonly Row[];
  /** Closes and opens anew, trusting nothing that was in memory. Also after a failure or a close. */
  reopen(): void;
  /**
   * A consistent copy in `dir` (absent or empty, else `INVALID_ARGUMENT`), complete or not there at all,
   * that the LMDB driver opens. `amend` is committed to the copy only; `besides` may put more files into it.
   */
  backup(dir: string, amend?: readonly Write[], besides?: (partial: string) => void): void;
  /** Frees files and memory maps. Idempotent. */
  close(): void;
}
