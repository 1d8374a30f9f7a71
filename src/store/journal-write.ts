/**
 * What a commit writes of the journal: batches, and the entries that say whose records stand where.
 *
 * A batch holds records of one commit, one tenant's behind the other; it has no frame of its own, so that each
 * of its bytes belongs to exactly one tenant:
 *   record = [crc32 of the rest u32][tenantNo u32][seq u64][length u32][body]
 * Its key begins with the commit's number: batches are appended at one end of their rows, and a commit changes no
 * page of an older one but the last.
 *
 * A leaf is hashed where its record is laid out: the byte before the body is the leaf's prefix first, and the end
 * of the record's head then.
 */
import { crc32 } from 'node:zlib';
import { HASH_BYTES } from '../base/hash.ts';
import { leafHash, leafHashInto } from '../merkle/log.ts';
import type { LogDraft } from './audit-log.ts';
import { putU32, putU64 } from './binary.ts';
import { ENTRY_HEAD_BYTES, IndexDraft, type IndexTail } from './journal-index.ts';
import type { Write } from './key-value.ts';
import type { RowArena } from './row-arena.ts';
import { batchKey, indexKey } from './schema.ts';
import type { RowOwner } from './schema.ts';
import { leafOf, PLAIN_SEAL } from './tenant-seal.ts';

/** What a commit appends for one tenant. */
export interface JournalDraft {
  /** As of the commit's last step; its index tail is replaced. */
  readonly state: RowOwner & { readonly seq: number; indexTail: IndexTail };
  /** Records of the last steps up to `state.seq`, ascending. */
  readonly bodies: readonly Uint8Array[];
  /** Gets their leaves. */
  readonly log: LogDraft;
}

/** The commit that is made. */
export interface JournalGround {
  readonly commitNo: number;
  readonly timeMs: number;
  readonly arena: RowArena;
}

/** Bytes of a record before its body. */
export const RECORD_HEAD_BYTES = 20;

/** A batch is cut behind this: reading one tenant's records of a commit reads their neighbours too. */
const BATCH_BYTES = 12 << 10;

/** Records of one tenant in one batch: LMDB must find that many pages in a row. */
const STRETCH_BYTES = 256 << 10;

/** Consecutive records of one tenant that stay together in one batch. */
interface Stretch {
  readonly draft: JournalDraft;
  readonly index: IndexDraft;
  /** Which of the draft's bodies. */
  readonly from: number;
  readonly to: number;
  readonly sizeBytes: number;
}

/** The batches and index rows of one commit, each draft with at least one body. */
export function journalWrites(drafts: readonly JournalDraft[], ground: JournalGround): Write[] {
  const stretches: Stretch[] = [];
  const indexes: IndexDraft[] = [];
  for (const draft of drafts) indexes.push(cut(draft, ground.arena, stretches));
  const writes = batchesOf(stretches).map((batch, part) => batchWrite(batch, part, ground));
  drafts.forEach(({ state }, i) => {
    const { tail, row } = (indexes[i] as IndexDraft).finish(state.tenantNo, state.seq);
    state.indexTail = tail;
    if (row !== undefined) writes.push(row);
  });
  return writes;
}

/** Adds the stretches of a draft. */
function cut(draft: JournalDraft, arena: RowArena, stretches: Stretch[]): IndexDraft {
  const { bodies } = draft;
  let sizeBytes = 0;
  for (const body of bodies) sizeBytes += RECORD_HEAD_BYTES + body.length;
  if (sizeBytes > STRETCH_BYTES && bodies.length > 1) return cutLong(draft, arena, stretches);
  const index = new IndexDraft(draft.state.indexTail, ENTRY_HEAD_BYTES + bodies.length * HASH_BYTES, arena);
  stretches.push({ draft, index, from: 0, to: bodies.length, sizeBytes });
  return index;
}

/** The same where they are too long for one. */
function cutLong(draft: JournalDraft, arena: RowArena, stretches: Stretch[]): IndexDraft {
  const { bodies } = draft;
  const starts = [0];
  const sizes: number[] = [];
  let sizeBytes = 0;
  for (let i = 0; i < bodies.length; i++) {
    const size = RECORD_HEAD_BYTES + (bodies[i] as Uint8Array).length;
    if (sizeBytes > 0 && sizeBytes + size > STRETCH_BYTES) {
      starts.push(i);
      sizes.push(sizeBytes);
      sizeBytes = 0;
    }
    sizeBytes += size;
  }
  sizes.push(sizeBytes);
  const addedBytes = starts.length * ENTRY_HEAD_BYTES + bodies.length * HASH_BYTES;
  const index = new IndexDraft(draft.state.indexTail, addedBytes, arena);
  for (const [i, from] of starts.entries())
    stretches.push({ draft, index, from, to: starts[i + 1] ?? bodies.length, sizeBytes: sizes[i] as number });
  return index;
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

function batchWrite(batch: readonly Stretch[], part: number, { commitNo, timeMs, arena }: JournalGround): Write {
  const plain = arena.take(batch.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  /** Stretches that are not in `plain` as they are: those of tenants with a key of their own. */
  const sealed: Uint8Array[] = [];
  let at = 0;
  let offset = 0;
  for (const stretch of batch) {
    const { draft, index, from, to, sizeBytes } = stretch;
    const records = to - from;
    const { tenantNo, seal, seq } = draft.state;
    const entry = index.open(records);
    encode(stretch, plain, at, entry + ENTRY_HEAD_BYTES);
    let length = sizeBytes;
    if (seal !== PLAIN_SEAL) {
      const key = indexKey(tenantNo, seq + 1 - draft.bodies.length + from);
      const value = seal.sealRecords(key, plain.subarray(at, at + sizeBytes));
      sealed.push(value);
      length = value.length;
    }
    index.place(entry, { commitNo, part, offset, length, records, tenants: batch.length, timeMs });
    at += sizeBytes;
    offset += length;
  }
  return [batchKey(commitNo, part), sealed.length === 0 ? plain : Buffer.concat(sealed)];
}

/** Lays out the records of a stretch from `start` on, and their leaf hashes from `leavesAt` on in the index. */
function encode({ draft, index, from, to }: Stretch, bytes: Uint8Array, start: number, leavesAt: number): void {
  const { bodies, log, state } = draft;
  const { tenantNo, seal } = state;
  let seq = state.seq + 1 - bodies.length + from;
  let at = start;
  let leafAt = leavesAt;
  for (let i = from; i < to; i++, seq++, leafAt += HASH_BYTES) {
    const body = bodies[i] as Uint8Array;
    const bodyAt = at + RECORD_HEAD_BYTES;
    const end = bodyAt + body.length;
    bytes.set(body, bodyAt);
    const leaf = leafOf(seal, seq, body);
    if (leaf === body) leafHashInto(bytes.subarray(bodyAt - 1, end), index.bytes, leafAt);
    else index.bytes.set(leafHash(leaf), leafAt);
    log.append(index.bytes, leafAt);
    putU32(bytes, at + 4, tenantNo);
    putU64(bytes, at + 8, seq);
    putU32(bytes, at + 16, body.length);
    putU32(bytes, at, crc32(bytes.subarray(at + 4, end)));
    at = end;
  }
}
