/**
 * What left a tenant against its journal: effects that the world saw, messages that other tenants took in,
 * events as readers get them, restarts within their intensity; and nothing left under way when all is quiet.
 */
import { addressText } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { sha256Hex } from '../base/hash.ts';
import { encodeValue } from '../frame/codec.ts';
import { FRAME_KIND, type Frame } from '../frame/frame.ts';
import type { StoredEvent } from '../store/store.ts';
import type { KernelModel } from './model-input.ts';
import { hex } from './model-state.ts';
import type { SimulationRun } from './sim-run.ts';

/** Events read at once: more than a run emits. */
const EVENTS_MAX = 100_000;

interface Sent {
  readonly seq: number;
  readonly line: string;
  readonly isTell: boolean;
  readonly isQuery: boolean;
}

export class WorldCheck {
  readonly #run: SimulationRun;
  readonly #effects: Map<string, string> = new Map();
  readonly #events: Map<string, string[]> = new Map();
  /** By sender, receiver and counter. */
  readonly #sent: Map<string, Sent> = new Map();
  readonly #restarts: Map<string, number[]> = new Map();
  readonly #everSuspended: Set<string> = new Set();

  constructor(run: SimulationRun) {
    this.#run = run;
  }

  note(tenant: string, model: KernelModel, lines: readonly string[]): void {
    if (model.suspendedUntilMs > 0) this.#everSuspended.add(tenant);
    this.#forget(model);
    for (const line of lines) {
      const [word = '', a = '', b = '', ...rest] = line.split(' ');
      if (word === 'effect') {
        const key = sha256Hex(`${model.config.incarnation}/${tenant.length}/${tenant}/${a}`);
        this.#effects.set(key, `${b} ${rest.join(' ')}`);
      } else if (word === 'event') {
        const name = `${tenant}\0${a}`;
        this.#events.set(name, [...(this.#events.get(name) ?? []), `${b} ${rest.join(' ')}`]);
      } else if (word === 'send') this.#noteSend(tenant, model.seq, line);
      else if (word === 'restart') this.#noteRestart(model, line);
      else if (word === 'escalated') this.#restarts.delete(a); // and begins anew
    }
    this.#forget(model);
  }

  /** Who was ended is another when it comes again; whether its restarts of this step lay before that, nobody says. */
  #forget(model: KernelModel): void {
    for (const id of model.ended) this.#restarts.delete(model.text(id));
  }

  /** `send tenant/type/key counter floor n tell|call from type/key handler args …` */
  #noteSend(tenant: string, seq: number, line: string): void {
    const [, address = '', counter = '', , , how = '', , from = '', handler = '', args = ''] = line.split(' ');
    const [to = '', type = ''] = address.split('/');
    const isQuery = this.#run.setup.registry.newest(type)?.queries.has(handler) === true;
    const text = `${address} from ${from} ${handler} ${args}`;
    this.#sent.set(`${tenant} ${to} ${counter}`, { seq, line: text, isTell: how === 'tell', isQuery });
  }

  /** More than `intensity` restarts of its own within `periodMs` are none: they escalate. */
  #noteRestart(model: KernelModel, line: string): void {
    const [, address = '', , ...reason] = line.split(' ');
    if (reason.join(' ').startsWith('with its sibling')) return;
    const supervise = model.definitionOf(address.split('/')[1] ?? '')?.supervise;
    if (supervise === undefined) return;
    const recent = (this.#restarts.get(address) ?? []).filter((timeMs) => timeMs > model.nowMs - supervise.periodMs);
    recent.push(model.nowMs);
    this.#restarts.set(address, recent);
    if (recent.length > supervise.intensity)
      this.#run.report(
        'supervision',
        `${address}: ${recent.length} restarts within ${supervise.periodMs} ms, ${supervise.intensity} are allowed`,
      );
  }

  /** What the model has under way at the end, when nothing can happen any more. */
  rest(tenant: string, model: KernelModel): void {
    const suspended = [...model.turns.values()].map((turn) => turn.where());
    if (suspended.length > 0)
      this.#run.report('progress', `tenant ${tenant}: turns wait for good: ${suspended.join(', ')}`);
    if (model.effects.size > 0)
      this.#run.report('progress', `tenant ${tenant}: effects never ended: ${[...model.effects.keys()].join(', ')}`);
    const nowMs = this.#run.endMs;
    if (model.suspendedUntilMs > nowMs) return;
    for (const { id, dueMs } of model.timers.values()) {
      if (dueMs < nowMs)
        this.#run.report(
          'timers',
          `tenant ${tenant}: timer ${id} was due ${nowMs - dueMs} ms before the end and never fired`,
        );
    }
  }

  judge(): void {
    this.#judgeEffects();
    this.#judgeEvents();
    this.#judgeMessages();
    this.#judgeDepartures();
  }

  #judgeEffects(): void {
    for (const { effect, input, idempotencyKey } of this.#run.effectAttempts) {
      const known = this.#effects.get(idempotencyKey);
      const seen = `${effect} ${hex(encodeValue(input))}`;
      if (known === seen || this.#run.journal.damaged.size > 0) continue;
      this.#run.report(
        'durable',
        `effect ${effect} ran with ${JSON.stringify(input)}, and ${known === undefined ? 'no step asked for it' : `its step says ${known}`}`,
      );
    }
  }

  #judgeEvents(): void {
    const { store } = this.#run.host;
    for (const [name, wanted] of this.#events) {
      const [tenant = '', topic = ''] = name.split('\0');
      if (this.#run.journal.damaged.has(tenant)) continue;
      let stored: readonly StoredEvent[];
      try {
        stored = store.events(tenant, topic, 0, EVENTS_MAX);
      } catch (error) {
        const isRot = this.#run.mayRot && error instanceof SynapseError && error.code === 'STORE_CORRUPT';
        if (!isRot) throw error;
        continue;
      }
      const texts = stored.map(({ offset, timeMs, value }) => `${offset} ${timeMs} ${hex(value)}`);
      if (texts.join() !== wanted.join())
        this.#run.report(
          'events',
          `tenant ${tenant}, topic ${topic}: ${texts.length} events are stored, ${wanted.length} were written, or they differ`,
        );
    }
  }

  /** Between tenants: what was taken in was sent, in its order, once; and what was told arrived or was refused. */
  #judgeMessages(): void {
    const { journal } = this.#run;
    const taken = new Set<string>();
    for (const tenant of journal.tenants) {
      const last = new Map<string, number>();
      for (const { seq, frame } of journal.steps(tenant)) {
        const { source, messageId } = frame;
        if (source === undefined || !isMessage(frame)) continue;
        const name = `${source.tenant} ${tenant} ${messageId}`;
        taken.add(name);
        const sent = this.#sent.get(name);
        const text = `${addressText(frame.target)} from ${source.type}/${source.key} ${frame.handler} ${hex(frame.payload)}`;
        if (sent?.line !== text && !journal.damaged.has(source.tenant))
          this.#run.report(
            'durable',
            `tenant ${tenant}: step ${seq} took in a message that ${source.tenant} did not send: ${frame.handler}`,
          );
        if (messageId <= (last.get(source.tenant) ?? 0))
          this.#run.report(
            'order',
            `tenant ${tenant}: step ${seq} took in message ${messageId} of ${source.tenant} after ${last.get(source.tenant)}`,
          );
        last.set(source.tenant, messageId);
      }
    }
    for (const [name, sent] of this.#sent)
      if (sent.isTell && !sent.isQuery && !taken.has(name)) this.#judgeLost(name, sent);
  }

  /** A message leaves when its step is durable, the first time and each time it is sent again. */
  #judgeDepartures(): void {
    for (const { name, tenant, durableSeq } of this.#run.departures) {
      const seq = this.#sent.get(name)?.seq ?? 0;
      if (seq > durableSeq && !this.#run.journal.damaged.has(tenant))
        this.#run.report('durable', `message ${name} of step ${seq} left when ${durableSeq} steps were durable`);
    }
  }

  #judgeLost(name: string, { line }: Sent): void {
    const [from = '', to = ''] = name.split(' ');
    const { journal, setup } = this.#run;
    if (journal.damaged.has(from) || journal.damaged.has(to) || this.#everSuspended.has(to)) return;
    const [address = '', , , handler = ''] = line.split(' ');
    if (setup.registry.newest(address.split('/')[1] ?? '')?.commands.has(handler) !== true) return; // refused there
    this.#run.report('once', `tenant ${from} told ${line}, and ${to} never took it in`);
  }
}

function isMessage({ kind }: Frame): boolean {
  return kind === FRAME_KIND.call || kind === FRAME_KIND.tell;
}
