/**
 * Supervision in the model: what becomes of an actor, its kin and its tenant when a turn fails. From
 * docs/supervision.md; see model-state.ts for what the model is.
 */
import type { ResolvedActor } from '../actor/definition.ts';
import { encodeArguments } from '../frame/codec.ts';
import type { ModelActor } from './model-message.ts';
import { type ModelState, failed } from './model-state.ts';
import type { ModelTurn } from './model-turn.ts';

/** Takes a turn out of the tables. Calls and effects that it made go on. */
export function closeTurn(state: ModelState, turn: ModelTurn): void {
  turn.isOver = true;
  for (const index of turn.open.keys()) state.timers.delete(`d:${turn.id}.${index}`);
  state.turns.delete(turn.id);
  if (state.turnOf.get(turn.actor.id) === turn) state.turnOf.delete(turn.actor.id);
}

function killTurn(state: ModelState, turn: ModelTurn, code: 'HANDLER_FAILED' | 'SUSPENDED'): void {
  for (const [id, effect] of state.effects) {
    if (effect.turnId !== turn.id) continue;
    state.effects.delete(id);
    state.lines.push(`cancel-effect ${id}`);
  }
  closeTurn(state, turn);
  const { id } = turn.actor;
  if (state.actors.get(id)?.exists === false) state.actors.delete(id);
  state.reply(turn.message, failed(code, 'its turn was ended from outside'));
}

/** The actor's own directive after a failure of its own, or of a child that escalated. */
export function applyDirective(state: ModelState, actor: ModelActor, definition: ResolvedActor, reason: string): void {
  switch (definition.supervise.onFailure) {
    case 'resume':
      return;
    case 'restart':
      restart(state, actor, definition, reason, true);
      return;
    case 'stop':
      stop(state, actor, reason);
      return;
    case 'escalate':
      escalate(state, actor, definition, reason);
  }
}

/** Notes that are older than their period go when another is made, up to the first that is not. */
function noteUnborn(state: ModelState, actorId: string, times: number[]): void {
  state.unborn.delete(actorId);
  const all = [...state.unborn];
  const young = all.findIndex(([id, noted]) => {
    const periodMs = state.definitionOf(state.address(id).type)?.supervise.periodMs ?? 0;
    return (noted.at(-1) ?? 0) > state.nowMs - periodMs;
  });
  for (const [id] of young < 0 ? all : all.slice(0, young)) state.unborn.delete(id);
  if (times.length > 0) state.unborn.set(actorId, times);
}

/** `isCounted`: a restart by its own failure, which counts towards the intensity. */
export function restart(
  state: ModelState,
  actor: ModelActor,
  definition: ResolvedActor,
  reason: string,
  isCounted: boolean,
): void {
  const { intensity, periodMs, backoffMs } = definition.supervise;
  const known = actor.exists ? actor.restarts : (state.unborn.get(actor.id) ?? []);
  const recent = known.filter((timeMs) => timeMs > state.nowMs - periodMs);
  const isTooMuch = isCounted && recent.length >= intensity;
  const times = isTooMuch ? [] : isCounted ? [...recent, state.nowMs] : recent;
  if (actor.exists) actor.restarts = times;
  else noteUnborn(state, actor.id, times);
  if (isTooMuch) {
    escalate(state, actor, definition, reason);
    return;
  }
  const turn = state.turnOf.get(actor.id);
  if (turn !== undefined) killTurn(state, turn, 'HANDLER_FAILED');
  for (const child of actor.children)
    state.queue.push({ kind: 'stop', actorId: child, reason: 'its parent restarted' });
  actor.children = [];
  const untilMs = state.nowMs + Math.min(backoffMs[1], backoffMs[0] * 2 ** Math.max(0, times.length - 1));
  state.mailboxOf(actor.id).restarting = reason;
  state.timers.set(`b:${actor.id}`, { id: `b:${actor.id}`, purpose: 'back-off', actorId: actor.id, dueMs: untilMs });
  state.supervision('restart', actor.id, reason, untilMs);
  if (isCounted && actor.parent !== undefined) orderStrategy(state, actor.id, actor.parent, reason);
}

function orderStrategy(state: ModelState, actorId: string, parent: string, reason: string): void {
  const strategy = state.definitionOf(state.address(parent).type)?.supervise.strategy ?? 'one-for-one';
  if (strategy !== 'one-for-one') state.queue.push({ kind: 'strategy', actorId: parent, from: actorId, reason });
}

/** Restarts the siblings that the parent's strategy names. */
export function applyStrategy(
  state: ModelState,
  parent: ModelActor,
  definition: ResolvedActor,
  from: string,
  reason: string,
): void {
  const place = parent.children.indexOf(from);
  for (const [index, child] of parent.children.entries()) {
    const isTouched = definition.supervise.strategy === 'one-for-all' || index > place;
    if (child !== from && isTouched)
      state.queue.push({ kind: 'restart', actorId: child, reason: `with its sibling: ${reason}` });
  }
}

/** Ends an actor with its state, timers and children; its watchers hear of it. */
export function stop(state: ModelState, actor: ModelActor, reason: string): void {
  const turn = state.turnOf.get(actor.id);
  if (turn !== undefined) killTurn(state, turn, 'HANDLER_FAILED');
  actor.exists = false;
  state.actors.delete(actor.id);
  state.ended.push(actor.id);
  for (const timer of state.timers.values()) if (timer.actorId === actor.id) state.timers.delete(timer.id);
  for (const child of actor.children) state.queue.push({ kind: 'stop', actorId: child, reason: 'its parent ended' });
  if (actor.parent !== undefined) state.queue.push({ kind: 'orphan', actorId: actor.parent, child: actor.id });
  forgetWatches(state, actor.id);
  const args = encodeArguments([state.address(actor.id), reason]);
  for (const watcher of state.watchers.get(actor.id) ?? []) {
    const { type, key } = state.address(watcher);
    state.queue.push({
      kind: 'message',
      message: {
        role: 'terminated',
        type,
        key,
        handler: 'terminated',
        args,
        sender: {},
        replyTo: { kind: 'none' },
        chain: [],
      },
    });
  }
  state.watchers.delete(actor.id);
  const mailbox = state.mailboxes.get(actor.id);
  if (mailbox !== undefined) mailbox.restarting = undefined;
  state.releaseMailbox(actor.id);
}

/** What an actor watched ends with it. */
function forgetWatches(state: ModelState, actorId: string): void {
  for (const [target, watchers] of state.watchers) {
    const others = watchers.filter((watcher) => watcher !== actorId);
    if (others.length > 0) state.watchers.set(target, others);
    else state.watchers.delete(target);
  }
}

function escalate(state: ModelState, actor: ModelActor, definition: ResolvedActor, reason: string): void {
  if (actor.parent === undefined) {
    suspend(state, actor.id, definition.supervise.periodMs, reason);
    return;
  }
  state.supervision('escalated', actor.id, reason, undefined);
  state.queue.push({ kind: 'escalation', actorId: actor.parent, from: actor.id, reason });
}

/** The end of the tenant for a while: nothing of it runs, everybody who waits hears of it. */
function suspend(state: ModelState, actorId: string, periodMs: number, reason: string): void {
  state.suspendedUntilMs = state.nowMs + periodMs;
  state.supervision('escalated', actorId, reason, state.suspendedUntilMs);
  for (const turn of state.turns.values()) killTurn(state, turn, 'SUSPENDED');
  const waiting = state.queue;
  state.queue = [];
  const outcome = failed('SUSPENDED', 'the tenant is suspended');
  for (const job of waiting) {
    if (job.kind === 'message') state.reply(job.message, outcome);
    else if (job.kind === 'stop' || job.kind === 'orphan') state.queue.push(job);
  }
  for (const [id, { messages }] of state.mailboxes) {
    for (const message of messages) state.reply(message, outcome);
    state.timers.delete(`b:${id}`);
  }
  state.mailboxes.clear();
}
