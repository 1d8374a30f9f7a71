/**
 * `replay`: a tenant's recorded inputs run again from disk, one step a pull, without writing. Runs in the
 * caller's thread under the rules of a turn, and lets go of the thread between two steps.
 *
 * @example
 * import { replay } from 'synapse-actors/replay';
 *
 * for await (const step of replay({ dataDir: './data', tenant: 'acme', actors: new URL('./account.js', import.meta.url) })) {
 *   console.log(step.seq, step.input.handler, step.outcome.result, step.stateRoot());
 * }
 */
import type { Registry } from '../actor/kernel-config.ts';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { TurnScope } from '../host/turn-scope.ts';
import { loadRegistry } from '../host/modules.ts';
import { moduleUrls } from '../host/options.ts';
import { CompactRange } from '../merkle/log.ts';
import { openStoreView, type StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-directory.ts';
import { type ReplayInput, inputOf } from './step-input.ts';
import { type ReplayOutcome, outcomeOf } from './step-outcome.ts';
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
  /** A module or several, as for `createSystem`. */
  readonly actors: URL | string | readonly (URL | string)[];
  /** Modules with earlier versions that recorded inputs need. */
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

/** Captured before any turn runs: inside turns the name throws. */
const laterMacrotask = setImmediate;

/**
 * Replays one tenant from disk. Starts at its first step while the journal is whole, else behind its last
 * snapshot. The store is locked until the generator ends or is returned.
 *
 * @throws SynapseError `DIVERGED` where the code no longer does what was recorded (`details`: tenant, seq,
 *   `recorded` and `computed`, the digests in hex), `STORE_CORRUPT` for a record that does not read as it was
 *   written, `STORE_LOCKED` while a system has the directory, `INVALID_ARGUMENT` for a tenant or step that is not there
 */
export async function* replay(options: ReplayOptions): AsyncGenerator<ReplayStep, void, void> {
  const registry = await registryOf(options);
  const view = openStoreView(options.dataDir);
  try {
    yield* steps(view, registry, options);
  } finally {
    view.close();
  }
}

async function* steps(
  view: StoreView,
  registry: Registry,
  { tenant: name, from = 1, until }: ReplayOptions,
): AsyncGenerator<ReplayStep, void, void> {
  const tenant = tenantOf(view, name);
  const run = new TenantReplay({ view, tenant, registry, scope: new TurnScope() });
  const last = Math.min(checkSeq('until', until ?? tenant.seq), tenant.seq);
  checkSeq('from', from);
  while (run.seq < last) {
    const step = await inMacrotask(() => advance(run, from, last));
    if (step === undefined) return;
    if (step.seq >= from) yield new YieldedStep(run, step);
  }
}

/** The next step that is to be yielded, or the last one before `last`. */
function advance(run: TenantReplay, from: number, last: number): ReplayedStep | undefined {
  let step: ReplayedStep | undefined;
  do step = run.next();
  while (step !== undefined && step.seq < from && step.seq < last);
  return step;
}

/** A pull comes from a microtask, within which nothing of a turn could be drained. */
function inMacrotask<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    laterMacrotask(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

class YieldedStep implements ReplayStep {
  readonly seq: number;
  readonly #run: TenantReplay;
  readonly #step: ReplayedStep;
  readonly #notes: Uint8Array;
  readonly #edge: Uint8Array;
  #input: ReplayInput | undefined;
  #outcome: ReplayOutcome | undefined;
  #auditRoot: Uint8Array | undefined;

  constructor(run: TenantReplay, step: ReplayedStep) {
    this.seq = step.seq;
    this.#run = run;
    this.#step = step;
    this.#notes = run.notes();
    this.#edge = run.auditEdge();
  }

  get input(): ReplayInput {
    return (this.#input ??= inputOf(this.#step, this.#run.tenant));
  }

  get outcome(): ReplayOutcome {
    const { frame, outcome } = this.#step;
    return (this.#outcome ??= outcomeOf(this.#run.tenant, frame, outcome, this.#notes));
  }

  get auditRoot(): Uint8Array {
    return (this.#auditRoot ??= rootOf(this.seq, this.#edge));
  }

  stateRoot(): Uint8Array {
    if (this.#run.seq !== this.seq) {
      const text = `the state root of step ${this.seq} can be asked for until the next step is pulled; the replay is at ${this.#run.seq}`;
      throw new SynapseError('INVALID_ARGUMENT', text, { tenant: this.#run.tenant, seq: this.seq });
    }
    return this.#run.stateRoot();
  }
}

function rootOf(size: number, edge: Uint8Array): Uint8Array {
  const range = CompactRange.of(size, edge);
  assert(range !== undefined, 'a compact range was taken after every step');
  return range.root();
}

function registryOf({ actors, previous }: ReplayOptions): Promise<Registry> {
  return loadRegistry(
    moduleUrls('actors', actors),
    previous === undefined ? [] : moduleUrls('previous', previous, true),
  );
}

function tenantOf({ directory }: StoreView, name: string): TenantState {
  const tenant = directory.get(name);
  if (tenant !== undefined) return tenant;
  throw new SynapseError('INVALID_ARGUMENT', `the store has no tenant ${JSON.stringify(name)}`, { tenant: name });
}

function checkSeq(option: string, seq: unknown): number {
  if (typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0) return seq;
  throw new SynapseError('INVALID_ARGUMENT', `${option} must be a step's number, got ${String(seq)}`, { option });
}
