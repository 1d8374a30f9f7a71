/**
 * Snapshots in parts: one of a million actors does not fit into one commit, which would hold everybody up for a minute, nor
 * into one heap.
 *
 *   1  parts come in       rows wait in part rows, sorted into ranges of their hashes: nobody sees them; whoever opens the
 *                          tenant without having sent the rest drops them
 *   2  all are there       one commit writes the stage: from here on the snapshot is finished, whatever happens
 *   3  ranges, in slices   each commit puts one range in place, rows and trie pages, and says so in the stage;
 *                          other tenants' commits go between; who wants to read the snapshot waits for its end
 *   4  the last commit     tenant row, image and (where it has one) record; the stage goes
 *
 * A crash in 1 leaves the snapshot before it as it is, one in 3 goes on where it was. A range of hashes is a part of the
 * trie: each of its pages is written once, while rows in the order of their coming would write it for nearly every row.
 */
import { assert } from '../base/assert.ts';
import { ByteSink } from '../base/byte-sink.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { RowCursor } from '../actor/row-pack.ts';
import { ByteWriter } from './binary.ts';
import type { KeyValue, Write } from './key-value.ts';
import type { SnapshotWrite, StepRecord } from './commit-draft.ts';
import { KIND, corrupt, partKey, partPrefix } from './schema.ts';
import { packedRowHash, SnapshotDraft } from './snapshot.ts';
import {
  readStage,
  readStageContent,
  type Stage,
  type StageContent,
  stageContentWrite,
  stageWrite,
} from './stage-row.ts';
import { rowsUnder, type TenantDirectory } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';
import type { WriteBatch } from './write-batch.ts';

/** Rows put in place by one commit: 30 to 60 ms, in which other tenants wait. */
export const RANGE_ROWS = 8_192;

/** Most ranges: what is gathered of each for its next part row takes some KiB. */
const RANGES_MAX = 4_096;

/** A part row is written behind this many bytes. */
const PART_ROW_BYTES = 16 << 10;

/** Rows deleted by one commit. */
const DROP_ROWS = 4_000;

const NO_ROWS = new Uint8Array(0);
const TWO_32 = 0x1_0000_0000;

/** Rows of a snapshot, not all of them. */
export interface PartWrite {
  readonly tenant: string;
  readonly seq: number;
  /** About as many rows will come in all parts. */
  readonly rowCount: number;
  /** Packed. */
  readonly changes: Uint8Array;
}

/** What staging works on. */
export interface StagingGround {
  readonly driver: KeyValue;
  readonly rangeRows: number;
  directory(): TenantDirectory;
  /** For the rows of a range. */
  readonly batch: WriteBatch;
  /** One durable commit, of what the batch holds as well. */
  write(rows: Write[], batch?: WriteBatch): void;
  /** As `Store.commit`. */
  commit(steps: readonly StepRecord[], snapshots: readonly SnapshotWrite[]): void;
  /** Runs what may hit damage of one tenant; any other exception is the store's. */
  guard<T>(body: () => T): T;
}

/** Parts that come in. */
interface Gathering {
  readonly seq: number;
  readonly sinks: readonly ByteSink[];
  readonly counts: number[];
  /** Taken so far. */
  parts: number;
}

export class Staging {
  readonly #ground: StagingGround;
  readonly #gathering: Map<string, Gathering> = new Map();
  readonly #stages: Map<string, Stage> = new Map();
  /** Numbers of tenants whose stage is on disk and not here: it was there when the store was opened, or putting it in place failed. */
  readonly #resting: Set<number>;
  /** Numbers of tenants that have part rows of a snapshot whose rest never came. */
  readonly #leftovers: Set<number>;

  constructor(ground: StagingGround) {
    this.#ground = ground;
    const { driver } = ground;
    this.#resting = new Set(tenantNosOf(driver, KIND.stage));
    this.#leftovers = new Set(tenantNosOf(driver, KIND.part));
    for (const tenantNo of this.#resting) this.#leftovers.delete(tenantNo);
  }

  /** Tenants with a snapshot that is being put in place. */
  get tenants(): readonly string[] {
    return [...this.#stages.keys()];
  }

  /** Whether a snapshot of the tenant is being put in place. Damage: STORE_CORRUPT. */
  has(tenant: string): boolean {
    if (this.#stages.has(tenant)) return true;
    if (this.#resting.size === 0) return false;
    const ground = this.#ground;
    const state = ground.directory().get(tenant);
    if (state === undefined || !this.#resting.has(state.tenantNo)) return false;
    const stage = readStage(ground.driver, state);
    this.#resting.delete(state.tenantNo);
    if (stage !== undefined) this.#stages.set(tenant, stage);
    return stage !== undefined;
  }

  /**
   * Takes in rows of a snapshot, of which nothing shows until all are in place: durable with the next part of their ranges,
   * or with `seal`. `STORE_CORRUPT` and `INVALID_ADDRESS` are the tenant's, as in `Store.commit`.
   */
  take(part: PartWrite): void {
    this.#ground.guard(() => this.#take(part));
  }

  /** The rest of the rows, after so many parts: from here on the snapshot is finished, whatever happens. */
  seal(rest: PartWrite, parts: number, content: StageContent): void {
    this.#ground.guard(() => {
      assert(this.#gathering.get(rest.tenant)?.parts === parts, 'all parts of a snapshot come before its end');
      this.#take(rest);
      this.#seal(rest.tenant, content);
    });
  }

  /** Puts a slice of a sealed snapshot in place, in one commit; true when that was the last. */
  advance(tenant: string): boolean {
    const stage = this.#stages.get(tenant);
    assert(stage !== undefined, 'there is a snapshot to be put in place');
    const isLast = stage.applied === stage.counts.length;
    try {
      if (isLast) this.#finish(tenant, stage);
      else
        this.#stages.set(
          tenant,
          this.#ground.guard(() => this.#applyRange(tenant, stage)),
        );
    } catch (error) {
      this.#stages.delete(tenant); // tried again when somebody wants the tenant, or the store is reopened
      const found = this.#ground.directory().find(tenant);
      if (found !== undefined) this.#resting.add(found.tenantNo);
      throw error;
    }
    if (isLast) this.#stages.delete(tenant);
    return isLast;
  }

  /** Who reads a snapshot finds a whole one. */
  settle(tenant: string): void {
    if (this.has(tenant)) while (!this.advance(tenant));
  }

  /** The stage that the last commit ends, where the tenant has one. */
  endOf(tenant: string): Stage | undefined {
    const stage = this.#stages.get(tenant);
    assert(
      stage === undefined || stage.applied === stage.counts.length,
      'a snapshot in parts ends with its last range',
    );
    return stage;
  }

  #take({ tenant, seq, rowCount, changes }: PartWrite): void {
    const state = this.#stateOf(tenant);
    assert(!this.has(tenant), 'one snapshot of a tenant is under way at a time');
    let gathering = this.#gathering.get(tenant);
    if (gathering === undefined || gathering.seq !== seq) {
      this.drop(tenant);
      const ranges = Math.min(RANGES_MAX, Math.max(1, Math.ceil(rowCount / this.#ground.rangeRows)));
      const sinks = Array.from({ length: ranges }, () => new ByteSink());
      gathering = { seq, sinks, counts: sinks.map(() => 0), parts: 0 };
      this.#gathering.set(tenant, gathering);
    }
    const { sinks } = gathering;
    gathering.parts += 1;
    const row = new RowCursor(changes);
    const hash = new Uint8Array(HASH_BYTES);
    const head = new DataView(hash.buffer);
    while (row.next()) {
      packedRowHash(row, hash, 0);
      const range = Math.floor((head.getUint32(0) / TWO_32) * sinks.length);
      (sinks[range] as ByteSink).span(row.bytes, row.start, row.end);
    }
    const writes = partWrites(state, gathering, PART_ROW_BYTES);
    if (writes.length > 0) this.#ground.write(writes);
  }

  #seal(tenant: string, content: StageContent): void {
    const state = this.#stateOf(tenant);
    const gathering = this.#gathering.get(tenant);
    assert(gathering !== undefined, 'parts were taken in');
    const writes = partWrites(state, gathering, 1);
    const { seq, counts } = gathering;
    const [stateRoot, systemRoot] = [state.stateRoot.slice(), state.systemRoot.slice()];
    const stage: Stage = { seq, counts, applied: 0, stateRoot, systemRoot };
    writes.push(stageContentWrite(state, content), stageWrite(state, stage));
    this.#ground.write(writes);
    this.#gathering.delete(tenant);
    this.#stages.set(tenant, stage);
  }

  #applyRange(tenant: string, { seq, counts, applied, ...standing }: Stage): Stage {
    const { driver } = this.#ground;
    const state = this.#stateOf(tenant);
    const batch = this.#ground.batch.clear();
    const draft = new SnapshotDraft(driver, state, batch, standing);
    const writes: Write[] = [];
    draft.apply(readRange(driver, state, applied, counts[applied] as number, writes));
    const { stateRoot, systemRoot } = draft;
    const next: Stage = { seq, counts, applied: applied + 1, stateRoot, systemRoot };
    writes.push(stageWrite(state, next));
    this.#ground.write(writes, batch);
    return next;
  }

  #finish(tenant: string, { seq }: Stage): void {
    const state = this.#stateOf(tenant);
    const { image, body } = this.#ground.guard(() => readStageContent(this.#ground.driver, state));
    const { shard } = state;
    const snapshot = { image, changes: NO_ROWS };
    if (body === undefined) this.#ground.commit([], [{ tenant, shard, seq, ...snapshot }]);
    else this.#ground.commit([{ tenant, shard, seq, body, events: [], snapshot }], []);
  }

  /** Drops parts whose rest will not come. */
  drop(tenant: string): void {
    const { driver } = this.#ground;
    const state = this.#stateOf(tenant);
    if (!this.#gathering.delete(tenant) && !this.#leftovers.has(state.tenantNo)) return;
    let writes: Write[] = [];
    for (const [key] of rowsUnder(driver, partPrefix(state.tenantNo), DROP_ROWS)) {
      writes.push([key, null]);
      if (writes.length < DROP_ROWS) continue;
      this.#ground.write(writes);
      writes = [];
    }
    if (writes.length > 0) this.#ground.write(writes);
    this.#leftovers.delete(state.tenantNo);
  }

  #stateOf(tenant: string): TenantState {
    const state = this.#ground.directory().get(tenant);
    assert(state !== undefined, 'a snapshot is of a tenant that has steps');
    return state;
  }
}

/** Part rows of the ranges that have gathered at least so many bytes. */
function partWrites({ tenantNo, seal }: TenantState, { sinks, counts }: Gathering, leastBytes: number): Write[] {
  const writes: Write[] = [];
  for (let range = 0; range < sinks.length; range++) {
    const sink = sinks[range] as ByteSink;
    if (sink.length < leastBytes) continue;
    const number = counts[range] as number;
    const key = partKey(tenantNo, range, number);
    writes.push([key, seal.seal(key, new ByteWriter(sink.length + 8).raw(sink.view()))]);
    counts[range] = number + 1;
    sink.clear();
  }
  return writes;
}

/** The packed rows of a range; their part rows are deleted by `writes`. One that is lost or damaged: STORE_CORRUPT. */
function readRange(driver: KeyValue, state: TenantState, range: number, count: number, writes: Write[]): Uint8Array {
  const { tenant, tenantNo, seal, snapshotSeq: seq } = state;
  const parts: Uint8Array[] = [];
  for (let number = 0; number < count; number++) {
    const key = partKey(tenantNo, range, number);
    const value = driver.get(key);
    const part = value === undefined ? undefined : seal.open(key, value);
    if (part === undefined) throw corrupt('part of a snapshot', { tenant, seq, range, number });
    parts.push(part);
    writes.push([key, null]);
  }
  return Buffer.concat(parts);
}

/** Numbers of the tenants that have rows of a kind: one look for each. */
function* tenantNosOf(driver: KeyValue, kind: number): Generator<number, void, undefined> {
  const end = Uint8Array.of(kind + 1);
  let from: Uint8Array = Uint8Array.of(kind);
  for (;;) {
    const [row] = driver.range(from, end, { limit: 1 });
    if (row === undefined) return;
    const [key] = row;
    const tenantNo = new DataView(key.buffer, key.byteOffset).getUint32(1);
    yield tenantNo;
    if (tenantNo === TWO_32 - 1) return;
    from = new ByteWriter(8)
      .u8(kind)
      .u32(tenantNo + 1)
      .bytes();
  }
}
