/**
 * Journal batches against index rows, both ways: every byte of a batch belongs to a stretch of an index
 * row, every index row to a stretch, every record to a step, and each has the leaf hash that the audit log
 * has of it. One shard at a time, so that only its index rows are in memory. Of an erased tenant only the
 * places are left to compare.
 */
import { crc32 } from 'node:zlib';
import type { SynapseError } from '../base/error.ts';
import { HASH_BYTES, hexOf } from '../base/hash.ts';
import { leafHash } from '../merkle/log.ts';
import { byteOfRecord } from './damaged-record.ts';
import { type FlippedByte, flippedByte } from './flipped-byte.ts';
import { type IndexEntry, decodeIndex, RECORD_HEAD_BYTES } from './journal.ts';
import type { Row } from './key-value.ts';
import { batchKey, indexKey, KIND } from './schema.ts';
import { faultsOf, rowName, type StoreFault } from './store-fault.ts';
import type { StoreView } from './store-view.ts';
import { rowsUnder, type TenantState } from './tenant-directory.ts';
import { leafOf } from './tenant-seal.ts';

/** Batches read at a time: up to 4 MiB. */
const PAGE_ROWS = 16;

/** Index rows read at a time. */
const INDEX_ROWS = 256;

const TWO_32 = 0x1_0000_0000;

/** Where an index row says that records of a tenant stand. */
interface Stretch {
  readonly owner: TenantState;
  readonly entry: IndexEntry;
}

/** Looks at every batch; yields the number of records after each. */
export function* checkJournal(view: StoreView, tell: (fault: StoreFault) => void): Generator<number> {
  const check = new JournalCheck(view, tell);
  for (let shard = 0; shard < view.meta.shards; shard++) {
    check.openShard(shard);
    const prefix = batchKey(shard, 0, 0).subarray(0, 5);
    for (const row of rowsUnder(view.driver, prefix, PAGE_ROWS)) {
      check.batch(row);
      yield check.records;
    }
    check.closeShard();
  }
  for (const [key] of view.driver.range(batchKey(view.meta.shards, 0, 0), Uint8Array.of(KIND.batch + 1), { limit: 1 }))
    tell({ row: rowName(key), message: `row ${rowName(key)} is of no shard` });
}

class JournalCheck {
  readonly #view: StoreView;
  readonly #tell: (fault: StoreFault) => void;
  readonly #tenants: readonly TenantState[];
  readonly #damaged: ReadonlyMap<string, SynapseError>;
  /** Stretches of the open shard that no batch was found for yet, by the name of their batch. */
  readonly #stretches: Map<string, Stretch[]> = new Map();
  records = 0;

  constructor(view: StoreView, tell: (fault: StoreFault) => void) {
    this.#view = view;
    this.#tell = tell;
    const { directory } = view;
    this.#damaged = directory.damaged();
    // What is left of a damaged tenant's row still says where its records stand, which are then told of by nobody else.
    const known = [...this.#damaged.keys()].flatMap((tenant) => directory.find(tenant)?.state ?? []);
    this.#tenants = [...directory.all(), ...directory.erased(), ...known];
  }

  openShard(shard: number): void {
    for (const owner of this.#tenants) {
      if (owner.shard !== shard) continue;
      const prefix = indexKey(owner.tenantNo, 0).subarray(0, 5);
      for (const row of rowsUnder(this.#view.driver, prefix, INDEX_ROWS)) {
        // A damaged index row is told by the check of rows; what it stands for is then in no index row.
        faultsOf(() => this.#note({ owner, entry: decodeIndex(row, owner.tenant) }));
      }
    }
  }

  #note(stretch: Stretch): void {
    const { shard, commitNo, part } = stretch.entry;
    const name = rowName(batchKey(shard, commitNo, part));
    const known = this.#stretches.get(name);
    if (known === undefined) this.#stretches.set(name, [stretch]);
    else known.push(stretch);
  }

  batch([key, batch]: Row): void {
    const row = rowName(key);
    const stretches = this.#stretches.get(row)?.toSorted((a, b) => a.entry.offset - b.entry.offset) ?? [];
    this.#stretches.delete(row);
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
    const records = seal.openRecords(entry.key, value);
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

  /** Index rows without a batch. */
  closeShard(): void {
    for (const [row, stretches] of this.#stretches) {
      for (const { owner, entry } of stretches) {
        const { tenant } = owner;
        const text = `tenant ${tenant}: the records from step ${entry.firstSeq} on are missing: there is no row ${row}`;
        this.#tell({ tenant, seq: entry.firstSeq, row: rowName(entry.key), message: text });
      }
    }
    this.#stretches.clear();
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
