/**
 * A record that does not read as it was written, looked at closely: which byte of it was changed and what
 * it was, proved by the leaf hash that the index keeps of it. Never repairs anything.
 */
import { crc32 } from 'node:zlib';
import { leafHash } from '../merkle/log.ts';
import { copyOf } from './binary.ts';
import { type FlippedByte, flippedByte } from './flipped-byte.ts';
import { type IndexEntry, indexEntries } from './journal-index.ts';
import { RECORD_HEAD_BYTES } from './journal-write.ts';
import type { KeyValue } from './key-value.ts';
import { batchKey, indexKey } from './schema.ts';
import type { TenantState } from './tenant-row.ts';
import { leafOf } from './tenant-seal.ts';

/** The checksum stands at the head of a record and covers the rest. */
const CHECKSUM_BYTES = 4;

/** What is known of a damaged record. */
export interface DamagedRecord {
  /** The body as it stands; undefined where its place cannot be told. */
  readonly body: Uint8Array | undefined;
  /** The body as it was, when its leaf hash proves it. */
  readonly mended: Uint8Array | undefined;
  /** The changed byte's place in the record, its head of 20 bytes included; undefined when it is not one byte. */
  readonly byte: number | undefined;
  /** Leaf hash that the index has of it. */
  readonly leaf: Uint8Array;
}

/** Looks at the record of `seq`; nothing when not even its index row can be used. */
export function inspectRecord(driver: KeyValue, state: TenantState, seq: number): DamagedRecord | undefined {
  for (const entry of indexEntries(driver, state, seq)) {
    if (entry.firstSeq > seq || entry.firstSeq + entry.records <= seq) return undefined;
    const batch = driver.get(batchKey(entry.commitNo, entry.part));
    if (batch === undefined) return undefined;
    const place = seq - entry.firstSeq;
    const leaf = entry.leaves.slice(place * 32, (place + 1) * 32);
    const none = { body: undefined, mended: undefined, byte: undefined, leaf };
    const key = indexKey(state.tenantNo, entry.firstSeq);
    const records = state.seal.openRecords(key, batch.subarray(entry.offset, entry.offset + entry.length));
    const record = records === undefined ? undefined : recordAt(records, entry, place);
    if (record === undefined) return none;
    return { leaf, ...examine(record, (body) => Buffer.compare(leafHash(leafOf(state.seal, seq, body)), leaf) === 0) };
  }
  return undefined;
}

/** The record at its place: behind those before it, and up to the end of the stretch where it is the last. */
function recordAt(records: Uint8Array, entry: IndexEntry, place: number): Uint8Array | undefined {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  let at = 0;
  for (let i = 0; i < place; i++) {
    if (at + RECORD_HEAD_BYTES > records.length) return undefined;
    at += RECORD_HEAD_BYTES + view.getUint32(at + 16);
  }
  if (at + RECORD_HEAD_BYTES > records.length) return undefined;
  if (place === entry.records - 1) return records.subarray(at);
  const to = at + RECORD_HEAD_BYTES + view.getUint32(at + 16);
  return to > records.length ? undefined : records.subarray(at, to);
}

function examine(record: Uint8Array, isLeaf: (body: Uint8Array) => boolean): Omit<DamagedRecord, 'leaf'> {
  const body = copyOf(record.subarray(RECORD_HEAD_BYTES));
  const stored = new DataView(record.buffer, record.byteOffset).getUint32(0);
  const covered = record.subarray(CHECKSUM_BYTES);
  const flipped = flippedByte(covered, stored, crc32(covered));
  const byte = flipped === undefined ? undefined : byteOfRecord(flipped, covered.length);
  // Where the body is whole its checksum or its head was changed.
  if (isLeaf(body)) return { body, mended: body, byte };
  if (flipped === undefined || byte === undefined || byte < RECORD_HEAD_BYTES)
    return { body, mended: undefined, byte: undefined };
  const mended = copyOf(body);
  mended[byte - RECORD_HEAD_BYTES] = flipped.was;
  return isLeaf(mended) ? { body, mended, byte } : { body, mended: undefined, byte: undefined };
}

/** Place in a record of a byte of what its checksum covers; the checksum itself stands before that. */
export function byteOfRecord({ offset }: FlippedByte, coveredBytes: number): number {
  return offset < coveredBytes ? offset + CHECKSUM_BYTES : offset - coveredBytes;
}
