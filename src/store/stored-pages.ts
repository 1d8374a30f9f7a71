/**
 * Pages of a tenant's tries where they stand: in the store, and in a commit that is being made.
 */
import { assert } from '../base/assert.ts';
import type { TriePages } from '../merkle/trie.ts';
import { ByteWriter } from './binary.ts';
import type { KeyValue } from './key-value.ts';
import { corrupt, pageKey, type TrieNumber } from './schema.ts';
import type { TenantState } from './tenant-row.ts';
import type { WriteBatch } from './write-batch.ts';

/** Pages of a trie as stored, each valid until the next is read. Written only through a SnapshotDraft. */
export class StoredPages implements TriePages {
  readonly #driver: KeyValue;
  readonly #state: TenantState;
  readonly #trie: TrieNumber;

  constructor(driver: KeyValue, state: TenantState, trie: TrieNumber) {
    this.#driver = driver;
    this.#state = state;
    this.#trie = trie;
  }

  read(prefix: string): Uint8Array | undefined {
    const key = pageKey(this.#state, this.#trie, prefix);
    const value = this.#driver.lent(key);
    if (value === undefined) return undefined;
    const page = this.#state.seal.open(key, value);
    if (page === undefined)
      throw corrupt('trie page', { tenant: this.#state.tenant, seq: this.#state.snapshotSeq, page: prefix });
    return page;
  }

  write(): void {
    assert(false, 'stored trie pages are written by a commit');
  }
}

/** Where a page is sealed, until the batch has it. */
const sealing = new Uint8Array(4 << 10);

/** The same with what a commit is going to write on top: pages stand in its batch, as they will be stored. */
export class DraftPages implements TriePages {
  readonly #stored: StoredPages;
  readonly #state: TenantState;
  readonly #trie: TrieNumber;
  readonly #batch: WriteBatch;
  /** Their numbers in the batch. */
  readonly #written: Map<string, number> = new Map();

  constructor(driver: KeyValue, state: TenantState, trie: TrieNumber, batch: WriteBatch) {
    this.#stored = new StoredPages(driver, state, trie);
    this.#state = state;
    this.#trie = trie;
    this.#batch = batch;
  }

  read(prefix: string): Uint8Array | undefined {
    const number = this.#written.get(prefix);
    if (number === undefined) return this.#stored.read(prefix);
    const [key, value] = this.#batch.at(number);
    if (value === null) return undefined;
    const page = this.#state.seal.open(key, value);
    assert(page !== undefined, 'a page is what it was when it was sealed');
    return page;
  }

  write(prefix: string, page: Uint8Array | null): void {
    const before = this.#written.get(prefix);
    if (before !== undefined) this.#batch.drop(before);
    const { seal } = this.#state;
    const key = pageKey(this.#state, this.#trie, prefix);
    const value = page === null ? null : seal.seal(key, new ByteWriter(sealing).raw(page));
    this.#written.set(prefix, this.#batch.add(key, value));
  }
}
