/**
 * How a store is opened, and what it reads first: its keys, and of each tenant that the last commit touched the
 * last step, before anybody is served of it.
 */
import { SynapseError } from '../base/error.ts';
import type { AuditKey } from './audit-key.ts';
import { readRecords } from './journal.ts';
import type { SealRing } from './key-ring.ts';
import type { KeyValue } from './key-value.ts';
import { Ledger, type LedgerLimits, readLedger } from './ledger.ts';
import type { StoreHead } from './store-head.ts';
import { TenantDirectory } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';

/** Largest number of shards: a u16 of lanes' tables, far above any number of cores. */
const SHARDS_MAX = 65_536;

/** How a store is opened. */
export interface StoreOptions {
  /** Opened by the caller; the store closes it. */
  readonly driver: KeyValue;
  /** Number of shards: fixed at creation, else `SHARD_COUNT_MISMATCH`. */
  readonly shards: number;
  /** Tenants' keys, for a store whose content is encrypted. With or without: fixed at creation, else `INVALID_ARGUMENT`. */
  readonly ring?: SealRing;
  /** Read tenants when they are asked for, and the others by `readMore` (default false: all at once). */
  readonly lazy?: boolean;
  /** Make a store in an empty driver (default true), else `INVALID_ARGUMENT` there. */
  readonly create?: boolean;
  /** Milliseconds since 1970 for the commit time that retention goes by. Default `Date.now`. */
  readonly now?: () => number;
  /** Source of a new incarnation, a positive safe integer. Default: 53 random bits. */
  readonly draw?: () => number;
  /** When tenant rows wait, and for how long; see ledger.ts. */
  readonly ledgerLimits?: LedgerLimits;
  /** Rows of a snapshot in parts that one commit puts in place. */
  readonly rangeRows?: number;
  /** The key that signs checkpoints, asked for when one is wanted. Default: a new one, kept nowhere. */
  readonly auditKey?: () => AuditKey;
}

export function checkShards(shards: number): void {
  if (Number.isInteger(shards) && shards >= 1 && shards <= SHARDS_MAX) return;
  const text = `shards must be an integer from 1 to ${SHARDS_MAX}, got ${shards}`;
  throw new SynapseError('INVALID_ARGUMENT', text, { shards });
}

/** What an opening finds of tenants. */
export interface OpenedTenants {
  readonly directory: TenantDirectory;
  readonly ledger: Ledger;
}

/** Reads keys and ledger anew, and tenants when they are asked for. `STORE_CORRUPT` without keys, or where the ledger cannot be read. */
export function openTenants(
  driver: KeyValue,
  head: StoreHead,
  { ring, limits }: { readonly ring: SealRing; readonly limits: LedgerLimits | undefined },
): OpenedTenants {
  ring.load();
  const faultOf = (state: TenantState): SynapseError | undefined =>
    state.commitNo === head.commitNo ? tornStep(driver, state) : undefined;
  const late = readLedger(driver, head.ledger);
  const directory = new TenantDirectory({ driver, ring, count: head.tenants, late, faultOf });
  return { directory, ledger: new Ledger(late, limits) };
}

/** A tenant whose last journaled step cannot be read back is refused from the start. */
function tornStep(driver: KeyValue, state: TenantState): SynapseError | undefined {
  try {
    if (state.seq >= state.firstSeq) for (const record of readRecords(driver, state, state.seq)) void record;
    return undefined;
  } catch (error) {
    if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT') throw error;
    return error;
  }
}
