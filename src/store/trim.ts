/**
 * Trimming the journal: which batches nobody needs any more.
 *
 * A batch goes when every record in it lies below its tenant's snapshot and is older than the retention,
 * and when that snapshot is recorded: its own record stays, whose leaf holds the roots to start from. Works from the index rows alone; a batch that one tenant still needs stays whole, and so
 * does one whose index rows are damaged. Leaf hashes stay, in rows of their own: proofs of the audit log
 * go on being made.
 */
import { SynapseError } from '../base/error.ts';
import { decodeIndex, type IndexEntry, indexWrites, NO_TAIL, rowHolding, tailEntries } from './journal-index.ts';
import type { KeyValue, Write } from './key-value.ts';
import { leavesWrite } from './audit-log.ts';
import { batchKey, indexKey } from './schema.ts';
import { rowsUnder, type TenantDirectory } from './tenant-directory.ts';
import { tenantWrites } from './tenant-row.ts';
import type { TenantState } from './tenant-row.ts';

/** What to keep beside everything behind the last snapshots. With both, a record stays when either wants it. */
export interface TrimPolicy {
  /** Records committed in the last so many milliseconds. */
  readonly keepMs?: number;
  /** The last so many steps of each tenant. */
  readonly keepSteps?: number;
}

/** One commit's worth of trimming. */
export interface TrimChunk {
  readonly writes: Write[];
  readonly states: readonly TenantState[];
  readonly batches: number;
  readonly bytes: number;
}

/** Deleted rows of one commit: keeps its dirty pages in a few MiB and other commits waiting for some ms. */
const CHUNK_ROWS = 4_000;

/** Index rows read at a time; their common prefix is the key without the seq. */
const PAGE_ROWS = 256;
const INDEX_PREFIX_BYTES = 5;

interface Candidate {
  readonly entries: { readonly state: TenantState; readonly entry: IndexEntry }[];
  sizeBytes: number;
}

/** The chunks to commit one after the other; `current` gives a tenant's state as of the last chunk. */
export function* planTrim(
  driver: KeyValue,
  tenants: readonly TenantState[],
  current: (tenant: string) => TenantState,
  policy: TrimPolicy,
  nowMs: number,
): Generator<TrimChunk> {
  const candidates = new Map<string, Candidate>();
  let full: Candidate[] = [];
  let rows = 0;
  for (const state of tenants) {
    for (const entry of droppable(driver, state, policy, nowMs)) {
      const name = `${entry.commitNo}/${entry.part}`;
      const candidate = candidates.get(name) ?? { entries: [], sizeBytes: 0 };
      candidates.set(name, candidate);
      candidate.entries.push({ state, entry });
      candidate.sizeBytes += entry.length;
      if (candidate.entries.length < entry.tenants) continue;
      candidates.delete(name);
      full.push(candidate);
      rows += entry.tenants + 1;
      if (rows < CHUNK_ROWS) continue;
      yield chunkOf(driver, full, current);
      full = [];
      rows = 0;
    }
  }
  if (full.length > 0) yield chunkOf(driver, full, current);
}

/** Index entries of a tenant that the policy and its snapshot let go, ascending. */
function* droppable(driver: KeyValue, state: TenantState, policy: TrimPolicy, nowMs: number): Generator<IndexEntry> {
  const isGone = state.life !== 'alive'; // erased: nobody can read its records
  const anchored = state.anchorSeq === state.snapshotSeq ? state.anchorSeq - 1 : 0;
  const highest = isGone ? state.seq : Math.min(anchored, state.seq - (policy.keepSteps ?? 0));
  const before = isGone || policy.keepMs === undefined ? Number.POSITIVE_INFINITY : nowMs - policy.keepMs;
  const prefix = indexKey(state.tenantNo, 0).subarray(0, INDEX_PREFIX_BYTES);
  try {
    const isKept = (entry: IndexEntry): boolean =>
      entry.firstSeq + entry.records - 1 > highest || entry.timeMs >= before;
    for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) {
      for (const entry of decodeIndex(row, state.tenant)) {
        if (isKept(entry)) return;
        yield entry;
      }
    }
    for (const entry of tailEntries(state)) {
      if (isKept(entry)) return;
      yield entry;
    }
  } catch (error) {
    // A damaged row keeps its tenant's batches from here on; reading that tenant says so, trimming does not.
    if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT' || !('tenant' in error.details)) throw error;
  }
}

function chunkOf(driver: KeyValue, full: readonly Candidate[], current: (tenant: string) => TenantState): TrimChunk {
  const writes: Write[] = [];
  const dropped = new Map<string, Map<number, IndexEntry>>();
  let bytes = 0;
  for (const { entries, sizeBytes } of full) {
    bytes += sizeBytes;
    for (const [i, { state, entry }] of entries.entries()) {
      if (i === 0) writes.push([batchKey(entry.commitNo, entry.part), null]);
      writes.push(leavesWrite(state.tenantNo, entry));
      const ofTenant = dropped.get(state.tenant) ?? new Map<number, IndexEntry>();
      dropped.set(state.tenant, ofTenant.set(entry.firstSeq, entry));
    }
  }
  const states = [...dropped].map(([tenant, entries]): TenantState => {
    const state = current(tenant);
    const indexTail = dropEntries(driver, state, entries, writes) ? NO_TAIL : state.indexTail;
    const firstSeq = Math.max(state.firstSeq, ...[...entries.values()].map((entry) => entry.firstSeq + entry.records));
    return { ...state, firstSeq, indexTail };
  });
  for (const state of states) writes.push(...tenantWrites(state, false));
  return { writes, states, batches: full.length, bytes };
}

/** Rewrites the index rows in which dropped entries stand, by their first seqs; true when the tail went into rows too. */
function dropEntries(
  driver: KeyValue,
  state: TenantState,
  dropped: ReadonlyMap<number, IndexEntry>,
  writes: Write[],
): boolean {
  const keep = (entries: readonly IndexEntry[]): IndexEntry[] =>
    entries.filter(({ firstSeq }) => !dropped.has(firstSeq));
  const done = new Set<number>();
  let isTail = false;
  for (const firstSeq of dropped.keys()) {
    if (done.has(firstSeq)) continue;
    const inTail = firstSeq > state.seq - state.indexTail.records;
    isTail ||= inTail;
    // Looked up as it is now: an earlier chunk may have rewritten the row in which the entry was found.
    const row = inTail ? undefined : rowHolding(driver, state, firstSeq);
    const entries = row === undefined ? tailEntries(state) : decodeIndex(row, state.tenant);
    for (const entry of entries) done.add(entry.firstSeq);
    if (row !== undefined) writes.push([row[0], null]);
    for (const write of indexWrites(state.tenantNo, keep(entries))) writes.push(write);
  }
  return isTail;
}

/** Drops what no tenant needs, in several commits, each complete in itself. */
export function trimJournal(
  driver: KeyValue,
  directory: TenantDirectory,
  write: (rows: Write[]) => void,
  policy: TrimPolicy,
  nowMs: number,
): { batches: number; bytes: number } {
  const dropped = { batches: 0, bytes: 0 };
  const current = (tenant: string): TenantState => directory.logOf(tenant) as TenantState;
  const tenants = [...directory.sorted(), ...directory.erased()];
  for (const chunk of planTrim(driver, tenants, current, policy, nowMs)) {
    write(chunk.writes);
    for (const state of chunk.states) directory.set(state);
    dropped.batches += chunk.batches;
    dropped.bytes += chunk.bytes;
  }
  return dropped;
}
