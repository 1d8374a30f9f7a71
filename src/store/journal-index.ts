/**
 * Where the records of a tenant stand: one entry for the records of one commit in one batch.
 *
 *   entry      = [commitNo u64][part u16][offset u32][length u32][records u32][tenants in the batch u32][time ms u64]
 *                [leaf hash 32] × records
 *   index row  = entry × 1 or more, of records that follow one another; the first one's seq stands in the key
 *   tail       = entry × 0 or more, at the end of the tenant row: those that are in no index row yet
 *
 * A commit writes the tenant row anyway, and an index row of its own would be a page more for each tenant in
 * it. So entries gather in the tail, and go into a row together once they are long (docs/adr/0034).
 */
import { HASH_BYTES } from '../base/hash.ts';
import { ByteWriter, openRow, putU32, putU64, SEAL_BYTES, sealInPlace } from './binary.ts';
import type { KeyValue, Row, Write } from './key-value.ts';
import type { RowArena } from './row-arena.ts';
import { corrupt, indexKey } from './schema.ts';

/** Where the records of an entry stand. */
export interface Place {
  readonly commitNo: number;
  readonly part: number;
  readonly offset: number;
  readonly length: number;
  readonly records: number;
  /** Tenants whose records the same batch holds. */
  readonly tenants: number;
  readonly timeMs: number;
}

/** An entry, decoded. */
export interface IndexEntry extends Place {
  /** The index row that it stands in; nothing where it is in the tail. */
  readonly row: Uint8Array | undefined;
  readonly firstSeq: number;
  /** Leaf hashes of the records, one behind the other; the rest of the entry stands before them in the same memory. */
  readonly leaves: Uint8Array;
}

/**
 * The newest entries of a tenant: the first `length` of `bytes`. A commit appends behind them, in the same memory,
 * so that a state from before it still has its own.
 */
export interface IndexTail {
  readonly bytes: Uint8Array;
  readonly length: number;
  /** Records of the entries. */
  readonly records: number;
}

/** A tenant, as far as its index goes. */
export interface IndexOwner {
  readonly tenant: string;
  readonly tenantNo: number;
  /** Its last step. */
  readonly seq: number;
  readonly indexTail: IndexTail;
}

export const NO_TAIL: IndexTail = { bytes: new Uint8Array(0), length: 0, records: 0 };

/**
 * Entries longer than that leave the tenant row for an index row. A longer tail saves index rows and makes every
 * tenant row longer; up to 2 KiB a row stands in a page beside others.
 */
const TAIL_BYTES = 1_024;

/** Bytes of an entry before its leaf hashes. */
export const ENTRY_HEAD_BYTES = 34;
const RECORDS_AT = 18;

/** Index rows read at first, and at the most: a proof needs one or two of them, a recovery all there are. */
const INDEX_ROWS_FIRST = 2;
const INDEX_ROWS_MAX = 64;

const TWO_32 = 0x1_0000_0000;

/** The entries that a commit adds for one tenant: behind its tail, or with the tail in an index row. */
export class IndexDraft {
  readonly #isRow: boolean;
  #end: number;
  #records: number;
  /** Where entries are written. */
  readonly bytes: Uint8Array;

  /** `addedBytes` are those of all entries to come. */
  constructor(tail: IndexTail, addedBytes: number, arena: RowArena) {
    const size = tail.length + addedBytes;
    this.#end = tail.length;
    this.#records = tail.records;
    this.#isRow = size > TAIL_BYTES;
    if (!this.#isRow && size <= tail.bytes.length) {
      this.bytes = tail.bytes;
      return;
    }
    const half = TAIL_BYTES / 2;
    this.bytes = this.#isRow ? arena.take(size + SEAL_BYTES) : new Uint8Array(size <= half ? half : TAIL_BYTES);
    this.bytes.set(tail.bytes.subarray(0, tail.length));
  }

  /** Makes room for an entry and its leaf hashes; says where it begins. */
  open(records: number): number {
    const start = this.#end;
    this.#end += ENTRY_HEAD_BYTES + records * HASH_BYTES;
    this.#records += records;
    return start;
  }

  /** Fills in the head of an entry. */
  place(start: number, { commitNo, part, offset, length, records, tenants, timeMs }: Place): void {
    const { bytes } = this;
    putU64(bytes, start, commitNo);
    bytes[start + 8] = part >>> 8;
    bytes[start + 9] = part;
    putU32(bytes, start + 10, offset);
    putU32(bytes, start + 14, length);
    putU32(bytes, start + RECORDS_AT, records);
    putU32(bytes, start + 22, tenants);
    putU64(bytes, start + 26, timeMs);
  }

  /** The tail behind the commit, whose last step is `seq`, and the index row to write. */
  finish(tenantNo: number, seq: number): { readonly tail: IndexTail; readonly row: Write | undefined } {
    if (!this.#isRow) return { tail: { bytes: this.bytes, length: this.#end, records: this.#records }, row: undefined };
    const key = indexKey(tenantNo, seq + 1 - this.#records);
    return { tail: NO_TAIL, row: [key, sealInPlace(key, this.bytes)] };
  }
}

/** Brings a kept tail to what a commit made of it. One that went into a row leaves its memory to those that follow. */
export function takeTail(kept: { -readonly [Field in keyof IndexTail]: IndexTail[Field] }, tail: IndexTail): void {
  if (tail.length > 0 || kept.bytes.length < TAIL_BYTES) kept.bytes = tail.bytes;
  kept.length = tail.length;
  kept.records = tail.records;
}

/** The tail that a tenant row ends with. */
export function tailOf(bytes: Uint8Array): IndexTail {
  let records = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + ENTRY_HEAD_BYTES <= bytes.length;) {
    const count = view.getUint32(at + RECORDS_AT);
    records += count;
    at += ENTRY_HEAD_BYTES + count * HASH_BYTES;
  }
  return { bytes, length: bytes.length, records };
}

/** The entries in the tail of a tenant. */
export function tailEntries({ tenant, seq, indexTail }: IndexOwner): IndexEntry[] {
  const { bytes, length, records } = indexTail;
  return entriesOf(bytes.subarray(0, length), { tenant, firstSeq: seq + 1 - records });
}

/** The entries of an index row of `tenant`; damaged: STORE_CORRUPT. */
export function decodeIndex([key, value]: Row, tenant: string): IndexEntry[] {
  const payload = openRow(key, value);
  const firstSeq = seqOfKey(key);
  if (payload === undefined || payload.length === 0) throw corrupt('journal index', { tenant, seq: firstSeq });
  return entriesOf(payload, { tenant, firstSeq }, key);
}

function entriesOf(
  bytes: Uint8Array,
  { tenant, firstSeq }: { readonly tenant: string; readonly firstSeq: number },
  row?: Uint8Array,
): IndexEntry[] {
  const entries: IndexEntry[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let seq = firstSeq;
  for (let at = 0; at < bytes.length;) {
    if (at + ENTRY_HEAD_BYTES > bytes.length) throw corrupt('journal index', { tenant, seq });
    const records = view.getUint32(at + RECORDS_AT);
    const end = at + ENTRY_HEAD_BYTES + records * HASH_BYTES;
    if (end > bytes.length || records === 0) throw corrupt('journal index', { tenant, seq });
    entries.push({
      row,
      firstSeq: seq,
      commitNo: view.getUint32(at) * TWO_32 + view.getUint32(at + 4),
      part: view.getUint16(at + 8),
      offset: view.getUint32(at + 10),
      length: view.getUint32(at + 14),
      records,
      tenants: view.getUint32(at + 22),
      timeMs: view.getUint32(at + 26) * TWO_32 + view.getUint32(at + 30),
      leaves: bytes.subarray(at + ENTRY_HEAD_BYTES, end),
    });
    seq += records;
    at = end;
  }
  return entries;
}

/** Entries from the one that holds `seq` up to the tenant's last, a page of index rows at a time. */
export function* indexEntries(driver: KeyValue, state: IndexOwner, seq: number): Generator<IndexEntry> {
  if (seq > state.seq) return;
  if (seq <= state.seq - state.indexTail.records) yield* entriesInRows(driver, state, seq);
  for (const entry of tailEntries(state)) if (entry.firstSeq + entry.records > seq) yield entry;
}

function* entriesInRows(driver: KeyValue, state: IndexOwner, seq: number): Generator<IndexEntry> {
  const to = indexKey(state.tenantNo, state.seq + 1);
  let from = rowHolding(driver, state, seq)?.[0] ?? indexKey(state.tenantNo, 0);
  for (let limit = INDEX_ROWS_FIRST; ; limit = Math.min(2 * limit, INDEX_ROWS_MAX)) {
    const rows = driver.range(from, to, { limit });
    for (const row of rows) {
      const entries = decodeIndex(row, state.tenant);
      // The last of a row always: whoever misses `seq` sees that it is not there.
      for (const [at, entry] of entries.entries())
        if (entry.firstSeq + entry.records > seq || at === entries.length - 1) yield entry;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    from = indexKey(state.tenantNo, seqOfKey(last[0]) + 1);
  }
}

/** The index row in which `seq` stands if it stands in one. */
export function rowHolding(driver: KeyValue, { tenantNo }: Pick<IndexOwner, 'tenantNo'>, seq: number): Row | undefined {
  return driver.range(indexKey(tenantNo, 0), indexKey(tenantNo, seq + 1), { reverse: true, limit: 1 })[0];
}

/** One index row for each run of entries whose records follow one another. */
export function indexWrites(tenantNo: number, entries: readonly IndexEntry[]): Write[] {
  const writes: Write[] = [];
  let run: IndexEntry[] = [];
  entries.forEach((entry, at) => {
    run.push(entry);
    if (entries[at + 1]?.firstSeq === entry.firstSeq + entry.records) return;
    const key = indexKey(tenantNo, (run[0] as IndexEntry).firstSeq);
    writes.push([key, new ByteWriter().raw(Buffer.concat(run.map(bytesOf))).sealed(key)]);
    run = [];
  });
  return writes;
}

/** An entry as it is stored. */
function bytesOf({ leaves }: IndexEntry): Uint8Array {
  const start = leaves.byteOffset - ENTRY_HEAD_BYTES;
  return new Uint8Array(leaves.buffer, start, ENTRY_HEAD_BYTES + leaves.length);
}

/** The seq in the key of an index row, or of a row of trimmed leaves. */
export function seqOfKey(indexRowKey: Uint8Array): number {
  const view = new DataView(indexRowKey.buffer, indexRowKey.byteOffset);
  return view.getUint32(5) * TWO_32 + view.getUint32(9);
}
