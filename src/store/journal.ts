/**
 * The journal: every step of every tenant, in batches.
 *
 * A batch value holds the records of one commit for one shard, one tenant's behind the other; it has no
 * frame of its own, so that each of its bytes belongs to exactly one tenant:
 *   record = [crc32 of the rest u32][tenantNo u32][seq u64][length u32][body]
 * An index row per tenant and batch says where its records stand:
 *   [shard u32][commitNo u64][part u16][offset u32][length u32][records u32][tenants in the batch u32][time ms u64]
 *   [leaf hash 32] × records
 * Once its records are trimmed the hashes move to a row of their own (audit-log.ts).
 * Reading goes by the index alone and checks crc, number, seq and fit of every record: what is damaged
 * in one tenant's stretch of a batch is no trouble of its neighbours.
 */
import { crc32 } from 'node:zlib';
import { HASH_BYTES } from '../base/hash.ts';
import { ByteReader, ByteWriter, copyOf, openRow } from './binary.ts';
import type { KeyValue, Row, Write } from './key-value.ts';
import { batchKey, corrupt, indexKey } from './schema.ts';
import type { RowOwner } from './schema.ts';
import type { TenantState } from './tenant-directory.ts';

/** One step as the journal takes it. */
export interface JournalStep {
  readonly seq: number;
  readonly body: Uint8Array;
  /** Hash of its leaf in the audit log. */
  readonly leaf: Uint8Array;
}

/** The steps of one tenant in one commit, ascending. */
export interface TenantSteps {
  readonly owner: RowOwner;
  readonly shard: number;
  readonly steps: readonly JournalStep[];
}

/** A record as read back. */
export interface JournalRecord {
  readonly seq: number;
  readonly body: Uint8Array;
  /** Its leaf hash as the index has it: nobody has compared it with the body. */
  readonly leaf: Uint8Array;
}

/** An index row, decoded. */
export interface IndexEntry {
  readonly key: Uint8Array;
  readonly firstSeq: number;
  readonly shard: number;
  readonly commitNo: number;
  readonly part: number;
  readonly offset: number;
  readonly length: number;
  readonly records: number;
  /** Tenants whose records the same batch holds. */
  readonly tenants: number;
  readonly timeMs: number;
  /** Leaf hashes of the records, one behind the other. */
  readonly leaves: Uint8Array;
}

/** A batch is cut behind this: reading one record reads its batch, and LMDB must find that many pages in a row. */
const BATCH_BYTES = 256 << 10;
/** Bytes of a record before its body. */
export const RECORD_HEAD_BYTES = 20;
const TWO_32 = 0x1_0000_0000;

/** Index rows read at a time. */
const INDEX_ROWS = 64;

/** The batches and index rows of one commit. */
export function journalWrites(all: readonly TenantSteps[], commitNo: number, timeMs: number): Write[] {
  const byShard = new Map<number, Stretch[]>();
  for (const { owner, shard, steps } of all) {
    const stretches = byShard.get(shard) ?? [];
    byShard.set(shard, stretches);
    for (const stretch of stretchesOf(owner, steps)) stretches.push(stretch);
  }
  const writes: Write[] = [];
  for (const [shard, stretches] of byShard) {
    batchesOf(stretches).forEach((batch, part) => {
      for (const write of batchWrites(batch, shard, commitNo, part, timeMs)) writes.push(write);
    });
  }
  return writes;
}

/** Consecutive records of one tenant that stay together in one batch. */
interface Stretch {
  readonly owner: RowOwner;
  readonly steps: readonly JournalStep[];
  readonly sizeBytes: number;
}

function stretchesOf(owner: RowOwner, steps: readonly JournalStep[]): Stretch[] {
  const stretches: Stretch[] = [];
  let from = 0;
  let sizeBytes = 0;
  steps.forEach((step, i) => {
    const size = RECORD_HEAD_BYTES + step.body.length;
    if (i > from && sizeBytes + size > BATCH_BYTES) {
      stretches.push({ owner, steps: steps.slice(from, i), sizeBytes });
      from = i;
      sizeBytes = 0;
    }
    sizeBytes += size;
  });
  stretches.push({ owner, steps: steps.slice(from), sizeBytes });
  return stretches;
}

function batchesOf(stretches: readonly Stretch[]): Stretch[][] {
  const batches: Stretch[][] = [];
  let sizeBytes = Number.POSITIVE_INFINITY;
  for (const stretch of stretches) {
    if (sizeBytes + stretch.sizeBytes > BATCH_BYTES) {
      batches.push([]);
      sizeBytes = 0;
    }
    (batches.at(-1) as Stretch[]).push(stretch);
    sizeBytes += stretch.sizeBytes;
  }
  return batches;
}

function batchWrites(
  batch: readonly Stretch[],
  shard: number,
  commitNo: number,
  part: number,
  timeMs: number,
): Write[] {
  const writes: Write[] = [];
  const values: Uint8Array[] = [];
  let at = 0;
  for (const stretch of batch) {
    const { owner, steps } = stretch;
    const firstSeq = (steps[0] as JournalStep).seq;
    const key = indexKey(owner.tenantNo, firstSeq);
    const value = owner.seal.sealRecords(key, encodeStretch(stretch));
    const leaves = new Uint8Array(steps.length * HASH_BYTES);
    steps.forEach(({ leaf }, i) => leaves.set(leaf, i * HASH_BYTES));
    const place = { shard, commitNo, part, offset: at, length: value.length, records: steps.length };
    writes.push(indexWrite({ key, firstSeq, ...place, tenants: batch.length, timeMs, leaves }));
    values.push(value);
    at += value.length;
  }
  writes.push([batchKey(shard, commitNo, part), Buffer.concat(values)]);
  return writes;
}

function encodeStretch({ owner, steps, sizeBytes }: Stretch): Uint8Array {
  const value = Buffer.allocUnsafe(sizeBytes);
  let at = 0;
  for (const { seq, body } of steps) {
    const end = at + RECORD_HEAD_BYTES + body.length;
    value.writeUInt32BE(owner.tenantNo, at + 4);
    value.writeUInt32BE(Math.floor(seq / TWO_32), at + 8);
    value.writeUInt32BE(seq % TWO_32, at + 12);
    value.writeUInt32BE(body.length, at + 16);
    value.set(body, at + RECORD_HEAD_BYTES);
    value.writeUInt32BE(crc32(value.subarray(at + 4, end)), at);
    at = end;
  }
  return value;
}

/** The row of an index entry. */
function indexWrite(entry: IndexEntry): Write {
  const { key, shard, commitNo, part, offset, length, records, tenants, timeMs, leaves } = entry;
  const row = new ByteWriter(64 + leaves.length).u32(shard).u64(commitNo).u16(part).u32(offset).u32(length);
  return [key, row.u32(records).u32(tenants).u64(timeMs).raw(leaves).sealed(key)];
}

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
    const batch = driver.get(batchKey(entry.shard, entry.commitNo, entry.part));
    if (batch === undefined) throw corrupt('journal batch', { tenant, seq: next });
    for (const record of recordsOf(batch, entry, state)) {
      if (record.seq < next) continue;
      yield record;
      next += 1;
    }
  }
  if (next <= state.seq) throw corrupt('journal', { tenant, seq: next });
}

/** Index rows from the one that holds `seq` up to the tenant's last, in pages. */
export function* indexEntries(driver: KeyValue, state: TenantState, seq: number): Generator<IndexEntry> {
  if (seq > state.seq) return;
  const lowest = indexKey(state.tenantNo, 0);
  const to = indexKey(state.tenantNo, state.seq + 1);
  const first = driver.range(lowest, indexKey(state.tenantNo, seq + 1), { reverse: true, limit: 1 })[0];
  let from = first?.[0] ?? lowest;
  for (;;) {
    const rows = driver.range(from, to, { limit: INDEX_ROWS });
    for (const row of rows) yield decodeIndex(row, state.tenant);
    const last = rows.at(-1);
    if (last === undefined || rows.length < INDEX_ROWS) return;
    from = indexKey(state.tenantNo, seqOfKey(last[0]) + 1);
  }
}

/** An index row of `tenant`; damaged: STORE_CORRUPT. */
export function decodeIndex([key, value]: Row, tenant: string): IndexEntry {
  const payload = openRow(key, value);
  const firstSeq = seqOfKey(key);
  if (payload === undefined) throw corrupt('journal index', { tenant, seq: firstSeq });
  const reader = new ByteReader(payload);
  const entry: IndexEntry = {
    key,
    firstSeq,
    shard: reader.u32(),
    commitNo: reader.u64(),
    part: reader.u16(),
    offset: reader.u32(),
    length: reader.u32(),
    records: reader.u32(),
    tenants: reader.u32(),
    timeMs: reader.u64(),
    leaves: reader.rest(),
  };
  if (entry.leaves.length !== entry.records * HASH_BYTES) throw corrupt('journal index', { tenant, seq: firstSeq });
  return entry;
}

/** The seq in the key of an index row, or of a row of trimmed leaves. */
export function seqOfKey(indexRowKey: Uint8Array): number {
  const view = new DataView(indexRowKey.buffer, indexRowKey.byteOffset);
  return view.getUint32(5) * TWO_32 + view.getUint32(9);
}

function* recordsOf(batch: Uint8Array, entry: IndexEntry, state: TenantState): Generator<JournalRecord> {
  const { tenant, tenantNo, seal } = state;
  const records = seal.openRecords(entry.key, batch.subarray(entry.offset, entry.offset + entry.length));
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
      body: copyOf(records.subarray(bodyAt, recordEnd)),
      leaf: entry.leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    };
    at = recordEnd;
  }
  if (at !== records.length) throw corrupt('journal record', { tenant, seq: entry.firstSeq + entry.records });
}
