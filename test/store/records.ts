/** Steps, snapshots and rows in short, and a store's records as text. */
import { shardOf } from '../../src/base/address.ts';
import { PLAIN_RING, type SealRing } from '../../src/store/key-ring.ts';
import type { KeyValue } from '../../src/store/key-value.ts';
import { Store } from '../../src/store/store.ts';
import type { RowChange, SnapshotWrite, StepRecord } from '../../src/store/store.ts';

export const SHARDS = 8;
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const step = (
  tenant: string,
  seq: number,
  body = `${tenant} ${seq}`,
  events: StepRecord['events'] = [],
): StepRecord => ({
  shard: shardOf(tenant, SHARDS),
  tenant,
  seq,
  body: bytes(body),
  events,
});
export const snapshot = (
  tenant: string,
  seq: number,
  changes: readonly RowChange[],
  image = `image ${seq}`,
): SnapshotWrite => ({
  tenant,
  shard: shardOf(tenant, SHARDS),
  seq,
  image: bytes(image),
  changes,
});
export const row = (space: 'state' | 'system', group: string, name: string, value: string | null): RowChange => ({
  space,
  group,
  name,
  value: value === null ? null : bytes(value),
});
export const open = (driver: KeyValue, shards: number = SHARDS, ring: SealRing = PLAIN_RING): Store =>
  Store.open({ driver, shards, ring });
export const bodies = (store: Store, tenant: string, from: number = 1): string[] =>
  [...store.records(tenant, from)].map(({ seq, body }) => `${seq}:${Buffer.from(body).toString()}`);
