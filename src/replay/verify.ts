/**
 * A whole store recomputed from what is on disk: every row accounted for, every record against its index
 * and its leaf, every audit log from its leaves, every snapshot from its rows, and every outcome by replay.
 * Goes on behind a fault, so that its extent can be told; a tenant with damaged records is not replayed.
 */
import { rootsOfRecord } from '../actor/record.ts';
import { SynapseError } from '../base/error.ts';
import { AuditKey } from '../store/audit-key.ts';
import { checkJournal } from '../store/journal-check.ts';
import { readRecords } from '../store/journal.ts';
import { checkRows } from '../store/row-check.ts';
import { corrupt } from '../store/schema.ts';
import { faultOf, faultsOf, type StoreFault } from '../store/store-fault.ts';
import type { ActorModules } from '../store/store-head.ts';
import type { StoreView } from '../store/store-view.ts';
import { erasedFaults, type Signer, tenantFaults } from '../store/tenant-check.ts';
import { edgeBytes, type TenantState } from '../store/tenant-row.ts';
import { EventMatch } from './event-match.ts';
import { ReplayWorker } from './replay-worker.ts';
import { compareRoots, storedRoots } from './recorded-roots.ts';
import { TenantReplay } from './tenant-replay.ts';

/** What is verified, and with what. */
export interface VerifySetup {
  readonly view: StoreView;
  /** Where the signing key is; without it signatures are not checked. */
  readonly dataDir?: string;
  /** Without modules outcomes are not replayed. */
  readonly modules: ActorModules | undefined;
  /** Told now and then: so much of the work is done. */
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  readonly phase: 'rows' | 'journal' | 'tenants' | 'replay';
  /** Steps looked at or replayed, of all there are to be; rows where nobody knows how many there are. */
  readonly done: number;
  readonly total: number | undefined;
}

/** What was found. */
export interface VerifyReport {
  readonly rows: number;
  readonly records: number;
  readonly tenants: number;
  /** Tenants that were erased: their logs are verified by hashes alone. */
  readonly erased: readonly string[];
  /** Steps replayed, whose outcomes are what was recorded. */
  readonly replayed: number;
  /** Tenants whose outcomes were not replayed, and why. */
  readonly skipped: readonly { readonly tenant: string; readonly reason: string }[];
  /** Checkpoints given out, by whose they are; nothing where there was no key to check them with. */
  readonly signatures: Signer['counts'] | undefined;
  readonly faults: readonly StoreFault[];
}

/** Faults kept: the first ones tell what happened, millions would not fit. */
const FAULTS_MAX = 1_000;

/** Lets the event loop run between two parts of the work: a bar is drawn, a signal is heard. */
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Verifies a store; throws only what has nothing to do with what is in it. */
export async function verifyStore({ view, dataDir, modules, onProgress }: VerifySetup): Promise<VerifyReport> {
  const faults: StoreFault[] = [];
  const tell = (fault: StoreFault): void => void (faults.length < FAULTS_MAX && faults.push(fault));
  const progress = onProgress ?? ((): void => undefined);
  let rows = 0;
  for (const count of checkRows(view, tell)) {
    rows = count;
    progress({ phase: 'rows', done: count, total: undefined });
    await pause();
  }
  const tenants = view.directory.sorted();
  const kept = tenants.reduce((sum, { seq, firstSeq }) => sum + seq - firstSeq + 1, 0);
  let records = 0;
  for (const count of checkJournal(view, tell)) {
    if (count - records > 10_000) await pause();
    records = count;
    progress({ phase: 'journal', done: count, total: kept });
  }
  const signer = signerOf(view, dataDir, tell);
  for (const state of tenants) {
    for (const fault of tenantFaults(view.driver, state, signer)) tell(fault);
    progress({ phase: 'tenants', done: records, total: kept });
    await pause();
  }
  for (const state of view.directory.erased()) for (const fault of erasedFaults(view, state, signer)) tell(fault);
  const outcomes = modules === undefined ? undefined : new Outcomes(view, modules, faults, tell, progress);
  const { replayed, skipped } = (await outcomes?.replayAll(tenants)) ?? noOutcomes(tenants);
  const erased = view.directory.erased().map(({ tenant }) => tenant);
  return { rows, records, tenants: tenants.length, erased, replayed, skipped, signatures: signer?.counts, faults };
}

function noOutcomes(tenants: readonly TenantState[]): Pick<VerifyReport, 'replayed' | 'skipped'> {
  return { replayed: 0, skipped: tenants.map(({ tenant }) => ({ tenant, reason: 'no modules of actors' })) };
}

function signerOf(view: StoreView, dataDir: string | undefined, tell: (fault: StoreFault) => void): Signer | undefined {
  let key: AuditKey | undefined;
  if (dataDir === undefined) return undefined;
  for (const fault of faultsOf(() => void (key = AuditKey.read(dataDir)))) tell(fault);
  return key === undefined
    ? undefined
    : { key, incarnation: view.meta.incarnation, counts: { checked: 0, foreign: 0 } };
}

/** Replays tenant after tenant in one thread. */
class Outcomes {
  readonly #view: StoreView;
  readonly #modules: ActorModules;
  readonly #faults: readonly StoreFault[];
  readonly #tell: (fault: StoreFault) => void;
  readonly #progress: (progress: VerifyProgress) => void;
  readonly #skipped: { readonly tenant: string; readonly reason: string }[] = [];
  #worker: ReplayWorker | undefined;
  #done = 0;

  constructor(
    view: StoreView,
    modules: ActorModules,
    faults: readonly StoreFault[],
    tell: (fault: StoreFault) => void,
    progress: (progress: VerifyProgress) => void,
  ) {
    this.#view = view;
    this.#modules = modules;
    this.#faults = faults;
    this.#tell = tell;
    this.#progress = progress;
  }

  async replayAll(tenants: readonly TenantState[]): Promise<Pick<VerifyReport, 'replayed' | 'skipped'>> {
    const total = tenants.reduce((sum, tenant) => sum + stepsOf(tenant), 0);
    const damaged = new Set(this.#faults.map(({ tenant }) => tenant));
    try {
      for (const tenant of tenants) {
        if (damaged.has(tenant.tenant)) this.#skip(tenant, 'its rows are damaged');
        else await this.#replay(tenant, total);
      }
    } finally {
      await this.#worker?.close();
    }
    return { replayed: this.#done, skipped: this.#skipped };
  }

  #skip({ tenant }: TenantState, reason: string): void {
    this.#skipped.push({ tenant, reason });
  }

  async #replay(tenant: TenantState, total: number): Promise<void> {
    try {
      this.#worker ??= await ReplayWorker.start(this.#modules);
    } catch (error) {
      if (!(error instanceof SynapseError)) throw error;
      this.#skip(tenant, error.message);
      return;
    }
    try {
      const run = await TenantReplay.open(this.#worker, this.#view, tenant);
      if (run.startSeq > 0) this.#checkAnchor(tenant);
      await this.#steps(run, total);
    } catch (error) {
      this.#tell(faultOf(error));
      // Whatever the thread was at is over: the next tenant gets a fresh one.
      await this.#worker.close();
      this.#worker = undefined;
    }
  }

  async #steps(run: TenantReplay, total: number): Promise<void> {
    const { tenant, startSeq } = run;
    const { driver } = this.#view;
    const events = new EventMatch(driver, tenant);
    for await (const steps of run.groups({ from: Number.POSITIVE_INFINITY, until: tenant.seq, checksRoots: true })) {
      for (const step of steps) {
        run.absorb(step);
        events.take(step.seq, step.report.outputs());
      }
      run.checkRoots(steps.at(-1));
      this.#done += steps.length;
      this.#progress({ phase: 'replay', done: this.#done, total });
    }
    events.end(startSeq === 0);
    if (Buffer.compare(run.auditEdge, edgeBytes(tenant)) !== 0)
      throw corrupt('audit log', { tenant: tenant.tenant, seq: tenant.seq });
  }

  /** Behind a trimmed journal the snapshot has to be the one whose roots its own record holds. */
  #checkAnchor(tenant: TenantState): void {
    const { driver } = this.#view;
    for (const { body } of readRecords(driver, tenant, tenant.snapshotSeq)) {
      const recorded = rootsOfRecord(body);
      if (recorded === undefined)
        throw corrupt('record of the snapshot', { tenant: tenant.tenant, seq: tenant.snapshotSeq });
      compareRoots(tenant.tenant, tenant.snapshotSeq, 'stored', storedRoots(tenant), recorded);
      return;
    }
    throw corrupt('record of the snapshot', { tenant: tenant.tenant, seq: tenant.snapshotSeq });
  }
}

function stepsOf({ seq, firstSeq, snapshotSeq }: TenantState): number {
  return firstSeq === 1 ? seq : seq - snapshotSeq;
}
