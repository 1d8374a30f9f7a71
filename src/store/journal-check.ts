/**
 * Journal batches against index rows, both ways: every byte of a batch belongs to a stretch of an index
 * row, every index row to a stretch, every record to a step, and each has the leaf hash that the audit log
 * has of it. Tenants' entries and batches are read side by side, both in the order of commits. Of an erased tenant only the
 * places are left to compare.
 */
import { crc32 } from 'node:zlib';
import type { SynapseError } from '../base/error.ts';
import { HASH_BYTES, hexOf } from '../base/hash.ts';
import { leafHash } from '../merkle/log.ts';
import { compareBytes } from './binary.ts';
import { byteOfRecord } from './damaged-record.ts';
import { type FlippedByte, flippedByte } from './flipped-byte.ts';
import { decodeIndex, type IndexEntry, tailEntries } from './journal-index.ts';
import { RECORD_HEAD_BYTES } from './journal-write.ts';
import type { KeyValue, Row } from './key-value.ts';
import { batchKey, behind, indexKey, KIND, tenantKey } from './schema.ts';
import { faultsOf, rowName, type StoreFault } from './store-fault.ts';
import type { StoreView } from './store-view.ts';
import { rowsUnder } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';
import { leafOf } from './tenant-seal.ts';

/** Batches read at a time: up to 4 MiB. */
const PAGE_ROWS = 16;

/** Index rows read at a time. */
const INDEX_ROWS = 256;

const TWO_32 = 0x1_0000_0000;

/** Where an index entry says that records of a tenant stand. */
interface Stretch {
  readonly owner: TenantState;
  readonly entry: IndexEntry;
}

/** Looks at every batch; yields the number of records after each. */
export function* checkJournal(view: StoreView, tell: (fault: StoreFault) => void): Generator<number> {
  const check = new JournalCheck(view, tell);
  for (const row of rowsUnder(view.driver, Uint8Array.of(KIND.batch), PAGE_ROWS)) {
    check.batch(row);
    yield check.records;
  }
  check.close();
}

class JournalCheck {
  readonly #tell: (fault: StoreFault) => void;
  readonly #damaged: ReadonlyMap<string, SynapseError>;
  readonly #stretches: StretchQueue;
  records = 0;

  constructor({ driver, directory }: StoreView, tell: (fault: StoreFault) => void) {
    this.#tell = tell;
    this.#damaged = directory.damaged();
    // What is left of a damaged tenant's row still says where its records stand, which are then told of by nobody else.
    const known = [...this.#damaged.keys()].flatMap((tenant) => directory.find(tenant)?.state ?? []);
    const tenants = [...directory.all(), ...directory.erased(), ...known];
    this.#stretches = new StretchQueue(tenants.map((owner) => stretchesOf(driver, owner)));
  }

  batch([key, batch]: Row): void {
    const row = rowName(key);
    this.#missing(this.#stretches.below(key));
    const stretches = this.#stretches.below(behind(key)).toSorted((a, b) => a.entry.offset - b.entry.offset);
    let at = 0;
    for (const { owner, entry } of stretches) {
      if (entry.offset !== at || at + entry.length > batch.length) break;
      this.#stretch(row, owner, entry, batch.subarray(at, at + entry.length));
      at += entry.length;
    }
    if (at !== batch.length) {
      const place = stretches.find(({ entry }) => entry.offset >= at);
      const of = place === undefined ? {} : { tenant: place.owner.tenant, seq: place.entry.firstSeq };
      this.#tell({ ...of, row, byte: at, message: `row ${row}: what stands from byte ${at} on is in no index row` });
    } else if (this.#damaged.size === 0 && stretches.some(({ entry }) => entry.tenants !== stretches.length)) {
      this.#tell({ row, message: `row ${row} holds ${stretches.length} stretches, its index rows expect others` });
    }
  }

  #stretch(row: string, owner: TenantState, entry: IndexEntry, value: Uint8Array): void {
    if (owner.life !== 'alive' || this.#damaged.has(owner.tenant)) return;
    const { tenant, seal } = owner;
    const records = seal.openRecords(indexKey(owner.tenantNo, entry.firstSeq), value);
    if (records === undefined) {
      const text = `tenant ${tenant}: the records from step ${entry.firstSeq} on are damaged: their seal does not fit (row ${row}, byte ${entry.offset})`;
      this.#tell({ tenant, seq: entry.firstSeq, row, message: text });
      return;
    }
    let at = 0;
    for (let i = 0; i < entry.records; i++) {
      const seq = entry.firstSeq + i;
      const record = recordAt(records, at, i === entry.records - 1);
      const leaf = entry.leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      const fault =
        record === undefined
          ? { text: 'does not fit into its row', byte: 16 }
          : faultOfRecord(record, owner, seq, leaf);
      if (fault !== undefined) {
        const { text, byte } = fault;
        const message = `tenant ${tenant}: the record of step ${seq} ${text} (row ${row}, byte ${entry.offset + at})`;
        this.#tell({ tenant, seq, row, ...(byte === undefined ? {} : { byte }), message });
      }
      if (record === undefined) return;
      this.records += 1;
      at += record.length;
    }
    if (at !== records.length)
      this.#tell({
        tenant,
        seq: entry.firstSeq,
        row,
        message: `tenant ${tenant}: ${records.length - at} bytes behind the records of row ${row}`,
      });
  }

  /** Entries behind the last batch. */
  close(): void {
    this.#missing(this.#stretches.below(Uint8Array.of(KIND.batch + 1)));
  }

  #missing(stretches: readonly Stretch[]): void {
    for (const { owner, entry } of stretches) {
      const { tenant } = owner;
      const row = rowName(batchOf(entry));
      const text = `tenant ${tenant}: the records from step ${entry.firstSeq} on are missing: there is no row ${row}`;
      this.#tell({ tenant, seq: entry.firstSeq, row: rowName(entry.row ?? tenantKey(owner.tenantNo)), message: text });
    }
  }
}

/** All stretches of a tenant in the order of its commits. */
function* stretchesOf(driver: KeyValue, owner: TenantState): Generator<Stretch, void, undefined> {
  const prefix = indexKey(owner.tenantNo, 0).subarray(0, 5);
  for (const row of rowsUnder(driver, prefix, INDEX_ROWS)) {
    // A damaged index row is told by the check of rows; what it stands for is then in no index row.
    let entries: readonly IndexEntry[] = [];
    faultsOf(() => void (entries = decodeIndex(row, owner.tenant)));
    for (const entry of entries) yield { owner, entry };
  }
  for (const entry of tailEntries(owner)) yield { owner, entry };
}

function batchOf({ commitNo, part }: IndexEntry): Uint8Array {
  return batchKey(commitNo, part);
}

/** Stretches of many tenants in the order of their batches: a heap of the next one of each. */
class StretchQueue {
  readonly #heap: { readonly batch: Uint8Array; readonly stretch: Stretch; readonly rest: Iterator<Stretch> }[] = [];

  constructor(tenants: readonly Iterator<Stretch>[]) {
    for (const rest of tenants) this.#push(rest);
  }

  /** Takes out all those in batches before `key`. */
  below(key: Uint8Array): Stretch[] {
    const taken: Stretch[] = [];
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || compareBytes(first.batch, key) >= 0) return taken;
      taken.push(first.stretch);
      this.#pop();
      this.#push(first.rest);
    }
  }

  #push(rest: Iterator<Stretch>): void {
    const next = rest.next();
    if (next.done === true) return;
    const heap = this.#heap;
    let at = heap.push({ batch: batchOf(next.value.entry), stretch: next.value, rest }) - 1;
    for (let above = (at - 1) >> 1; at > 0 && this.#swap(above, at); above = (at - 1) >> 1) at = above;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) return;
      const below = right !== undefined && compareBytes(right.batch, left.batch) < 0 ? 2 * at + 2 : 2 * at + 1;
      if (!this.#swap(at, below)) return;
      at = below;
    }
  }

  /** Puts the two in order; true when they were not. */
  #swap(above: number, below: number): boolean {
    const heap = this.#heap;
    const [a, b] = [heap[above], heap[below]];
    if (a === undefined || b === undefined || compareBytes(a.batch, b.batch) <= 0) return false;
    heap[above] = b;
    heap[below] = a;
    return true;
  }
}

/** The record at `at` as its own length says, the last one up to the end; nothing where that does not fit. */
function recordAt(records: Uint8Array, at: number, isLast: boolean): Uint8Array | undefined {
  if (at + RECORD_HEAD_BYTES > records.length) return undefined;
  if (isLast) return records.subarray(at);
  const length = new DataView(records.buffer, records.byteOffset, records.byteLength).getUint32(at + 16);
  const end = at + RECORD_HEAD_BYTES + length;
  return end > records.length ? undefined : records.subarray(at, end);
}

interface RecordFault {
  readonly text: string;
  readonly byte?: number;
}

function faultOfRecord(
  record: Uint8Array,
  { tenantNo, seal }: TenantState,
  seq: number,
  leaf: Uint8Array,
): RecordFault | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const covered = record.subarray(4);
  const [stored, computed] = [view.getUint32(0), crc32(covered)];
  if (stored !== computed) return changedByte(flippedByte(covered, stored, computed), covered.length);
  if (view.getUint32(4) !== tenantNo || view.getUint32(8) * TWO_32 + view.getUint32(12) !== seq)
    return { text: 'is that of another step', byte: 4 };
  if (view.getUint32(16) !== record.length - RECORD_HEAD_BYTES) return { text: 'has another length', byte: 16 };
  const hash = leafHash(leafOf(seal, seq, record.subarray(RECORD_HEAD_BYTES)));
  if (Buffer.compare(hash, leaf) === 0) return undefined;
  return { text: `is not the one in the audit log: leaf ${hexOf(hash)}, the log has ${hexOf(leaf)}` };
}

function changedByte(flipped: FlippedByte | undefined, coveredBytes: number): RecordFault {
  if (flipped === undefined) return { text: 'is damaged: its checksum does not fit' };
  const byte = byteOfRecord(flipped, coveredBytes);
  return { text: `is damaged at byte ${byte}: ${flipped.is} where ${flipped.was} was`, byte };
}
