/**
 * A record that does not read as it was written, looked at closely: which byte of it was changed and what
 * it was, proved by the leaf hash that the index keeps of it. Never repairs anything.
 */
import { crc32 } from 'node:zlib';
import { leafHash } from '../merkle/log.ts';
import { copyOf } from './binary.ts';
import { flippedByte } from './flipped-byte.ts';
import { type IndexEntry, indexEntries, RECORD_HEAD_BYTES } from './journal.ts';
import type { KeyValue } from './key-value.ts';
import { batchKey } from './schema.ts';
import type { TenantState } from './tenant-directory.ts';

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
    const batch = driver.get(batchKey(entry.shard, entry.commitNo, entry.part));
    if (batch === undefined) return undefined;
    const place = seq - entry.firstSeq;
    const leaf = entry.leaves.slice(place * 32, (place + 1) * 32);
    const [from, to] = placeOf(batch, entry, place);
    if (to === undefined || from === undefined) return { body: undefined, mended: undefined, byte: undefined, leaf };
    return { leaf, ...examine(batch.subarray(from, to), leaf) };
  }
  return undefined;
}

/** Where the record stands: behind those before it, and up to the end of the stretch where it is the last. */
function placeOf(batch: Uint8Array, entry: IndexEntry, place: number): [number?, number?] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const end = Math.min(batch.length, entry.offset + entry.length);
  let at = entry.offset;
  for (let i = 0; i < place; i++) {
    if (at + RECORD_HEAD_BYTES > end) return [];
    at += RECORD_HEAD_BYTES + view.getUint32(at + 16);
  }
  if (at + RECORD_HEAD_BYTES > end) return [];
  if (place === entry.records - 1) return [at, end];
  const to = at + RECORD_HEAD_BYTES + view.getUint32(at + 16);
  return to > end ? [] : [at, to];
}

function examine(record: Uint8Array, leaf: Uint8Array): Omit<DamagedRecord, 'leaf'> {
  const body = copyOf(record.subarray(RECORD_HEAD_BYTES));
  const isLeaf = (bytes: Uint8Array): boolean => Buffer.compare(leafHash(bytes), leaf) === 0;
  const stored = new DataView(record.buffer, record.byteOffset).getUint32(0);
  const covered = record.subarray(4);
  const flipped = flippedByte(covered, stored, crc32(covered));
  if (isLeaf(body)) {
    // The body is whole: its checksum or its head was changed.
    const byte = flipped !== undefined && flipped.offset < RECORD_HEAD_BYTES - 4 ? flipped.offset + 4 : 0;
    return { body, mended: body, byte };
  }
  if (flipped === undefined || flipped.offset < RECORD_HEAD_BYTES - 4)
    return { body, mended: undefined, byte: undefined };
  const mended = copyOf(body);
  mended[flipped.offset + 4 - RECORD_HEAD_BYTES] = flipped.was;
  if (!isLeaf(mended)) return { body, mended: undefined, byte: undefined };
  return { body, mended, byte: flipped.offset + 4 };
}
