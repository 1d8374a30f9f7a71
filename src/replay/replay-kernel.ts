/**
 * One tenant run again, record by record, through the kernel that ran it live. Knows no disk: records come
 * in, and rows that are not in memory are asked for. What a step puts out is told and goes nowhere.
 *
 * Runs in a thread like a lane's, from macrotasks alone.
 */
import { rowGroupOf, type StoredRow } from '../actor/cell.ts';
import { Domain } from '../actor/domain.ts';
import { changedSystemRows, encodeImage, restoreDomain, takeSystemMarks, touchTurns } from '../actor/domain-image.ts';
import { OneMap } from '../base/rare.ts';
import { DomainState, type KernelPorts } from '../actor/domain-state.ts';
import { type KernelConfig, type Registry, decodeConfig } from '../actor/kernel-config.ts';
import { decodeRecord } from '../actor/record.ts';
import { supply } from '../actor/residency.ts';
import { assert } from '../base/assert.ts';
import { ByteSink } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import { encodeValue } from '../frame/codec.ts';
import { FRAME_KIND, Frame } from '../frame/frame.ts';
import { type Detail, type ReplayOrder, writeRow } from './replay-protocol.ts';

const NOTHING = new Uint8Array(0);

/** Until the first record names one; nothing runs before. */
const NO_CONFIG: KernelConfig = {
  types: {},
  callTimeoutMs: 1,
  maxTurnsPerInput: 1,
  dedupTermMs: 1,
  dedupLimit: 1,
  incarnation: 0,
};

/** Where a record has got to: its step ended, or an actor has to be read first. */
export type Replayed = 'ended' | { readonly needs: string };

export class ReplayKernel {
  readonly #domain: Domain;
  readonly #configs: Map<number, KernelConfig> = new Map();
  readonly #rows: ByteSink = new ByteSink();
  /** Rows that changed and were not told yet. */
  #due: Map<string, Set<string>> = new Map();
  #cause: Uint8Array = NOTHING;
  #recorded: Uint8Array = NOTHING;

  constructor(
    registry: Registry,
    ports: Omit<KernelPorts, 'admit' | 'log'>,
    order: Extract<ReplayOrder, { kind: 'open' }>,
  ) {
    const { tenant, shard, configs, image, system } = order;
    for (const [id, bytes] of configs) this.#configs.set(id, decodeConfig(bytes));
    const state = new DomainState(tenant, shard, registry, NO_CONFIG, {
      ...ports,
      admit: () => false, // recorded decisions are read back; a question more than was recorded is a divergence
      log: () => undefined,
    });
    if (image !== undefined) restoreDomain(state, image, system);
    this.#domain = new Domain(state);
  }

  /** Begins the step of a record. */
  begin(seq: number, body: Uint8Array): Replayed {
    const { state } = this.#domain;
    assert(seq === state.seq + 1, 'records are replayed in their order');
    const { configId, frame: bytes, nowMs, seed, acks, decisions, digest } = decodeRecord(body);
    const config = this.#configs.get(configId);
    if (config === undefined) {
      const text = `tenant ${state.tenant}: step ${seq} names configuration ${configId}, which is not there`;
      throw new SynapseError('STORE_CORRUPT', text, { tenant: state.tenant, seq });
    }
    state.config = config;
    this.#recorded = digest;
    const frame = Frame.parse(bytes);
    this.#cause = causeOf(state, frame);
    this.#domain.begin(frame, { nowMs, seed, acks, decisions });
    return this.#advance();
  }

  /** Goes on with what was asked for. */
  supply(actorId: string, rows: readonly StoredRow[]): Replayed {
    supply(this.#domain.state, actorId, rows);
    return this.#advance();
  }

  #advance(): Replayed {
    for (;;) {
      const progress = this.#domain.advance();
      if (progress === 'idle') return 'ended';
      if (progress !== 'more') return progress;
    }
  }

  /** Ends the step and writes its report; see replay-protocol.ts. */
  end(sink: ByteSink, detail: Detail, isLast: boolean): void {
    const { state } = this.#domain;
    const digested = state.digestSink; // left as it is until another step begins
    const { seq, nowMs, digest, outputs } = this.#domain.end();
    this.#absorb();
    const isWhole = detail === 'whole' || Buffer.compare(digest, this.#recorded) !== 0; // the difference will be told
    const told = isWhole ? outputs : outputs.filter(({ kind }) => kind === 'event');
    sink.f64(seq);
    sink.f64(nowMs);
    sink.raw(digest);
    sink.bytes(isWhole ? digested.view() : NOTHING);
    sink.bytes(isWhole || isLast ? this.#takeRows() : NOTHING);
    sink.bytes(told.length > 0 ? encodeValue(told) : NOTHING);
    sink.bytes(this.#cause);
    const isDomain = detail === 'domain' && isLast;
    sink.bytes(isDomain ? this.#takeSystemRows() : NOTHING);
    sink.bytes(isDomain ? sha256(encodeImage(state)) : NOTHING);
  }

  /** Takes over which rows the step changed; nothing else of a replay needs the marks. */
  #absorb(): void {
    const { state } = this.#domain;
    const { dirty } = state;
    if (dirty.size === 0) return;
    state.dirty = new OneMap();
    state.dirtyRowCount = 0;
    for (const [actorId, rows] of dirty) this.#add(actorId, state.dirtyNames(actorId, rows));
  }

  #add(actorId: string, names: Iterable<string>): void {
    const due = this.#due.get(actorId);
    if (due === undefined) this.#due.set(actorId, new Set(names));
    else for (const name of names) due.add(name);
  }

  #takeRows(): Uint8Array {
    const sink = this.#rows;
    sink.clear();
    for (const [actorId, names] of this.#due) {
      const cell = this.#domain.state.cells.get(actorId);
      const group = rowGroupOf(actorId);
      for (const name of names) writeRow(sink, { group, name, value: cell?.rowValue(name) ?? null });
    }
    this.#due = new Map();
    return sink.view();
  }

  #takeSystemRows(): Uint8Array {
    const { state } = this.#domain;
    const sink = this.#rows;
    sink.clear();
    touchTurns(state);
    for (const row of changedSystemRows(state)) writeRow(sink, row);
    takeSystemMarks(state);
    return sink.view();
  }
}

function causeOf(state: DomainState, frame: Frame): Uint8Array {
  if (frame.kind === FRAME_KIND.timer) {
    const timer = state.timers.get(frame.handler);
    return timer === undefined ? NOTHING : encodeValue({ timer });
  }
  if (frame.kind !== FRAME_KIND.effectResult) return NOTHING;
  const effect = state.effects.get(frame.handler);
  return effect === undefined ? NOTHING : encodeValue({ effect });
}
