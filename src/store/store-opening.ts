/**
 * How a store is opened, and what it reads first: its keys, its tenants, and the last step of each tenant
 * that the last commit touched.
 */
import { SynapseError } from '../base/error.ts';
import type { AuditKey } from './audit-key.ts';
import { readRecords } from './journal.ts';
import type { SealRing } from './key-ring.ts';
import type { KeyValue } from './key-value.ts';
import type { StoreHead } from './store-head.ts';
import { TenantDirectory } from './tenant-directory.ts';
import type { TenantState } from './tenant-directory.ts';

/** How a store is opened. */
export interface StoreOptions {
  /** Opened by the caller; the store closes it. */
  readonly driver: KeyValue;
  /** Number of shards: fixed at creation, else `SHARD_COUNT_MISMATCH`. */
  readonly shards: number;
  /** Tenants' keys, for a store whose content is encrypted. With or without: fixed at creation, else `INVALID_ARGUMENT`. */
  readonly ring?: SealRing;
  /** Make a store in an empty driver (default true), else `INVALID_ARGUMENT` there. */
  readonly create?: boolean;
  /** Milliseconds since 1970 for the commit time that retention goes by. Default `Date.now`. */
  readonly now?: () => number;
  /** Source of a new incarnation, a positive safe integer. Default: 53 random bits. */
  readonly draw?: () => number;
  /** The key that signs checkpoints, asked for when one is wanted. Default: a new one, kept nowhere. */
  readonly auditKey?: () => AuditKey;
}

/** Reads keys and tenants anew. `STORE_CORRUPT` when there are no keys. */
export function loadDirectory(driver: KeyValue, head: StoreHead, ring: SealRing): TenantDirectory {
  ring.load();
  const directory = new TenantDirectory(driver, head.tenants, ring);
  for (const state of directory.all()) {
    if (state.commitNo === head.commitNo) condemnTorn(driver, directory, state);
  }
  return directory;
}

/** A tenant whose last journaled step cannot be read back is refused from the start. */
function condemnTorn(driver: KeyValue, directory: TenantDirectory, state: TenantState): void {
  try {
    if (state.seq >= state.firstSeq) for (const record of readRecords(driver, state, state.seq)) void record;
  } catch (error) {
    if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT') throw error;
    directory.condemn(state.tenant, state.tenantNo, error);
  }
}
