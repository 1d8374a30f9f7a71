/**
 * Journal batches against index rows, both ways: every byte of a batch belongs to a record, every record
 * to an index row, every index row to a stretch of a batch, and every record has the leaf hash that the
 * audit log has of it. Goes by the batches, in their order, so that each is read once.
 */
import { crc32 } from 'node:zlib';
import { HASH_BYTES, hexOf } from '../base/hash.ts';
import { leafHash } from '../merkle/log.ts';
import { flippedByte } from './flipped-byte.ts';
import { type IndexEntry, decodeIndex, RECORD_HEAD_BYTES } from './journal.ts';
import type { Row } from './key-value.ts';
import { indexKey, KIND } from './schema.ts';
import { faultsOf, rowName, type StoreFault } from './store-fault.ts';
import type { StoreView } from './store-view.ts';
import { rowsUnder, type TenantState } from './tenant-directory.ts';

/** Batches read at a time: up to 4 MiB. */
const PAGE_ROWS = 16;

const TWO_32 = 0x1_0000_0000;

/** Looks at every batch; yields the number of records after each. */
export function* checkJournal(view: StoreView, tell: (fault: StoreFault) => void): Generator<number> {
  const check = new JournalCheck(view, tell);
  for (const row of rowsUnder(view.driver, Uint8Array.of(KIND.batch), PAGE_ROWS)) {
    check.batch(row);
    yield check.records;
  }
  check.end();
}

class JournalCheck {
  readonly #view: StoreView;
  readonly #tell: (fault: StoreFault) => void;
  readonly #owners: ReadonlyMap<number, TenantState>;
  /** Stretches found, by tenant. */
  readonly #stretches: Map<number, number> = new Map();
  records = 0;

  constructor(view: StoreView, tell: (fault: StoreFault) => void) {
    this.#view = view;
    this.#tell = tell;
    this.#owners = new Map(view.directory.all().map((state) => [state.tenantNo, state]));
  }

  batch([key, batch]: Row): void {
    const name = rowName(key);
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    let stretches = 0;
    let tenants = 0;
    for (let at = 0; at < batch.length;) {
      if (at + RECORD_HEAD_BYTES > batch.length) {
        this.#tell({ row: name, byte: at, message: `row ${name} ends inside the head of a record` });
        return;
      }
      const tenantNo = view.getUint32(at + 4);
      const seq = view.getUint32(at + 8) * TWO_32 + view.getUint32(at + 12);
      const entry = this.#entryOf(tenantNo, seq);
      if (entry === undefined || entry.offset !== at || !stands(entry, key)) {
        this.#strange(name, batch, at, this.#owners.get(tenantNo), seq);
        return;
      }
      if (!this.#stretch(name, batch, entry, this.#owners.get(tenantNo) as TenantState)) return;
      this.#stretches.set(tenantNo, (this.#stretches.get(tenantNo) ?? 0) + 1);
      stretches += 1;
      tenants = entry.tenants;
      at += entry.length;
    }
    if (stretches !== tenants) this.#tell({ row: name, message: `row ${name} holds ${stretches} stretches, expected ${tenants}` });
  }

  #entryOf(tenantNo: number, seq: number): IndexEntry | undefined {
    const owner = this.#owners.get(tenantNo);
    const key = indexKey(tenantNo, seq);
    const value = owner === undefined ? undefined : this.#view.driver.get(key);
    if (owner === undefined || value === undefined) return undefined;
    let entry: IndexEntry | undefined;
    faultsOf(() => {
      entry = decodeIndex([key, value], owner.tenant); // damaged: told by the check of rows
    });
    return entry;
  }

  /** The head of a stretch leads nowhere: it may be the head, or the index, that is damaged. */
  #strange(name: string, batch: Uint8Array, at: number, owner: TenantState | undefined, seq: number): void {
    const record = recordAt(batch, at);
    const damage = record === undefined ? undefined : damageOf(record);
    const text = `row ${name}: the record at byte ${at} is in no index row`;
    const message = damage === undefined ? text : `${text}; its byte ${damage.offset} was changed`;
    this.#tell({ row: name, byte: damage?.offset ?? 0, message, ...(owner === undefined ? {} : { tenant: owner.tenant, seq }) });
  }

  /** The records of one index row; false where the rest of the batch cannot be read. */
  #stretch(name: string, batch: Uint8Array, entry: IndexEntry, { tenant, tenantNo }: TenantState): boolean {
    const end = entry.offset + entry.length;
    let at = entry.offset;
    for (let i = 0; i < entry.records; i++) {
      const seq = entry.firstSeq + i;
      const record = end <= batch.length ? recordAt(batch.subarray(0, end), at) : undefined;
      if (record === undefined) {
        this.#tell({ tenant, seq, row: name, byte: 16, message: `tenant ${tenant}: the record of step ${seq} does not fit into row ${name}` });
        return false;
      }
      const fault = faultOfRecord(record, tenantNo, seq, entry.leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
      if (fault !== undefined) {
        const { text, byte } = fault;
        const place = byte === undefined ? {} : { byte };
        this.#tell({ tenant, seq, row: name, ...place, message: `tenant ${tenant}: the record of step ${seq} ${text} (row ${name}, byte ${at})` });
      }
      this.records += 1;
      at += record.length;
    }
    if (at !== end) this.#tell({ tenant, seq: entry.firstSeq, row: name, message: `tenant ${tenant}: ${end - at} bytes behind the records of row ${name}` });
    return at === end;
  }

  /** Index rows without a stretch. */
  end(): void {
    for (const { tenant, tenantNo, seq } of this.#owners.values()) {
      let rows = 0;
      const prefix = indexKey(tenantNo, 0).subarray(0, 5);
      for (const row of rowsUnder(this.#view.driver, prefix, 1_000)) if (row.length > 0) rows += 1;
      const found = this.#stretches.get(tenantNo) ?? 0;
      if (rows !== found)
        this.#tell({ tenant, seq, row: rowName(prefix), message: `tenant ${tenant}: ${rows} index rows, but ${found} stretches in batches` });
    }
  }
}

/** Whether the entry names this batch. */
function stands(entry: IndexEntry, key: Uint8Array): boolean {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const commitNo = view.getUint32(5) * TWO_32 + view.getUint32(9);
  return entry.shard === view.getUint32(1) && entry.commitNo === commitNo && entry.part === view.getUint16(13);
}

/** The record at `at` as its own length says; nothing where that does not fit. */
function recordAt(batch: Uint8Array, at: number): Uint8Array | undefined {
  if (at + RECORD_HEAD_BYTES > batch.length) return undefined;
  const length = new DataView(batch.buffer, batch.byteOffset, batch.byteLength).getUint32(at + 16);
  const end = at + RECORD_HEAD_BYTES + length;
  return end > batch.length ? undefined : batch.subarray(at, end);
}

function faultOfRecord(
  record: Uint8Array,
  tenantNo: number,
  seq: number,
  leaf: Uint8Array,
): { readonly text: string; readonly byte?: number } | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const damage = damageOf(record);
  if (damage !== undefined) {
    const { offset, was, is } = damage;
    return offset === undefined
      ? { text: 'is damaged: its checksum does not fit' }
      : { text: `is damaged at byte ${offset}: ${is} where ${was} was`, byte: offset };
  }
  if (view.getUint32(4) !== tenantNo || view.getUint32(8) * TWO_32 + view.getUint32(12) !== seq)
    return { text: 'is that of another step', byte: 4 };
  const computed = leafHash(record.subarray(RECORD_HEAD_BYTES));
  if (Buffer.compare(computed, leaf) === 0) return undefined;
  return { text: `is not the one in the audit log: leaf ${hexOf(computed)}, the log has ${hexOf(leaf)}` };
}

/** What its checksum says of a record: nothing, or the changed byte, offset undefined where it is not one. */
function damageOf(record: Uint8Array): { offset?: number; was?: number; is?: number } | undefined {
  const stored = new DataView(record.buffer, record.byteOffset, record.byteLength).getUint32(0);
  const covered = record.subarray(4);
  const computed = crc32(covered);
  if (stored === computed) return undefined;
  const flipped = flippedByte(covered, stored, computed);
  if (flipped !== undefined) return { offset: flipped.offset + 4, was: flipped.was, is: flipped.is };
  return {};
}
