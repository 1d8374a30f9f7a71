/**
 * The audit as a store gives it out: heads, proofs and signed checkpoints of its tenants' logs, and the
 * host's own checkpoint over all of them.
 *
 *   checkpoint of a tenant   origin \n size \n base64(root) \n            signed; kept before it is given out
 *   leaf of the host's tree  that text, one for each tenant, sorted by origin
 *   host checkpoint          name \n tenants \n base64(root) \n commit N \n   signed
 *
 * Never two different roots for one size: a checkpoint is made from the one kept before, whose root the log
 * must still have at that size, else STORE_CORRUPT and nothing is signed.
 */
import type {
  AuditAnswer,
  AuditRequest,
  ConsistencyProof,
  InclusionProof,
  LogHead,
  TenantAtSnapshot,
} from '../actor/audit-port.ts';
import { SynapseError } from '../base/error.ts';
import { CompactRange, consistencyProof, emptyLogRoot, inclusionProof, leafHash, rootAt } from '../merkle/log.ts';
import type { AuditKey } from './audit-key.ts';
import { edgeOf, readLeaves, StoredNodes } from './audit-log.ts';
import { ByteReader, ByteWriter, compareBytes, openRow } from './binary.ts';
import { readRecords } from './journal.ts';
import type { KeyValue, Write } from './key-value.ts';
import { corrupt, noteKey } from './schema.ts';
import { leafOf } from './tenant-seal.ts';
import type { TenantDirectory } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';

/** What the audit needs of its store. */
export interface AuditGround {
  readonly driver: KeyValue;
  readonly incarnation: number;
  readonly commitNo: number;
  readonly directory: TenantDirectory;
  write(rows: Write[]): void;
  /** The signing key; made when it is first needed. */
  key(): AuditKey;
}

/** A tenant in the host's tree: everything a receipt says of it. */
export interface HostInclusion {
  readonly salt: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
  /** The host's checkpoint, a signed note. */
  readonly note: string;
}

export class StoreAudit {
  readonly #ground: AuditGround;

  constructor(ground: AuditGround) {
    this.#ground = ground;
  }

  /** One request of a system's face. */
  answer(request: AuditRequest): AuditAnswer {
    switch (request.kind) {
      case 'head':
        return this.head(request.tenant);
      case 'checkpoint':
        return this.checkpoint(request.tenant);
      case 'inclusion':
        return this.inclusion(request.tenant, request.seq, request.size);
      case 'consistency':
        return this.consistency(request.tenant, request.from, request.to);
      case 'host-checkpoint':
        return this.hostCheckpoint();
      case 'verifier-key':
        return this.verifierKey;
    }
  }

  /**
   * The tenants that `counted` does not name, each as of its last snapshot, with the root of its log there. One
   * whose log cannot be read there is left out, like every tenant that cannot be served: the others are told of.
   */
  statuses(counted: ReadonlySet<string>): TenantAtSnapshot[] {
    return this.#ground.directory.sorted().flatMap(({ tenant, shard, snapshotSeq, stateRoot }) => {
      if (counted.has(tenant)) return [];
      try {
        const auditRoot = this.rootAt(tenant, snapshotSeq);
        return [{ tenant, shard, snapshotSeq, stateRoot: stateRoot.slice(), auditRoot }];
      } catch (error) {
        if (error instanceof SynapseError && error.code === 'STORE_CORRUPT') return [];
        throw error;
      }
    });
  }

  head(tenant: string): LogHead {
    const state = this.#ground.directory.logOf(tenant);
    return state === undefined ? { size: 0, root: emptyLogRoot() } : { size: state.seq, root: edgeOf(state).root() };
  }

  /** Root of the first `size` leaves. `INVALID_ARGUMENT` beyond the log. */
  rootAt(tenant: string, size: number): Uint8Array {
    const state = this.#ground.directory.logOf(tenant);
    const held = state?.seq ?? 0;
    checkRange('size', size, 0, held);
    return state === undefined ? emptyLogRoot() : rootOf(state, size, this.#nodes(state));
  }

  /** That step `seq` is in the log of `size` leaves (default: all). `INVALID_ARGUMENT` for a step that is not there. */
  inclusion(tenant: string, seq: number, size?: number): InclusionProof {
    const state = this.#ground.directory.logOf(tenant);
    const held = state?.seq ?? 0;
    if (size !== undefined) checkRange('size', size, 1, held);
    const leaves = size ?? held;
    checkRange('seq', seq, 1, leaves);
    if (state === undefined) throw corrupt('tenant row', { tenant, seq });
    const nodes = this.#nodes(state);
    const index = seq - 1;
    return {
      seq,
      index,
      size: leaves,
      ...this.#leaf(state, seq),
      leafHash: readLeaves(this.#ground.driver, state, index, 1),
      proof: inclusionProof(index, leaves, nodes),
      root: rootOf(state, leaves, nodes),
    };
  }

  /** The leaf's bytes, and what they are made of where they are blinded. */
  #leaf(state: TenantState, seq: number): Pick<InclusionProof, 'leaf' | 'record' | 'salt'> {
    if (seq < state.firstSeq) return { leaf: undefined };
    const { seal } = state;
    for (const { body } of readRecords(this.#ground.driver, state, seq)) {
      const salt = seal.saltOf(seq);
      return salt === undefined ? { leaf: body } : { leaf: leafOf(seal, seq, body), record: body, salt };
    }
    throw corrupt('journal', { tenant: state.tenant, seq });
  }

  /** That the first `from` leaves are unchanged among the first `to` (default: all). `INVALID_ARGUMENT`. */
  consistency(tenant: string, from: number, to?: number): ConsistencyProof {
    const state = this.#ground.directory.logOf(tenant);
    const held = state?.seq ?? 0;
    checkRange('to', to ?? held, 0, held);
    const size2 = to ?? held;
    checkRange('from', from, 0, size2);
    if (state === undefined) return { size1: 0, size2: 0, root1: emptyLogRoot(), root2: emptyLogRoot(), proof: [] };
    const nodes = this.#nodes(state);
    return {
      size1: from,
      size2,
      root1: rootAt(from, nodes),
      root2: rootOf(state, size2, nodes),
      proof: consistencyProof(from, size2, nodes),
    };
  }

  /** The tenant's signed checkpoint, kept before it is returned; the same one as long as the log does not grow. */
  checkpoint(tenant: string): string {
    const state = this.#ground.directory.logOf(tenant);
    const key = this.#ground.key();
    const { size, root } = this.head(tenant);
    const body = checkpointText(key.originOf(tenant, this.#ground.incarnation), size, root);
    const note = key.note(body);
    if (state === undefined) return note; // an empty log has one root only
    const kept = this.#keptNote(state);
    if (kept?.note === note) return note;
    if (kept !== undefined) this.#checkKept(state, kept);
    const row = noteKey(state.tenantNo);
    this.#ground.write([[row, new ByteWriter().u64(size).raw(root).text(note).sealed(row)]]);
    return note;
  }

  /** The host's signed checkpoint over all tenants, as of the last commit. */
  hostCheckpoint(): string {
    return this.#host().note;
  }

  /** The tenant's place in the host's tree. `INVALID_ARGUMENT` for a tenant without a record. */
  hostInclusion(tenant: string): HostInclusion {
    const { key, leaves, range, hashes, note } = this.#host();
    const index = leaves.findIndex((leaf) => leaf.tenant === tenant);
    checkRange('tenant', index, 0, leaves.length - 1);
    const tree = { node: (level: number, at: number): Uint8Array => subtreeOf(hashes, level, at) };
    return {
      salt: key.saltOf(tenant, this.#ground.incarnation),
      leafHash: hashes[index] as Uint8Array,
      index,
      size: leaves.length,
      proof: inclusionProof(index, leaves.length, tree),
      root: range.root(),
      note,
    };
  }

  get verifierKey(): string {
    return this.#ground.key().verifierKey;
  }

  #nodes(state: TenantState): StoredNodes {
    return new StoredNodes(this.#ground.driver, state);
  }

  #host(): {
    readonly key: AuditKey;
    readonly leaves: readonly { readonly tenant: string; readonly body: Buffer }[];
    readonly hashes: readonly Uint8Array[];
    readonly range: CompactRange;
    readonly note: string;
  } {
    const { incarnation, commitNo } = this.#ground;
    const key = this.#ground.key();
    const { directory } = this.#ground;
    // Erased ones too: what was once in the host's tree does not vanish from it.
    const leaves = [...directory.sorted(), ...directory.erased()].map((state) => {
      const body = checkpointText(key.originOf(state.tenant, incarnation), state.seq, edgeOf(state).root());
      return { tenant: state.tenant, body: Buffer.from(body) };
    });
    leaves.sort((a, b) => compareBytes(a.body, b.body));
    const range = CompactRange.empty();
    const hashes = leaves.map(({ body }) => leafHash(body));
    for (const hash of hashes) range.append(hash);
    const text = `${checkpointText(key.name, leaves.length, range.root())}commit ${commitNo}\n`;
    return { key, leaves, hashes, range, note: key.note(text) };
  }

  #keptNote(state: TenantState): KeptNote | undefined {
    const row = noteKey(state.tenantNo);
    const value = this.#ground.driver.get(row);
    if (value === undefined) return undefined;
    const payload = openRow(row, value);
    if (payload === undefined) throw corrupt('checkpoint', { tenant: state.tenant, seq: state.seq });
    const reader = new ByteReader(payload);
    return { size: reader.u64(), root: reader.raw(32), note: reader.text() };
  }

  /** What was given out must still hold: a log that lost or changed leaves is not signed again. */
  #checkKept(state: TenantState, { size, root }: KeptNote): void {
    const { tenant, seq } = state;
    const holds = size <= seq && Buffer.compare(rootAt(size, this.#nodes(state)), root) === 0;
    if (!holds) throw corrupt('audit log behind a checkpoint', { tenant, seq: size });
  }
}

interface KeptNote {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
}

/** The text of a checkpoint (C2SP tlog-checkpoint), without signature. */
export function checkpointText(origin: string, size: number, root: Uint8Array): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

/** The root of the whole log is at hand: its right edge stands in the tenant row. */
function rootOf(state: TenantState, size: number, nodes: StoredNodes): Uint8Array {
  return size === state.seq ? edgeOf(state).root() : rootAt(size, nodes);
}

function subtreeOf(hashes: readonly Uint8Array[], level: number, index: number): Uint8Array {
  const range = CompactRange.empty();
  for (const hash of hashes.slice(index * 2 ** level, (index + 1) * 2 ** level)) range.append(hash);
  return range.root();
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new SynapseError('INVALID_ARGUMENT', `${name} must be an integer from ${least} to ${most}, got ${value}`, {
    option: name,
  });
}
