/**
 * Supervision: what becomes of an actor, its kin and its tenant when a turn fails.
 *
 *   tenant (the domain)          its end is SUSPENDED for the tenant, never for the process
 *     └─ actor                   its `onFailure` decides for itself, its `strategy` for its children
 *          └─ child
 *
 * The words are OTP's: strategy, intensity, period, restart. A restart keeps the committed state,
 * stops the children and lets messages wait out an exponential back-off. Everything here happens
 * inside a step and is part of its digest.
 */
import { SynapseError } from '../base/error.ts';
import { Arguments } from './arguments.ts';
import { type Cell, META_ROW } from './cell.ts';
import type { ResolvedActor } from './definition.ts';
import { type DomainState, failureOf } from './domain-state.ts';
import { type Message, NO_REPLY, type Outcome, actorPartsOf, messageJob } from './message.ts';
import type { Turn } from './turn.ts';

/** Takes a turn out of the domain's tables. Calls and effects it made go on. */
export function closeTurn(state: DomainState, turn: Turn): void {
  turn.phase = 'over';
  const calls = turn.callsMade;
  if (calls !== undefined && state.timers.size > 0) {
    for (const [index] of calls.open) state.timers.delete(`d:${turn.id}.${index}`); // nobody waits for those replies
  }
  if (state.turns.size === 0) return;
  if (state.turns.delete(turn.id)) state.turnMarks.drop(String(turn.id));
  if (state.turnOf.get(turn.actorId) === turn) state.turnOf.delete(turn.actorId);
}

/** Ends a suspended turn from outside: its caller hears of it, its effects are cancelled. */
function killTurn(state: DomainState, turn: Turn, error: SynapseError): void {
  turn.writes?.revert();
  for (const effect of state.effects.values()) {
    if (effect.turnId !== turn.id) continue;
    state.effects.delete(effect.id);
    state.effectMarks.drop(effect.id);
    state.running.note('cancel-effect', effect.id);
    state.running.put({ kind: 'cancel-effect', id: effect.id });
  }
  closeTurn(state, turn);
  // An actor that its first turn did not bring into being is made anew by the next, whether or not it was in memory.
  if (state.cells.get(turn.actorId)?.exists === false) state.cells.delete(turn.actorId);
  state.running.note('killed', turn.id, error.code);
  state.reply(turn.message, failureOf(error));
}

/** Lets the actor's waiting messages go on, one at a time, unless it waits out a back-off. */
export function releaseMailbox(state: DomainState, actorId: string): void {
  const mailbox = state.mailboxes.get(actorId);
  if (mailbox === undefined || mailbox.scheduled || mailbox.restarting !== undefined || state.turnOf.has(actorId))
    return;
  if (mailbox.messages.length === 0) {
    state.mailboxes.delete(actorId);
    return;
  }
  mailbox.scheduled = true;
  state.enqueue({ kind: 'next', actorId });
}

/** Applies the actor's own directive to a failure of its own, or of a child that escalated. */
export function applyDirective(state: DomainState, cell: Cell, definition: ResolvedActor, reason: string): void {
  switch (definition.supervise.onFailure) {
    case 'resume':
      return;
    case 'restart':
      restartActor(state, cell, definition, reason, true);
      return;
    case 'stop':
      stopActor(state, cell, reason);
      return;
    case 'escalate':
      escalate(state, cell, definition, reason);
  }
}

/** `counted`: a restart of its own, which counts towards the intensity; else one that a strategy ordered. */
export function restartActor(
  state: DomainState,
  cell: Cell,
  definition: ResolvedActor,
  reason: string,
  counted: boolean,
): void {
  const { intensity, periodMs, backoffMs } = definition.supervise;
  const { nowMs } = state;
  const known = cell.exists ? cell.meta.restarts : (state.unborn.get(cell.id) ?? []);
  const times = known.filter((time) => time > nowMs - periodMs);
  if (counted && times.length >= intensity) {
    setRestarts(state, cell, []);
    escalate(state, cell, definition, reason);
    return;
  }
  if (counted) times.push(nowMs);
  setRestarts(state, cell, times);
  const turn = state.turnOf.get(cell.id);
  if (turn !== undefined) killTurn(state, turn, restartError(state, cell));
  for (const child of cell.meta.children)
    state.enqueue({ kind: 'stop', actorId: child, reason: 'its parent restarted' });
  setChildren(state, cell, []);
  const waitMs = Math.min(backoffMs[1], backoffMs[0] * 2 ** Math.max(0, times.length - 1));
  state.mailboxOf(cell.id).restarting = reason;
  setTimer(state, cell.id, nowMs + waitMs);
  state.running.note('restart', cell.id, waitMs);
  state.running.put({
    kind: 'supervision',
    event: 'restart',
    address: state.addressOf(cell.id),
    reason,
    untilMs: nowMs + waitMs,
  });
  if (counted) orderStrategy(state, cell, reason);
}

function restartError(state: DomainState, cell: Cell): SynapseError {
  return new SynapseError('HANDLER_FAILED', `${state.actorText(cell.id)} was restarted by its supervisor`);
}

function setTimer(state: DomainState, actorId: string, dueMs: number): void {
  const order = state.nextTimerOrder++;
  state.timers.set({ id: `b:${actorId}`, purpose: 'back-off', actorId, dueMs, order });
}

/** Asks the parent to apply its strategy to the siblings; most have none to apply. */
function orderStrategy(state: DomainState, cell: Cell, reason: string): void {
  if (cell.meta.parent === undefined) return;
  const parent = state.definitionOf(actorPartsOf(cell.meta.parent).type);
  if (parent === undefined || parent.supervise.strategy === 'one-for-one') return;
  state.enqueue({ kind: 'strategy', actorId: cell.meta.parent, from: cell.id, reason });
}

/** Restarts the siblings that the parent's strategy names. */
export function applyStrategy(
  state: DomainState,
  parent: Cell,
  definition: ResolvedActor,
  from: string,
  reason: string,
): void {
  const place = parent.meta.children.indexOf(from);
  parent.meta.children.forEach((child, index) => {
    if (child === from) return;
    if (definition.supervise.strategy === 'rest-for-one' && index < place) return;
    state.enqueue({ kind: 'restart', actorId: child, reason: `with its sibling: ${reason}` });
  });
}

/** Ends an actor: erases its rows, stops its children, tells its watchers, forgets what it watched. */
export function stopActor(state: DomainState, cell: Cell, reason: string): void {
  const turn = state.turnOf.get(cell.id);
  if (turn !== undefined) {
    killTurn(state, turn, new SynapseError('HANDLER_FAILED', `${state.actorText(cell.id)} was stopped: ${reason}`));
  }
  state.running.hasEnds = true;
  if (cell.exists) state.markEnd(cell);
  cell.exists = false;
  state.cells.delete(cell.id);
  state.erased.add(cell.id);
  state.running.note('stop', cell.id);
  for (const id of state.timers.idsOf(cell.id)) state.timers.delete(id);
  for (const child of cell.meta.children) state.enqueue({ kind: 'stop', actorId: child, reason: 'its parent ended' });
  if (cell.meta.parent !== undefined) state.enqueue({ kind: 'orphan', actorId: cell.meta.parent, child: cell.id });
  tellWatchers(state, cell.id, reason);
  const mailbox = state.mailboxes.get(cell.id);
  if (mailbox !== undefined) mailbox.restarting = undefined;
  releaseMailbox(state, cell.id);
}

function tellWatchers(state: DomainState, actorId: string, reason: string): void {
  const watchers = state.watches.end(actorId);
  if (watchers.length === 0) return;
  const args = Arguments.of([state.addressOf(actorId), reason]);
  for (const watcher of watchers) {
    const { type, key } = actorPartsOf(watcher);
    const message: Message = {
      role: 'terminated',
      type,
      key,
      handler: 'terminated',
      args,
      sender: {},
      replyTo: NO_REPLY,
      chain: [],
    };
    state.enqueue(messageJob(message, watcher));
  }
}

/** Hands a failure up: to the parent, or, at the top, to the tenant, which is then suspended. */
function escalate(state: DomainState, cell: Cell, definition: ResolvedActor, reason: string): void {
  state.running.note('escalate', cell.id);
  if (cell.meta.parent === undefined) {
    suspendDomain(state, cell.id, definition.supervise.periodMs, reason);
    return;
  }
  const address = state.addressOf(cell.id);
  state.running.put({ kind: 'supervision', event: 'escalated', address, reason, untilMs: undefined });
  state.enqueue({ kind: 'escalation', actorId: cell.meta.parent, from: cell.id, reason });
}

/** The end of a domain: nothing of the tenant runs until the time has passed or somebody resumes it. */
export function suspendDomain(state: DomainState, actorId: string, periodMs: number, reason: string): void {
  const untilMs = state.nowMs + periodMs;
  state.suspendedUntilMs = untilMs;
  state.running.note('suspended', untilMs);
  state.running.put({
    kind: 'supervision',
    event: 'escalated',
    address: state.addressOf(actorId),
    reason,
    untilMs,
  });
  const error = suspendedError(state);
  for (const turn of state.turns.values()) killTurn(state, turn, error);
  const waiting = state.queue.drain();
  const outcome = failureOf(error);
  for (const job of waiting) {
    if (job.kind === 'message') state.reply(job.message, outcome);
    else if (job.kind === 'stop' || job.kind === 'orphan') state.enqueue(job);
  }
  clearMailboxes(state, outcome);
}

function clearMailboxes(state: DomainState, outcome: Outcome): void {
  for (const [id, mailbox] of state.mailboxes) {
    for (const message of mailbox.messages) state.reply(message, outcome);
    state.timers.delete(`b:${id}`);
  }
  state.mailboxes.clear();
}

export function suspendedError(state: DomainState): SynapseError {
  return new SynapseError(
    'SUSPENDED',
    `tenant ${state.tenant} is suspended until its period has passed or it is resumed`,
    {
      tenant: state.tenant,
      untilMs: state.suspendedUntilMs,
    },
  );
}

/** The list grows in place: a copy for each of ten thousand children took ten times as long as all else about them. */
export function addChild(state: DomainState, cell: Cell, child: string): void {
  const { children } = cell.meta;
  // One that ended in this step may be in the list: the order to leave it may not have come yet.
  if (children.length === 0 || state.running.hasEnds) {
    setChildren(state, cell, [...children.filter((known) => known !== child), child]);
    return;
  }
  (children as string[]).push(child); // nobody else's: what `setChildren` was given, or a row came to
  state.markRow(cell.id, META_ROW);
}

export function setChildren(state: DomainState, cell: Cell, children: readonly string[]): void {
  if (cell.meta.children.length === 0 && children.length === 0) return;
  cell.amend({ children });
  if (cell.exists) state.markRow(cell.id, META_ROW);
}

function setRestarts(state: DomainState, cell: Cell, restarts: readonly number[]): void {
  if (!cell.exists) {
    noteUnborn(state, cell.id, restarts);
    return;
  }
  if (cell.meta.restarts.length === 0 && restarts.length === 0) return;
  cell.amend({ restarts });
  state.markRow(cell.id, META_ROW);
}

/** Restarts of an actor whose first turn has yet to succeed: it has no row to keep them in. */
function noteUnborn(state: DomainState, actorId: string, restarts: readonly number[]): void {
  state.unborn.delete(actorId);
  for (const [id, times] of state.unborn) {
    const periodMs = state.definitionOf(actorPartsOf(id).type)?.supervise.periodMs ?? 0;
    if ((times.at(-1) ?? 0) > state.nowMs - periodMs) break; // noted in the order of time: the rest is about as young
    state.unborn.delete(id);
  }
  if (restarts.length > 0) state.unborn.set(actorId, restarts);
}
