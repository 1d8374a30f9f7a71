/**
 * `replay`: a tenant's recorded inputs run again from disk, one step a pull, without writing. User code runs
 * in a thread of its own under a lane's guards, some batches ahead; roots are made here, when asked for.
 *
 * @example
 * import { replay } from 'synapse-actors/replay';
 *
 * for await (const step of replay({ dataDir: './data', tenant: 'acme', actors: new URL('./account.js', import.meta.url) })) {
 *   console.log(step.seq, step.input.handler, step.outcome.result, step.stateRoot());
 * }
 */
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { CompactRange } from '../merkle/log.ts';
import { openStoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';
import { modulesOf, tenantOf } from './replay-source.ts';
import type { ReplayInput } from './step-input.ts';
import type { ReplayOutcome } from './step-outcome.ts';
import { ReplayWorker } from './replay-worker.ts';
import type { ReplayedStep } from './replayed-step.ts';
import { TenantReplay } from './tenant-replay.ts';

export type { ReplayError, ReplayInput, ReplayInputKind } from './step-input.ts';
export type {
  ReplayChange,
  ReplayEffect,
  ReplayEvent,
  ReplayOutcome,
  ReplayReply,
  ReplayResult,
  ReplaySend,
  ReplayTimer,
} from './step-outcome.ts';

/** What is replayed, and how far. */
export interface ReplayOptions {
  /** Directory of the store. No system may have it open (`STORE_LOCKED`), and nothing in it is changed. */
  readonly dataDir: string;
  readonly tenant: string;
  /** A module or several, as for `createSystem`. Default: those that the store remembers of the system that wrote it. */
  readonly actors?: URL | string | readonly (URL | string)[];
  /** Modules with earlier versions that recorded inputs need. Default: those remembered, with `actors` left out. */
  readonly previous?: readonly (URL | string)[];
  /** The first step to be yielded; those before it are run without a word. Default: the first there is. */
  readonly from?: number;
  /** The last step to be run: time travel. Default: the last recorded one. */
  readonly until?: number;
}

/** One step that did what was recorded. */
export interface ReplayStep {
  /** Its number in the tenant's total order, from 1. */
  readonly seq: number;
  /** What came in. Made when first asked for. */
  readonly input: ReplayInput;
  /** What it came to. Made when first asked for. */
  readonly outcome: ReplayOutcome;
  /** Root of the tenant's audit log (RFC 6962) after this step, 32 bytes. Made when first asked for. */
  readonly auditRoot: Uint8Array;
  /**
   * Root of the actors' states and tables after this step, 32 bytes. Computed when it is asked for, which is
   * until the next step is pulled: `INVALID_ARGUMENT` afterwards.
   */
  stateRoot(): Uint8Array;
}

/**
 * Replays one tenant from disk. Starts at its first step while the journal is whole, else behind its last
 * snapshot. The store is locked until the generator ends or is returned.
 *
 * @throws SynapseError `DIVERGED` where the code no longer does what was recorded (`details`: tenant, seq,
 *   `recorded` and `computed`, the digests in hex), `STORE_CORRUPT` for a record that does not read as it was
 *   written, `STORE_LOCKED` while a system has the directory, `INVALID_ARGUMENT` for a tenant or step that is not there
 */
export async function* replay(options: ReplayOptions): AsyncGenerator<ReplayStep, void, void> {
  const { dataDir, tenant: name, from = 1, until } = options;
  checkSeq('from', from);
  if (until !== undefined) checkSeq('until', until);
  const view = openStoreView(dataDir);
  let worker: ReplayWorker | undefined;
  try {
    const tenant = tenantOf(view, name);
    worker = await ReplayWorker.start(modulesOf(view, options));
    const run = await TenantReplay.open(worker, view, tenant);
    if (until !== undefined && until < run.startSeq) throw trimmed(tenant, run.startSeq);
    const place: Place = { seq: run.startSeq };
    for await (const steps of run.groups({ from, until: until ?? tenant.seq })) {
      for (const step of steps) {
        run.absorb(step);
        place.seq = step.seq;
        if (step.seq >= from) yield new YieldedStep(run, step, place);
      }
    }
    // The last step's root stays good behind the end; over stored pages it has to be made before they are closed.
    if (run.startSeq > 0) run.mirror.stateRoot();
  } finally {
    await worker?.close();
    view.close();
  }
}

/** How far a replay is. */
interface Place {
  seq: number;
}

class YieldedStep implements ReplayStep {
  readonly seq: number;
  readonly #run: TenantReplay;
  readonly #step: ReplayedStep;
  readonly #place: Place;
  readonly #edge: Uint8Array;
  #auditRoot: Uint8Array | undefined;

  constructor(run: TenantReplay, step: ReplayedStep, place: Place) {
    this.seq = step.seq;
    this.#run = run;
    this.#step = step;
    this.#place = place;
    this.#edge = run.auditEdge;
  }

  get input(): ReplayInput {
    return this.#step.input;
  }

  get outcome(): ReplayOutcome {
    return this.#step.outcome;
  }

  get auditRoot(): Uint8Array {
    return (this.#auditRoot ??= rootOf(this.seq, this.#edge));
  }

  stateRoot(): Uint8Array {
    if (this.#place.seq !== this.seq) {
      const text = `the state root of step ${this.seq} can be asked for until the next step is pulled; the replay is at ${this.#place.seq}`;
      throw new SynapseError('INVALID_ARGUMENT', text, { tenant: this.#step.tenant, seq: this.seq });
    }
    return this.#run.mirror.stateRoot();
  }
}

function rootOf(size: number, edge: Uint8Array): Uint8Array {
  const range = CompactRange.of(size, edge);
  assert(range !== undefined, 'a compact range was taken after every step');
  return range.root();
}

function trimmed({ tenant, firstSeq }: TenantState, startSeq: number): SynapseError {
  const text = `the records of ${JSON.stringify(tenant)} before step ${firstSeq} were trimmed: its replay starts behind the snapshot at step ${startSeq}`;
  return new SynapseError('INVALID_ARGUMENT', text, { tenant, seq: startSeq, firstSeq });
}

function checkSeq(option: string, seq: unknown): void {
  if (typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0) return;
  throw new SynapseError('INVALID_ARGUMENT', `${option} must be a step's number, got ${String(seq)}`, { option });
}
