/**
 * The two rows of a tenant, written and read: `name` (under the hash of its name) and `tenant` (under its number, with
 * everything that changes). What the ledger has of it is newer than its row, and is added on reading.
 */
import { HASH_BYTES } from '../base/hash.ts';
import type { SynapseError } from '../base/error.ts';
import { CompactRange } from '../merkle/log.ts';
import { ByteReader, ByteWriter, openRow } from './binary.ts';
import { type IndexTail, tailEntries, tailOf, takeTail } from './journal-index.ts';
import type { SealRing } from './key-ring.ts';
import type { Row, Write } from './key-value.ts';
import type { LateEntries, LateTable } from './ledger.ts';
import type { RowArena } from './row-arena.ts';
import { corrupt, nameKey, tenantKey } from './schema.ts';
import { PLAIN_SEAL, type TenantSeal } from './tenant-seal.ts';

/** What a store knows of one tenant. Only the directory changes it, when a commit is durable. */
export interface TenantState {
  readonly tenantNo: number;
  readonly tenant: string;
  readonly shard: number;
  /** Last journaled step; 0 before the first. */
  readonly seq: number;
  /** The step the snapshot stands at; 0 without one. */
  readonly snapshotSeq: number;
  /** The last step that recorded a snapshot, with its roots; 0 without one. */
  readonly anchorSeq: number;
  /** The first step whose record is still kept, with all behind it. */
  readonly firstSeq: number;
  /** The last commit that touched this tenant. */
  readonly commitNo: number;
  /** Roots of the tries and hash of the image at the last snapshot; `imageHash` is empty before the first. */
  readonly stateRoot: Uint8Array;
  readonly systemRoot: Uint8Array;
  readonly imageHash: Uint8Array;
  /** The three above under the tenant's seal: sealed when they change, written with every commit. */
  readonly sealedRoots: Uint8Array;
  /** Right edge of the audit log, `seq` leaves: the first `edgeLength` are the bytes of a CompactRange. */
  readonly logEdge: Uint8Array;
  readonly edgeLength: number;
  /** Where its newest records stand: the entries that are in no index row yet. */
  readonly indexTail: IndexTail;
  /** How its content is written; of an erased tenant, which has none, the plain one. */
  readonly seal: TenantSeal;
  readonly life: TenantLife;
}

/** `erasing`: its key is being destroyed, or is, and rows are still to go; finished at the next opening at the latest. */
export type TenantLife = 'alive' | 'erasing' | 'erased';

const LIVES: readonly TenantLife[] = ['alive', 'erasing', 'erased'];

/** A tenant's next state in the making. */
export type TenantCopy = { -readonly [Field in keyof TenantState]: TenantState[Field] };

/**
 * A copy as of another commit. Field by field: objects made so are all of one shape, and a spread of one of several
 * shapes takes 1 µs, once a tenant and commit.
 */
export function copyState(state: TenantState, commitNo: number = state.commitNo): TenantCopy {
  return {
    tenantNo: state.tenantNo,
    tenant: state.tenant,
    shard: state.shard,
    seq: state.seq,
    snapshotSeq: state.snapshotSeq,
    anchorSeq: state.anchorSeq,
    firstSeq: state.firstSeq,
    commitNo,
    stateRoot: state.stateRoot,
    systemRoot: state.systemRoot,
    imageHash: state.imageHash,
    sealedRoots: state.sealedRoots,
    logEdge: state.logEdge,
    edgeLength: state.edgeLength,
    indexTail: state.indexTail,
    seal: state.seal,
    life: state.life,
  };
}

/** A copy with an edge and a tail of its own. */
export function keptState(state: TenantState): TenantCopy {
  const kept = copyState(state);
  kept.logEdge = edgeBytes(state).slice();
  kept.indexTail = { ...state.indexTail };
  return kept;
}

/** The same for whoever reads on while commits are made: what they append to, and begin anew, is not what is read. */
export function heldState(state: TenantState): TenantState {
  const { bytes, length, records } = state.indexTail;
  return { ...keptState(state), indexTail: { bytes: bytes.slice(0, length), length, records } };
}

/** The bytes of the edge, and no more. */
export function edgeBytes({ logEdge, edgeLength }: Pick<TenantState, 'logEdge' | 'edgeLength'>): Uint8Array {
  return logEdge.subarray(0, edgeLength);
}

/**
 * Brings a kept state to what a commit made of it, but for its edge. In place, its tail too: what lives long is not made
 * anew with each commit, and need not be found and moved by the collector.
 */
export function takeState(kept: TenantCopy, state: TenantState): void {
  kept.seq = state.seq;
  kept.snapshotSeq = state.snapshotSeq;
  kept.anchorSeq = state.anchorSeq;
  kept.firstSeq = state.firstSeq;
  kept.commitNo = state.commitNo;
  kept.stateRoot = state.stateRoot;
  kept.systemRoot = state.systemRoot;
  kept.imageHash = state.imageHash;
  kept.sealedRoots = state.sealedRoots;
  kept.seal = state.seal;
  takeTail(kept.indexTail, state.indexTail);
}

/** Bytes of a tenant row beside its edge, tail and name, at most: a writer grows where that is not so. */
const ROW_BYTES = 256;

/** The two rows of a tenant. */
export function tenantWrites(state: TenantState, isNew: boolean, arena?: RowArena): Write[] {
  const key = tenantKey(state.tenantNo);
  const { indexTail } = state;
  const sizeBytes = ROW_BYTES + state.edgeLength + indexTail.length + 3 * state.tenant.length;
  const value = new ByteWriter(arena?.take(sizeBytes) ?? sizeBytes)
    .u32(state.shard)
    .u64(state.seq)
    .u64(state.snapshotSeq)
    .u64(state.anchorSeq)
    .u64(state.firstSeq)
    .u64(state.commitNo)
    .u8(LIVES.indexOf(state.life))
    .block(state.sealedRoots)
    .block(edgeBytes(state))
    .text(state.tenant)
    .raw(indexTail.bytes.subarray(0, indexTail.length))
    .sealed(key);
  const writes: Write[] = [[key, value]];
  if (isNew) {
    const name = nameKey(state.tenant);
    writes.push([name, new ByteWriter().u32(state.tenantNo).text(state.tenant).sealed(name)]);
  }
  return writes;
}

/** What commits to a tenant's content, as its row has it: sealed, since low-entropy content could be guessed from it. */
export function sealRoots(
  { tenantNo, seal }: Pick<TenantState, 'tenantNo' | 'seal'>,
  { stateRoot, systemRoot, imageHash }: Pick<TenantState, 'stateRoot' | 'systemRoot' | 'imageHash'>,
): Uint8Array {
  return seal.seal(tenantKey(tenantNo), new ByteWriter(128).raw(stateRoot).raw(systemRoot).block(imageHash));
}

export function decodeName([key, value]: Row): { readonly tenantNo: number; readonly tenant: string } | undefined {
  const payload = openRow(key, value);
  if (payload === undefined) return undefined;
  const reader = new ByteReader(payload);
  return { tenantNo: reader.u32(), tenant: reader.text() };
}

export interface DecodedTenant {
  readonly state: TenantState;
  readonly fault: SynapseError | undefined;
}

/** The state as far as it can be read, and what is wrong with the rest; nothing for a row that is damaged as a whole. */
export function decodeTenant(
  key: Uint8Array,
  value: Uint8Array,
  ring: SealRing,
  late: LateTable,
): DecodedTenant | undefined {
  const payload = openRow(key, value);
  if (payload === undefined) return undefined;
  const reader = new ByteReader(payload);
  const tenantNo = new DataView(key.buffer, key.byteOffset).getUint32(1);
  const shard = reader.u32();
  const [rowSeq, snapshotSeq, anchorSeq] = [reader.u64(), reader.u64(), reader.u64()];
  const [firstSeq, rowCommitNo] = [reader.u64(), reader.u64()];
  const life = LIVES[reader.u8()] ?? 'alive';
  const sealedRoots = reader.block();
  const rowEdge = reader.block();
  const tenant = reader.text();
  const row = {
    seq: rowSeq,
    commitNo: rowCommitNo,
    logEdge: rowEdge,
    edgeLength: rowEdge.length,
    indexTail: tailOf(reader.rest()),
  };
  const newest = withLate(row, late.byTenant.get(tenantNo));
  const seal = life === 'alive' ? ring.sealOf(tenantNo) : 'erased';
  const counts = { tenantNo, tenant, shard, snapshotSeq, anchorSeq, firstSeq, ...newest, sealedRoots };
  const gone: TenantState = { ...counts, ...NO_ROOTS, sealedRoots, seal: PLAIN_SEAL, life: 'alive' };
  const { seq } = gone;
  // A key that is gone while its tenant lives: the database is older than the erasure, which holds.
  if (seal === 'erased') return { state: withoutContent(gone, life === 'erased' ? life : 'erasing'), fault: undefined };
  if (seal === undefined) return { state: gone, fault: corrupt('tenant key', { tenant, seq }) };
  const roots = seal.open(key, sealedRoots);
  if (roots === undefined) return { state: { ...gone, seal }, fault: corrupt('tenant row', { tenant, seq }) };
  const from = new ByteReader(roots);
  const [stateRoot, systemRoot, imageHash] = [from.raw(HASH_BYTES), from.raw(HASH_BYTES), from.block()];
  return { state: { ...counts, stateRoot, systemRoot, imageHash, seal, life: 'alive' }, fault: undefined };
}

type Newest = Pick<TenantState, 'seq' | 'commitNo' | 'logEdge' | 'edgeLength' | 'indexTail'>;

/** What a tenant row says, with what later commits added to it. Where the two do not fit the store is damaged, not the tenant. */
function withLate(row: Newest, late: readonly LateEntries[] | undefined): Newest {
  const later = late?.filter(({ commitNo }) => commitNo > row.commitNo) ?? [];
  const last = later.at(-1);
  if (last === undefined) return row;
  const added = Buffer.concat(later.map(({ bytes }) => bytes));
  const { bytes, length } = row.indexTail;
  const indexTail = tailOf(Buffer.concat([bytes.subarray(0, length), added]));
  const { seq, commitNo } = last;
  const range = CompactRange.of(row.seq, row.logEdge);
  if (range === undefined || seq - row.seq !== indexTail.records - row.indexTail.records)
    throw corrupt('store ledger row', { commitNo });
  const records = seq - row.seq;
  const addedTail = { bytes: added, length: added.length, records };
  for (const { leaves } of tailEntries({ tenant: '', tenantNo: 0, seq, indexTail: addedTail }))
    for (let at = 0; at < leaves.length; at += HASH_BYTES) range.append(leaves, undefined, at);
  return { seq, commitNo, logEdge: range.bytes, edgeLength: range.length, indexTail };
}

const NO_ROOTS = {
  stateRoot: new Uint8Array(HASH_BYTES),
  systemRoot: new Uint8Array(HASH_BYTES),
  imageHash: new Uint8Array(0),
  sealedRoots: new Uint8Array(0),
};

/** What stays of a tenant whose content goes: its log's hashes; no roots, no seal, no record that can be read. */
export function withoutContent(state: TenantState, life: 'erasing' | 'erased'): TenantState {
  return { ...state, ...NO_ROOTS, firstSeq: state.seq + 1, seal: PLAIN_SEAL, life };
}
