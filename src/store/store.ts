/**
 * The store: journal, snapshots, events and configs of all tenants over one KeyValue driver.
 *
 * Synchronous, one writer, no threads, no user code. What commit() returned from is durable; a commit
 * that failed did not happen as far as anybody may know: the store refuses everything that writes or
 * reads until reopen() has read back what the disk really holds. Damage in one tenant's rows is
 * STORE_CORRUPT for that tenant and nobody else. The key schema stands in schema.ts.
 */
import type { ListedTenant } from '../actor/store-port.ts';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { AuditKey } from './audit-key.ts';
import { CommitDraft, newTenant, type SnapshotWrite, type StepRecord } from './commit-draft.ts';
import type { Ledger } from './ledger.ts';
import { type ErasureGround, eraseTenant, finishErasures } from './erasure.ts';
import { readEvents, type StoredEvent } from './event-log.ts';
import { keptRecords } from './journal.ts';
import { PLAIN_RING, type SealRing } from './key-ring.ts';
import type { JournalRecord } from './journal.ts';
import type { KeyValue, Write } from './key-value.ts';
import { type GroupRow, readGroup, type RowChanges, type Roots, rootsAfter, verifySnapshot } from './snapshot.ts';
import { RowArena } from './row-arena.ts';
import { isOfOneTenant } from './schema.ts';
import { RANGE_ROWS, Staging, type StagingGround } from './staging.ts';
import { StoreAudit } from './store-audit.ts';
import { closed, unavailable } from './store-fault.ts';
import { ConfigTable, drawIncarnation, headWrites, metaWrites, modulesWrites } from './store-head.ts';
import {
  type ActorModules,
  checkMeta,
  readHead,
  readMeta,
  readModules,
  type StoreHead,
  type StoreMeta,
} from './store-head.ts';
import { checkShards, type OpenedTenants, openTenants, type StoreOptions } from './store-opening.ts';
import type { TenantDirectory } from './tenant-directory.ts';
import { heldState } from './tenant-row.ts';
import { domainOf, type StoredDomain, summaryOf, type TenantSummary } from './tenant-summary.ts';
import { PLAIN_SEAL } from './tenant-seal.ts';
import { trimJournal, type TrimPolicy } from './trim.ts';
import { inOrder, WriteBatch } from './write-batch.ts';

export type { SnapshotWrite, StepRecord } from './commit-draft.ts';
export type { StoredEvent } from './event-log.ts';
export type { JournalRecord } from './journal.ts';
export type { GroupRow, Roots, RowChange } from './snapshot.ts';
export type { ActorModules } from './store-head.ts';
export type { StoreOptions } from './store-opening.ts';
export type { StoredDomain, TenantSummary } from './tenant-summary.ts';
export type { TrimPolicy } from './trim.ts';

export class Store {
  readonly #driver: KeyValue;
  readonly #shards: number;
  readonly #ring: SealRing;
  readonly #now: () => number;
  #incarnation = 0;
  #head: StoreHead = { commitNo: 0, tenants: 0, configs: 0, ledger: { first: 0, last: 0 } };
  readonly #open: () => OpenedTenants;
  #directory: TenantDirectory;
  #ledger: Ledger;
  #configs: ConfigTable;
  /** All tenants are read, and no erasure is left unfinished. */
  #isRead = false;
  #staging: Staging;
  readonly #stage: () => Staging;
  /** Why everything is refused, while it is. */
  #failure: unknown;
  #closed = false;
  readonly #makeKey: () => AuditKey;
  readonly #arena = new RowArena();
  readonly #batch = new WriteBatch();
  #key: AuditKey | undefined;

  /**
   * Opens the store in `driver`, or makes one. `SHARD_COUNT_MISMATCH` for another number of shards,
   * `INVALID_ARGUMENT` for another schema version, `STORE_CORRUPT` when meta or head cannot be read.
   */
  static open(options: StoreOptions): Store {
    return new Store(options);
  }

  private constructor(options: StoreOptions) {
    const { driver, shards, ring = PLAIN_RING, create = true, now = Date.now, draw = drawIncarnation } = options;
    checkShards(shards);
    this.#driver = driver;
    this.#shards = shards;
    this.#ring = ring;
    this.#now = now;
    this.#makeKey = options.auditKey ?? (() => AuditKey.make());
    const meta = readMeta(driver);
    if (meta === undefined && !create) throw new SynapseError('INVALID_ARGUMENT', 'there is no store to open');
    if (meta !== undefined) checkMeta(meta, { shards, isEncrypted: ring.isEncrypted });
    this.#incarnation = meta === undefined || meta.redraw ? draw() : meta.incarnation;
    if (meta === undefined || meta.redraw) {
      if (meta === undefined) ring.create(); // before the store that needs it
      const fresh = metaWrites(this.#meta(false));
      driver.commit(meta === undefined ? [...fresh, ...headWrites(this.#head)] : fresh);
    }
    this.#head = readHead(driver);
    this.#open = () => openTenants(driver, this.#head, { ring, limits: options.ledgerLimits });
    ({ directory: this.#directory, ledger: this.#ledger } = this.#open());
    this.#configs = new ConfigTable(driver, this.#head.configs);
    const write: StagingGround['write'] = (rows, batch) => this.#commitRows(rows, batch);
    const commit: StagingGround['commit'] = (steps, snapshots) => void this.commit(steps, snapshots);
    const [batch, guard] = [this.#batch, this.#guard.bind(this)];
    const ports = { driver, directory: () => this.#directory, batch, write, commit, guard };
    this.#stage = () => new Staging({ ...ports, rangeRows: options.rangeRows ?? RANGE_ROWS });
    this.#staging = this.#stage();
    if (options.lazy !== true) while (!this.readMore());
  }

  #meta(redraw: boolean): StoreMeta {
    const { isEncrypted } = this.#ring;
    return { shards: this.#shards, incarnation: this.#incarnation, redraw, isEncrypted };
  }

  /**
   * Reads a slice of the tenants; behind the last one finishes erasures that were interrupted. True when all is done.
   */
  readMore(): boolean {
    this.#check();
    if (this.#isRead) return true;
    this.#isRead = this.#guard(() => this.#directory.readMore());
    if (this.#isRead) finishErasures(this.#erasure());
    return this.#isRead;
  }

  /** A random number drawn when the store was made, and again when a backup of it is opened first. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /**
   * Journals steps, then applies snapshots, in one durable driver commit; returns the roots of each snapshot.
   *
   * `STORE_CORRUPT` names the tenant whose rows stand in the way: nothing was written and the store goes
   * on, so the caller may leave that tenant out and commit the others. After any other exception the
   * store refuses with `STORE_UNAVAILABLE` until `reopen` succeeds.
   */
  commit(steps: readonly StepRecord[], snapshots: readonly SnapshotWrite[]): Roots[] {
    this.#check();
    const timeMs = Math.max(0, Math.floor(this.#now()));
    const commitNo = this.#head.commitNo + 1;
    const draft = new CommitDraft({
      driver: this.#driver,
      directory: this.#directory,
      ring: this.#ring,
      ledger: this.#ledger,
      shards: this.#shards,
      commitNo,
      nextTenantNo: this.#head.tenants,
      timeMs,
      arena: this.#arena,
      batch: this.#batch,
      stageOf: (tenant) => this.#staging.endOf(tenant),
    });
    const prepared = this.#guard(() => {
      const roots: Roots[] = [];
      for (const step of steps) draft.addStep(step, roots);
      for (const snapshot of snapshots) roots.push(draft.addSnapshot(snapshot));
      return { roots, writes: draft.writes() };
    });
    const ledger = this.#ledger.spanAfter(draft.ledger);
    const head: StoreHead = { commitNo, tenants: draft.nextTenantNo, configs: this.#configs.count, ledger };
    this.#attempt(() => this.#ring.secure()); // a key is durable before what it seals
    prepared.writes.push(...this.#configs.pendingWrites(), ...headWrites(head));
    this.#commitRows(prepared.writes, this.#batch);
    this.#head = head;
    this.#configs.markWritten();
    draft.settle();
    if (draft.ledger !== undefined) this.#ledger.took(draft.ledger);
    return prepared.roots;
  }

  /** Snapshots that come in parts. */
  get parts(): Staging {
    this.#check();
    return this.#staging;
  }

  /**
   * Roots as if `changes` were applied to the last snapshot, or to nothing before the first; writes nothing. The domain root is of the
   * last snapshot's step and image unless `at` names others.
   */
  roots(tenant: string, changes: RowChanges, at?: { readonly seq: number; readonly imageHash: Uint8Array }): Roots {
    this.#check();
    this.#staging.settle(tenant);
    const state = this.#directory.get(tenant) ?? newTenant(this.#head.tenants, tenant, 0, 0, PLAIN_SEAL);
    return rootsAfter(this.#driver, state, changes, at ?? { seq: state.snapshotSeq, imageHash: state.imageHash });
  }

  /** A tenant's domain at its last snapshot; nothing for a tenant never committed. */
  loadDomain(tenant: string): StoredDomain | undefined {
    this.#check();
    this.#staging.settle(tenant);
    const state = this.#directory.get(tenant);
    if (state === undefined) return undefined;
    this.#staging.drop(tenant); // whoever sent parts is gone
    return domainOf(this.#driver, state);
  }

  /** State and system rows of one actor's group at the last snapshot, in a fixed order; none for an unknown one. */
  loadGroup(tenant: string, group: string): readonly GroupRow[] {
    this.#check();
    const state = this.#directory.get(tenant);
    return state === undefined ? [] : readGroup(this.#driver, state, group);
  }

  /**
   * The tenant's records from `fromSeq` (1 for its first) to its last, read batch by batch as they are
   * asked for. `INVALID_ARGUMENT` when `fromSeq` was trimmed; a gap or damage is `STORE_CORRUPT` with the seq.
   */
  records(tenant: string, fromSeq: number): Iterable<JournalRecord> {
    this.#check();
    const state = this.#directory.get(tenant);
    if (state === undefined) return [];
    return keptRecords(this.#driver, heldState(state), fromSeq);
  }

  /** At most `limit` events of a topic from offset `from` on. */
  events(tenant: string, topic: string, from: number, limit: number): readonly StoredEvent[] {
    this.#check();
    const state = this.#directory.get(tenant);
    return state === undefined ? [] : readEvents(this.#driver, state, topic, from, limit);
  }

  /** The audit logs: heads, proofs and signed checkpoints. */
  get audit(): StoreAudit {
    this.#check();
    const [driver, directory, incarnation, { commitNo }] = [
      this.#driver,
      this.#directory,
      this.#incarnation,
      this.#head,
    ];
    const write = (rows: Write[]): void => this.#commitRows(rows);
    const key = (): AuditKey => (this.#key ??= this.#makeKey());
    return new StoreAudit({ driver, incarnation, commitNo, directory, write, key });
  }

  /** Notes where the actors come from, for whoever replays the journal later. */
  remember(modules: ActorModules): void {
    this.#check();
    if (JSON.stringify(readModules(this.#driver)) !== JSON.stringify(modules)) this.#commitRows(modulesWrites(modules));
  }

  /** All tenants that can be served, in UTF-8 byte order; see `damaged` for the others. */
  tenants(): readonly TenantSummary[] {
    this.#check();
    return this.#directory.sorted().map(summaryOf);
  }

  /** Tenants whose own rows cannot be read, with the STORE_CORRUPT that every use of them gets. */
  damaged(): ReadonlyMap<string, SynapseError> {
    this.#check();
    return this.#directory.damaged();
  }

  /** Names of the tenants of a shard that can be served, in UTF-8 byte order. */
  tenantsOfShard(shard: number): readonly string[] {
    return this.tenantsOfShards(new Set([shard])).map(({ tenant }) => tenant);
  }

  /** The tenants of these shards that can be served, in UTF-8 byte order. */
  tenantsOfShards(shards: ReadonlySet<number>): readonly ListedTenant[] {
    this.#check();
    return this.#directory.sorted().flatMap(({ tenant, shard }) => (shards.has(shard) ? [{ tenant, shard }] : []));
  }

  /** A number for a small blob, the same for the same bytes. Durable with the next commit: name it in that one or later. */
  internConfig(bytes: Uint8Array): number {
    this.#check();
    return this.#configs.intern(bytes);
  }

  /** The blob of a number from `internConfig`. */
  config(id: number): Uint8Array | undefined {
    this.#check();
    return this.#configs.get(id);
  }

  /** Drops journal batches that no tenant needs; see {@link TrimPolicy}. Several commits, each complete in itself. */
  trim(policy: TrimPolicy): { batches: number; bytes: number } {
    this.#check();
    return trimJournal(this.#driver, this.#directory, (rows) => this.#commitRows(rows), policy, this.#now());
  }

  /**
   * Rebuilds both tries of a tenant from its rows and compares the roots with the stored ones: finds
   * a row that was lost, which no checksum can. Reads the whole tenant. `STORE_CORRUPT` on a difference.
   */
  verify(tenant: string): void {
    this.#check();
    this.#staging.settle(tenant);
    const state = this.#directory.get(tenant);
    if (state !== undefined) verifySnapshot(this.#driver, state);
  }

  /** Writes a consistent copy to `dir` (absent or empty) that opens as a store with another incarnation. */
  backup(dir: string): void {
    this.#check();
    this.#driver.backup(dir, metaWrites(this.#meta(true)), (partial) => this.#ring.copyTo(partial));
  }

  /**
   * After a failure: opens the driver anew, reads everything back, the last commit's records included, and
   * proves by a durable write that the disk takes writes again. Returns when the store is healthy; else
   * throws and the store goes on refusing. `tenants()` then says what was kept.
   */
  reopen(): void {
    if (this.#closed) throw closed();
    this.#failure ??= new Error('reopening');
    this.#guard(() => {
      this.#driver.reopen();
      const meta = readMeta(this.#driver);
      assert(meta !== undefined, 'a store that was opened has a meta row');
      this.#head = readHead(this.#driver);
      ({ directory: this.#directory, ledger: this.#ledger } = this.#open());
      this.#directory.complete();
      const configs = new ConfigTable(this.#driver, this.#head.configs);
      configs.adopt(this.#configs);
      this.#configs = configs;
      this.#staging = this.#stage();
    });
    this.#commitRows(headWrites(this.#head));
    this.#failure = undefined;
    this.#isRead = true;
    finishErasures(this.#erasure()); // a failure of this is one of the store again
  }

  /** Closes the driver. Idempotent; everything else is `CLOSED` afterwards. */
  close(): void {
    this.#closed = true;
    this.#driver.close();
  }

  /** Destroys the tenant's key and then its content, durably; see erasure.ts. */
  erase(tenant: string): void {
    for (const slice of this.erasing(tenant)) void slice;
  }

  /** The same a slice at a time: after the first the content is gone, with the last all is done. */
  *erasing(tenant: string): Generator<number, void, undefined> {
    this.#check();
    yield* eraseTenant(this.#erasure(), tenant);
  }

  /** True once nothing of the tenant's content can be read any more. */
  isErased(tenant: string): boolean {
    const life = this.#directory.find(tenant)?.state?.life;
    return life !== undefined && life !== 'alive';
  }

  #erasure(): ErasureGround {
    return {
      driver: this.#driver,
      ring: this.#ring,
      directory: () => this.#directory,
      write: (rows) => {
        this.#check(); // the store may have failed since the last slice
        this.#commitRows(rows);
      },
      destroyKey: (tenantNo) => this.#attempt(() => this.#ring.erase(tenantNo)),
    };
  }

  /** The one way rows are written: sorted, since LMDB takes neighbours faster, the later of equal keys behind. */
  #commitRows(writes: Write[], batch?: WriteBatch): void {
    this.#attempt(() => this.#driver.commit(inOrder(writes, batch)));
    batch?.clear();
  }

  /** Writes; a failure is the whole store's. */
  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#failure = error;
      throw error instanceof SynapseError ? error : unavailable(error);
    }
  }

  /** Runs what may hit damage of one tenant, which leaves the store usable; any other exception does not. */
  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (!isOfOneTenant(error)) this.#failure = error;
      throw error;
    }
  }

  #check(): void {
    if (this.#closed) throw closed();
    if (this.#failure !== undefined) throw unavailable(this.#failure);
  }
}
