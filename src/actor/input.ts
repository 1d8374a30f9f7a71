/**
 * Inputs: everything that reaches a domain from outside its tenant, as a frame. `examine` says what
 * is to become of one before anything is recorded; `takeIn` begins its step.
 *
 *   frame kind      handler field     meaning
 *   call, tell      handler           a message, from the embedder or from another tenant
 *   reply           -                 another tenant's reply to (incarnation, counter); to a tell, that it failed
 *   effectResult    effect id         how an effect came out
 *   timer           timer id          a timer that is due
 *   poison          -                 payload: the frame that killed its lane too often
 *   control         resume | migrate | snapshot   an operator's or the runtime's order
 */
import type { Address } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, decodeError } from '../frame/frame.ts';
import { Arguments } from './arguments.ts';
import type { Sender } from './context-types.ts';
import { nextCronMs } from './cron.ts';
import { type DomainState, failureOf } from './domain-state.ts';
import { type Message, NO_REPLY, type Outcome, type ReplyTo, actorIdOf, actorPartsOf, messageJob } from './message.ts';
import { sourceOf } from './session.ts';
import { suspendedError } from './supervisor.ts';
import type { Timer } from './timer-table.ts';

/** Handler of the control frame under which a snapshot is recorded. */
export const SNAPSHOT_ORDER = 'snapshot';

/** What is to become of a frame that wants in. */
export type Verdict =
  | { readonly kind: 'admit' }
  /** Not recorded: the sender gets the error at once. */
  | { readonly kind: 'refuse'; readonly error: SynapseError }
  /** Answered before: the same answer again. */
  | { readonly kind: 'repeat'; readonly outcome: Outcome; readonly byKey: boolean }
  /** The first call with this key has no answer yet: this one gets it when it comes. */
  | { readonly kind: 'wait'; readonly idempotencyKey: string }
  /** Known and under way, or settled: nothing to do. */
  | { readonly kind: 'ignore' };

const ADMIT: Verdict = { kind: 'admit' };
const IGNORE: Verdict = { kind: 'ignore' };

function isMessage(frame: Frame): boolean {
  return frame.kind === FRAME_KIND.call || frame.kind === FRAME_KIND.tell;
}

/** `nowMs` is the host's time; the domain's own never goes back behind what it has seen. */
export function examine(state: DomainState, frame: Frame, nowMs: number): Verdict {
  if (isMessage(frame)) return examineMessage(state, frame, Math.max(nowMs, state.nowMs));
  if (frame.kind === FRAME_KIND.reply) {
    const ack = { tenant: frame.source?.tenant ?? '', incarnation: frame.incarnation, counter: frame.correlation };
    return state.outbox.find(ack) === undefined ? IGNORE : ADMIT;
  }
  if (frame.kind === FRAME_KIND.effectResult) return state.effects.has(frame.handler) ? ADMIT : IGNORE;
  if (frame.kind === FRAME_KIND.timer) {
    // One that came due before its tenant was suspended waits with all the others until the tenant may run again.
    const mayRun = state.suspendedUntilMs <= Math.max(nowMs, state.nowMs);
    return mayRun && state.timers.get(frame.handler) !== undefined ? ADMIT : IGNORE;
  }
  if (frame.kind === FRAME_KIND.control && frame.handler === 'resume')
    return state.suspendedUntilMs === 0 ? IGNORE : ADMIT;
  return ADMIT;
}

function examineMessage(state: DomainState, frame: Frame, nowMs: number): Verdict {
  const known = state.sessions.known(sourceOf(frame.source?.tenant, frame.incarnation), frame.messageId);
  if (known === 'pending' || known === 'settled') return IGNORE;
  if (known !== undefined) return { kind: 'repeat', outcome: known, byKey: false };
  const { idempotencyKey } = frame.extensionFields();
  if (idempotencyKey !== undefined) {
    // Before all else: a repeat is no input, it gets its answer even where nothing new may run.
    const byKey = examineKey(state, frame, idempotencyKey, nowMs);
    if (byKey !== undefined) return byKey;
  }
  if (state.suspendedUntilMs > nowMs) return { kind: 'refuse', error: suspendedError(state) };
  const { type, key } = frame.target;
  const definition = state.definitionOf(type);
  if (definition === undefined) {
    return {
      kind: 'refuse',
      error: new SynapseError('UNKNOWN_ACTOR', `no actor type '${type}' is registered`, { type }),
    };
  }
  if (!definition.commands.has(frame.handler) && !definition.queries.has(frame.handler)) {
    const error = new SynapseError('UNKNOWN_HANDLER', `${type} has no handler '${frame.handler}'`, {
      type,
      handler: frame.handler,
    });
    return { kind: 'refuse', error };
  }
  const waiting = state.mailboxes.size === 0 ? undefined : state.mailboxes.get(actorIdOf(type, key));
  if (
    waiting !== undefined &&
    (waiting.messages.length >= definition.mailbox.limit || waiting.sizeBytes >= definition.mailbox.limitBytes)
  ) {
    return { kind: 'refuse', error: mailboxFull(frame.target, waiting.messages.length) };
  }
  return ADMIT;
}

export function mailboxFull(address: Address, count: number): SynapseError {
  return new SynapseError(
    'MAILBOX_FULL',
    `${count} messages wait for ${address.type}/${address.key}, the mailbox is full`,
    { count },
  );
}

function examineKey(state: DomainState, frame: Frame, idempotencyKey: string, nowMs: number): Verdict | undefined {
  const entry = state.dedup.get(idempotencyKey, nowMs);
  if (entry === undefined) return undefined;
  if (Buffer.compare(entry.command, commandDigest(frame)) !== 0) {
    const message = `the idempotency key '${idempotencyKey}' was used for another command`;
    return { kind: 'refuse', error: new SynapseError('INVALID_ARGUMENT', message, { argument: 'idempotencyKey' }) };
  }
  if (entry.outcome === undefined) return { kind: 'wait', idempotencyKey };
  return { kind: 'repeat', outcome: entry.outcome, byKey: true };
}

function commandDigest(frame: Frame): Uint8Array {
  const { type, key } = frame.target;
  return digestOfCommand(type, key, frame.handler, frame.payload);
}

function digestOfCommand(type: string, key: string, handler: string, args: Uint8Array): Uint8Array {
  return sha256(encodeValue([type, key, handler, args]));
}

/**
 * A call with an idempotency key between actors of one tenant: true when the key has been used, and
 * the caller is answered by what is known of it; else the key is taken now.
 */
export function answerByKey(state: DomainState, message: Message): boolean {
  const { type, key, handler, args, idempotencyKey = '', replyTo } = message;
  const command = digestOfCommand(type, key, handler, args.bytes);
  const entry = state.dedup.get(idempotencyKey, state.nowMs);
  if (entry === undefined) {
    const expiresMs = state.nowMs + state.config.dedupTermMs;
    state.dedup.open(
      idempotencyKey,
      { command, expiresMs, order: state.nextTimerOrder++, outcome: undefined, waiters: [] },
      state.nowMs,
      state.config.dedupLimit,
    );
    return false;
  }
  const withoutKey: Message = { ...message, role: 'query' }; // answered as it is: nothing more is kept of it
  delete (withoutKey as { idempotencyKey?: string }).idempotencyKey;
  if (Buffer.compare(entry.command, command) !== 0) {
    const text = `the idempotency key '${idempotencyKey}' was used for another command`;
    state.reply(withoutKey, failureOf(new SynapseError('INVALID_ARGUMENT', text, { argument: 'idempotencyKey' })));
  } else if (entry.outcome === undefined) {
    state.dedup.wait(idempotencyKey, replyTo);
  } else {
    state.reply(withoutKey, entry.outcome);
  }
  return true;
}

const NO_SENDER: Sender = Object.freeze({});
const NO_CHAIN: readonly string[] = Object.freeze([]);

/** Frozen once a handler asks for it: most do not. */
function senderOf(source: Address | undefined, principal: string | undefined): Sender {
  if (source === undefined) return principal === undefined ? NO_SENDER : { principal };
  const { tenant, type, key } = source;
  return principal === undefined ? { tenant, type, key } : { tenant, type, key, principal };
}

/** Turns a call or tell into a message, without touching the domain. */
export function messageOf(state: DomainState, frame: Frame): Message {
  const extension = frame.extensionFields();
  const { type, key } = frame.target;
  const { source, incarnation, messageId } = frame;
  const isTell = frame.kind === FRAME_KIND.tell;
  const replyTo: ReplyTo =
    source === undefined
      ? { kind: 'client', incarnation, messageId }
      : { kind: 'tenant', tenant: source.tenant, incarnation, messageId, tell: isTell };
  const role = state.definitionOf(type)?.queries.has(frame.handler) === true ? 'query' : 'command';
  const message: Message = {
    role,
    type,
    key,
    handler: frame.handler,
    args: Arguments.read(frame.payload),
    sender: senderOf(source, extension.principal),
    replyTo,
    chain: extension.chain ?? NO_CHAIN,
  };
  const { idempotencyKey } = extension;
  return idempotencyKey === undefined || role === 'query' ? message : { ...message, idempotencyKey };
}

/** Begins the step of an input: what it changes at once, and its first job. */
export function takeIn(state: DomainState, frame: Frame): void {
  if (state.suspendedUntilMs !== 0 && state.suspendedUntilMs <= state.nowMs) state.suspendedUntilMs = 0;
  if (isMessage(frame)) {
    state.enqueue(messageJob(takeMessage(state, frame)));
    return;
  }
  switch (frame.kind) {
    case FRAME_KIND.reply:
      takeReply(state, frame, { ok: frame.flags === FRAME_STATUS.ok, payload: frame.payload });
      return;
    case FRAME_KIND.effectResult:
      takeEffect(state, frame, { ok: frame.flags === FRAME_STATUS.ok, payload: frame.payload });
      return;
    case FRAME_KIND.timer:
      takeTimer(state, frame.handler, false);
      return;
    case FRAME_KIND.poison:
      takePoison(state, Frame.parse(frame.payload));
      return;
    default:
      takeControl(state, frame);
  }
}

function takeMessage(state: DomainState, frame: Frame): Message {
  const message = messageOf(state, frame);
  state.sessions.open(sourceOf(frame.source?.tenant, frame.incarnation), frame.messageId, frame.floor);
  const { idempotencyKey } = message;
  if (idempotencyKey !== undefined) {
    const expiresMs = state.nowMs + state.config.dedupTermMs;
    const entry = {
      command: commandDigest(frame),
      expiresMs,
      order: state.nextTimerOrder++,
      outcome: undefined,
      waiters: [],
    };
    state.dedup.open(idempotencyKey, entry, state.nowMs, state.config.dedupLimit);
  }
  return message;
}

function takeReply(state: DomainState, frame: Frame, outcome: Outcome): void {
  const tenant = frame.source?.tenant ?? '';
  const entry = state.outbox.settle({ tenant, incarnation: frame.incarnation, counter: frame.correlation });
  if (entry === undefined) return;
  if (entry.tell) {
    // Recorded, and the dead letter waits for the disk: a refusal told twice could be a message that came through after all.
    const { type, key, handler, args } = entry;
    if (!outcome.ok) state.deadLetter({ tenant, type, key }, handler, args, decodeError(outcome.payload));
    return;
  }
  state.enqueue({ kind: 'result', turnId: entry.turnId, callIndex: entry.callIndex, outcome });
}

function takeEffect(state: DomainState, frame: Frame, outcome: Outcome): void {
  const effect = state.effects.get(frame.handler);
  if (effect === undefined) return;
  state.effects.delete(effect.id);
  state.effectMarks.drop(effect.id);
  state.enqueue({ kind: 'result', turnId: effect.turnId, callIndex: effect.callIndex, outcome });
}

/** A timer that is due. A poisoned one is spent without its message. */
function takeTimer(state: DomainState, id: string, isPoisoned: boolean): void {
  const timer = state.timers.delete(id);
  if (timer === undefined) return;
  if (timer.cron !== undefined) {
    // From now on, not from its due time: what was missed while nobody was there fires once.
    const dueMs = nextCronMs(timer.cron, state.nowMs);
    state.timers.set({ ...timer, dueMs, order: state.nextTimerOrder++ });
  }
  if (!isPoisoned) fire(state, timer);
}

function fire(state: DomainState, timer: Timer): void {
  if (timer.purpose === 'back-off') {
    state.enqueue({ kind: 'back-off-over', actorId: timer.actorId });
    return;
  }
  if (timer.purpose === 'deadline') {
    const error = new SynapseError('TIMEOUT', 'no reply from the other tenant in time; the command may still happen');
    state.enqueue({
      kind: 'result',
      turnId: timer.turnId ?? 0,
      callIndex: timer.callIndex ?? 0,
      outcome: failureOf(error),
    });
    return;
  }
  const { type, key } = actorPartsOf(timer.actorId);
  const message: Message = {
    role: 'command',
    type,
    key,
    handler: timer.command ?? '',
    args: timer.args === undefined ? Arguments.none : Arguments.read(timer.args),
    sender: {},
    replyTo: NO_REPLY,
    chain: [],
  };
  state.enqueue(messageJob(message, timer.actorId));
}

function takePoison(state: DomainState, frame: Frame): void {
  const text = 'this input killed its lane repeatedly and is set aside';
  const outcome = failureOf(new SynapseError('POISONED', text, { messageId: frame.messageId }));
  state.running.note('poisoned', frame.kind, frame.messageId);
  const { type, key } = frame.target;
  const address = { tenant: state.tenant, type, key };
  state.running.put({ kind: 'supervision', event: 'poisoned', address, reason: text, untilMs: undefined });
  if (isMessage(frame)) state.reply(takeMessage(state, frame), outcome);
  else if (frame.kind === FRAME_KIND.reply) takeReply(state, frame, outcome);
  else if (frame.kind === FRAME_KIND.effectResult) takeEffect(state, frame, outcome);
  else if (frame.kind === FRAME_KIND.timer) takeTimer(state, frame.handler, true);
}

function takeControl(state: DomainState, frame: Frame): void {
  state.running.note('control', frame.handler, frame.payload);
  if (frame.handler === SNAPSHOT_ORDER) return; // recorded for its roots; nothing in the domain changes
  if (frame.handler === 'resume') {
    state.suspendedUntilMs = 0;
    return;
  }
  const versions = decodeValue(frame.payload) as Record<string, number>;
  for (const [type, version] of Object.entries(versions)) state.types.set(type, version);
  state.running.knownType = undefined;
}
