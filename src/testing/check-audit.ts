/**
 * The audit logs of a simulated host, looked at from outside: every recorded step is a leaf, in its order,
 * whatever crashed meanwhile. Roots are computed anew by the definition of RFC 6962 from the records that
 * were read when they became durable, and proofs are checked as an outsider would.
 */
import { verifyConsistency, verifyInclusion } from '../audit/proof.ts';
import { SynapseError } from '../base/error.ts';
import { sha256, sha256Of } from '../base/hash.ts';
import type { Store } from '../store/store.ts';
import type { Chance } from './chance.ts';
import type { RunJournal } from './sim-journal.ts';

/** Proofs looked at for each tenant: of one leaf and from one older size, drawn. */
const PROOFS = 2;

/** Checks the logs of all tenants; `onFault` hears what is wrong. */
export function checkAudit(store: Store, journal: RunJournal, chance: Chance, onFault: (text: string) => void): void {
  for (const tenant of journal.tenants) {
    if (journal.damaged.has(tenant)) continue;
    try {
      checkLog(store, tenant, journal.bodies(tenant).map(leafOf), chance, (text) =>
        onFault(`tenant ${tenant}: ${text}`),
      );
    } catch (error) {
      if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT') throw error;
      journal.damaged.set(tenant, error.message);
    }
  }
}

function checkLog(
  store: Store,
  tenant: string,
  leaves: readonly Uint8Array[],
  chance: Chance,
  onFault: (text: string) => void,
): void {
  const { size, root } = store.audit.head(tenant);
  if (size !== leaves.length) onFault(`the audit log has ${size} leaves, ${leaves.length} steps are recorded`);
  else if (!isSame(root, rootOf(leaves))) onFault(`the audit log's root of ${size} leaves is not that of its steps`);
  else
    for (let left = PROOFS; left > 0; left--) {
      const size1 = chance.between(1, size);
      const seq = chance.between(1, size1);
      const inclusion = store.audit.inclusion(tenant, seq, size1);
      const root1 = rootOf(leaves.slice(0, size1));
      const leafHash = leaves[seq - 1] as Uint8Array;
      if (!verifyInclusion({ ...inclusion, leafHash, root: root1 })) onFault(`step ${seq} is not proved in ${size1}`);
      const { proof } = store.audit.consistency(tenant, size1, size);
      const claim = { size1, size2: size, root1, root2: root, proof };
      if (!verifyConsistency(claim)) onFault(`the log of ${size} leaves is not proved to begin with that of ${size1}`);
    }
}

function leafOf(body: Uint8Array): Uint8Array {
  return sha256Of([Uint8Array.of(0), body]);
}

/** The root by its definition: the largest power of two below the size goes left. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array(0));
  if (leaves.length === 1) return leaves[0] as Uint8Array;
  const cut = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256Of([Uint8Array.of(1), rootOf(leaves.slice(0, cut)), rootOf(leaves.slice(cut))]);
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
