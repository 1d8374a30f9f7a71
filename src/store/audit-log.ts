/**
 * The audit log of a tenant on disk: an RFC 6962 tree with one leaf per recorded step.
 *
 *   index rows   leaf hashes, beside the place of their records          level 0
 *   leaves rows  leaf hashes of records that were trimmed                level 0
 *   tiles        roots of complete subtrees over 256, 65,536, … leaves   levels 8, 16, …
 *   tenant row   the right edge: appending reads nothing else
 *
 *   tile (level 1, number n) = [root over 256 leaves] × 1 to 256, of leaves 65,536·n on; the last one grows
 *
 * All of it is written in the commit of its records. A proof reads two runs of leaf hashes and two
 * tiles a level at most, never all leaves.
 */
import { assert } from '../base/assert.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { CompactRange, type LogNodes, type RangeMemory, rootOver, SPARE_BYTES } from '../merkle/log.ts';
import { copyOf, openRow, sealRow } from './binary.ts';
import { type IndexEntry, indexEntries, seqOfKey } from './journal-index.ts';
import type { KeyValue, Write } from './key-value.ts';
import { corrupt, leavesKey, tileKey } from './schema.ts';
import type { RowArena } from './row-arena.ts';
import type { TenantCopy, TenantState } from './tenant-row.ts';

/** Levels between two kinds of tile, and hashes in a full one: 8 KiB a row, two LMDB pages. */
export const TILE_LEVELS = 8;
export const TILE_HASHES = 2 ** TILE_LEVELS;

/** The log's right edge as the tenant row has it; of another size: STORE_CORRUPT. */
export function edgeOf({ tenant, seq, logEdge, edgeLength }: TenantState, arena?: RowArena): CompactRange {
  const range = CompactRange.of(seq, logEdge, edgeLength, arena && memoryIn(arena, edgeLength + SPARE_BYTES));
  if (range === undefined) throw corrupt('audit log', { tenant, seq });
  return range;
}

function memoryIn(arena: RowArena, length: number): RangeMemory {
  const start = arena.place(length);
  return { bytes: arena.bytes, start, length };
}

/** Room for hashes that a kept edge gets: 12 are those of a log of some thousand leaves. */
const EDGE_SPARE_BYTES = 12 * HASH_BYTES;

const NO_WRITES: readonly Write[] = [];

/** Appends of one commit, nothing written. */
export class LogDraft {
  readonly #driver: KeyValue;
  readonly #state: TenantState;
  readonly #range: CompactRange;
  /** Tiles that grow, by level and number; most commits of a tenant have none. */
  #tiles: Map<string, { readonly level: number; readonly number: number; hashes: Uint8Array[] }> | undefined;

  /** Works in `arena`: the edge is to be copied before that is cleared. */
  constructor(driver: KeyValue, state: TenantState, arena: RowArena) {
    this.#driver = driver;
    this.#state = state;
    this.#range = edgeOf(state, arena);
  }

  /** Appends the leaf at `at` of `leaves`. */
  append(leaves: Uint8Array, at: number): void {
    // Only each 256th leaf completes a subtree that a tile keeps.
    const completes = (this.#range.size + 1) % TILE_HASHES === 0;
    this.#range.append(leaves, completes ? (level, index, hash) => this.#note(level, index, hash) : undefined, at);
  }

  /** The right edge after all appends, the last of which it follows. */
  edge(): Uint8Array {
    return this.#range.release();
  }

  /** The same into the memory of a state that is kept. */
  takeEdge(kept: TenantCopy): void {
    const { length } = this.#range;
    if (kept.logEdge.length < length) kept.logEdge = new Uint8Array(length + EDGE_SPARE_BYTES);
    this.#range.copyTo(kept.logEdge);
    kept.edgeLength = length;
  }

  /** Rows of the tiles that grew. */
  writes(): readonly Write[] {
    if (this.#tiles === undefined) return NO_WRITES;
    return [...this.#tiles.values()].map(({ level, number, hashes }): Write => {
      const key = tileKey(this.#state.tenantNo, level, number);
      return [key, sealRow(key, Buffer.concat(hashes))];
    });
  }

  #note(level: number, index: number, hash: Uint8Array): void {
    if (level > 0 && level % TILE_LEVELS === 0) this.#put(level / TILE_LEVELS, index, hash);
  }

  #put(level: number, index: number, hash: Uint8Array): void {
    const number = Math.floor(index / TILE_HASHES);
    const at = index % TILE_HASHES;
    const name = `${level}/${number}`;
    this.#tiles ??= new Map();
    let tile = this.#tiles.get(name);
    if (tile === undefined) {
      const before = at === 0 ? new Uint8Array(0) : readTile(this.#driver, this.#state, level, number, at);
      tile = { level, number, hashes: before.length === 0 ? [] : [before.subarray(0, at * HASH_BYTES)] };
      this.#tiles.set(name, tile);
    }
    tile.hashes.push(hash);
  }
}

/** At least `count` hashes of a tile; missing, damaged or shorter: STORE_CORRUPT. */
function readTile(driver: KeyValue, state: TenantState, level: number, number: number, count: number): Uint8Array {
  const { tenant, tenantNo } = state;
  const key = tileKey(tenantNo, level, number);
  const value = driver.get(key);
  const hashes = value === undefined ? undefined : openRow(key, value);
  if (hashes === undefined || hashes.length < count * HASH_BYTES) {
    throw corrupt('audit tile', { tenant, seq: number * TILE_HASHES ** (level + 1) + 1, level });
  }
  return copyOf(hashes);
}

/** The row that keeps the leaf hashes of trimmed records. */
export function leavesWrite(tenantNo: number, { firstSeq, leaves }: IndexEntry): Write {
  const key = leavesKey(tenantNo, firstSeq);
  return [key, sealRow(key, leaves)];
}

/** The leaf hashes from leaf `index` on, `count` of them, one behind the other. */
export function readLeaves(driver: KeyValue, state: TenantState, index: number, count: number): Uint8Array {
  const hashes = new Uint8Array(count * HASH_BYTES);
  const end = index + 1 + count;
  let next = index + 1;
  const take = ({ firstSeq, leaves }: LeafRun): void => {
    const behind = firstSeq + leaves.length / HASH_BYTES;
    if (firstSeq > next || behind <= next) return;
    const upTo = Math.min(end, behind);
    const run = leaves.subarray((next - firstSeq) * HASH_BYTES, (upTo - firstSeq) * HASH_BYTES);
    hashes.set(run, (next - 1 - index) * HASH_BYTES);
    next = upTo;
  };
  // Trimmed runs and kept ones may take turns: a batch is kept whole as long as one of its tenants needs it.
  while (next < end) {
    const before = next;
    for (const run of trimmedRuns(driver, state, next, end)) take(run);
    for (const run of indexEntries(driver, state, next)) {
      if (run.firstSeq >= end || next >= end) break;
      take(run);
    }
    if (next === before) throw corrupt('journal index', { tenant: state.tenant, seq: next });
  }
  return hashes;
}

interface LeafRun {
  readonly firstSeq: number;
  readonly leaves: Uint8Array;
}

/** Rows of trimmed leaf hashes from the one that holds `seq` up to `end`. */
function trimmedRuns(driver: KeyValue, { tenant, tenantNo }: TenantState, seq: number, end: number): LeafRun[] {
  const lowest = leavesKey(tenantNo, 0);
  const first = driver.range(lowest, leavesKey(tenantNo, seq + 1), { reverse: true, limit: 1 })[0]?.[0];
  const rows = driver.range(first ?? leavesKey(tenantNo, seq), leavesKey(tenantNo, end));
  return rows.map(([key, value]) => {
    const firstSeq = seqOfKey(key);
    const leaves = openRow(key, value);
    if (leaves === undefined) throw corrupt('trimmed leaves', { tenant, seq: firstSeq });
    return { firstSeq, leaves };
  });
}

/** Complete subtrees of a stored log. Keeps what it read: make one for a proof, then let it go. */
export class StoredNodes implements LogNodes {
  readonly #driver: KeyValue;
  readonly #state: TenantState;
  readonly #runs: Map<string, Uint8Array> = new Map();

  constructor(driver: KeyValue, state: TenantState) {
    this.#driver = driver;
    this.#state = state;
  }

  node(level: number, index: number): Uint8Array {
    assert((index + 1) * 2 ** level <= this.#state.seq, 'all leaves of a complete subtree are in the log');
    const rest = level % TILE_LEVELS;
    const first = index * 2 ** rest;
    const tile = this.#run((level - rest) / TILE_LEVELS, Math.floor(first / TILE_HASHES));
    const at = first % TILE_HASHES;
    return rootOver(tile.slice(at * HASH_BYTES, (at + 2 ** rest) * HASH_BYTES));
  }

  /** All hashes there are of tile `number` on a level of tiles; level 0 are the leaves. */
  #run(level: number, number: number): Uint8Array {
    const name = `${level}/${number}`;
    let run = this.#runs.get(name);
    if (run === undefined) {
      const held = Math.floor(this.#state.seq / TILE_HASHES ** level) - number * TILE_HASHES;
      const count = Math.min(held, TILE_HASHES);
      run =
        level === 0
          ? readLeaves(this.#driver, this.#state, number * TILE_HASHES, count)
          : readTile(this.#driver, this.#state, level, number, count);
      this.#runs.set(name, run);
    }
    return run;
  }
}

/** The right edge that the log had with `size` leaves. */
export function edgeAt(driver: KeyValue, state: TenantState, size: number): CompactRange {
  const nodes = new StoredNodes(driver, state);
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < size;) {
    const level = Math.floor(Math.log2(size - at));
    hashes.push(nodes.node(level, at / 2 ** level));
    at += 2 ** level;
  }
  const range = CompactRange.of(size, Buffer.concat(hashes));
  assert(range !== undefined, 'the complete subtrees of a log are its right edge');
  return range;
}
