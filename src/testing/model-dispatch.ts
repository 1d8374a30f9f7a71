/**
 * How what a turn of the model asked for leaves it: calls and effects at the end of each stretch of its
 * code, all else when it has succeeded. See model-state.ts for what the model is.
 */
import { addressText } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { encodeArguments, encodeValue } from '../frame/codec.ts';
import { encodeError } from '../frame/frame.ts';
import type { ModelMessage } from './model-message.ts';
import { type ModelState, hex } from './model-state.ts';
import type { ModelCall, ModelOrder, ModelTurn } from './model-turn.ts';

/** Sends the calls of the last stretch. */
export function sendCalls(state: ModelState, turn: ModelTurn): void {
  const calls = turn.outgoing;
  turn.outgoing = [];
  const first = turn.callCount - calls.length;
  for (const [at, call] of calls.entries()) {
    turn.open.set(first + at, undefined);
    sendCall(state, turn, first + at, call);
  }
}

function fail(state: ModelState, turn: ModelTurn, callIndex: number, error: SynapseError): void {
  const outcome = { ok: false, payload: encodeError(error) };
  state.queue.push({ kind: 'result', turnId: turn.id, callIndex, outcome });
}

function sendCall(state: ModelState, turn: ModelTurn, index: number, call: ModelCall): void {
  if (call.kind === 'failed') {
    fail(state, turn, index, call.error);
  } else if (call.kind === 'effect') {
    const id = `${turn.id}.${index}`;
    state.effects.set(id, { turnId: turn.id, callIndex: index });
    state.lines.push(`effect ${id} ${call.name} ${hex(call.input)}`);
  } else if (call.address.tenant === state.tenant) {
    sendLocal(state, turn, index, call);
  } else {
    sendRemote(state, turn, index, call);
  }
}

type OutwardCall = Extract<ModelCall, { kind: 'call' }>;

function sendLocal(state: ModelState, turn: ModelTurn, index: number, call: OutwardCall): void {
  const { address, handler, args, options, principal } = call;
  const { type, key } = address;
  const target = `${type}\0${key}`;
  const isQuery = state.definitionOf(type)?.queries.has(handler) === true;
  if (!isQuery) {
    if (turn.message.chain.includes(state.text(target)) || waitsFor(state, target, turn.actor.id, new Set())) {
      fail(state, turn, index, new SynapseError('CALL_CYCLE', 'a circle of waiting actors'));
      return;
    }
    turn.open.set(index, target);
  }
  const message: ModelMessage = {
    role: isQuery ? 'query' : 'command',
    type,
    key,
    handler,
    args,
    sender: senderOf(state, turn, principal),
    replyTo: { kind: 'turn', turnId: turn.id, callIndex: index },
    chain: turn.message.chain,
  };
  const { idempotencyKey } = options;
  if (idempotencyKey === undefined || isQuery) state.queue.push({ kind: 'message', message });
  else sendKeyed(state, { ...message, idempotencyKey }, idempotencyKey);
}

/** A call with a key between actors of the tenant: taken once, answered alike. */
function sendKeyed(state: ModelState, message: ModelMessage, idempotencyKey: string): void {
  const command = commandText(message.type, message.key, message.handler, message.args);
  const entry = keyOf(state, idempotencyKey, state.nowMs);
  if (entry === undefined) {
    openKey(state, idempotencyKey, command);
    state.queue.push({ kind: 'message', message });
    return;
  }
  const { idempotencyKey: _key, ...plain } = message;
  const asQuery: ModelMessage = { ...plain, role: 'query' };
  if (entry.command !== command) {
    const error = new SynapseError('INVALID_ARGUMENT', 'the key was used for another command');
    state.reply(asQuery, { ok: false, payload: encodeError(error) });
  } else if (entry.outcome === undefined) entry.waiters.push(message.replyTo);
  else state.reply(asQuery, entry.outcome);
}

export function commandText(type: string, key: string, handler: string, args: Uint8Array): string {
  return hex(encodeValue([type, key, handler, args]));
}

/** What is known of a key: pending, or answered and within its term. */
export function keyOf(state: ModelState, idempotencyKey: string, nowMs: number): ReturnType<ModelState['keys']['get']> {
  const entry = state.keys.get(idempotencyKey);
  return entry?.outcome !== undefined && entry.expiresMs <= nowMs ? undefined : entry;
}

export function openKey(state: ModelState, idempotencyKey: string, command: string): void {
  state.keys.delete(idempotencyKey);
  const expiresMs = state.nowMs + state.config.dedupTermMs;
  state.keys.set(idempotencyKey, { command, expiresMs, outcome: undefined, waiters: [] });
  // Bounded: beyond the limit the oldest answered go first.
  for (const [oldest, entry] of state.keys) {
    if (oldest === idempotencyKey || (entry.expiresMs > state.nowMs && state.keys.size <= state.config.dedupLimit))
      break;
    if (entry.outcome !== undefined) state.keys.delete(oldest);
  }
}

function waitsFor(state: ModelState, from: string, to: string, seen: Set<string>): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...(state.turnOf.get(from)?.open.values() ?? [])].some(
    (next) => next !== undefined && waitsFor(state, next, to, seen),
  );
}

function senderOf(state: ModelState, turn: ModelTurn, principal: string | undefined): ModelMessage['sender'] {
  const { type, key } = turn.message;
  return principal === undefined ? { tenant: state.tenant, type, key } : { tenant: state.tenant, type, key, principal };
}

function sendRemote(state: ModelState, turn: ModelTurn, index: number, call: OutwardCall): void {
  const { address, handler, args, options, principal } = call;
  const chain = [...turn.message.chain, ...waitersOf(state, turn)];
  if (chain.includes(addressText(address))) {
    fail(state, turn, index, new SynapseError('CALL_CYCLE', 'a circle of waiting actors'));
    return;
  }
  if (!admits(state, address.tenant, address.type, handler)) {
    fail(state, turn, index, new SynapseError('DENIED', 'there is no grant'));
    return;
  }
  const { idempotencyKey } = options;
  const place = { turnId: turn.id, callIndex: index };
  post(state, turn, { address, handler, args, principal, idempotencyKey, chain, tell: false, ...place });
  const dueMs = state.nowMs + (options.timeoutMs ?? state.config.callTimeoutMs);
  const id = `d:${turn.id}.${index}`;
  state.timers.set(id, { id, purpose: 'deadline', actorId: turn.actor.id, dueMs, turnId: turn.id, callIndex: index });
}

function waitersOf(state: ModelState, turn: ModelTurn): string[] {
  const path: string[] = [];
  for (let at: ModelTurn | undefined = turn; at !== undefined;) {
    path.push(state.text(at.actor.id));
    const { replyTo }: ModelMessage = at.message;
    at = replyTo.kind === 'turn' ? state.turns.get(replyTo.turnId) : undefined;
  }
  return path.reverse();
}

/** Grants, and then the room in the outbox, which the model always has. */
function admits(state: ModelState, tenant: string, type: string, handler: string): boolean {
  return state.decide(state.admit(state.tenant, tenant, type, handler)) && state.decide(true);
}

interface Posting {
  readonly address: { readonly tenant: string; readonly type: string; readonly key: string };
  readonly handler: string;
  readonly args: Uint8Array;
  readonly principal: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly chain: readonly string[];
  readonly tell: boolean;
  readonly turnId: number;
  readonly callIndex: number;
}

function post(state: ModelState, turn: ModelTurn, posting: Posting): void {
  const { address, handler, args, principal = '', idempotencyKey = '', chain, tell, turnId, callIndex } = posting;
  const { tenant } = address;
  const counter = (state.counters.get(tenant) ?? 0) + 1;
  const open = [...state.sends.values()].filter((send) => send.tenant === tenant).map((send) => send.counter);
  const floor = Math.min(counter, ...open);
  state.counters.set(tenant, counter);
  const { incarnation } = state.config;
  state.sends.set(`${tenant}\0${counter}`, {
    ...address,
    incarnation,
    counter,
    tell,
    handler,
    args,
    turnId,
    callIndex,
  });
  const { type, key } = turn.message;
  state.lines.push(
    `send ${addressText(address)} ${counter} floor ${floor} ${tell ? 'tell' : 'call'} from ${type}/${key} ${handler} ${hex(args)} ${principal} ${idempotencyKey} ${chain.join(' ')}`,
  );
}

/** Carries out the orders of a turn that succeeded. True when the actor is to stop. */
export function carryOut(state: ModelState, turn: ModelTurn, spawn: (type: string, key: string) => void): boolean {
  let stops = false;
  for (const order of turn.orders) {
    if (order.kind === 'stop') stops = true;
    else if (order.kind === 'spawn') spawn(order.type, order.key);
    else carryOutOne(state, turn, order);
  }
  return stops;
}

function carryOutOne(state: ModelState, turn: ModelTurn, order: Exclude<ModelOrder, { kind: 'stop' }>): void {
  switch (order.kind) {
    case 'tell':
      sendTell(state, turn, order);
      return;
    case 'emit': {
      const offset = state.topics.get(order.topic) ?? 0;
      state.topics.set(order.topic, offset + 1);
      state.lines.push(`event ${order.topic} ${offset} ${state.nowMs} ${hex(order.value)}`);
      return;
    }
    case 'timer': {
      const { id, dueMs, cron, command, args } = order;
      state.timers.set(id, { id, purpose: 'command', actorId: turn.actor.id, dueMs, cron, command, args });
      return;
    }
    case 'cancel':
      if (state.timers.get(order.id)?.actorId === turn.actor.id) state.timers.delete(order.id);
      return;
    case 'watch': {
      const target = `${order.type}\0${order.key}`;
      const watchers = state.watchers.get(target) ?? [];
      if (!watchers.includes(turn.actor.id)) state.watchers.set(target, [...watchers, turn.actor.id]);
      return;
    }
    case 'spawn':
  }
}

function sendTell(state: ModelState, turn: ModelTurn, order: Extract<ModelOrder, { kind: 'tell' }>): void {
  const { address, handler, args, principal } = order;
  const { tenant, type, key } = address;
  if (tenant !== state.tenant) {
    if (admits(state, tenant, type, handler)) {
      const place = { turnId: 0, callIndex: 0, chain: [], idempotencyKey: undefined };
      post(state, turn, { address, handler, args, principal, tell: true, ...place });
    } else state.deadLetter(address, handler, args, new SynapseError('DENIED', 'there is no grant'));
    return;
  }
  const definition = state.definitionOf(type);
  const isQuery = definition?.queries.has(handler) === true;
  if (definition === undefined || (!isQuery && !definition.commands.has(handler))) {
    const code = definition === undefined ? 'UNKNOWN_ACTOR' : 'UNKNOWN_HANDLER';
    state.deadLetter(address, handler, args, new SynapseError(code, 'unknown'));
    return;
  }
  const sender = senderOf(state, turn, principal);
  const message: ModelMessage = {
    role: isQuery ? 'query' : 'command',
    type,
    key,
    handler,
    args,
    sender,
    replyTo: { kind: 'none' },
    chain: [],
  };
  state.queue.push({ kind: 'message', message });
}

/** Arguments of a lifecycle handler that takes none. */
export const NO_ARGUMENTS: Uint8Array = encodeArguments([]);
