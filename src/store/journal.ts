/**
 * The journal as it is read: the index entries of a tenant say where its records stand in which batches
 * (journal-index.ts; how they got there: journal-write.ts). Reading goes by the index alone and checks crc, number,
 * seq and fit of every record: what is damaged in one tenant's stretch of a batch is no trouble of its neighbours.
 */
import { crc32 } from 'node:zlib';
import { SynapseError } from '../base/error.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { type IndexEntry, indexEntries } from './journal-index.ts';
import { RECORD_HEAD_BYTES } from './journal-write.ts';
import type { KeyValue } from './key-value.ts';
import { batchKey, corrupt, indexKey } from './schema.ts';
import type { TenantState } from './tenant-row.ts';

/** A record as read back. */
export interface JournalRecord {
  readonly seq: number;
  readonly body: Uint8Array;
  /** Its leaf hash as the index has it: nobody has compared it with the body. */
  readonly leaf: Uint8Array;
}

const TWO_32 = 0x1_0000_0000;

/**
 * The tenant's records from `fromSeq` to its last, lazily, one batch after the other.
 * A gap, a damaged index row, batch or record: STORE_CORRUPT with tenant and seq.
 */
export function* readRecords(driver: KeyValue, state: TenantState, fromSeq: number): Generator<JournalRecord> {
  const { tenant } = state;
  let next = Math.max(fromSeq, state.firstSeq);
  for (const entry of indexEntries(driver, state, next)) {
    if (entry.firstSeq > next || entry.firstSeq + entry.records <= next)
      throw corrupt('journal index', { tenant, seq: next });
    // Of the batch only the tenant's own: most of it are its neighbours'.
    const stretch = driver.slice(batchKey(entry.commitNo, entry.part), entry.offset, entry.length);
    if (stretch === undefined) throw corrupt('journal batch', { tenant, seq: next });
    for (const record of recordsOf(stretch, entry, state)) {
      if (record.seq < next) continue;
      yield record;
      next += 1;
    }
  }
  if (next <= state.seq) throw corrupt('journal', { tenant, seq: next });
}

/** The same; `INVALID_ARGUMENT` when `fromSeq` was trimmed. */
export function keptRecords(driver: KeyValue, state: TenantState, fromSeq: number): Iterable<JournalRecord> {
  const { tenant, firstSeq } = state;
  if (fromSeq < 1 || fromSeq >= firstSeq) return readRecords(driver, state, fromSeq);
  const text = `the records of ${JSON.stringify(tenant)} before step ${firstSeq} were trimmed`;
  throw new SynapseError('INVALID_ARGUMENT', text, { tenant, seq: fromSeq, firstSeq });
}

function* recordsOf(stretch: Uint8Array, entry: IndexEntry, state: TenantState): Generator<JournalRecord> {
  const { tenant, tenantNo, seal } = state;
  const key = indexKey(tenantNo, entry.firstSeq);
  const records = seal.openRecords(key, stretch);
  if (records === undefined) throw corrupt('journal record', { tenant, seq: entry.firstSeq });
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let at = 0;
  for (let i = 0; i < entry.records; i++) {
    const seq = entry.firstSeq + i;
    const bodyAt = at + RECORD_HEAD_BYTES;
    const length = bodyAt <= records.length ? view.getUint32(at + 16) : 0;
    const recordEnd = bodyAt + length;
    const sound =
      recordEnd <= records.length &&
      crc32(records.subarray(at + 4, recordEnd)) === view.getUint32(at) &&
      view.getUint32(at + 4) === tenantNo &&
      view.getUint32(at + 8) * TWO_32 + view.getUint32(at + 12) === seq;
    if (!sound) throw corrupt('journal record', { tenant, seq });
    yield {
      seq,
      body: records.subarray(bodyAt, recordEnd), // the stretch is a copy of the reader's own
      leaf: entry.leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    };
    at = recordEnd;
  }
  if (at !== records.length) throw corrupt('journal record', { tenant, seq: entry.firstSeq + entry.records });
}
