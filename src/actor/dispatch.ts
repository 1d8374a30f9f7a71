/**
 * How what a turn asked for leaves it: calls and effects at the end of each stretch of its code
 * (`sendCalls`), all else when it has succeeded (`carryOut`).
 *
 * Whatever depends on more than the turn's own code (is the target waiting for us, may we cross to
 * that tenant) is decided here and comes back as a result, so that it is part of what a rerun of the
 * turn is given.
 */
import { addressText } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { sha256Hex } from '../base/hash.ts';
import { Arguments } from './arguments.ts';
import { effectFault, outboxFault } from './domain-limit.ts';
import { type Cell, META_ROW } from './cell.ts';
import { type DomainState, failureOf } from './domain-state.ts';
import { answerByKey } from './input.ts';
import { type Message, NO_REPLY, actorIdOf, messageJob } from './message.ts';
import type { Posting } from './outbox.ts';
import type { EffectRequest } from './step.ts';
import { addChild, stopActor } from './supervisor.ts';
import type { Call } from './turn-calls.ts';
import type { Order, Turn } from './turn.ts';

/** Longest chain of actors that wait for each other, in entries: it travels with every call. */
const CHAIN_MAX = 128;

/** Sends the calls that the turn's last stretch of code made. */
export function sendCalls(state: DomainState, turn: Turn): void {
  const calls = turn.callsMade;
  if (calls?.hasOutgoing !== true) return;
  for (const call of calls.takeOutgoing()) {
    calls.openCall(call.index, undefined);
    sendCall(state, turn, call);
  }
  calls.sentCount = calls.count;
}

function sendCall(state: DomainState, turn: Turn, call: Call): void {
  switch (call.kind) {
    case 'failed':
      fail(state, turn, call.index, call.error);
      return;
    case 'effect':
      sendEffect(state, turn, call.index, call.name, call.input);
      return;
    case 'remote':
      sendRemote(state, turn, call);
      return;
    case 'local':
      sendLocal(state, turn, call);
  }
}

function fail(state: DomainState, turn: Turn, callIndex: number, error: SynapseError): void {
  state.enqueue({ kind: 'result', turnId: turn.id, callIndex, outcome: failureOf(error) });
}

function sendLocal(state: DomainState, turn: Turn, call: Extract<Call, { kind: 'local' }>): void {
  const target = call.actorId;
  if (!call.query) {
    const cycle = cyclePath(state, turn, target);
    if (cycle !== undefined) {
      fail(state, turn, call.index, cycleError(cycle));
      return;
    }
    turn.calls.openCall(call.index, target);
  }
  const message: Message = {
    role: call.query ? 'query' : 'command',
    type: call.type,
    key: call.key,
    handler: call.handler,
    args: call.args,
    sender: turn.senderIn(state.tenant, call.principal),
    replyTo: { kind: 'turn', turnId: turn.id, callIndex: call.index },
    chain: turn.message.chain,
  };
  const { idempotencyKey } = call;
  if (idempotencyKey === undefined || call.query) {
    state.enqueue(messageJob(message, target));
    return;
  }
  const keyed: Message = { ...message, idempotencyKey };
  if (!answerByKey(state, keyed)) state.enqueue(messageJob(keyed, target));
}

/**
 * The circle that a call from `turn` to `target` would close, as addresses from the caller back to
 * the caller; none when there is none. Follows who waits for whom inside the tenant, and the chain
 * that came with the message across tenants.
 */
function cyclePath(state: DomainState, turn: Turn, target: string): string[] | undefined {
  const { chain } = turn.message;
  if (chain.length > 0) {
    const targetText = state.actorText(target);
    const at = chain.indexOf(targetText);
    if (at >= 0) return [...chain.slice(at), state.actorText(turn.actorId), targetText];
  }
  let path: string[] | undefined;
  if (target === turn.actorId) path = [target];
  else if (state.turnOf.has(target)) path = waitPath(state, target, turn.actorId, new Set());
  return path === undefined ? undefined : [turn.actorId, ...path].map((id) => state.actorText(id));
}

function waitPath(state: DomainState, from: string, to: string, seen: Set<string>): string[] | undefined {
  if (from === to) return [from];
  const waiting = state.turnOf.get(from);
  if (waiting === undefined || seen.has(from)) return undefined;
  seen.add(from);
  for (const [, next] of waiting.callsMade?.open ?? []) {
    if (next === undefined) continue;
    const path = waitPath(state, next, to, seen);
    if (path !== undefined) return [from, ...path];
  }
  return undefined;
}

function cycleError(path: readonly string[]): SynapseError {
  return new SynapseError('CALL_CYCLE', `a call would close a circle of waiting actors: ${path.join(' -> ')}`, {
    path: [...path],
  });
}

function sendRemote(state: DomainState, turn: Turn, call: Extract<Call, { kind: 'remote' }>): void {
  const target = addressText(call);
  const chain = [...turn.message.chain, ...waitersOf(state, turn)];
  const at = chain.indexOf(target);
  if (at >= 0) {
    fail(state, turn, call.index, cycleError([...chain.slice(at), target]));
    return;
  }
  if (chain.length > CHAIN_MAX) {
    const error = new SynapseError('TOO_LARGE', `more than ${CHAIN_MAX} actors wait for each other across tenants`, {
      limit: CHAIN_MAX,
    });
    fail(state, turn, call.index, error);
    return;
  }
  const denial = denialOf(state, call.tenant, call.type, call.handler) ?? outboxFault(state);
  if (denial !== undefined) {
    fail(state, turn, call.index, denial);
    return;
  }
  post(state, turn, { ...call, tell: false, chain, turnId: turn.id, callIndex: call.index });
  const timeoutMs = call.timeoutMs ?? state.config.callTimeoutMs;
  state.timers.set({
    id: `d:${turn.id}.${call.index}`,
    purpose: 'deadline',
    actorId: turn.actorId,
    dueMs: state.nowMs + timeoutMs,
    order: state.nextTimerOrder++,
    turnId: turn.id,
    callIndex: call.index,
  });
}

/** The actors of this tenant that wait for `turn`, outermost first, and its own last. */
function waitersOf(state: DomainState, turn: Turn): string[] {
  const path: string[] = [];
  for (let at: Turn | undefined = turn; at !== undefined;) {
    path.push(state.actorText(at.actorId));
    const { replyTo }: Message = at.message;
    at = replyTo.kind === 'turn' && path.length <= CHAIN_MAX ? state.turns.get(replyTo.turnId) : undefined;
  }
  return path.reverse();
}

function denialOf(state: DomainState, tenant: string, type: string, handler: string): SynapseError | undefined {
  const { running } = state;
  const granted = running.decide(() => state.ports.admit(state.tenant, tenant, type, handler));
  running.note('admit', tenant, type, handler, granted ? 'granted' : 'denied');
  if (granted) return undefined;
  return new SynapseError('DENIED', `tenant ${state.tenant} has no grant for ${tenant}/${type} ${handler}`, {
    tenant,
    type,
    handler,
  });
}

function post(state: DomainState, turn: Turn, posting: Posting): void {
  const entry = state.outbox.add(posting, turn.message, state.config.incarnation, state.nowMs);
  state.running.note('send', entry.tenant, entry.counter, entry.type, entry.key, entry.handler, entry.args);
  state.running.put({ kind: 'send', entry });
}

function sendEffect(state: DomainState, turn: Turn, callIndex: number, name: string, input: Uint8Array): void {
  const { type, key } = turn.message;
  const fault = effectFault(state);
  if (fault !== undefined) {
    fail(state, turn, callIndex, fault);
    return;
  }
  const id = `${turn.id}.${callIndex}`;
  const request: EffectRequest = { id, type, key, version: turn.version, name, input, turnId: turn.id, callIndex };
  state.effects.set(id, request);
  state.effectMarks.touch(id);
  state.running.note('effect', id, name, input);
  state.running.put({ kind: 'effect', request });
}

/** The key that all attempts at an effect share, the world over: the tenant's name does not leak. */
export function effectKeyOf(state: DomainState, effectId: string): string {
  return sha256Hex(`${state.config.incarnation}/${state.tenant.length}/${state.tenant}/${effectId}`);
}

/** Carries out the orders of a turn that succeeded. True when the actor is to stop. */
export function carryOut(state: DomainState, turn: Turn): boolean {
  let stops = false;
  for (const order of turn.orders) {
    if (order.kind === 'stop') stops = true;
    else carryOutOne(state, turn, order);
  }
  return stops;
}

function carryOutOne(state: DomainState, turn: Turn, order: Exclude<Order, { kind: 'stop' }>): void {
  const { running } = state;
  switch (order.kind) {
    case 'message':
      sendTell(state, turn, order);
      return;
    case 'emit': {
      const offset = state.topics.get(order.topic) ?? 0;
      state.topics.set(order.topic, offset + 1);
      running.note('emit', order.topic, offset, order.value);
      running.put({ kind: 'event', topic: order.topic, offset, timeMs: state.nowMs, value: order.value });
      return;
    }
    case 'timer': {
      const { id, dueMs, cron, command, args } = order;
      state.timers.set({
        id,
        purpose: 'command',
        actorId: turn.actorId,
        dueMs,
        order: state.nextTimerOrder++,
        cron,
        command,
        args,
      });
      running.note('timer', id, dueMs, command, args);
      return;
    }
    case 'cancel':
      // Only an actor's own timers: ids of others are not secrets, but their timers are not ours.
      if (state.timers.get(order.id)?.actorId === turn.actorId) state.timers.delete(order.id);
      running.note('cancel', order.id);
      return;
    case 'spawn':
      spawnChild(state, turn, order.type, order.key);
      return;
    case 'watch':
      watch(state, turn, actorIdOf(order.type, order.key));
  }
}

function sendTell(state: DomainState, turn: Turn, order: Extract<Order, { kind: 'message' }>): void {
  const { tenant, message } = order;
  const { type, key, handler, args } = message;
  if (tenant !== state.tenant) {
    const denial = denialOf(state, tenant, type, handler) ?? outboxFault(state);
    if (denial === undefined) post(state, turn, postingOf(tenant, message));
    else state.deadLetter({ tenant, type, key }, handler, args.bytes, denial);
    return;
  }
  const definition = state.definitionOf(type);
  if (definition?.commands.has(handler) === true) {
    state.enqueue(order);
  } else if (definition?.queries.has(handler) === true) {
    state.enqueue(messageJob({ ...message, role: 'query' }, order.actorId));
  } else {
    const error =
      definition === undefined
        ? new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}' is registered`, { type })
        : new SynapseError('UNKNOWN_HANDLER', `${type} has no handler '${handler}'`, { type, handler });
    state.deadLetter({ tenant, type, key }, handler, args.bytes, error);
  }
}

/** A tell to another tenant: nobody waits for it. */
function postingOf(tenant: string, { type, key, handler, args, sender, chain }: Message): Posting {
  const { principal } = sender;
  return {
    tenant,
    type,
    key,
    handler,
    args: args.bytes,
    principal,
    idempotencyKey: undefined,
    tell: true,
    chain,
    turnId: 0,
    callIndex: 0,
  };
}

function spawnChild(state: DomainState, turn: Turn, type: string, key: string): void {
  const definition = state.definitionOf(type);
  const parent = turn.cell;
  const id = actorIdOf(type, key);
  if (definition === undefined || parent === undefined || turn.newborns.at(-1)?.id !== id) return;
  const cell = (turn.newborns as Cell[]).pop() as Cell;
  cell.amend({ parent: parent.id, exists: true });
  takeRestarts(state, cell);
  state.cells.set(id, cell);
  noteType(state, type, definition.version);
  addChild(state, parent, id);
  noteBirth(state, cell);
  state.running.note('spawn', id, parent.id);
  if (definition.started === undefined) return;
  const message: Message = {
    role: 'started',
    type,
    key,
    handler: 'started',
    args: Arguments.none,
    sender: {},
    replyTo: NO_REPLY,
    chain: [],
  };
  state.enqueue(messageJob(message, id));
}

/** The rows of an actor that has come to exist. */
export function noteBirth(state: DomainState, cell: Cell): void {
  const names = cell.newRowNames();
  state.markBirth(cell, names);
  for (const name of names) {
    if (name !== META_ROW) state.running.note('row', cell.id, name, cell.rowValue(name) ?? '');
  }
}

/** An actor that comes to exist has the restarts from before: its first turns failed. */
export function takeRestarts(state: DomainState, cell: Cell): void {
  if (state.unborn.size === 0) return;
  const restarts = state.unborn.get(cell.id);
  if (restarts === undefined) return;
  cell.amend({ restarts });
  state.unborn.delete(cell.id);
}

/** Remembers the version under which a type was first used: it changes only by a recorded migration. */
export function noteType(state: DomainState, type: string, version: number): void {
  if (!state.types.has(type)) state.types.set(type, version);
}

function watch(state: DomainState, turn: Turn, target: string): void {
  if (state.watches.add(target, turn.actorId)) state.running.note('watch', target, turn.actorId);
}

/** Ends the actor of a turn that asked for it. */
export function stopAfter(state: DomainState, turn: Turn): void {
  if (turn.cell !== undefined) stopActor(state, turn.cell, 'it stopped');
}
