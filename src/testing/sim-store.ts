/**
 * What a simulated host does with its store beside using it: an ear at its commits, and the chore that drops old records.
 */
import type { ListedTenant } from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import type { LedgerLimits } from '../store/ledger.ts';
import type { StepRecord, Store } from '../store/store.ts';

/** A simulation has few tenants and short runs: its ledger is used all the same, and its sweep comes round. */
export const LEDGER_LIMITS: LedgerLimits = { tenantsMin: 2, sweepSteps: 48 };

/** Hears of each commit the moment the store has made it, before anybody else does. */
export function watchCommits(store: Store, onDurable: (steps: readonly StepRecord[]) => void): void {
  const commit = store.commit.bind(store);
  store.commit = (steps, snapshots) => {
    const roots = commit(steps, snapshots);
    onDurable(steps);
    return roots;
  };
}

/** Drops old records. Where the disk fails, whoever commits next finds the store failed. */
export function trimStore(store: Store, keepSteps: number): void {
  try {
    store.trim({ keepSteps });
  } catch (error) {
    if (!(error instanceof SynapseError)) throw error;
  }
}

/** The tenants of a shard; nothing while the store is away. */
export function listedTenants(store: Store, shard: number): readonly ListedTenant[] | undefined {
  try {
    return store.tenantsOfShard(shard).map((tenant) => ({ tenant, shard }));
  } catch (error) {
    if (!(error instanceof SynapseError)) throw error;
    return undefined;
  }
}
