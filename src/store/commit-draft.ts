/**
 * One commit in the making: steps and snapshots become rows, and tenants get their next state.
 * Nothing is written and nothing outside is changed until the store has committed the writes.
 */
import { assert } from '../base/assert.ts';
import { sha256 } from '../base/hash.ts';
import { emptyRoot } from '../merkle/trie-page.ts';
import { eventWrites } from './event-log.ts';
import type { EmittedEvent } from './event-log.ts';
import { journalWrites } from './journal.ts';
import type { KeyValue, Write } from './key-value.ts';
import { domainRootOf, imageWrite, SnapshotDraft } from './snapshot.ts';
import type { Roots, RowChange } from './snapshot.ts';
import { tenantWrites } from './tenant-directory.ts';
import type { TenantDirectory, TenantState } from './tenant-directory.ts';

/** One step to be journaled. */
export interface StepRecord {
  readonly shard: number;
  readonly tenant: string;
  /** One more than the tenant's last; 1 for its first. */
  readonly seq: number;
  /** Opaque to the store. */
  readonly body: Uint8Array;
  readonly events: readonly EmittedEvent[];
}

/** A snapshot of a tenant at `seq`, by what changed since its last one. */
export interface SnapshotWrite {
  readonly tenant: string;
  readonly shard: number;
  /** At or below the tenant's last journaled step, this commit's included; never below its last snapshot. */
  readonly seq: number;
  /** Opaque to the store. */
  readonly image: Uint8Array;
  readonly changes: readonly RowChange[];
}

interface TenantDraft {
  state: TenantState;
  readonly isNew: boolean;
  readonly steps: StepRecord[];
  snapshot: SnapshotDraft | undefined;
  image: Write | undefined;
}

/** What a draft is made over. */
export interface DraftGround {
  readonly driver: KeyValue;
  readonly directory: TenantDirectory;
  readonly shards: number;
  readonly commitNo: number;
  /** Number of the next new tenant. */
  readonly nextTenantNo: number;
  readonly timeMs: number;
}

export class CommitDraft {
  readonly #ground: DraftGround;
  readonly #tenants: Map<string, TenantDraft> = new Map();
  #nextTenantNo: number;

  constructor(ground: DraftGround) {
    this.#ground = ground;
    this.#nextTenantNo = ground.nextTenantNo;
  }

  /** Number of the next new tenant after this commit. */
  get nextTenantNo(): number {
    return this.#nextTenantNo;
  }

  addStep(step: StepRecord): void {
    const draft = this.#draftOf(step.tenant, step.shard);
    assert(
      step.seq === draft.state.seq + 1,
      `the steps of a tenant follow one another: expected ${draft.state.seq + 1}, got ${step.seq}`,
    );
    draft.steps.push(step);
    draft.state = { ...draft.state, seq: step.seq };
  }

  addSnapshot(write: SnapshotWrite): Roots {
    const draft = this.#draftOf(write.tenant, write.shard);
    const { state } = draft;
    assert(
      write.seq <= state.seq && write.seq >= state.snapshotSeq,
      'a snapshot stands between the last snapshot and the last step',
    );
    draft.snapshot ??= new SnapshotDraft(this.#ground.driver, state);
    draft.snapshot.apply(write.changes);
    draft.image = imageWrite(state.tenantNo, write.seq, write.image);
    const { stateRoot, systemRoot } = draft.snapshot;
    const imageHash = sha256(write.image);
    draft.state = { ...state, snapshotSeq: write.seq, stateRoot, systemRoot, imageHash };
    return { stateRoot: stateRoot.slice(), domainRoot: domainRootOf(stateRoot, systemRoot, write.seq, imageHash) };
  }

  /** Next states of the tenants touched. */
  states(): readonly TenantState[] {
    return [...this.#tenants.values()].map(({ state }) => state);
  }

  /** All rows of the commit but the store's own. */
  writes(): Write[] {
    const { commitNo, timeMs } = this.#ground;
    const drafts = [...this.#tenants.values()];
    const journaled = drafts.filter(({ steps }) => steps.length > 0);
    const writes = journalWrites(
      journaled.map(({ state, steps }) => ({ tenantNo: state.tenantNo, shard: state.shard, steps })),
      commitNo,
      timeMs,
    );
    for (const { state, isNew, steps, snapshot, image } of drafts) {
      writes.push(...tenantWrites(state, isNew));
      const events = steps.flatMap((step) => step.events);
      if (events.length > 0) writes.push(...eventWrites(state.tenantNo, events));
      if (snapshot !== undefined) writes.push(...snapshot.writes());
      if (image !== undefined) writes.push(image);
    }
    return writes;
  }

  #draftOf(tenant: string, shard: number): TenantDraft {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) {
      assert(known.state.shard === shard, 'a tenant keeps its shard');
      return known;
    }
    const { directory, shards, commitNo } = this.#ground;
    assert(Number.isInteger(shard) && shard >= 0 && shard < shards, 'a shard lies within the number of shards');
    const before = directory.get(tenant);
    assert(before === undefined || before.shard === shard, 'a tenant keeps its shard');
    const state =
      before === undefined ? newTenant(this.#nextTenantNo++, tenant, shard, commitNo) : { ...before, commitNo };
    const draft: TenantDraft = { state, isNew: before === undefined, steps: [], snapshot: undefined, image: undefined };
    this.#tenants.set(tenant, draft);
    return draft;
  }
}

/** The state of a tenant before its first step. */
export function newTenant(tenantNo: number, tenant: string, shard: number, commitNo: number): TenantState {
  return {
    tenantNo,
    tenant,
    shard,
    seq: 0,
    snapshotSeq: 0,
    firstSeq: 1,
    commitNo,
    stateRoot: emptyRoot(),
    systemRoot: emptyRoot(),
    imageHash: new Uint8Array(0),
  };
}
