/**
 * What the rows of one tenant say together: its audit log recomputed from leaf hashes (tiles, right edge,
 * the checkpoint given out), its snapshot (image, rows, every page of both tries), its events without gaps.
 */
import { HASH_BYTES, hexOf, sha256 } from '../base/hash.ts';
import { CompactRange } from '../merkle/log.ts';
import { MemoryPages, updateTrie } from '../merkle/trie.ts';
import type { TrieChange } from '../merkle/trie-batch.ts';
import type { AuditKey } from './audit-key.ts';
import { TILE_HASHES, TILE_LEVELS } from './audit-log.ts';
import { ByteReader, compareBytes, openRow } from './binary.ts';
import { eventRows } from './event-log.ts';
import { decodeIndex, seqOfKey, tailEntries } from './journal-index.ts';
import type { KeyValue } from './key-value.ts';
import {
  allRowsPrefix,
  corrupt,
  imageKey,
  indexKey,
  KIND,
  leavesKey,
  noteKey,
  pageKey,
  partKey,
  rowHash,
  rowKey,
  systemPrefix,
  tileKey,
  TRIE,
  tenantKey,
} from './schema.ts';
import { decodeRow, readImage, SPACE_AT } from './snapshot.ts';
import type { RowSpace } from './snapshot.ts';
import { readStage, type Stage } from './stage-row.ts';
import { checkpointText } from './store-audit.ts';
import { faultsOf, rowName, type StoreFault } from './store-fault.ts';
import type { StoreView } from './store-view.ts';
import { rowsUnder } from './tenant-directory.ts';
import { edgeBytes, type TenantState } from './tenant-row.ts';

/** Rows read at a time. */
const PAGE_ROWS = 256;

/** Rows put into a trie at a time: a batch shares its upper pages. */
const TRIE_ROWS = 10_000;

const TENANT_PREFIX_BYTES = 5;
const RANGE_PREFIX_BYTES = 9;

/** Who signs the checkpoints of the store, where it is known, and how many were looked at. */
export interface Signer {
  readonly key: AuditKey;
  readonly incarnation: number;
  readonly counts: {
    /** Signatures that hold. */
    checked: number;
    /** Checkpoints of another key or incarnation: from before a restore, or the key is not the right one. */
    foreign: number;
  };
}

/** What is wrong with the log of an erased tenant, or with its slot among the keys: of the rest nothing is left. */
export function erasedFaults(
  { driver, ring }: Pick<StoreView, 'driver' | 'ring'>,
  state: TenantState,
  signer: Signer | undefined,
): StoreFault[] {
  const { tenant, tenantNo, seq } = state;
  return [
    ...faultsOf(() => checkLog(driver, state, signer)),
    ...faultsOf(() => {
      // Damaged, or a key that has come back with an older file: the next opening destroys it again.
      if (ring.sealOf(tenantNo) !== 'erased') throw corrupt('key of an erased tenant', { tenant, seq });
    }),
  ];
}

/** Everything that is wrong with one tenant's rows, the first fault of each kind. */
export function tenantFaults(driver: KeyValue, state: TenantState, signer: Signer | undefined): StoreFault[] {
  return [
    ...faultsOf(() => checkLog(driver, state, signer)),
    ...faultsOf(() => checkImage(driver, state)),
    ...faultsOf(() => checkTries(driver, state)),
    ...faultsOf(() => checkEvents(driver, state)),
  ];
}

function damage(what: string, { tenant }: TenantState, seq: number, key: Uint8Array): Error {
  return corrupt(what, { tenant, seq, row: rowName(key) });
}

/** Appends every leaf hash there is, and compares all that the store keeps of the tree. */
function checkLog(driver: KeyValue, state: TenantState, signer: Signer | undefined): void {
  const { tenant, tenantNo, seq } = state;
  const range = CompactRange.empty();
  const tiles = new Map<string, Uint8Array[]>();
  const kept = keptNote(driver, state);
  let rootAtNote = kept?.size === 0 ? range.root() : undefined;
  for (const { firstSeq, leaves, key } of leafRuns(driver, state)) {
    if (firstSeq !== range.size + 1) throw damage('journal index', state, range.size + 1, key);
    for (let at = 0; at < leaves.length; at += HASH_BYTES) {
      range.append(leaves.subarray(at, at + HASH_BYTES), (level, index, hash) => {
        if (level > 0 && level % TILE_LEVELS === 0) putHash(tiles, level / TILE_LEVELS, index, hash);
      });
      if (range.size === kept?.size) rootAtNote = range.root();
    }
  }
  if (range.size !== seq) throw damage('journal index', state, range.size + 1, indexKey(tenantNo, range.size + 1));
  if (compareBytes(range.bytes, edgeBytes(state)) !== 0) throw corrupt('audit log', { tenant, seq });
  checkTiles(driver, state, tiles);
  if (kept !== undefined) checkNote(state, kept, rootAtNote, signer);
}

function putHash(tiles: Map<string, Uint8Array[]>, level: number, index: number, hash: Uint8Array): void {
  const name = `${level}/${Math.floor(index / TILE_HASHES)}`;
  const hashes = tiles.get(name);
  if (hashes === undefined) tiles.set(name, [hash]);
  else hashes.push(hash);
}

function checkTiles(driver: KeyValue, state: TenantState, tiles: ReadonlyMap<string, readonly Uint8Array[]>): void {
  const prefix = tileKey(state.tenantNo, 0, 0).subarray(0, TENANT_PREFIX_BYTES);
  let found = 0;
  for (const [key, value] of rowsUnder(driver, prefix, PAGE_ROWS)) {
    const level = key[TENANT_PREFIX_BYTES] as number;
    const number = Number(new DataView(key.buffer, key.byteOffset).getBigUint64(TENANT_PREFIX_BYTES + 1));
    const expected = tiles.get(`${level}/${number}`);
    const hashes = openRow(key, value);
    const firstSeq = number * TILE_HASHES ** (level + 1) + 1;
    if (expected === undefined || hashes === undefined || compareBytes(Buffer.concat(expected), hashes) !== 0)
      throw damage('audit tile', state, firstSeq, key);
    found += 1;
  }
  if (found !== tiles.size) throw damage('audit tile', state, state.seq, prefix);
}

interface LeafRun {
  readonly firstSeq: number;
  readonly leaves: Uint8Array;
  readonly key: Uint8Array;
}

/** Leaf hashes of kept and of trimmed records, merged in the order of their seqs. */
function* leafRuns(driver: KeyValue, state: TenantState): Generator<LeafRun> {
  const kept = keptRuns(driver, state);
  const trimmed = trimmedRuns(driver, state);
  let [one, other] = [kept.next(), trimmed.next()];
  while (one.done !== true || other.done !== true) {
    if (other.done === true || (one.done !== true && one.value.firstSeq < other.value.firstSeq)) {
      yield one.value as LeafRun;
      one = kept.next();
    } else {
      yield other.value;
      other = trimmed.next();
    }
  }
}

function* keptRuns(driver: KeyValue, state: TenantState): Generator<LeafRun> {
  const prefix = indexKey(state.tenantNo, 0).subarray(0, TENANT_PREFIX_BYTES);
  for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) {
    for (const { firstSeq, leaves } of decodeIndex(row, state.tenant)) yield { firstSeq, leaves, key: row[0] };
  }
  for (const { firstSeq, leaves } of tailEntries(state)) yield { firstSeq, leaves, key: tenantKey(state.tenantNo) };
}

function* trimmedRuns(driver: KeyValue, state: TenantState): Generator<LeafRun> {
  const prefix = leavesKey(state.tenantNo, 0).subarray(0, TENANT_PREFIX_BYTES);
  for (const [key, value] of rowsUnder(driver, prefix, PAGE_ROWS)) {
    const leaves = openRow(key, value);
    if (leaves === undefined || leaves.length % HASH_BYTES !== 0)
      throw damage('trimmed leaves', state, seqOfKey(key), key);
    yield { firstSeq: seqOfKey(key), leaves, key };
  }
}

interface KeptNote {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
  readonly key: Uint8Array;
}

function keptNote(driver: KeyValue, state: TenantState): KeptNote | undefined {
  const key = noteKey(state.tenantNo);
  const value = driver.get(key);
  if (value === undefined) return undefined;
  const payload = openRow(key, value);
  if (payload === undefined) throw damage('checkpoint', state, state.seq, key);
  const reader = new ByteReader(payload);
  return { size: reader.u64(), root: reader.raw(HASH_BYTES), note: reader.text(), key };
}

/** What was given out must be the log's own root, in the words and under the signature of its host. */
function checkNote(state: TenantState, kept: KeptNote, root: Uint8Array | undefined, signer: Signer | undefined): void {
  const { size, note, key } = kept;
  if (root === undefined || compareBytes(root, kept.root) !== 0)
    throw damage('audit log behind a checkpoint', state, size, key);
  const origin = note.slice(0, note.indexOf('\n'));
  if (!note.startsWith(`${checkpointText(origin, size, root)}\n`)) throw damage('checkpoint', state, size, key);
  // One of another key or incarnation was given out before a restore: its root stands, its signature is not ours.
  if (signer === undefined) return;
  if (origin !== signer.key.originOf(state.tenant, signer.incarnation)) {
    signer.counts.foreign += 1;
    return;
  }
  signer.counts.checked += 1;
  if (note !== signer.key.note(checkpointText(origin, size, root)))
    throw damage('signature of a checkpoint', state, size, key);
}

function checkImage(driver: KeyValue, state: TenantState): void {
  readImage(driver, state);
  const key = imageKey(state.tenantNo);
  if (state.imageHash.length === 0 && driver.get(key) !== undefined)
    throw damage('image', state, state.snapshotSeq, key);
}

/** Rebuilds both tries from their rows; roots and every stored page must be what comes of it. */
function checkTries(driver: KeyValue, state: TenantState): void {
  const { tenant, tenantNo, snapshotSeq: seq } = state;
  const pages: Record<RowSpace, MemoryPages> = { state: new MemoryPages(), system: new MemoryPages() };
  const due: Record<RowSpace, TrieChange[]> = { state: [], system: [] };
  const stage = readStage(driver, state);
  if (stage !== undefined) checkParts(driver, state, stage);
  const { stateRoot, systemRoot } = stage ?? state; // of the tries as they stand
  const roots: Record<RowSpace, Uint8Array> = { state: stateRoot, system: systemRoot };
  for (const prefix of [allRowsPrefix(tenantNo), systemPrefix(state)]) {
    for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) {
      const { group, name, value } = decodeRow(row, state);
      const isDomain = row[0][0] === KIND.systemRow;
      const space = isDomain || row[0][SPACE_AT] !== 0 ? 'system' : 'state';
      const key = rowHash(group, name);
      if (compareBytes(row[0], rowKey(state, isDomain ? 'domain' : space, group, key)) !== 0)
        throw damage('snapshot row', state, seq, row[0]);
      due[space].push({ key, valueHash: sha256(value) });
      if (due[space].length >= TRIE_ROWS) updateTrie(pages[space], due[space].splice(0));
    }
  }
  for (const space of ['state', 'system'] as const) {
    const root = updateTrie(pages[space], due[space]);
    if (compareBytes(root, roots[space]) !== 0)
      throw corrupt('snapshot', { tenant, seq, trie: space, computed: hexOf(root), recorded: hexOf(roots[space]) });
    checkPages(driver, state, space, pages[space]);
  }
}

/** Each part that is still to be put in place is there, and no other; their seals are looked at with all rows. */
function checkParts(driver: KeyValue, state: TenantState, { applied, counts }: Stage): void {
  for (let range = 0; range < counts.length; range++) {
    const prefix = partKey(state.tenantNo, range, 0).subarray(0, RANGE_PREFIX_BYTES);
    let found = 0;
    for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) if (row.length > 0) found += 1;
    if (found !== (range < applied ? 0 : counts[range]))
      throw damage('part of a snapshot', state, state.snapshotSeq, prefix);
  }
}

function checkPages(driver: KeyValue, state: TenantState, space: RowSpace, pages: MemoryPages): void {
  const prefix = Uint8Array.of(...imageKey(state.tenantNo), TRIE[space]);
  prefix[0] = KIND.page;
  for (const [place, expected] of pages.entries()) {
    const key = pageKey(state, TRIE[space], place);
    const value = driver.get(key);
    const page = value === undefined ? undefined : state.seal.open(key, value);
    if (page === undefined || compareBytes(page, expected) !== 0)
      throw damage('trie page', state, state.snapshotSeq, key);
  }
  let found = 0;
  for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) if (row.length > 0) found += 1;
  if (found !== pages.count()) throw damage('trie page', state, state.snapshotSeq, prefix);
}

function checkEvents(driver: KeyValue, state: TenantState): void {
  let topic: string | undefined;
  let next = 0;
  for (const row of eventRows(driver, state)) {
    if (row.topic !== topic) next = 0;
    if (row.offset !== next) throw damage('event row', state, state.seq, row.key);
    topic = row.topic;
    next = row.offset + row.events.length;
  }
}
