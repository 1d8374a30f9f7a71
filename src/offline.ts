/**
 * A store looked at and copied while no system runs on it: no lane, no user code, nothing written.
 * Takes the store's lock for as long as it looks, so that nothing moves under it.
 */

/** One tenant as its store has it. */
export interface TenantReport {
  readonly tenant: string;
  readonly shard: number;
  /** Its last recorded step; 0 when it has none. */
  readonly seq: number;
  /** The step its last snapshot stands at; 0 when it has none. */
  readonly snapshotSeq: number;
  /** Root of its states at the last snapshot, 32 bytes. */
  readonly stateRoot: Uint8Array;
  /** Steps after the last snapshot, replayed when a system opens. */
  readonly tailSteps: number;
}

/** Something that does not read as it was written. */
export interface StoreFault {
  readonly tenant: string;
  readonly seq: number;
  readonly message: string;
}

/** A whole store. */
export interface StoreReport {
  readonly shards: number;
  readonly incarnation: string;
  /** Bytes that the directory takes on disk. */
  readonly sizeBytes: number;
  /** Sorted by tenant, in the order of UTF-8 bytes. */
  readonly tenants: readonly TenantReport[];
  readonly faults: readonly StoreFault[];
}
