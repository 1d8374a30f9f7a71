/**
 * The journal of a run, run again: by the kernel in a fresh domain with everything in memory, which must
 * come to the recorded digests and to the roots that the host has; and by the model, which must put out the
 * same step for step and end with the same state. Whoever looks on is shown the model after each step.
 */
import { changedRows, encodeImage } from '../actor/domain-image.ts';
import { Domain } from '../actor/domain.ts';
import { DomainState } from '../actor/domain-state.ts';
import { type KernelConfig, decodeConfig } from '../actor/kernel-config.ts';
import type { Output } from '../actor/step.ts';
import { addressText, shardOf } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { hexOf, sha256 } from '../base/hash.ts';
import { encodeValue } from '../frame/codec.ts';
import { TurnScope } from '../host/turn-scope.ts';
import { MemoryKeyValue } from '../store/memory.ts';
import { Store } from '../store/store.ts';
import { KernelModel } from './model-input.ts';
import { hex, outcomeText } from './model-state.ts';
import type { RecordedStep } from './sim-journal.ts';
import type { SimulationRun } from './sim-run.ts';

/** Shown each step of a tenant, in order: seq 0 is before the first. */
export type OnStep = (tenant: string, seq: number, model: KernelModel, lines: readonly string[]) => void;

const encoder = (value: unknown): string => hex(encodeValue(value));

/** Replays all tenants of a run. False where kernel and model, or kernel and journal, have parted. */
export function checkKernel(run: SimulationRun, onStep: OnStep): boolean {
  // Also those that nobody has written to: what is asked of them is answered from nothing.
  const tenants = new Set([...run.journal.tenants, ...run.setup.operations.map(({ tenant }) => tenant)]);
  for (const tenant of tenants) {
    const replay = new TenantReplay(run, tenant);
    onStep(tenant, 0, replay.model, []);
    for (const step of run.journal.steps(tenant)) {
      const lines = replay.step(step);
      if (lines === undefined) break;
      onStep(tenant, step.seq, replay.model, lines);
    }
    replay.end();
  }
  return run.violations.length === 0;
}

class TenantReplay {
  readonly #run: SimulationRun;
  readonly #tenant: string;
  readonly #domain: Domain;
  readonly model: KernelModel;
  #isLost = false;

  constructor(run: SimulationRun, tenant: string) {
    this.#run = run;
    this.#tenant = tenant;
    const { registry, limits, admit } = run.setup;
    const scope = new TurnScope();
    const config = this.#configOf(0);
    const shard = shardOf(tenant, limits.shards);
    const state = new DomainState(tenant, shard, registry, config, {
      drain: () => scope.drain(),
      takeUnhandled: () => scope.takeUnhandled(),
      admit,
      log: () => undefined,
      enter: (turn) => scope.enter(turn),
      leave: () => scope.leave(),
    });
    this.#domain = new Domain(state);
    this.model = new KernelModel({ tenant, registry, scope, admit, config }, (text) => this.#report(text));
  }

  #configOf(id: number): KernelConfig {
    const { store } = this.#run.host;
    const bytes = store.config(id) ?? store.config(1);
    return decodeConfig(bytes as Uint8Array);
  }

  #report(text: string): void {
    this.#run.report('model', `tenant ${this.#tenant}: step ${this.#domain.state.seq}: ${text}`);
    this.#isLost = true;
  }

  /** Runs one step; nothing once kernel and model have parted. */
  step(step: RecordedStep): readonly string[] | undefined {
    const { body, frame, seq } = step;
    const { state } = this.#domain;
    state.config = this.#configOf(body.configId);
    this.model.config = state.config;
    const { nowMs, seed, acks, decisions } = body;
    this.#domain.begin(frame, { nowMs, seed, acks, decisions });
    for (let progress = this.#domain.advance(); progress !== 'idle'; progress = this.#domain.advance()) {
      assert(progress === 'more', 'in a fresh domain everything is in memory');
    }
    const outcome = this.#domain.end();
    if (Buffer.compare(outcome.digest, body.digest) !== 0) {
      this.#run.report(
        'replica',
        `tenant ${this.#tenant}: step ${seq} (${frame.handler}) does something else when it is replayed`,
      );
      this.#isLost = true;
      return undefined;
    }
    const lines = this.model.take(step);
    this.#compare(outcome.outputs.map(lineOf), lines, frame.handler);
    if (encoder(this.model.decisions) !== encoder(decisions))
      this.#report(`grants: kernel ${decisions.join()}, model ${this.model.decisions.join()}`);
    if (!this.#isLost) this.#compareState();
    return this.#isLost ? undefined : lines;
  }

  #compare(real: readonly string[], model: readonly string[], handler: string): void {
    const at = real.findIndex((line, index) => line !== model[index]);
    if (at < 0 && real.length === model.length) return;
    const place = at < 0 ? real.length : at;
    this.#report(
      `${handler}: the kernel puts out ${real[place] ?? 'nothing more'}, the model ${model[place] ?? 'nothing more'}`,
    );
  }

  /** The state of all actors, and what supervision, timers and watchers know. */
  #compareState(): void {
    const { state } = this.#domain;
    const { model } = this;
    const ids = new Set([...model.actors.keys(), ...state.cells.keys()]);
    for (const id of ids) {
      const cell = state.cells.get(id);
      const actor = model.actors.get(id);
      const real =
        cell === undefined || !cell.exists
          ? 'nothing'
          : encoder([
              sorted(new Map(Object.entries(cell.state))),
              tablesOf(cell.tables, (rows) => rows.values),
              cell.meta.version,
              cell.meta.parent,
              cell.meta.children,
              cell.meta.restarts,
            ]);
      const own =
        actor === undefined || !actor.exists
          ? 'nothing'
          : encoder([
              sorted(new Map(Object.entries(actor.state))),
              tablesOf(actor.tables, (rows) => rows),
              actor.version,
              actor.parent,
              actor.children,
              actor.restarts,
            ]);
      if (real !== own) {
        this.#report(`${model.text(id)}: the kernel has ${real}, the model ${own}`);
        return;
      }
    }
    this.#compareTables();
  }

  #compareTables(): void {
    const { state } = this.#domain;
    const { model } = this;
    const parts: readonly (readonly [string, unknown, unknown])[] = [
      ['timers', state.timers.size, model.timers.size],
      ['suspended turns', [...state.turns.keys()], [...model.turns.keys()]],
      ['effects', [...state.effects.keys()], [...model.effects.keys()]],
      [
        'watchers',
        watchersOf(model, (id) => state.watches.rowValue(id)),
        watchersOf(model, (id) => encodeValue(model.watchers.get(id))),
      ],
      [
        'messages to others',
        [...state.outbox.entries()].map(({ tenant, counter }) => `${tenant} ${counter}`).sort(),
        [...model.sends.values()].map(({ tenant, counter }) => `${tenant} ${counter}`).sort(),
      ],
      ['born and counted as unborn', [...state.unborn.keys()].filter((id) => model.exists(id)), []],
      ['suspended until', state.suspendedUntilMs, model.suspendedUntilMs],
      [
        'mailboxes',
        sorted(mapOf(new Map(state.mailboxes), ({ messages }) => messages.map(({ handler }) => handler))),
        sorted(mapOf(model.mailboxes, ({ messages }) => messages.map(({ handler }) => handler))),
      ],
      [
        'next timer',
        state.timers.next()?.dueMs,
        model.timers.size === 0 ? undefined : Math.min(...[...model.timers.values()].map(({ dueMs }) => dueMs)),
      ],
    ];
    for (const [what, real, own] of parts) {
      if (encoder(real) === encoder(own)) continue;
      this.#report(`${what}: the kernel has ${JSON.stringify(real)}, the model ${JSON.stringify(own)}`);
      return;
    }
  }

  /** The roots of the replayed domain are those that the host has. */
  end(): void {
    if (this.#isLost) return;
    const live = this.#run.roots.find(({ tenant }) => tenant === this.#tenant);
    if (live === undefined || live.fault !== undefined) return;
    const { state } = this.#domain;
    const { shards } = this.#run.setup.limits;
    const store = Store.open({ driver: new MemoryKeyValue(), shards, now: () => 0, draw: () => 1 });
    const at = { seq: state.seq, imageHash: sha256(encodeImage(state)) };
    const { stateRoot } = store.roots(this.#tenant, changedRows(state), at);
    if (hexOf(stateRoot) !== live.stateRoot)
      this.#run.report('replica', `tenant ${this.#tenant}: a replay of the whole journal comes to another state root`);
  }
}

/** The watchers of every actor that may have some. */
function watchersOf(model: KernelModel, valueOf: (id: string) => Uint8Array | null): unknown {
  const ids = new Set([...model.actors.keys(), ...model.watchers.keys()]);
  return [...ids].sort().map((id) => [id, model.watchers.has(id) ? valueOf(id) : null]);
}

function sorted(map: ReadonlyMap<string, unknown>): unknown {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

function mapOf<From, To>(map: ReadonlyMap<string, From>, make: (from: From) => To): Map<string, To> {
  return new Map([...map].map(([key, value]) => [key, make(value)]));
}

function tablesOf<Rows>(
  tables: ReadonlyMap<string, Rows> | undefined,
  valuesOf: (rows: Rows) => ReadonlyMap<string, unknown>,
): unknown {
  const filled = [...(tables ?? [])].filter(([, rows]) => valuesOf(rows).size > 0);
  return sorted(new Map(filled.map(([name, rows]) => [name, sorted(valuesOf(rows))])));
}

/** An output of the kernel in the words of the model. */
function lineOf(output: Output): string {
  switch (output.kind) {
    case 'reply':
      return `reply ${output.incarnation} ${output.messageId} ${outcomeText(output)}`;
    case 'tenant-reply': {
      const { tenant, incarnation, messageId, tell } = output;
      return `tenant-reply ${tenant} ${incarnation} ${messageId} ${tell ? 'tell' : 'call'} ${outcomeText(output)}`;
    }
    case 'send': {
      const { entry } = output;
      const { counter, floor, tell, sourceType, sourceKey, handler, args, principal = '', idempotencyKey = '' } = entry;
      return `send ${addressText(entry)} ${counter} floor ${floor} ${tell ? 'tell' : 'call'} from ${sourceType}/${sourceKey} ${handler} ${hex(args)} ${principal} ${idempotencyKey} ${entry.chain.join(' ')}`;
    }
    case 'effect':
      return `effect ${output.request.id} ${output.request.name} ${hex(output.request.input)}`;
    case 'cancel-effect':
      return `cancel-effect ${output.id}`;
    case 'event':
      return `event ${output.topic} ${output.offset} ${output.timeMs} ${hex(output.value)}`;
    case 'answered':
      return `answered ${output.idempotencyKey} ${outcomeText(output)}`;
    case 'dead-letter':
      return `dead-letter ${addressText(output.address)} ${output.handler} ${hex(output.args)} ${output.reason}`;
    case 'supervision': {
      const address = output.address === undefined ? '' : addressText(output.address);
      return `${output.event} ${address} ${output.untilMs ?? ''} ${output.reason}`;
    }
  }
}
