/**
 * The idempotency table of a tenant: key, what was asked, and the answer once there is one. An entry
 * expires by recorded time; beyond `limit` the oldest goes first. Entries are rows of the store
 * (group `sys:dedup`), written with the snapshot and rebuilt by replay.
 */
import { RareMap } from '../base/rare.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import type { Outcome, ReplyTo } from './message.ts';
import { RowMarks } from './row-marks.ts';

export interface DedupEntry {
  /** Digest of address, handler and arguments. */
  readonly command: Uint8Array;
  readonly expiresMs: number;
  /** Place in the order of opening: several may expire at one time. */
  readonly order: number;
  outcome: Outcome | undefined;
  /** Calls of this domain's own turns that wait for the same answer. */
  waiters: readonly ReplyTo[];
}

export const DEDUP_GROUP = 'sys:dedup';

export class DedupTable {
  readonly #entries: RareMap<string, DedupEntry> = new RareMap();
  readonly marks: RowMarks = new RowMarks(DEDUP_GROUP);

  get size(): number {
    return this.#entries.size;
  }

  /** The entry, unless it has its answer and its term is over. */
  get(key: string, nowMs: number): DedupEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.outcome === undefined) return entry; // pending: its second caller waits with it
    return entry.expiresMs <= nowMs ? undefined : entry;
  }

  open(key: string, entry: DedupEntry, nowMs: number, limit: number): void {
    this.#entries.delete(key); // an expired one under the same key: the new one goes to the end
    this.#entries.set(key, entry);
    this.marks.touch(key);
    // Entries stand in the order of their expiry, since time never goes backwards and the term is one.
    for (const [oldest, candidate] of this.#entries) {
      if (oldest === key || (candidate.expiresMs > nowMs && this.#entries.size <= limit)) break;
      if (candidate.outcome === undefined) continue; // still pending: its second caller must find it
      this.#entries.delete(oldest);
      this.marks.drop(oldest);
    }
  }

  /** Notes the answer and gives the waiters, who get it too. */
  answer(key: string, outcome: Outcome): readonly ReplyTo[] {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.outcome !== undefined) return [];
    const { waiters } = entry;
    entry.outcome = outcome;
    entry.waiters = [];
    this.marks.touch(key);
    return waiters;
  }

  wait(key: string, replyTo: ReplyTo): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.waiters = [...entry.waiters, replyTo];
    this.marks.touch(key);
  }

  /** Whether there is a row. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  rowValue(key: string): Uint8Array | null {
    const entry = this.#entries.get(key);
    return entry === undefined ? null : encodeValue(entry);
  }

  /** Takes rows back, in the order in which they were opened. */
  restore(rows: readonly { readonly name: string; readonly value: Uint8Array }[]): void {
    const entries = rows.map((row) => [row.name, decodeValue(row.value) as DedupEntry] as const);
    entries.sort((a, b) => a[1].order - b[1].order);
    for (const [key, entry] of entries) {
      this.#entries.set(key, entry);
      this.marks.stored(key);
    }
  }
}
