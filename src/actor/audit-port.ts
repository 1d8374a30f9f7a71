/**
 * What is asked of the audit log, and what comes back: between a system's face and its store, across
 * threads by structured clone. Hashes are `Uint8Array(32)`.
 */

/** That leaf `index` is one of the first `size`: goes into `verifyInclusion` as it is. */
export interface InclusionProof {
  /** The step: `index` + 1. */
  readonly seq: number;
  readonly index: number;
  readonly size: number;
  /** The leaf's bytes, the step's record or its blinding; undefined once the journal was trimmed there, or the tenant erased. */
  readonly leaf: Uint8Array | undefined;
  /** Of an encrypted store, whose leaves are blinded: the step's record. `leaf` is HMAC-SHA256(salt, record). */
  readonly record?: Uint8Array;
  /** With `record`: the key of that HMAC, 32 bytes. It opens this leaf and no other. */
  readonly salt?: Uint8Array;
  readonly leafHash: Uint8Array;
  /** The sibling nearest to the leaf first. */
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** That the first `size1` leaves are unchanged in the log of `size2`: goes into `verifyConsistency` as it is. */
export interface ConsistencyProof {
  readonly size1: number;
  readonly size2: number;
  readonly root1: Uint8Array;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** How large a log is, and its root. */
export interface LogHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** A tenant as its last snapshot has it. */
export interface TenantAtSnapshot {
  readonly tenant: string;
  readonly shard: number;
  readonly snapshotSeq: number;
  readonly stateRoot: Uint8Array;
  /** Of the log's first `snapshotSeq` leaves. */
  readonly auditRoot: Uint8Array;
}

export type AuditRequest =
  | { readonly kind: 'head'; readonly tenant: string }
  | { readonly kind: 'checkpoint'; readonly tenant: string }
  | { readonly kind: 'inclusion'; readonly tenant: string; readonly seq: number; readonly size: number | undefined }
  | { readonly kind: 'consistency'; readonly tenant: string; readonly from: number; readonly to: number | undefined }
  | { readonly kind: 'host-checkpoint' }
  | { readonly kind: 'verifier-key' };

export type AuditAnswer = LogHead | InclusionProof | ConsistencyProof | string;
