/**
 * Snapshots: the rows, image and tries of a tenant at one step.
 *
 * A snapshot is incremental: it writes the rows that changed and the trie pages above them. Rows of
 * space `state` stand in the state trie, rows of space `system` in the system trie; a trie's leaf is
 * (sha256(group, name), sha256(value)). The domain root covers everything:
 *   domainRoot = sha256(0x02 | system root | state root | seq u64 | sha256(image), or 32 zero bytes without one)
 */
import { SynapseError } from '../base/error.ts';
import { HASH_BYTES, sha256, sha256Into, sha256Of } from '../base/hash.ts';
import { TrieBatch, type TrieChange } from '../merkle/trie-batch.ts';
import { MemoryPages, trieRoot, updateTrie } from '../merkle/trie.ts';
import { packRows, ROW_GONE, ROW_STATE, RowCursor } from '../actor/row-pack.ts';
import { ByteSink } from '../base/byte-sink.ts';
import { ByteReader, ByteWriter, SEAL_BYTES, textBytes } from './binary.ts';
import type { KeyValue, Row, Write } from './key-value.ts';
import {
  allRowsPrefix,
  corrupt,
  groupPrefix,
  imageKey,
  prefixOfGroup,
  rowHash,
  rowKeyUnder,
  systemPrefix,
  TRIE,
} from './schema.ts';
import type { RowOwner } from './schema.ts';
import { readStage } from './stage-row.ts';
import { DraftPages } from './stored-pages.ts';
import { rowsUnder } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';
import { WriteBatch } from './write-batch.ts';

/** Which trie a row stands in: what actors hold, or what the domain needs beside it. */
export type RowSpace = 'state' | 'system';

/** A row of a tenant, changed or deleted (`null`). Groups of system rows that start with "sys:" belong to the domain. */
export interface RowChange {
  readonly space: RowSpace;
  readonly group: string;
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** Changes as a list, or packed as row-pack.ts does. */
export type RowChanges = Iterable<RowChange> | Uint8Array;

/** The two roots of a tenant at a step, 32 bytes each. */
export interface Roots {
  /** Over actor states and tables only. */
  readonly stateRoot: Uint8Array;
  /** Over everything the domain consists of. */
  readonly domainRoot: Uint8Array;
}

/** A row of an actor's group. */
export interface GroupRow {
  readonly space: RowSpace;
  readonly name: string;
  readonly value: Uint8Array;
}

/** A row of the domain. */
export interface SystemRow {
  readonly group: string;
  readonly name: string;
  readonly value: Uint8Array;
}

const DOMAIN_GROUPS = 'sys:';
const NO_PREFIX = new Uint8Array(0);

/** Rows read at a time. */
const PAGE_ROWS = 500;

/** Rows put into a trie at a time while verifying: a batch shares its upper pages. */
const VERIFY_ROWS = 10_000;

/** Where the space stands in the key of an actor's row: behind kind, tenant number and group hash. */
export const SPACE_AT = 21;

/** Of both tries. */
type StandingRoots = Pick<TenantState, 'stateRoot' | 'systemRoot'>;

/** The tries of one tenant with changes on top, nothing written: rows and pages go to a batch. */
export class SnapshotDraft {
  readonly #state: TenantState;
  readonly #batch: WriteBatch;
  readonly #tries: Record<RowSpace, DraftPages>;
  /** The group of the row before, as the bytes of a text. */
  #group: Uint8Array = NO_PREFIX;
  #isDomain = false;
  #groupPrefix: Uint8Array = NO_PREFIX;
  #stateRoot: Uint8Array;
  #systemRoot: Uint8Array;

  /** @param standing roots of the tries as they stand: not the tenant's while a snapshot in parts is being put in place */
  constructor(driver: KeyValue, state: TenantState, batch: WriteBatch, standing: StandingRoots = state) {
    this.#state = state;
    this.#batch = batch;
    this.#stateRoot = standing.stateRoot;
    this.#systemRoot = standing.systemRoot;
    this.#tries = {
      state: new DraftPages(driver, state, TRIE.state, batch),
      system: new DraftPages(driver, state, TRIE.system, batch),
    };
  }

  /** Roots after the changes so far. */
  get stateRoot(): Uint8Array {
    return this.#stateRoot;
  }
  get systemRoot(): Uint8Array {
    return this.#systemRoot;
  }

  /** Applies changes; of two changes of one row the later wins. Damaged pages: STORE_CORRUPT. */
  apply(changes: RowChanges): void {
    const byTrie: Record<RowSpace, TrieBatch> = { state: new TrieBatch(), system: new TrieBatch() };
    const row = new RowCursor(changes instanceof Uint8Array ? changes : packRows(changes));
    while (row.next()) {
      const isGone = (row.flags & ROW_GONE) !== 0;
      const batch = byTrie[(row.flags & ROW_STATE) === 0 ? 'system' : 'state'];
      const at = batch.add(isGone);
      packedRowHash(row, batch.bytes, at);
      if (!isGone) sha256Into(viewOf(row.bytes, row.value, row.end), batch.bytes, at + HASH_BYTES);
      const key = this.#rowKey(row, batch.bytes.slice(at, at + HASH_BYTES));
      this.#batch.add(key, isGone ? null : this.#sealed(key, row));
    }
    this.#stateRoot = this.#update('state', byTrie.state, this.#stateRoot);
    this.#systemRoot = this.#update('system', byTrie.system, this.#systemRoot);
  }

  /** As `rowKey`: rows of a group come one after another, and its prefix is a hash. */
  #rowKey(row: RowCursor, hash: Uint8Array): Uint8Array {
    const isDomain = (row.flags & ROW_STATE) === 0 && isOfDomain(row);
    if (this.#isDomain !== isDomain || !this.#isSameGroup(row)) {
      this.#group = row.bytes.slice(row.content + TEXT_HEAD_BYTES, row.name);
      this.#isDomain = isDomain;
      this.#groupPrefix = prefixOfGroup(this.#state, isDomain, this.#group);
    }
    const place = isDomain ? 'domain' : (row.flags & ROW_STATE) === 0 ? 'system' : 'state';
    return rowKeyUnder(this.#groupPrefix, place, this.#state.seal.shortName(hash));
  }

  #isSameGroup({ bytes, content, name }: RowCursor): boolean {
    const group = this.#group;
    const start = content + TEXT_HEAD_BYTES;
    if (group.length !== name - start) return false;
    for (let i = group.length - 1; i >= 0; i--) if (group[i] !== bytes[start + i]) return false; // names differ at their ends
    return true;
  }

  /** The row as it is stored, until the next. */
  #sealed(key: Uint8Array, { bytes, content, end }: RowCursor): Uint8Array {
    const size = end - content + SEAL_BYTES;
    const row = new ByteWriter(size > sealing.length ? size : sealing).raw(viewOf(bytes, content, end));
    return this.#state.seal.seal(key, row);
  }

  #update(space: RowSpace, changes: TrieBatch, before: Uint8Array): Uint8Array {
    if (changes.count === 0) return before;
    const { tenant, snapshotSeq: seq } = this.#state;
    try {
      // The root the tenant row knows: a root page that was lost or replaced by an older one is found here.
      if (Buffer.compare(trieRoot(this.#tries[space]), before) !== 0)
        throw corrupt('trie root', { tenant, seq, trie: space });
      return updateTrie(this.#tries[space], changes);
    } catch (error) {
      // An I/O error is the store's trouble and passes: only damage is the tenant's.
      const isDamage = error instanceof SynapseError && error.code === 'STORE_CORRUPT' && !('tenant' in error.details);
      if (!isDamage) throw error;
      throw corrupt('trie page', { ...error.details, tenant, seq, trie: space }, error);
    }
  }
}

/** Roots as if `changes` were applied at a step; writes nothing. */
export function rootsAfter(
  driver: KeyValue,
  state: TenantState,
  changes: RowChanges,
  { seq, imageHash }: { readonly seq: number; readonly imageHash: Uint8Array },
): Roots {
  const draft = new SnapshotDraft(driver, state, new WriteBatch());
  draft.apply(changes);
  const { stateRoot, systemRoot } = draft;
  return { stateRoot: stateRoot.slice(), domainRoot: domainRootOf(stateRoot, systemRoot, seq, imageHash) };
}

/** The domain root of a tenant at `seq`. `imageHash` is empty before the first snapshot. */
export function domainRootOf(
  stateRoot: Uint8Array,
  systemRoot: Uint8Array,
  seq: number,
  imageHash: Uint8Array,
): Uint8Array {
  const image = imageHash.length === 0 ? new Uint8Array(HASH_BYTES) : imageHash;
  return sha256Of([Uint8Array.of(2), systemRoot, stateRoot, new ByteWriter(8).u64(seq).bytes(), image]);
}

/** The row of a tenant's image at `seq`. */
export function imageWrite({ tenantNo, seal }: RowOwner, seq: number, image: Uint8Array): Write {
  const key = imageKey(tenantNo);
  return [key, seal.seal(key, new ByteWriter(image.length + 16).u64(seq).block(image))];
}

/** The image of the last snapshot; nothing before the first. Damaged, missing or of another step: STORE_CORRUPT. */
export function readImage(driver: KeyValue, state: TenantState): Uint8Array | undefined {
  if (state.imageHash.length === 0) return undefined;
  const { tenant, snapshotSeq: seq } = state;
  const key = imageKey(state.tenantNo);
  const value = driver.get(key);
  const payload = value === undefined ? undefined : state.seal.open(key, value);
  if (payload === undefined) throw corrupt('image', { tenant, seq });
  const reader = new ByteReader(payload);
  const imageSeq = reader.u64();
  const image = reader.block();
  if (imageSeq !== seq || Buffer.compare(sha256(image), state.imageHash) !== 0) throw corrupt('image', { tenant, seq });
  return image;
}

/** All rows of the domain, in a fixed order. */
export function readSystemRows(driver: KeyValue, state: TenantState): readonly SystemRow[] {
  return [...rowsUnder(driver, systemPrefix(state), PAGE_ROWS)].map((row) => decodeRow(row, state));
}

/** The rows of one group, in a fixed order. */
export function readGroup(driver: KeyValue, state: TenantState, group: string): readonly GroupRow[] {
  const rows: GroupRow[] = [];
  const prefix = groupPrefix(state, group);
  for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) {
    const { name, value } = ofGroup(decodeRow(row, state), group, state);
    rows.push({ space: row[0][prefix.length] === 0 ? 'state' : 'system', name, value });
  }
  if (!group.startsWith(DOMAIN_GROUPS)) return rows;
  for (const row of rowsUnder(driver, systemPrefix(state, group), PAGE_ROWS)) {
    const { name, value } = ofGroup(decodeRow(row, state), group, state);
    rows.push({ space: 'system', name, value });
  }
  return rows;
}

/** Rebuilds both tries from the rows; a root that differs from the tenant row's is STORE_CORRUPT. */
export function verifySnapshot(driver: KeyValue, state: TenantState): void {
  const { tenant, snapshotSeq: seq, tenantNo } = state;
  const pages: Record<RowSpace, MemoryPages> = { state: new MemoryPages(), system: new MemoryPages() };
  const pending: Record<RowSpace, TrieChange[]> = { state: [], system: [] };
  const add = (space: RowSpace, row: Row): void => {
    const { group, name, value } = decodeRow(row, state);
    pending[space].push({ key: rowHash(group, name), valueHash: sha256(value) });
    if (pending[space].length >= VERIFY_ROWS) updateTrie(pages[space], pending[space].splice(0));
  };
  const rows = allRowsPrefix(tenantNo);
  for (const row of rowsUnder(driver, rows, PAGE_ROWS)) add(row[0][SPACE_AT] === 0 ? 'state' : 'system', row);
  for (const row of rowsUnder(driver, systemPrefix(state), PAGE_ROWS)) add('system', row);
  const standing = readStage(driver, state) ?? state;
  for (const [space, root] of [
    ['state', standing.stateRoot],
    ['system', standing.systemRoot],
  ] as const) {
    if (Buffer.compare(updateTrie(pages[space], pending[space]), root) !== 0)
      throw corrupt('snapshot', { tenant, seq, trie: space });
  }
}

/** Bytes of a text's length. */
const TEXT_HEAD_BYTES = 4;

const DOMAIN_MARK = textBytes(DOMAIN_GROUPS);

/** Whether the row's group starts with "sys:". */
function isOfDomain({ bytes, content }: RowCursor): boolean {
  for (let i = 0; i < DOMAIN_MARK.length; i++) {
    if (bytes[content + TEXT_HEAD_BYTES + i] !== DOMAIN_MARK[i]) return false;
  }
  return true;
}

const hashed = new ByteSink();

/** Where a row is sealed, until the batch has it. */
const sealing = new Uint8Array(4 << 10);

/** As `rowHash`: sha256(text group | bytes of the name's text), without making texts of them. */
export function packedRowHash({ bytes, content, name, value }: RowCursor, out: Uint8Array, at: number): void {
  hashed.clear();
  hashed.span(bytes, content, name);
  hashed.span(bytes, name + TEXT_HEAD_BYTES, value);
  sha256Into(hashed.view(), out, at);
}

function viewOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
}

/** A row of the state or the system trie; damaged: STORE_CORRUPT. */
export function decodeRow([key, value]: Row, state: TenantState): SystemRow {
  const payload = state.seal.open(key, value);
  if (payload === undefined) throw corrupt('snapshot row', { tenant: state.tenant, seq: state.snapshotSeq });
  const reader = new ByteReader(payload);
  return { group: reader.text(), name: reader.text(), value: reader.rest() };
}

function ofGroup(row: SystemRow, group: string, state: TenantState): SystemRow {
  if (row.group !== group) throw corrupt('snapshot row', { tenant: state.tenant, seq: state.snapshotSeq, group });
  return row;
}
