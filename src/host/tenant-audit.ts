/**
 * The audit log of one tenant as the embedder sees it: an RFC 6962 Merkle tree with a leaf for every
 * recorded step. What it gives goes as it is into the verifiers of `synapse-actors/audit`.
 */
import type { AuditAnswer, AuditRequest, ConsistencyProof, InclusionProof, LogHead } from '../actor/audit-port.ts';

/** Where a log is asked. */
export type AuditPort = (request: AuditRequest) => Promise<AuditAnswer>;

/**
 * A tenant's audit log, as far as it is durable. Every method rejects with `STORE_CORRUPT` where rows of the
 * tenant are damaged, `STORE_UNAVAILABLE` while the store takes nothing, `CLOSED` after the system's end.
 *
 * @example
 * const audit = system.audit('acme');
 * const { leafHash, index, size, proof, root } = await audit.prove(17);
 * verifyInclusion({ leafHash, index, size, proof, root }); // true, on any machine
 */
export class TenantAudit {
  readonly #tenant: string;
  readonly #ask: AuditPort;

  constructor(tenant: string, ask: AuditPort) {
    this.#tenant = tenant;
    this.#ask = ask;
  }

  /** Number of leaves: the tenant's `seq`. 0 for a tenant without a record. */
  async size(): Promise<number> {
    return (await this.#head()).size;
  }

  /** Root over all leaves, 32 bytes; sha256 of nothing for an empty log. */
  async root(): Promise<Uint8Array> {
    return (await this.#head()).root;
  }

  /**
   * A signed statement of size and root: a C2SP tlog-checkpoint in a signed note. On disk before it is given
   * out, and never with two roots for one size.
   */
  async checkpoint(): Promise<string> {
    return (await this.#ask({ kind: 'checkpoint', tenant: this.#tenant })) as string;
  }

  /**
   * The proof that step `seq` (from 1) is in the log, of its first `size` leaves where given, else of all.
   * `INVALID_ARGUMENT` for a step that is not there.
   */
  async prove(seq: number, options: { readonly size?: number } = {}): Promise<InclusionProof> {
    const { size } = options;
    return (await this.#ask({ kind: 'inclusion', tenant: this.#tenant, seq, size })) as InclusionProof;
  }

  /** The proof that the first `from` leaves are unchanged in the log of `to` leaves (default: all). `INVALID_ARGUMENT`. */
  async proveConsistency(from: number, to?: number): Promise<ConsistencyProof> {
    return (await this.#ask({ kind: 'consistency', tenant: this.#tenant, from, to })) as ConsistencyProof;
  }

  async #head(): Promise<LogHead> {
    return (await this.#ask({ kind: 'head', tenant: this.#tenant })) as LogHead;
  }
}
