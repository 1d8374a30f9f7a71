/**
 * What a store tells of a tenant: in short, and all that a lane needs to open it.
 */
import type { SystemRow } from './snapshot.ts';
import type { KeyValue } from './key-value.ts';
import { readImage, readSystemRows } from './snapshot.ts';
import type { TenantState } from './tenant-row.ts';

/** What a tenant's rows say, without loading it. */
export interface TenantSummary {
  readonly tenant: string;
  readonly shard: number;
  /** Last journaled step. */
  readonly seq: number;
  /** The step of the last snapshot; 0 without one. */
  readonly snapshotSeq: number;
  /** The first step that `records` still gives, all behind it included. */
  readonly firstSeq: number;
  readonly stateRootAtSnapshot: Uint8Array;
}

/** A domain as of its last snapshot. */
export interface StoredDomain {
  readonly shard: number;
  /** Last journaled step; the records behind `snapshotSeq` bring the domain there. */
  readonly seq: number;
  readonly snapshotSeq: number;
  /** The first step whose record is kept. */
  readonly firstSeq: number;
  /** Nothing before the first snapshot. */
  readonly image: Uint8Array | undefined;
  readonly system: readonly SystemRow[];
}

export function summaryOf({ tenant, shard, seq, snapshotSeq, firstSeq, stateRoot }: TenantState): TenantSummary {
  return { tenant, shard, seq, snapshotSeq, firstSeq, stateRootAtSnapshot: stateRoot.slice() };
}

/** What an opening reads of a tenant first. Damaged: STORE_CORRUPT. */
export function domainOf(driver: KeyValue, state: TenantState): StoredDomain {
  const { shard, seq, snapshotSeq, firstSeq } = state;
  return { shard, seq, snapshotSeq, firstSeq, image: readImage(driver, state), system: readSystemRows(driver, state) };
}
