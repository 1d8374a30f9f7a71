/**
 * The model's step: an input, and everything that follows from it inside the tenant. See model-state.ts
 * for what the model is; `KernelModel` is what the checks use.
 */
import type { Handler, ResolvedActor } from '../actor/definition.ts';
import { failureFrom, reasonOf } from '../actor/failure.ts';
import type { KernelConfig } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import { SEED_BYTES, SeededRandom } from '../base/seeded.ts';
import { decodeArguments, decodeValue, encodeArguments, encodeValue } from '../frame/codec.ts';
import { decodeError, encodeError } from '../frame/frame.ts';
import { NO_ARGUMENTS, carryOut, sendCalls } from './model-dispatch.ts';
import type { ModelActor, ModelMessage, ModelOutcome } from './model-message.ts';
import { type ModelJob, ModelState } from './model-state.ts';
import { applyDirective, applyStrategy, closeTurn, restart, stop } from './model-supervision.ts';
import { queryContext, turnContext } from './model-context.ts';
import { ModelTurn, frozen } from './model-turn.ts';

/** Largest reply, bytes, as the kernel's. */
const REPLY_MAX_BYTES = 15 << 20;

type SupervisionJob = Extract<ModelJob, { actorId: string }> & {
  kind: 'stop' | 'restart' | 'escalation' | 'strategy' | 'orphan';
};

export class ModelKernel extends ModelState {
  /** Runs the queue until it is empty. */
  runQueue(): void {
    for (let job = this.queue.shift(); job !== undefined; job = this.queue.shift()) this.#run(job);
  }

  #run(job: ModelJob): void {
    switch (job.kind) {
      case 'message':
        this.#runMessage(job.message);
        return;
      case 'result':
        this.#deliver(job.turnId, job.callIndex, job.outcome);
        return;
      case 'next':
        this.#runNext(job.actorId);
        return;
      case 'back-off-over':
        this.#runRestarted(job.actorId);
        return;
      default:
        this.#supervise(job);
    }
  }

  #runMessage(message: ModelMessage): void {
    const actorId = `${message.type}\0${message.key}`;
    if (message.role === 'query') {
      this.reply(message, this.query(message));
    } else if (this.isBusy(actorId)) {
      this.#park(actorId, message);
    } else if (!this.#isMoot(message)) {
      const started = this.#startedBefore(message, actorId);
      if (started !== undefined) this.#park(actorId, message);
      this.#start(started ?? message);
    }
  }

  #park(actorId: string, message: ModelMessage): void {
    const mailbox = this.mailboxOf(actorId);
    const limits = this.definitionOf(message.type)?.mailbox;
    const sizeBytes = mailbox.messages.reduce((sum, { args }) => sum + args.length, 0);
    const isFull = limits !== undefined && (mailbox.messages.length >= limits.limit || sizeBytes >= limits.limitBytes);
    if (isFull && message.replyTo.kind !== 'client' && message.replyTo.kind !== 'tenant') {
      const error = new SynapseError('MAILBOX_FULL', 'the mailbox is full');
      this.reply(message, { ok: false, payload: encodeError(error) });
      return;
    }
    if (isFull) this.onFault(`a message was taken in for ${this.text(actorId)}, whose mailbox is full`);
    mailbox.messages.push(message);
  }

  /** A lifecycle message must not bring an actor back that has ended. */
  #isMoot({ role, type, key }: ModelMessage): boolean {
    return (role === 'started' || role === 'terminated') && !this.exists(`${type}\0${key}`);
  }

  #startedBefore(message: ModelMessage, actorId: string): ModelMessage | undefined {
    const { role, type, key } = message;
    if (role !== 'command' || this.exists(actorId) || this.definitionOf(type)?.started === undefined) return undefined;
    return lifecycle('started', type, key, NO_ARGUMENTS);
  }

  #runNext(actorId: string): void {
    const mailbox = this.mailboxes.get(actorId);
    if (mailbox === undefined) return;
    mailbox.isScheduled = false;
    if (mailbox.restarting !== undefined || this.turnOf.has(actorId)) return;
    const message = mailbox.messages[0];
    if (message === undefined || this.#isMoot(message)) {
      mailbox.messages.shift();
      this.releaseMailbox(actorId);
      return;
    }
    const started = this.#startedBefore(message, actorId);
    if (started === undefined) mailbox.messages.shift();
    this.#start(started ?? message);
  }

  #runRestarted(actorId: string): void {
    const mailbox = this.mailboxes.get(actorId);
    const reason = mailbox?.restarting;
    if (mailbox === undefined || reason === undefined) return;
    mailbox.restarting = undefined;
    const { type, key } = this.address(actorId);
    if (this.definitionOf(type)?.restarted === undefined || !this.exists(actorId)) this.releaseMailbox(actorId);
    else this.#start(lifecycle('restarted', type, key, encodeArguments([reason])));
  }

  #supervise(job: SupervisionJob): void {
    const actor = this.actors.get(job.actorId);
    const definition = this.definitionOf(this.address(job.actorId).type);
    if (actor?.exists !== true || definition === undefined) {
      this.#forget(job.actorId);
    } else if (job.kind === 'stop') {
      stop(this, actor, job.reason);
    } else if (job.kind === 'restart') {
      restart(this, actor, definition, job.reason, false);
    } else if (job.kind === 'escalation') {
      applyDirective(this, actor, definition, `${this.text(job.from)} escalated: ${job.reason}`);
    } else if (job.kind === 'strategy') {
      applyStrategy(this, actor, definition, job.from, job.reason);
    } else if (job.kind === 'orphan' && this.actors.get(job.child)?.parent !== actor.id) {
      actor.children = actor.children.filter((child) => child !== job.child);
    }
  }

  /** The turn of an actor that never came to exist ends with the order that would have ended the actor. */
  #forget(actorId: string): void {
    const turn = this.turnOf.get(actorId);
    if (turn === undefined || this.exists(actorId)) return;
    closeTurn(this, turn);
    this.reply(turn.message, { ok: false, payload: encodeError(new SynapseError('HANDLER_FAILED', 'it was stopped')) });
    this.releaseMailbox(actorId);
  }

  #start(message: ModelMessage): void {
    const definition = this.definitionOf(message.type);
    const handler = definition === undefined ? undefined : handlerOf(definition, message);
    const actorId = `${message.type}\0${message.key}`;
    if (definition === undefined || handler === undefined) {
      if (message.role === 'command') {
        const code = definition === undefined ? 'UNKNOWN_ACTOR' : 'UNKNOWN_HANDLER';
        this.reply(message, { ok: false, payload: encodeError(new SynapseError(code, 'unknown')) });
      }
      this.releaseMailbox(actorId);
      return;
    }
    const actor = this.actors.get(actorId) ?? this.#fresh(definition, message.type, message.key);
    this.actors.set(actorId, actor);
    const turn = new ModelTurn(this, message, actor, definition.version);
    this.nextTurnId += 1;
    try {
      migrate(turn, definition);
      this.#invoke(turn, handler);
    } catch (error) {
      turn.settled = { ok: false, value: error };
    }
    this.#proceed(turn, definition);
  }

  #fresh(definition: ResolvedActor, type: string, key: string): ModelActor {
    const initial = definition.initialState();
    const state = Object.fromEntries(Object.entries(initial).map(([name, value]) => [name, frozen(value)]));
    const { version } = definition;
    const id = `${type}\0${key}`;
    const nobody = { exists: false, parent: undefined, children: [], restarts: [] };
    return { id, type, key, version, state, tables: new Map(), ...nobody };
  }

  #invoke(turn: ModelTurn, handler: Handler): void {
    const context = turnContext(this, turn) as { ref(type: string, key: string): unknown };
    let args = decodeArguments(turn.message.args);
    if (turn.message.role === 'terminated') {
      const { type, key } = args[0] as { type: string; key: string };
      args = [context.ref(type, key), args[1]];
    }
    this.#inScope(turn, () => {
      try {
        const value = handler(context as never, ...args);
        if (value instanceof Promise) {
          value.then(
            (result: unknown) => (turn.settled ??= { ok: true, value: result }),
            (error: unknown) => (turn.settled ??= { ok: false, value: error }),
          );
        } else turn.settled = { ok: true, value };
      } catch (error) {
        turn.settled = { ok: false, value: error };
      }
    });
  }

  #inScope(turn: ModelTurn, body: () => void): void {
    this.scope.enter(turn);
    try {
      body();
      this.scope.drain();
      for (const error of this.scope.takeUnhandled()) turn.settled ??= { ok: false, value: error };
    } finally {
      this.scope.leave();
    }
  }

  #deliver(turnId: number, callIndex: number, outcome: ModelOutcome): void {
    const turn = this.turns.get(turnId);
    if (turn === undefined || !turn.open.has(callIndex)) return;
    turn.open.delete(callIndex);
    this.timers.delete(`d:${turnId}.${callIndex}`);
    turn.nowMs = this.nowMs;
    turn.seq = this.seq;
    const value = outcome.ok ? decodeValue(outcome.payload) : decodeError(outcome.payload);
    this.#inScope(turn, () => turn.settle(callIndex, outcome.ok, value));
    const definition = this.registry.resolve(turn.message.type, turn.version);
    if (definition !== undefined) this.#proceed(turn, definition);
  }

  #proceed(turn: ModelTurn, definition: ResolvedActor): void {
    sendCalls(this, turn);
    const { settled, fault } = turn;
    if (fault !== undefined) {
      this.#fail(turn, definition, fault, fault.code);
    } else if (settled === undefined && turn.open.size > 0) {
      this.turns.set(turn.id, turn);
      this.turnOf.set(turn.actor.id, turn);
    } else if (settled === undefined) {
      const error = new SynapseError('AMBIENT_AUTHORITY', 'it awaits something foreign');
      this.#fail(turn, definition, error, error.code);
    } else if (settled.ok) {
      this.#end(turn, definition, settled.value);
    } else {
      this.#fail(turn, definition, failureFrom(settled.value, turn.where()), reasonOf(settled.value));
    }
  }

  #end(turn: ModelTurn, definition: ResolvedActor, value: unknown): void {
    let payload: Uint8Array;
    const newborns: ModelActor[] = [];
    try {
      payload = encodeValue(value, REPLY_MAX_BYTES, 'result');
      for (const order of turn.orders) {
        if (order.kind !== 'spawn') continue;
        if (this.isTaken(`${order.type}\0${order.key}`)) throw new SynapseError('INVALID_ARGUMENT', 'exists already');
        const child = this.definitionOf(order.type);
        if (child !== undefined) newborns.push(this.#fresh(child, order.type, order.key));
      }
    } catch (error) {
      const failure = error instanceof SynapseError ? error : failureFrom(error, turn.where());
      this.#fail(turn, definition, failure, failure.code);
      return;
    }
    const { actor, message } = turn;
    this.#makeExist(actor, turn.version);
    actor.state = turn.state;
    actor.tables = turn.tables;
    closeTurn(this, turn);
    const stops = carryOut(this, turn, (type, key) => {
      const newborn = newborns.find((one) => one.type === type && one.key === key);
      if (newborn !== undefined) this.#spawn(actor, newborn);
    });
    this.reply(message, { ok: true, payload });
    if (stops) stop(this, actor, 'it stopped');
    else this.releaseMailbox(actor.id);
  }

  #makeExist(actor: ModelActor, version: number): void {
    if (!actor.exists && !this.types.has(actor.type)) this.types.set(actor.type, actor.version);
    if (!actor.exists) {
      actor.restarts = this.unborn.get(actor.id) ?? actor.restarts;
      this.unborn.delete(actor.id);
    }
    actor.exists = true;
    actor.version = Math.max(actor.version, version);
  }

  #spawn(parent: ModelActor, child: ModelActor): void {
    child.parent = parent.id;
    this.#makeExist(child, child.version);
    this.actors.set(child.id, child);
    parent.children = [...parent.children.filter((id) => id !== child.id), child.id];
    if (this.definitionOf(child.type)?.started === undefined) return;
    this.queue.push({ kind: 'message', message: lifecycle('started', child.type, child.key, NO_ARGUMENTS) });
  }

  #fail(turn: ModelTurn, definition: ResolvedActor, error: SynapseError, reason: string): void {
    const { actor, message } = turn;
    closeTurn(this, turn);
    const outcome = { ok: false, payload: encodeError(error) };
    this.reply(message, outcome);
    if (message.role === 'started' && !actor.exists) {
      const trigger = this.mailboxes.get(actor.id)?.messages.shift();
      if (trigger !== undefined) this.reply(trigger, outcome);
    }
    if (error.code !== 'REFUSED') applyDirective(this, actor, definition, reason);
    if (!actor.exists && this.actors.get(actor.id) === actor) this.actors.delete(actor.id);
    this.releaseMailbox(actor.id);
  }

  /** Answers a query from committed state, as a process with this configuration does. */
  query(message: ModelMessage, config: KernelConfig = this.config): ModelOutcome {
    const version = this.types.get(message.type) ?? config.types[message.type];
    const definition = version === undefined ? undefined : this.registry.resolve(message.type, version);
    const handler = definition?.queries.get(message.handler);
    if (definition === undefined || handler === undefined)
      return { ok: false, payload: encodeError(new SynapseError('UNKNOWN_HANDLER', 'unknown')) };
    const where = `${message.type}/${message.key} ${message.handler}`;
    const random = new SeededRandom(new Uint8Array(SEED_BYTES));
    this.scope.enter({ nowMs: this.nowMs, random, where: () => where, spoil: () => undefined });
    try {
      const known = this.actors.get(`${message.type}\0${message.key}`);
      const actor = known?.exists === true ? known : this.#fresh(definition, message.type, message.key);
      const view = { ...actor, state: migrated(actor, definition) };
      const value = handler(queryContext(this, view, message) as never, ...decodeArguments(message.args));
      return { ok: true, payload: encodeValue(value, undefined, 'result') };
    } catch (error) {
      return { ok: false, payload: encodeError(failureFrom(error, where)) };
    } finally {
      this.scope.leave();
    }
  }
}

function lifecycle(role: 'started' | 'restarted', type: string, key: string, args: Uint8Array): ModelMessage {
  return { role, type, key, handler: role, args, sender: {}, replyTo: { kind: 'none' }, chain: [] };
}

function handlerOf(definition: ResolvedActor, message: ModelMessage): Handler | undefined {
  const { role, handler } = message;
  if (role === 'command') return definition.commands.get(handler);
  return role === 'query' ? definition.queries.get(handler) : definition[role];
}

function migrated(actor: ModelActor, definition: ResolvedActor): Record<string, unknown> {
  let { state } = actor;
  for (let version = actor.version; version < definition.version; version++) {
    const next = definition.migrate.get(version)?.(decodeValue(encodeValue({ ...state })) as Record<string, unknown>);
    if (next !== undefined)
      state = Object.fromEntries(Object.entries(next).map(([key, value]) => [key, frozen(value)]));
  }
  return state;
}

function migrate(turn: ModelTurn, definition: ResolvedActor): void {
  if (turn.actor.version < definition.version) turn.state = { ...migrated(turn.actor, definition) };
}
