/**
 * One tenant run again from the records of its store, in a thread of its own, and held to what was
 * recorded: each step's digest is compared, and the first that differs ends the replay (`DIVERGED`).
 * Starts at genesis while the journal is whole, else at the last snapshot. Reads alone.
 *
 *   records ─▶ batches ─▶ thread: kernel ─▶ reports ─▶ groups of steps, roots
 */
import { rowGroupOf } from '../actor/cell.ts';
import { assert } from '../base/assert.ts';
import { type CompactRange, leafHash } from '../merkle/log.ts';
import { MemoryPages, OverlayPages } from '../merkle/trie.ts';
import { rootsOfRecord } from '../actor/record.ts';
import { SynapseError } from '../base/error.ts';
import { edgeAt } from '../store/audit-log.ts';
import { inspectRecord } from '../store/damaged-record.ts';
import { type JournalRecord, readRecords } from '../store/journal.ts';
import { corrupt, TRIE } from '../store/schema.ts';
import { readGroup, readImage, readSystemRows } from '../store/snapshot.ts';
import { StoredPages } from '../store/stored-pages.ts';
import { readStage } from '../store/stage-row.ts';
import type { StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';
import { leafOf } from '../store/tenant-seal.ts';
import { alteration, divergence, failedStep } from './divergence.ts';
import type { ReplayWorker } from './replay-worker.ts';
import { type Detail, joinBodies, readReports } from './replay-protocol.ts';
import { compareRoots, storedRoots } from './recorded-roots.ts';
import { ReplayedStep } from './replayed-step.ts';
import { StateMirror } from './state-mirror.ts';

/** Records of one batch: enough that a message costs little a step, few enough that the first one comes soon. */
const BATCH_RECORDS = 256;
const BATCH_BYTES = 512 << 10;

/** Batches under way: the thread has the next one when it is done with one. */
const BATCHES_MAX = 3;

/** Records that go to the thread in one message. */
interface Batch {
  readonly records: readonly JournalRecord[];
  readonly detail: Detail;
}

/** How far, and what is told on the way. */
export interface Passage {
  /** The last step to be run. */
  readonly until: number;
  /** Steps before this one are told without what they did. */
  readonly from: number;
  /** Compare the roots that snapshots recorded, and those of the stored one. Default: no. */
  readonly checksRoots?: boolean;
}

function halfStored(tenant: string): SynapseError {
  const text = `a snapshot of ${JSON.stringify(tenant)} was interrupted while it was put in place: open the store with a system once, which finishes it`;
  return new SynapseError('INVALID_ARGUMENT', text, { tenant });
}

export class TenantReplay {
  readonly tenant: TenantState;
  /** The step that the replay started after: 0, or its snapshot's. */
  readonly startSeq: number;
  readonly mirror: StateMirror;
  readonly #worker: ReplayWorker;
  readonly #view: StoreView;
  readonly #records: Iterator<JournalRecord>;
  readonly #range: CompactRange;
  #peeked: JournalRecord | undefined;
  /** Why no further record can be used: told when all steps before it were. */
  #fault: SynapseError | undefined;

  /** Opens the tenant in the thread, which is this replay's alone until it is done. */
  static async open(worker: ReplayWorker, view: StoreView, tenant: TenantState): Promise<TenantReplay> {
    const isWhole = tenant.firstSeq === 1;
    if (!isWhole && readStage(view.driver, tenant) !== undefined) throw halfStored(tenant.tenant);
    const image = isWhole ? undefined : readImage(view.driver, tenant);
    if (!isWhole && image === undefined) throw corrupt('image', { tenant: tenant.tenant, seq: tenant.snapshotSeq });
    const configs = new Map<number, Uint8Array>();
    for (let id = 1; id <= view.head.configs; id++) {
      const bytes = view.configs.get(id);
      if (bytes !== undefined) configs.set(id, bytes);
    }
    const system = isWhole ? [] : readSystemRows(view.driver, tenant);
    await worker.open({ kind: 'open', tenant: tenant.tenant, shard: tenant.shard, configs, image, system });
    return new TenantReplay(worker, view, tenant, isWhole);
  }

  private constructor(worker: ReplayWorker, view: StoreView, tenant: TenantState, isWhole: boolean) {
    this.tenant = tenant;
    this.#worker = worker;
    this.#view = view;
    this.startSeq = isWhole ? 0 : tenant.snapshotSeq;
    this.#range = edgeAt(view.driver, tenant, this.startSeq);
    this.mirror = new StateMirror(
      isWhole
        ? { state: new MemoryPages(), system: new MemoryPages() }
        : {
            state: new OverlayPages(new StoredPages(view.driver, tenant, TRIE.state)),
            system: new OverlayPages(new StoredPages(view.driver, tenant, TRIE.system)),
          },
    );
    this.#records = readRecords(view.driver, tenant, this.startSeq + 1)[Symbol.iterator]();
  }

  /** The audit log's compact range after the steps given so far, as `CompactRange.of` takes it. */
  get auditEdge(): Uint8Array {
    return this.#range.bytes;
  }

  /** Groups of steps in their order; of those before `from` all at once, so that their last one stands for them. */
  async *groups(passage: Passage): AsyncGenerator<readonly ReplayedStep[], void, void> {
    const open: Batch[] = [];
    for (;;) {
      while (open.length < BATCHES_MAX) {
        const batch = this.#nextBatch(passage);
        if (batch === undefined) break;
        open.push(batch);
        const { records, detail } = batch;
        const bodies = joinBodies(records.map(({ body }) => body));
        this.#worker.send({ kind: 'run', firstSeq: (records[0] as JournalRecord).seq, bodies, detail });
      }
      const batch = open.shift();
      if (batch === undefined) break;
      yield* this.#answersOf(batch);
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Takes a step into the roots: called once for each, in order. */
  absorb(step: ReplayedStep): void {
    this.mirror.take(step.report);
    this.#range.append(step.leafHash);
  }

  /** After the last step of a group with `checksRoots`: roots that were written down for it are those of the replay. */
  checkRoots(step: ReplayedStep | undefined): void {
    if (step === undefined || step.report.imageHash.length === 0) return;
    const { tenant, snapshotSeq } = this.tenant;
    const computed = this.mirror.roots(step.report);
    const recorded = step.record.roots;
    if (recorded !== undefined) compareRoots(tenant, step.seq, 'recorded', recorded, computed);
    if (step.seq === snapshotSeq) compareRoots(tenant, step.seq, 'stored', storedRoots(this.tenant), computed);
  }

  #nextBatch({ until, from, checksRoots = false }: Passage): Batch | undefined {
    const records: JournalRecord[] = [];
    let detail: Detail = 'rows';
    let sizeBytes = 0;
    for (let record = this.#peek(); record !== undefined && record.seq <= until; record = this.#peek()) {
      // What is told and what is not are never in one batch.
      if (record.seq === from && records.length > 0) break;
      records.push(record);
      this.#peeked = undefined;
      sizeBytes += record.body.length;
      if (checksRoots && this.#hasRoots(record)) {
        detail = 'domain';
        break;
      }
      if (records.length >= BATCH_RECORDS || sizeBytes >= BATCH_BYTES) break;
    }
    const first = records[0];
    return first === undefined ? undefined : { records, detail: first.seq < from ? detail : 'whole' };
  }

  /** Whether there is something to compare the roots behind this step with. */
  #hasRoots({ seq, body }: JournalRecord): boolean {
    return seq === this.tenant.snapshotSeq || rootsOfRecord(body) !== undefined;
  }

  #peek(): JournalRecord | undefined {
    if (this.#peeked !== undefined || this.#fault !== undefined) return this.#peeked;
    try {
      const next = this.#records.next();
      if (next.done === true) return undefined;
      const { seq, body, leaf } = next.value;
      if (Buffer.compare(leafHash(leafOf(this.tenant.seal, seq, body)), leaf) !== 0)
        throw corrupt('journal record', { tenant: this.tenant.tenant, seq });
      this.#peeked = next.value;
    } catch (error) {
      if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT') throw error;
      this.#fault = this.#alteredRecord(error);
    }
    return this.#peeked;
  }

  /** A damaged record differs from what was recorded, which the log's leaf hash proves. */
  #alteredRecord(error: SynapseError): SynapseError {
    const { what, seq } = error.details;
    if (what !== 'journal record' || typeof seq !== 'number') return error;
    const damage = inspectRecord(this.#view.driver, this.tenant, seq);
    return damage === undefined ? error : alteration(this.tenant.tenant, seq, damage, error);
  }

  /** The steps of the oldest batch, in one group or, where it ends early, in two and an error. */
  async *#answersOf({ records }: Batch): AsyncGenerator<readonly ReplayedStep[], void, void> {
    const { tenant } = this.tenant;
    const firstSeq = (records[0] as JournalRecord).seq;
    for (let done = 0; done < records.length;) {
      const answer = await this.#worker.next();
      switch (answer.kind) {
        case 'steps': {
          const reports = readReports(answer.bytes);
          const steps = reports.map((report, at) => {
            const record = records[done + at];
            assert(record?.seq === report.seq, 'reports come in the order of the records');
            return new ReplayedStep(tenant, record, report);
          });
          const wrong = steps.findIndex((step) => step.differs);
          yield wrong < 0 ? steps : steps.slice(0, wrong);
          const first = steps[wrong];
          if (first !== undefined) throw divergence(first);
          done += steps.length;
          break;
        }
        case 'needs': {
          const rows = readGroup(this.#view.driver, this.tenant, rowGroupOf(answer.actorId));
          this.#worker.send({ kind: 'rows', rows: rows.map(({ name, value }) => ({ name, value })) });
          break;
        }
        case 'failed':
          throw failedStep(tenant, answer, records[answer.seq - firstSeq]);
        case 'opened':
      }
    }
  }
}
