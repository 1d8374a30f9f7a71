/**
 * Inputs of the model, and what must have held for each to be taken in: a recorded step that should have
 * been refused, answered as a repeat or ignored is a fault of its own. See model-state.ts.
 */
import { nextCronMs } from '../actor/cron.ts';
import { SNAPSHOT_ORDER } from '../actor/input.ts';
import { SynapseError } from '../base/error.ts';
import { decodeValue, encodeArguments } from '../frame/codec.ts';
import { decodeExtension } from '../frame/extension.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, decodeError, encodeError } from '../frame/frame.ts';
import { commandText, keyOf, openKey } from './model-dispatch.ts';
import { ModelKernel } from './model-kernel.ts';
import type { ModelMessage, ModelOutcome } from './model-message.ts';
import type { ModelSend, ModelTimer } from './model-state.ts';
import type { RecordedStep } from './sim-journal.ts';

export class KernelModel extends ModelKernel {
  /** Sender and number of each message taken in, by session; with the floor, as the sender last told it. */
  readonly #floors: Map<string, number> = new Map();

  /** Runs one recorded step. Gives what it puts out, a line each. */
  take({ seq, body, frame }: RecordedStep): readonly string[] {
    this.lines = [];
    this.ended = [];
    this.decisions = [];
    const examineMs = Math.max(body.nowMs, this.nowMs);
    this.#examine(frame, examineMs);
    this.nowMs = examineMs;
    this.seq = seq;
    this.seed = body.seed;
    for (const { tenant, incarnation, counter } of body.acks) this.#settle(tenant, incarnation, counter);
    if (this.suspendedUntilMs !== 0 && this.suspendedUntilMs <= this.nowMs) this.suspendedUntilMs = 0;
    this.#takeIn(frame);
    this.runQueue();
    return this.lines;
  }

  /** Complains of what should not have been taken in. */
  #examine(frame: Frame, nowMs: number): void {
    if (frame.kind === FRAME_KIND.poison) return;
    if (frame.kind === FRAME_KIND.reply) {
      const { source, correlation } = frame;
      if (!this.sends.has(`${source?.tenant ?? ''}\0${correlation}`))
        this.onFault('a reply nobody waits for was taken in');
    } else if (frame.kind === FRAME_KIND.effectResult) {
      if (!this.effects.has(frame.handler))
        this.onFault(`the result of effect ${frame.handler}, which is not under way, was taken in`);
    } else if (frame.kind === FRAME_KIND.timer) {
      const timer = this.timers.get(frame.handler);
      if (timer === undefined) this.onFault(`timer ${frame.handler} fired, which is not set`);
      else if (timer.dueMs > nowMs) this.onFault(`timer ${frame.handler} fired ${timer.dueMs - nowMs} ms early`);
      else this.#checkFirst(timer);
      if (this.suspendedUntilMs > nowMs) this.onFault(`timer ${frame.handler} fired while the tenant is suspended`);
    } else if (frame.kind !== FRAME_KIND.control) this.#examineMessage(frame, nowMs);
  }

  /** Timers of one time fire in the order in which they were set. One that was set late may find an earlier one on its way. */
  #checkFirst(timer: ModelTimer): void {
    const first = [...this.timers.values()].find(({ dueMs }) => dueMs === timer.dueMs);
    if (first !== timer) this.onFault(`timer ${timer.id} fired before ${first?.id ?? ''}, which was set first`);
  }

  #examineMessage(frame: Frame, nowMs: number): void {
    const { type, key } = frame.target;
    const { idempotencyKey } = decodeExtension(frame.extension);
    const session = `${frame.source?.tenant ?? ''}\0${frame.incarnation}`;
    if (frame.messageId < (this.#floors.get(session) ?? 0))
      this.onFault(`message ${frame.messageId} is below the floor of its sender`);
    this.#floors.set(session, Math.max(this.#floors.get(session) ?? 0, frame.floor));
    if (idempotencyKey !== undefined && keyOf(this, idempotencyKey, nowMs) !== undefined)
      this.onFault(`a repeat of key ${JSON.stringify(idempotencyKey)} was taken in`);
    if (this.suspendedUntilMs > nowMs) this.onFault('a message was taken in while the tenant is suspended');
    const definition = this.definitionOf(type);
    if (definition?.commands.has(frame.handler) !== true)
      this.onFault(`${type} ${frame.handler}, which is no command, was taken in`);
    const waiting = this.mailboxes.get(`${type}\0${key}`)?.messages.length ?? 0;
    if (definition !== undefined && waiting >= definition.mailbox.limit)
      this.onFault(`a message was taken in for ${type}/${key}, whose mailbox is full`);
  }

  #takeIn(frame: Frame): void {
    const outcome: ModelOutcome = { ok: frame.flags === FRAME_STATUS.ok, payload: frame.payload };
    switch (frame.kind) {
      case FRAME_KIND.call:
      case FRAME_KIND.tell:
        this.queue.push({ kind: 'message', message: this.#takeMessage(frame) });
        return;
      case FRAME_KIND.reply:
        this.#takeReply(frame, outcome);
        return;
      case FRAME_KIND.effectResult:
        this.#takeEffect(frame.handler, outcome);
        return;
      case FRAME_KIND.timer:
        this.#takeTimer(frame.handler, false);
        return;
      case FRAME_KIND.poison:
        this.#takePoison(Frame.parse(frame.payload));
        return;
      default:
        this.#takeControl(frame);
    }
  }

  #takeControl(frame: Frame): void {
    if (frame.handler === SNAPSHOT_ORDER) return;
    if (frame.handler === 'resume') {
      this.suspendedUntilMs = 0;
      return;
    }
    const versions = decodeValue(frame.payload) as Record<string, number>;
    for (const [type, version] of Object.entries(versions)) this.types.set(type, version);
  }

  /** A call or tell as a message, without taking it in. */
  messageOf(frame: Frame): ModelMessage {
    const { principal, chain, idempotencyKey } = decodeExtension(frame.extension);
    const { source, incarnation, messageId, handler, payload: args } = frame;
    const { type, key } = frame.target;
    const isQuery = this.definitionOf(type)?.queries.has(handler) === true;
    const replyTo: ModelMessage['replyTo'] =
      source === undefined
        ? { kind: 'client', incarnation, messageId }
        : { kind: 'tenant', tenant: source.tenant, incarnation, messageId, tell: frame.kind === FRAME_KIND.tell };
    const sender = { ...source, ...(principal === undefined ? {} : { principal }) };
    const message: ModelMessage = {
      role: isQuery ? 'query' : 'command',
      type,
      key,
      handler,
      args,
      sender,
      replyTo,
      chain: chain ?? [],
    };
    return idempotencyKey === undefined || isQuery ? message : { ...message, idempotencyKey };
  }

  #takeMessage(frame: Frame): ModelMessage {
    const message = this.messageOf(frame);
    const { type, key, handler, args, idempotencyKey } = message;
    if (idempotencyKey !== undefined) openKey(this, idempotencyKey, commandText(type, key, handler, args));
    return message;
  }

  #settle(tenant: string, incarnation: number, counter: number): ModelSend | undefined {
    const send = this.sends.get(`${tenant}\0${counter}`);
    if (send === undefined || send.incarnation !== incarnation) return undefined;
    this.sends.delete(`${tenant}\0${counter}`);
    return send;
  }

  #takeReply(frame: Frame, outcome: ModelOutcome): void {
    const send = this.#settle(frame.source?.tenant ?? '', frame.incarnation, frame.correlation);
    if (send === undefined) return;
    const { turnId, callIndex, handler, args } = send;
    if (!send.tell) this.queue.push({ kind: 'result', turnId, callIndex, outcome });
    else if (!outcome.ok) this.deadLetter(send, handler, args, decodeError(outcome.payload));
  }

  #takeEffect(id: string, outcome: ModelOutcome): void {
    const effect = this.effects.get(id);
    if (effect === undefined) return;
    this.effects.delete(id);
    this.queue.push({ kind: 'result', turnId: effect.turnId, callIndex: effect.callIndex, outcome });
  }

  #takeTimer(id: string, isPoisoned: boolean): void {
    const timer = this.timers.get(id);
    if (timer === undefined) return;
    this.timers.delete(id);
    if (timer.cron !== undefined) this.timers.set(id, { ...timer, dueMs: nextCronMs(timer.cron, this.nowMs) });
    if (!isPoisoned) this.#fire(timer);
  }

  #fire(timer: ModelTimer): void {
    const { purpose, actorId, turnId = 0, callIndex = 0, command = '', args = encodeArguments([]) } = timer;
    if (purpose === 'back-off') {
      this.queue.push({ kind: 'back-off-over', actorId });
    } else if (purpose === 'deadline') {
      const payload = encodeError(
        new SynapseError('TIMEOUT', 'no reply from the other tenant in time; the command may still happen'),
      );
      this.queue.push({ kind: 'result', turnId, callIndex, outcome: { ok: false, payload } });
    } else {
      const { type, key } = this.address(actorId);
      const whence = { sender: {}, replyTo: { kind: 'none' as const }, chain: [] };
      this.queue.push({ kind: 'message', message: { role: 'command', type, key, handler: command, args, ...whence } });
    }
  }

  #takePoison(frame: Frame): void {
    const text = 'this input killed its lane repeatedly and is set aside';
    const outcome = { ok: false, payload: encodeError(new SynapseError('POISONED', text)) };
    const { type, key } = frame.target;
    this.supervision('poisoned', `${type}\0${key}`, text, undefined);
    if (frame.kind === FRAME_KIND.call || frame.kind === FRAME_KIND.tell) this.reply(this.#takeMessage(frame), outcome);
    else if (frame.kind === FRAME_KIND.reply) this.#takeReply(frame, outcome);
    else if (frame.kind === FRAME_KIND.effectResult) this.#takeEffect(frame.handler, outcome);
    else if (frame.kind === FRAME_KIND.timer) this.#takeTimer(frame.handler, true);
  }
}
