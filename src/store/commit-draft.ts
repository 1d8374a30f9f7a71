/**
 * One commit in the making: steps and snapshots become rows, and tenants get their next state.
 * Nothing is written and nothing outside is changed until the store has committed the writes.
 */
import { assert } from '../base/assert.ts';
import { sha256 } from '../base/hash.ts';
import { withRoots } from '../actor/record.ts';
import { emptyRoot } from '../merkle/trie-page.ts';
import { LogDraft } from './audit-log.ts';
import { eventWrites } from './event-log.ts';
import type { EmittedEvent } from './event-log.ts';
import { NO_TAIL } from './journal-index.ts';
import { type JournalGround, journalWrites } from './journal-write.ts';
import type { SealRing } from './key-ring.ts';
import type { KeyValue, Write } from './key-value.ts';
import type { Ledger, LedgerDraft } from './ledger.ts';
import { domainRootOf, imageWrite, SnapshotDraft } from './snapshot.ts';
import type { RowChanges, Roots } from './snapshot.ts';
import { type Stage, stageEnd } from './stage-row.ts';
import { copyState, sealRoots, type TenantCopy, type TenantState, tenantWrites } from './tenant-row.ts';
import type { TenantDirectory } from './tenant-directory.ts';
import type { TenantSeal } from './tenant-seal.ts';
import type { WriteBatch } from './write-batch.ts';

/** One step to be journaled. */
export interface StepRecord {
  readonly shard: number;
  readonly tenant: string;
  /** One more than the tenant's last; 1 for its first. */
  readonly seq: number;
  /** Opaque to the store. */
  readonly body: Uint8Array;
  readonly events: readonly EmittedEvent[];
  /** Of a snapshot's own step: what it stores. The record then ends with the roots that this comes to. */
  readonly snapshot?: SnapshotContent;
}

/** What changed since the last snapshot, and the domain's image. */
export interface SnapshotContent {
  /** Opaque to the store. */
  readonly image: Uint8Array;
  /** Packed (row-pack.ts), or a list. */
  readonly changes: RowChanges;
}

/** A snapshot of a tenant at `seq`, by what changed since its last one. */
export interface SnapshotWrite extends SnapshotContent {
  readonly tenant: string;
  readonly shard: number;
  /** At or below the tenant's last journaled step, this commit's included; never below its last snapshot. */
  readonly seq: number;
}

interface TenantDraft {
  /** As the directory has it; nothing of a new one. */
  readonly before: TenantState | undefined;
  /** The draft's own: what is in the directory stays as it is. */
  readonly state: TenantCopy;
  readonly isNew: boolean;
  /** Length of its index tail before the commit. */
  readonly tailBefore: number;
  bodies: readonly Uint8Array[];
  events: readonly EmittedEvent[];
  readonly log: LogDraft;
  snapshot: SnapshotDraft | undefined;
  image: Write | undefined;
  /** Where this ends a snapshot in parts. */
  stageEnd: readonly Write[];
}

/** What a draft is made over. */
export interface DraftGround extends JournalGround {
  readonly driver: KeyValue;
  readonly directory: TenantDirectory;
  readonly ring: SealRing;
  readonly shards: number;
  readonly ledger: Ledger;
  /** Takes the rows of snapshots. */
  readonly batch: WriteBatch;
  /** The snapshot in parts that ends with this commit's, where the tenant has one. */
  readonly stageOf: (tenant: string) => Stage | undefined;
  /** Number of the next new tenant. */
  readonly nextTenantNo: number;
}

const NO_WRITES: readonly Write[] = [];
const NONE: readonly never[] = []; // a list that is filled from empty takes 17 places with its first entry

export class CommitDraft {
  readonly #ground: DraftGround;
  readonly #tenants: Map<string, TenantDraft> = new Map();
  #nextTenantNo: number;
  /** Tenants whose rows wait; nothing where none does, or before `writes`. */
  ledger: LedgerDraft | undefined;

  constructor(ground: DraftGround) {
    this.#ground = ground;
    ground.arena.clear();
    ground.batch.clear();
    this.#nextTenantNo = ground.nextTenantNo;
  }

  /** Number of the next new tenant after this commit. */
  get nextTenantNo(): number {
    return this.#nextTenantNo;
  }

  /** Adds a step; the roots of its snapshot, where it has one, go to `given`. */
  addStep(step: StepRecord, given: Roots[]): void {
    const draft = this.#draftOf(step.tenant, step.shard);
    assert(
      step.seq === draft.state.seq + 1,
      `the steps of a tenant follow one another: expected ${draft.state.seq + 1}, got ${step.seq}`,
    );
    const { snapshot, seq } = step;
    draft.state.seq = seq;
    const roots = snapshot === undefined ? undefined : this.#snapshot(draft, seq, snapshot);
    const body = roots === undefined ? step.body : withRoots(step.body, roots);
    if (roots !== undefined) draft.state.anchorSeq = seq;
    if (draft.bodies.length === 0) draft.bodies = [body];
    else (draft.bodies as Uint8Array[]).push(body);
    if (step.events.length > 0) draft.events = [...draft.events, ...step.events];
    if (roots !== undefined) given.push(roots);
  }

  addSnapshot(write: SnapshotWrite): Roots {
    const draft = this.#draftOf(write.tenant, write.shard);
    assert(
      write.seq <= draft.state.seq && write.seq >= draft.state.snapshotSeq,
      'a snapshot stands between the last snapshot and the last step',
    );
    return this.#snapshot(draft, write.seq, write);
  }

  #snapshot(draft: TenantDraft, seq: number, write: SnapshotContent): Roots {
    const { state } = draft;
    const stage = this.#ground.stageOf(state.tenant);
    if (stage !== undefined) draft.stageEnd = stageEnd(state.tenantNo);
    draft.snapshot ??= new SnapshotDraft(this.#ground.driver, state, this.#ground.batch, stage);
    draft.snapshot.apply(write.changes);
    draft.image = imageWrite(state, seq, write.image);
    const { stateRoot, systemRoot } = draft.snapshot;
    const imageHash = sha256(write.image);
    const sealedRoots = sealRoots(state, { stateRoot, systemRoot, imageHash });
    Object.assign(state, { snapshotSeq: seq, stateRoot, systemRoot, imageHash, sealedRoots });
    return { stateRoot: stateRoot.slice(), domainRoot: domainRootOf(stateRoot, systemRoot, seq, imageHash) };
  }

  /** The commit is durable: the tenants that it touched are from now on what it made of them. */
  settle(): void {
    const { directory } = this.#ground;
    for (const { before, state, log } of this.#tenants.values()) {
      if (before === undefined) directory.set(state);
      else directory.update(before, state, log);
    }
  }

  /** All rows of the commit but the store's own and those that its batch has. */
  writes(): Write[] {
    const { arena } = this.#ground;
    const drafts = [...this.#tenants.values()];
    const writes = journalWrites(
      drafts.filter(({ bodies }) => bodies.length > 0),
      this.#ground,
    );
    this.ledger = this.#ledgerDraft(drafts);
    for (const draft of drafts) {
      const { state, isNew, log, events, image, stageEnd: end } = draft;
      if (!mayWait(draft) || this.ledger?.take(draft) !== true) {
        state.logEdge = log.edge();
        state.edgeLength = state.logEdge.length;
        for (const write of tenantWrites(state, isNew, arena)) writes.push(write);
      }
      for (const write of log.writes()) writes.push(write);
      if (events.length > 0) for (const write of eventWrites(state, events)) writes.push(write);
      if (image !== undefined) writes.push(image, ...end);
    }
    for (const write of this.#ledgerWrites()) writes.push(write);
    return writes;
  }

  #ledgerDraft(drafts: readonly TenantDraft[]): LedgerDraft | undefined {
    const { ledger, commitNo } = this.#ground;
    let [tenants, steps] = [0, 0];
    for (const draft of drafts) {
      if (!mayWait(draft)) continue;
      tenants += 1;
      steps += draft.bodies.length;
    }
    return ledger.draft(commitNo, this.#nextTenantNo, { tenants, steps });
  }

  /** The ledger's own row, and the rows of tenants without a step that its sweep has come to. */
  #ledgerWrites(): Write[] {
    if (this.ledger === undefined) return [];
    const { arena, directory, ledger } = this.#ground;
    const { from, to } = this.ledger.plan;
    const writes = this.ledger.writes(arena);
    for (let tenantNo = from; tenantNo < to; tenantNo++) {
      const state = ledger.isBehind(tenantNo) ? directory.numbered(tenantNo) : undefined;
      // Of one that is being erased the row was written then, and has been ahead of the directory since.
      if (state === undefined || state.life !== 'alive' || this.#tenants.has(state.tenant)) continue;
      for (const write of tenantWrites(state, false, arena)) writes.push(write);
    }
    return writes;
  }

  #draftOf(tenant: string, shard: number): TenantDraft {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) {
      assert(known.state.shard === shard, 'a tenant keeps its shard');
      return known;
    }
    const { driver, arena, directory, shards, commitNo } = this.#ground;
    assert(Number.isInteger(shard) && shard >= 0 && shard < shards, 'a shard lies within the number of shards');
    const before = directory.get(tenant);
    assert(before === undefined || before.shard === shard, 'a tenant keeps its shard');
    const state = before === undefined ? this.#newTenant(tenant, shard) : copyState(before, commitNo);
    const draft: TenantDraft = {
      state,
      before,
      isNew: before === undefined,
      tailBefore: state.indexTail.length,
      bodies: NONE,
      events: NONE,
      log: new LogDraft(driver, state, arena),
      snapshot: undefined,
      image: undefined,
      stageEnd: NO_WRITES,
    };
    this.#tenants.set(tenant, draft);
    return draft;
  }

  #newTenant(tenant: string, shard: number): TenantState {
    const tenantNo = this.#nextTenantNo++;
    return newTenant(tenantNo, tenant, shard, this.#ground.commitNo, this.#ground.ring.draw(tenantNo));
  }
}

/** Nothing of it changed but what index entries say: its row need not be written now. */
function mayWait({ state, isNew, snapshot, bodies }: TenantDraft): boolean {
  return !isNew && snapshot === undefined && bodies.length > 0 && state.indexTail.length > 0;
}

/** The state of a tenant before its first step. */
export function newTenant(
  tenantNo: number,
  tenant: string,
  shard: number,
  commitNo: number,
  seal: TenantSeal,
): TenantState {
  const roots = { stateRoot: emptyRoot(), systemRoot: emptyRoot(), imageHash: new Uint8Array(0) };
  return {
    tenantNo,
    tenant,
    shard,
    seq: 0,
    snapshotSeq: 0,
    anchorSeq: 0,
    firstSeq: 1,
    commitNo,
    ...roots,
    sealedRoots: sealRoots({ tenantNo, seal }, roots),
    logEdge: new Uint8Array(0),
    edgeLength: 0,
    indexTail: NO_TAIL,
    seal,
    life: 'alive',
  };
}
