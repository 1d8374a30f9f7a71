/**
 * Roots that a store has written down, against those that its rows or a replay come to: `DIVERGED` where they
 * are not the same.
 */
import { SynapseError } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import { domainRootOf, type Roots } from '../store/snapshot.ts';
import type { TenantState } from '../store/tenant-row.ts';

/** The roots of the stored snapshot. */
export function storedRoots({ stateRoot, systemRoot, snapshotSeq, imageHash }: TenantState): Roots {
  return { stateRoot, domainRoot: domainRootOf(stateRoot, systemRoot, snapshotSeq, imageHash) };
}

/** Throws where one of the roots is another. `which` says where the expected ones come from. */
export function compareRoots(tenant: string, seq: number, which: string, expected: Roots, actual: Roots): void {
  for (const name of ['stateRoot', 'domainRoot'] as const) {
    const [recorded, computed] = [hexOf(expected[name]), hexOf(actual[name])];
    if (recorded === computed) continue;
    const text = `tenant ${tenant}: the ${which} ${name === 'stateRoot' ? 'state' : 'domain'} root of step ${seq} is ${recorded}, its replay comes to ${computed}`;
    throw new SynapseError('DIVERGED', text, { tenant, seq, recorded, computed });
  }
}
