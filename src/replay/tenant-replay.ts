/**
 * One tenant run again from its records, step by step, through the kernel that ran them live. Starts at
 * genesis while the journal is whole, else at the last snapshot. Synchronous, and to be called from a
 * macrotask: within a microtask nothing of a turn can be drained.
 *
 * Compares each step's digest with the recorded one and ends at the first that differs (`DIVERGED`).
 * Reads alone: what a step puts out is told and goes nowhere.
 */
import { rowGroupOf } from '../actor/cell.ts';
import { Domain, type StepOutcome } from '../actor/domain.ts';
import { restoreDomain } from '../actor/domain-image.ts';
import { DomainState, type Running } from '../actor/domain-state.ts';
import { type KernelConfig, type Registry, decodeConfig } from '../actor/kernel-config.ts';
import { type StepBody, decodeRecord } from '../actor/record.ts';
import { supply } from '../actor/residency.ts';
import { assert } from '../base/assert.ts';
import { FRAME_KIND, Frame } from '../frame/frame.ts';
import { CompactRange, leafHash } from '../merkle/log.ts';
import { type JournalRecord, readRecords } from '../store/journal.ts';
import { corrupt, TRIE } from '../store/schema.ts';
import { readGroup, readImage, readSystemRows, StoredPages } from '../store/snapshot.ts';
import type { StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-directory.ts';
import { OverlayPages } from '../merkle/trie.ts';
import { divergence, failedStep } from './divergence.ts';
import type { ReplayedStep } from './replayed-step.ts';
import { StateMirror } from './state-mirror.ts';

/** Where user code runs: as a lane's kernel has it, and in force from turn to turn while it is held. */
export interface ReplayScope {
  hold(): void;
  release(): void;
  enter(running: Running): void;
  leave(): void;
  drain(): void;
  takeUnhandled(): readonly unknown[];
}

/** What is replayed, and with which code. */
export interface ReplaySetup {
  readonly view: StoreView;
  readonly tenant: TenantState;
  readonly registry: Registry;
  readonly scope: ReplayScope;
}

export class TenantReplay {
  readonly domain: Domain;
  /** The step that the replay started after: 0, or its snapshot's. */
  readonly startSeq: number;
  readonly #setup: ReplaySetup;
  readonly #mirror: StateMirror;
  readonly #records: Iterator<JournalRecord>;
  readonly #configs: Map<number, KernelConfig> = new Map();
  readonly #range: CompactRange;

  constructor(setup: ReplaySetup) {
    this.#setup = setup;
    const { view, tenant, registry, scope } = setup;
    const isWhole = tenant.firstSeq === 1;
    this.startSeq = isWhole ? 0 : tenant.snapshotSeq;
    this.#range = CompactRange.empty();
    this.domain = new Domain(
      new DomainState(tenant.tenant, tenant.shard, registry, noConfig(tenant), {
        drain: () => scope.drain(),
        takeUnhandled: () => scope.takeUnhandled(),
        admit: () => false, // recorded decisions are read back; a question more than was recorded is a divergence
        log: () => undefined,
        enter: (turn) => scope.enter(turn),
        leave: () => scope.leave(),
      }),
    );
    if (isWhole) this.#mirror = new StateMirror(this.domain.state);
    else {
      const image = readImage(view.driver, tenant);
      if (image === undefined) throw corrupt('image', { tenant: tenant.tenant, seq: this.startSeq });
      restoreDomain(this.domain.state, image, readSystemRows(view.driver, tenant));
      this.#mirror = new StateMirror(this.domain.state, {
        state: new OverlayPages(new StoredPages(view.driver, tenant, TRIE.state)),
        system: new OverlayPages(new StoredPages(view.driver, tenant, TRIE.system)),
      });
    }
    this.#records = readRecords(view.driver, tenant, this.startSeq + 1)[Symbol.iterator]();
  }

  /** The last step that was replayed. */
  get seq(): number {
    return this.domain.state.seq;
  }

  /** Replays the next step; nothing behind the last one. */
  next(): ReplayedStep | undefined {
    const next = this.#records.next();
    return next.done === true ? undefined : this.#run(next.value);
  }

  /** Root over actor states and tables after the last step. */
  stateRoot(): Uint8Array {
    return this.#mirror.stateRoot();
  }

  /** Root over everything the domain consists of after the last step. */
  domainRoot(): Uint8Array {
    return this.#mirror.domainRoot();
  }

  /** The audit log's compact range after the last step, as `CompactRange.of` takes it. */
  auditEdge(): Uint8Array {
    return this.#range.bytes;
  }

  /** The lines of the last step's digest, a copy. */
  notes(): Uint8Array {
    return this.domain.state.digestSink.take();
  }

  get tenant(): string {
    return this.domain.state.tenant;
  }

  #run({ seq, body }: JournalRecord): ReplayedStep {
    const { state } = this.domain;
    const { tenant } = state;
    const leaf = leafHash(body);
    let record: StepBody | undefined;
    let frame: Frame | undefined;
    try {
      record = decodeRecord(body);
      frame = Frame.parse(record.frame);
      state.config = this.#configOf(record.configId, seq);
      const timer = frame.kind === FRAME_KIND.timer ? state.timers.get(frame.handler) : undefined;
      const effect = frame.kind === FRAME_KIND.effectResult ? state.effects.get(frame.handler) : undefined;
      const outcome = this.#execute(frame, record);
      const changed = this.#mirror.absorb();
      const step: ReplayedStep = { seq, record, frame, leafHash: leaf, outcome, changed, timer, effect };
      if (Buffer.compare(record.digest, outcome.digest) !== 0) throw divergence(state, step);
      this.#range.append(leaf);
      return step;
    } catch (error) {
      throw failedStep(tenant, seq, record, frame, error);
    }
  }

  #execute(frame: Frame, { nowMs, seed, acks, decisions }: StepBody): StepOutcome {
    const { domain } = this;
    const { scope, view, tenant } = this.#setup;
    scope.hold();
    try {
      domain.begin(frame, { nowMs, seed, acks, decisions });
      for (;;) {
        const progress = domain.advance();
        if (progress === 'idle') return domain.end();
        if (progress === 'more') continue;
        scope.release(); // what reads the disk uses the thread's own timers
        const rows = readGroup(view.driver, tenant, rowGroupOf(progress.needs));
        scope.hold();
        supply(domain.state, progress.needs, rows);
      }
    } finally {
      scope.release();
    }
  }

  #configOf(id: number, seq: number): KernelConfig {
    let config = this.#configs.get(id);
    if (config !== undefined) return config;
    const bytes = this.#setup.view.configs.get(id);
    if (bytes === undefined) throw corrupt('config row', { tenant: this.domain.state.tenant, seq, config: id });
    config = decodeConfig(bytes);
    this.#configs.set(id, config);
    return config;
  }
}

/** Until the first record names one; nothing runs before. */
function noConfig({ tenant }: TenantState): KernelConfig {
  assert(tenant !== '', 'a tenant has a name');
  return { types: {}, callTimeoutMs: 1, maxTurnsPerInput: 1, dedupTermMs: 1, dedupLimit: 1, incarnation: 0 };
}
