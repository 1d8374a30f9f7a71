/**
 * Runs turns: starts them, gives them results, ends them.
 *
 *   message ──▶ start ──▶ drain ──▶ settled? ──yes──▶ commit or roll back, reply, supervise
 *                           ▲          │ no
 *               result ──▶ settle      ▼
 *                           ▲       waits on ctx? ──no──▶ AMBIENT_AUTHORITY
 *                           └───────── suspended
 *
 * User code runs only between `enter` and `leave`, and only here. After each stretch of it all its
 * microtasks have run, so "neither settled nor waiting on ctx" means that it waits for something the
 * journal cannot know.
 */
import { SynapseError } from '../base/error.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { decodeError } from '../frame/frame.ts';
import { Arguments } from './arguments.ts';
import { type Cell, META_ROW, freshCell } from './cell.ts';
import { TurnContext } from './context.ts';
import type { Handler, ResolvedActor } from './definition.ts';
import { carryOut, noteBirth, noteType, sendCalls, stopAfter, takeRestarts } from './dispatch.ts';
import { checkOrders } from './domain-limit.ts';
import { type DomainState, digestOf, failureOf } from './domain-state.ts';
import { failureFrom, reasonOf } from './failure.ts';
import { type Message, type Outcome, actorIdOf } from './message.ts';
import { commitMigration, migrateCell } from './migration.ts';
import { touchCell } from './residency.ts';
import { applyDirective, closeTurn, releaseMailbox } from './supervisor.ts';
import type { TurnResult } from './turn-calls.ts';
import { Turn } from './turn.ts';

/** Largest reply, bytes: it has to fit a frame. */
const REPLY_MAX_BYTES = 15 << 20;

/** What running one job came to: done, or an actor has to be read from the store first. */
export type Progress = undefined | { readonly needs: string };

/** The handler that a message of this role runs. */
function handlerOf(definition: ResolvedActor, message: Message): Handler | undefined {
  switch (message.role) {
    case 'started':
      return definition.started;
    case 'restarted':
      return definition.restarted;
    case 'terminated':
      return definition.terminated;
    case 'query':
      return definition.queries.get(message.handler);
    case 'command':
      return definition.commands.get(message.handler);
  }
}

/** Starts the turn of a message whose actor is in memory and free; `definition` is that of its type. */
export function startTurn(
  state: DomainState,
  actorId: string,
  message: Message,
  definition: ResolvedActor | undefined,
): Progress {
  const handler = definition === undefined ? undefined : handlerOf(definition, message);
  if (definition === undefined || handler === undefined) {
    if (message.role === 'command') state.reply(message, failureOf(unknownOf(definition, message)));
    releaseMailbox(state, actorId);
    return undefined;
  }
  const { seed, moment } = state.running;
  const turn = new Turn(state.nextTurnId, actorId, message, definition.version, seed, moment);
  try {
    const cell = takeCell(state, turn, definition);
    turn.arm(cell, definition);
    migrateCell(state, turn, cell, definition);
  } catch (error) {
    turn.settled = { ok: false, error };
  }
  if (turn.settled === undefined) invoke(state, turn, handler);
  if (turn.needs !== undefined) return abandon(state, turn);
  state.nextTurnId += 1;
  state.running.turnCount += 1;
  proceed(state, turn);
  return undefined;
}

/** The turn's actor, as it stands or, where it does not exist yet, as its definition makes it. */
function takeCell(state: DomainState, turn: Turn, definition: ResolvedActor): Cell {
  const known = touchCell(state, turn.actorId);
  if (known !== undefined) return known;
  const cell = makeCell(state, turn, definition, turn.actorId);
  state.cells.set(cell.id, cell);
  return cell;
}

/** A fresh cell; the definition's own code makes its state, under the rules of the turn. */
function makeCell(state: DomainState, turn: Turn, definition: ResolvedActor, actorId: string): Cell {
  state.ports.enter(turn);
  try {
    const cell = freshCell(definition, actorId);
    cell.usedMs = state.useMs;
    return cell;
  } finally {
    state.ports.leave();
  }
}

/** Throws a stretch away that asked for an actor not in memory; its job runs again later. */
function abandon(state: DomainState, turn: Turn): Progress {
  const needs = turn.needs ?? '';
  const { cell } = turn;
  turn.disarm();
  if (cell?.exists === false) state.cells.delete(cell.id);
  return { needs };
}

function unknownOf(definition: ResolvedActor | undefined, message: Message): SynapseError {
  const { type, handler } = message;
  return definition === undefined
    ? new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}' is registered`, { type })
    : new SynapseError('UNKNOWN_HANDLER', `${type} has no handler '${handler}'`, { type, handler });
}

/** Runs the handler's first stretch. */
function invoke(state: DomainState, turn: Turn, handler: Handler): void {
  const { cell } = turn;
  if (cell === undefined) return;
  const { life } = turn;
  const context = new TurnContext(state, cell, turn);
  const args = argumentsOf(turn.message, context);
  state.ports.enter(turn);
  try {
    // Most handlers take nothing: a call with a list costs more than the turn's whole context.
    const value = args.length === 0 ? handler(context as never) : handler(context as never, ...args);
    if (isThenable(value)) {
      Promise.resolve(value).then(
        (result) => turn.settleHandler(life, { ok: true, value: result }),
        (error: unknown) => turn.settleHandler(life, { ok: false, error }),
      );
    } else {
      turn.settleHandler(life, { ok: true, value });
    }
  } catch (error) {
    turn.settleHandler(life, { ok: false, error });
  }
  drain(state, turn);
}

/** `terminated` gets a reference to the actor that ended, made anew from its address. */
function argumentsOf(message: Message, context: TurnContext): readonly unknown[] {
  const args = message.args.values();
  if (message.role !== 'terminated') return args;
  const address = args[0] as { type: string; key: string };
  return [context.ref(address.type, address.key), args[1]];
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Runs what the stretch left in the microtask queue; a rejection nobody handled fails the open turn. */
function drain(state: DomainState, turn: Turn): void {
  state.ports.drain();
  for (const error of state.ports.takeUnhandled()) {
    if (turn.settled === undefined) turn.settled = { ok: false, error };
    else
      state.log(state.addressOf(turn.actorId), 'error', `unhandled rejection after the end of ${turn.where()}`, {
        error: String(error),
      });
  }
  state.ports.leave();
}

/** Gives a suspended turn the result of one of its calls. Its actor is in memory. */
export function deliver(state: DomainState, turn: Turn, callIndex: number, outcome: Outcome): Progress {
  if (turn.phase === 'dormant') revive(state, turn);
  const { calls } = turn;
  calls.closeCall(callIndex);
  const { nowMs, seq } = state.running.moment;
  const result: TurnResult = { callIndex, ok: outcome.ok, payload: outcome.payload, nowMs, seq };
  turn.writes?.apply();
  turn.phase = 'running';
  settle(state, turn, result);
  turn.needs ??= unknownSpawn(state, turn);
  if (turn.needs !== undefined) {
    calls.openCall(callIndex, undefined);
    return abandon(state, turn);
  }
  calls.results.push(result);
  state.running.turnCount += 1;
  proceed(state, turn);
  return undefined;
}

function settle(state: DomainState, turn: Turn, result: TurnResult): void {
  const value = result.ok ? decodeValue(result.payload) : decodeError(result.payload);
  state.ports.enter(turn);
  turn.now = result;
  turn.calls.settle(result, value);
  drain(state, turn);
}

/** Runs a dormant turn again up to where it was suspended: same message, seed, state and results. */
function revive(state: DomainState, turn: Turn): void {
  const { message } = turn;
  const definition = state.registry.resolve(message.type, turn.version);
  const handler = definition === undefined ? undefined : handlerOf(definition, message);
  if (definition === undefined || handler === undefined) throw divergence(turn, 'its version is not here');
  const cell = takeCell(state, turn, definition);
  turn.arm(cell, definition);
  turn.catchUp();
  migrateCell(state, turn, cell, definition);
  invoke(state, turn, handler);
  const { calls } = turn;
  for (const result of calls.results) {
    if (turn.settled !== undefined) throw divergence(turn, 'it ended early');
    settle(state, turn, result);
  }
  if (turn.settled !== undefined || calls.count !== calls.sentCount) throw divergence(turn, 'it made other calls');
  turn.caughtUp();
}

function divergence(turn: Turn, why: string): SynapseError {
  return new SynapseError(
    'DIVERGED',
    `the suspended turn ${turn.where()} (version ${turn.version}) does not run as recorded: ${why}`,
    {
      actor: `${turn.message.type}/${turn.message.key}`,
      handler: turn.message.handler,
      version: turn.version,
    },
  );
}

/** After a stretch: the end of the turn, or its suspension. */
function proceed(state: DomainState, turn: Turn): void {
  sendCalls(state, turn);
  if (turn.fault !== undefined) {
    failTurn(state, turn, turn.fault);
  } else if (turn.settled === undefined && turn.waitsForNothing) {
    const message = `${turn.where()} awaits something that ctx did not give it: a command may await only what ctx returns`;
    failTurn(state, turn, new SynapseError('AMBIENT_AUTHORITY', message));
  } else if (turn.settled === undefined) {
    suspend(state, turn);
  } else if (turn.settled.ok) {
    endTurn(state, turn, turn.settled.value);
  } else {
    failTurn(state, turn, failureFrom(turn.settled.error, turn.where()), reasonOf(turn.settled.error));
  }
}

function suspend(state: DomainState, turn: Turn): void {
  turn.writes?.revert();
  turn.phase = 'suspended';
  state.turns.set(turn.id, turn);
  state.turnOf.set(turn.actorId, turn);
  state.turnMarks.touch(String(turn.id));
}

function endTurn(state: DomainState, turn: Turn, value: unknown): void {
  let payload: Uint8Array;
  try {
    payload = encodeValue(value, REPLY_MAX_BYTES, 'result');
    if (turn.hasClaims) {
      checkSpawns(state, turn);
      checkOrders(state, turn);
    }
  } catch (error) {
    failTurn(state, turn, error instanceof SynapseError ? error : failureFrom(error, turn.where()));
    return;
  }
  const { message } = turn;
  commitWrites(state, turn);
  closeTurn(state, turn);
  state.running.note('turn', turn.actorId, message.role, message.handler, payload);
  const stops = carryOut(state, turn);
  state.reply(message, { ok: true, payload });
  if (stops) stopAfter(state, turn);
  else releaseMailbox(state, turn.actorId);
}

/** An actor to be spawned that has left memory while the turn was suspended: it may exist by now. */
function unknownSpawn(state: DomainState, turn: Turn): string | undefined {
  for (const order of turn.orders) {
    if (order.kind !== 'spawn') continue;
    const actorId = actorIdOf(order.type, order.key);
    if (state.existence(actorId) === 'unknown') return actorId;
  }
  return undefined;
}

/** Makes the children: an address may have come into being while the turn was suspended. */
function checkSpawns(state: DomainState, turn: Turn): void {
  let newborns: Cell[] | undefined;
  for (const order of turn.orders) {
    if (order.kind !== 'spawn') continue;
    const { type, key } = order;
    const actorId = actorIdOf(type, key);
    if (state.existence(actorId) === 'yes') {
      throw new SynapseError('INVALID_ARGUMENT', `${type}/${key} exists already`, { argument: 'key' });
    }
    const definition = state.definitionOf(type);
    // Made before anything is committed: where that fails, the turn fails whole.
    if (definition !== undefined) (newborns ??= []).push(makeCell(state, turn, definition, actorId));
  }
  if (newborns !== undefined) turn.newborns = newborns.reverse();
}

function commitWrites(state: DomainState, turn: Turn): void {
  const { cell, writes } = turn;
  if (cell === undefined || writes === undefined) return;
  if (!cell.exists) {
    cell.exists = true;
    // Restarts before its first turn succeeded count towards the intensity like those after it.
    takeRestarts(state, cell);
    noteType(state, turn.message.type, cell.meta.version);
    noteBirth(state, cell);
    return;
  }
  commitMigration(state, turn, cell);
  const { running } = state;
  let rows: Set<string> | undefined;
  for (const write of writes.written) {
    if (write.isVoid) continue;
    const { name } = write;
    rows ??= state.dirtyRows(cell.id);
    state.markIn(rows, name);
    if (write.isDeleted) {
      state.markIn(rows, META_ROW); // it may be the last row that told of the actor
      running.note('row-gone', cell.id, name);
    } else if (write.bytes === undefined) {
      running.noteRow(cell.id, name, write.after);
    } else {
      running.note('row', cell.id, name, write.bytes);
    }
  }
}

/** Rolls a turn back, tells its caller, and lets supervision decide. */
function failTurn(state: DomainState, turn: Turn, error: SynapseError, reason: string = error.code): void {
  turn.writes?.revert();
  closeTurn(state, turn);
  const outcome = failureOf(error);
  const { message, cell, definition } = turn;
  state.running.note('failed', turn.actorId, message.role, message.handler, digestOf(outcome));
  state.reply(message, outcome);
  if (message.role === 'started' && cell?.exists !== true) failTrigger(state, turn.actorId, outcome);
  if (error.code !== 'REFUSED' && cell !== undefined && definition !== undefined) {
    applyDirective(state, cell, definition, reason);
  }
  if (cell?.exists === false) state.cells.delete(turn.actorId);
  releaseMailbox(state, turn.actorId);
}

/** The message whose arrival made an actor start fails with the start. */
function failTrigger(state: DomainState, actorId: string, outcome: Outcome): void {
  const mailbox = state.mailboxes.get(actorId);
  const trigger = mailbox?.messages.shift();
  if (mailbox === undefined || trigger === undefined) return;
  mailbox.sizeBytes -= trigger.args.bytes.length;
  state.reply(trigger, outcome);
}

/** The lifecycle message that goes before the first command of an actor, where its definition asks for one. */
export function startedMessage(
  state: DomainState,
  actorId: string,
  { role, type, key }: Message,
  definition: ResolvedActor | undefined,
): Message | undefined {
  if (role !== 'command' || definition?.started === undefined) return undefined;
  if (state.cells.get(actorId)?.exists === true) return undefined;
  return {
    role: 'started',
    type,
    key,
    handler: 'started',
    args: Arguments.none,
    sender: {},
    replyTo: { kind: 'none' },
    chain: [],
  };
}
