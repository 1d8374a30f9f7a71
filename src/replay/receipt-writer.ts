/**
 * Writes receipts from a store that no system has open: `synapse prove`. Takes the store's lock, runs no
 * lane; writes nothing but the checkpoint that it gives out, which the store keeps as it always does.
 * Where the code is at hand the entry is replayed, so that the receipt can show its outcome; a receipt
 * never shows an outcome that is not the recorded one.
 */
import { verifyReceipt } from '../audit/receipt.ts';
import { formatReceipt } from '../audit/receipt-text.ts';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { AuditKey } from '../store/audit-key.ts';
import { StoreAudit } from '../store/store-audit.ts';
import { type ActorModules, readModules } from '../store/store-head.ts';
import { openStoreView, type StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';
import { ReplayWorker } from './replay-worker.ts';
import { TenantReplay } from './tenant-replay.ts';

/** Which entry, and what of it. */
export interface ReceiptOrder {
  readonly dataDir: string;
  readonly tenant: string;
  readonly seq: number;
  /** Private key of a system that was given one, as its option `auditKey`. Default: the key in the directory, made if there is none. */
  readonly auditKey?: string | Uint8Array;
  /** URLs of modules to replay with. Default: those that the store remembers. */
  readonly actors?: readonly string[];
  /** False: the digest of the outcome alone, and nothing is replayed. */
  readonly discloses: boolean;
}

/** A receipt, and what is not in it. */
export interface WrittenReceipt {
  readonly text: string;
  /** The key to check it with. */
  readonly verifierKey: string;
  /** Why the outcome is not shown; undefined where it is. */
  readonly withheld: string | undefined;
}

/**
 * The receipt of one entry.
 *
 * @throws SynapseError `INVALID_ARGUMENT` for a tenant or entry that is not there, one whose record was trimmed, or a copy that
 *   no system has opened; `STORE_LOCKED`, `STORE_CORRUPT`
 */
export async function writeReceipt(order: ReceiptOrder): Promise<WrittenReceipt> {
  const view = openStoreView(order.dataDir);
  try {
    if (view.meta.redraw) {
      const text = `the store in ${order.dataDir} is a copy that no system has opened: its log begins when one does`;
      throw new SynapseError('INVALID_ARGUMENT', text, { dataDir: order.dataDir });
    }
    const tenant = tenantOf(view, order.tenant);
    const key = order.auditKey === undefined ? AuditKey.open(order.dataDir) : AuditKey.of(order.auditKey);
    const { outcome, withheld } = await outcomeOf(view, tenant, order);
    const text = receiptText(auditOf(view, key), order, outcome);
    const verdict = verifyReceipt(text, key.verifierKey);
    assert(verdict.ok, 'a receipt that is given out verifies');
    return { text, verifierKey: key.verifierKey, withheld };
  } finally {
    view.close();
  }
}

function receiptText(audit: StoreAudit, { tenant, seq }: ReceiptOrder, outcome: Uint8Array | undefined): string {
  const { leaf, record = leaf, salt: blinding, index, size, proof } = audit.inclusion(tenant, seq);
  if (record === undefined) {
    const text = `the record of step ${seq} of ${JSON.stringify(tenant)} was trimmed or erased: its hash is in the log, but there is nothing to show`;
    throw new SynapseError('INVALID_ARGUMENT', text, { tenant, seq });
  }
  const checkpoint = audit.checkpoint(tenant);
  const host = audit.hostInclusion(tenant);
  const parts = {
    record,
    outcome,
    blinding,
    salt: host.salt,
    tenantLog: { index, hashes: proof, checkpoint },
    hostLog: { index: host.index, hashes: host.proof, checkpoint: host.note },
  };
  return formatReceipt(parts, size);
}

function auditOf(view: StoreView, key: AuditKey): StoreAudit {
  const { driver, directory, meta, head } = view;
  return new StoreAudit({
    driver,
    incarnation: meta.incarnation,
    commitNo: head.commitNo,
    directory,
    write: (rows) => driver.commit(rows),
    key: () => key,
  });
}

function tenantOf({ directory }: StoreView, name: string): TenantState {
  const tenant = directory.get(name);
  if (tenant !== undefined) return tenant;
  throw new SynapseError('INVALID_ARGUMENT', `the store has no tenant ${JSON.stringify(name)}`, { tenant: name });
}

interface Disclosure {
  readonly outcome: Uint8Array | undefined;
  readonly withheld: string | undefined;
}

/** Replays up to the entry. What stands in the way of that is no fault of the receipt: it is told, and the digest stays. */
async function outcomeOf(view: StoreView, tenant: TenantState, order: ReceiptOrder): Promise<Disclosure> {
  if (!order.discloses) return { outcome: undefined, withheld: 'it was not asked for' };
  const { actors, previous } = readModules(view.driver) ?? { actors: [], previous: [] };
  const urls = order.actors ?? actors;
  if (urls.length === 0) return { outcome: undefined, withheld: 'the store does not know the modules of its actors' };
  try {
    return { outcome: await replayedNotes(view, tenant, { actors: urls, previous }, order.seq), withheld: undefined };
  } catch (error) {
    // Code that is gone or has changed: the entry stands all the same. Damage of the store is not passed over.
    if (!(error instanceof SynapseError) || !['INVALID_ARGUMENT', 'DIVERGED'].includes(error.code)) throw error;
    return { outcome: undefined, withheld: `${error.code}: ${error.message}` };
  }
}

/** What the digest of step `seq` is made over. */
async function replayedNotes(
  view: StoreView,
  tenant: TenantState,
  { actors, previous }: ActorModules,
  seq: number,
): Promise<Uint8Array> {
  const worker = await ReplayWorker.start({ actors, previous });
  try {
    const run = await TenantReplay.open(worker, view, tenant);
    for await (const steps of run.groups({ from: seq, until: seq })) {
      const step = steps.find((one) => one.seq === seq);
      if (step !== undefined) return new Uint8Array(step.report.notes);
    }
    const text = `what came before step ${seq} of ${JSON.stringify(tenant.tenant)} was trimmed: it cannot be replayed`;
    throw new SynapseError('INVALID_ARGUMENT', text, { tenant: tenant.tenant, seq });
  } finally {
    await worker.close();
  }
}
