/** Everything a store says of itself, as plain text, for comparing stores and finding damage. */
import { SynapseError } from '../../src/base/error.ts';
import { hexOf } from '../../src/base/hash.ts';
import type { KeyValue, Row } from '../../src/store/key-value.ts';
import { KIND } from '../../src/store/schema.ts';
import type { RowChange, Store } from '../../src/store/store.ts';

/** What to ask for, per tenant: the store itself cannot list groups, names and topics. */
export interface Inventory {
  readonly tenant: string;
  readonly groups: readonly string[];
  readonly topics: readonly string[];
  /** Changes whose roots are computed: they make the store read the trie pages above these rows. */
  readonly changes: readonly RowChange[];
}

/** A tenant's whole content, or the code and tenant of the error that reading it gave. */
export function readTenant(store: Store, { tenant, groups, topics, changes }: Inventory): string {
  try {
    const domain = store.loadDomain(tenant);
    if (domain === undefined) return 'unknown';
    const roots = store.roots(tenant, changes);
    return JSON.stringify(
      {
        domain,
        groups: groups.map((group) => store.loadGroup(tenant, group)),
        events: topics.map((topic) => store.events(tenant, topic, 0, 1_000)),
        records: [...store.records(tenant, store.tenants().find((one) => one.tenant === tenant)?.firstSeq ?? 1)],
        roots,
        log: store.audit.consistency(tenant, 1),
      },
      (_, value: unknown) => (value instanceof Uint8Array ? hexOf(value) : value),
    );
  } catch (error) {
    if (error instanceof SynapseError && error.code === 'STORE_CORRUPT')
      return `STORE_CORRUPT ${String(error.details['tenant'])}`;
    throw error;
  }
}

export function rowsOf(driver: KeyValue): readonly Row[] {
  return driver.range(Uint8Array.of(0), Uint8Array.of(0xff));
}

export function kindName(key: Uint8Array): string {
  return Object.entries(KIND).find(([, kind]) => kind === key[0])?.[0] ?? 'unknown';
}
