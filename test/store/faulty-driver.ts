/**
 * A driver that fails on command, over any other driver (normally a MemoryKeyValue), for tests of whoever
 * stands above the store. What the modes promise about the failed commit's rows:
 *
 *   mode       readable until reopen     after reopen
 *   before     none                      none
 *   partial    the first half            none           (a torn transaction)
 *   visible    all                       none           (written, not durable, lost)
 *   durable    all                       all            (only the report was lost)
 */
import { SynapseError } from '../../src/base/error.ts';
import type { KeyValue, RangeOptions, Row, Write, Writes } from '../../src/store/key-value.ts';

/** What becomes of the rows of a commit that fails. */
export type FaultMode = 'before' | 'partial' | 'visible' | 'durable';

export const FAULT_MODES: readonly FaultMode[] = ['before', 'partial', 'visible', 'durable'];

export class FaultyDriver implements KeyValue {
  readonly #inner: KeyValue;
  readonly #faults: Map<number, FaultMode> = new Map();
  #broken = false;
  /** What becomes of the first commit that a broken disk fails; of all behind it nothing is written. */
  #firstMode: FaultMode = 'before';
  #commits = 0;
  /** What takes the lost writes back when the driver is reopened. */
  #undo: Write[] = [];

  constructor(inner: KeyValue) {
    this.#inner = inner;
  }

  /** Commits asked for so far, failed ones included. */
  get commits(): number {
    return this.#commits;
  }

  /** Commit number `number` (the first is 1) will fail. */
  failAt(number: number, mode: FaultMode): void {
    this.#faults.set(number, mode);
  }

  /** The disk is full from now on: every commit fails, the first in the way of `mode`, and reopening works but proves nothing. */
  fill(mode: FaultMode = 'before'): void {
    this.#broken = true;
    this.#firstMode = mode;
  }

  /** There is space again. */
  heal(): void {
    this.#broken = false;
  }

  commit(writes: Writes): void {
    this.#commits += 1;
    const mode = this.#broken ? this.#firstMode : this.#faults.get(this.#commits);
    this.#firstMode = 'before';
    if (mode === undefined) {
      this.#inner.commit(writes);
      return;
    }
    const applied =
      mode === 'before' ? [] : mode === 'partial' ? [...writes].slice(0, Math.ceil(writes.length / 2)) : [...writes];
    if (mode !== 'durable') this.#undo.push(...applied.map(([key]): Write => [key, this.#inner.get(key) ?? null]));
    this.#inner.commit(applied);
    throw new SynapseError('STORE_UNAVAILABLE', `injected fault (${mode}) at commit ${this.#commits}`);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#inner.get(key);
  }

  lent(key: Uint8Array): Uint8Array | undefined {
    return this.#inner.lent(key);
  }

  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined {
    return this.#inner.slice(key, offset, length);
  }

  range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): readonly Row[] {
    return this.#inner.range(from, to, options);
  }

  reopen(): void {
    this.#inner.commit(this.#undo.toReversed()); // of two undos of one key the older state wins
    this.#undo = [];
    this.#inner.reopen();
  }

  backup(dir: string, amend?: readonly Write[], besides?: (partial: string) => void): void {
    this.#inner.backup(dir, amend, besides);
  }

  close(): void {
    this.#inner.close();
  }
}
