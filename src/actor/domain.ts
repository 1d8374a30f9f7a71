/**
 * The domain: a tenant's actors as one deterministic state machine.
 *
 *   begin(input) ─▶ advance() … advance() ─▶ end() ─▶ digest and outputs
 *                      │ one turn a call, so that a lane may interleave domains
 *                      └▶ { needs }: an actor must be read from the store; supply() it and go on
 *
 * The same inputs with the same time, seed and recorded decisions give the same digest, whoever runs
 * them: a lane, a recovery, the simulator. Nothing leaves a domain but what `end` returns.
 */
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import type { Frame } from '../frame/frame.ts';
import { Arguments } from './arguments.ts';
import { type DomainState, failureOf } from './domain-state.ts';
import { type Verdict, examine, mailboxFull, messageOf, takeIn } from './input.ts';
import { type Job, type Message, type Outcome, actorIdOf, actorPartsOf } from './message.ts';
import { runQuery } from './query.ts';
import { touchCell, trimAbsent } from './residency.ts';
import { type Output, Step } from './step.ts';
import {
  applyDirective,
  applyStrategy,
  closeTurn,
  releaseMailbox,
  restartActor,
  setChildren,
  stopActor,
  suspendDomain,
} from './supervisor.ts';
import type { Cell } from './cell.ts';
import type { ResolvedActor } from './definition.ts';
import { type Progress, deliver, startTurn, startedMessage } from './turn-runner.ts';
import type { Ack } from './outbox.ts';

/** What is recorded beside an input's frame. */
export interface StepTerms {
  /** Host time at admission, ms; the step's own time is this or the last one, whichever is later. */
  readonly nowMs: number;
  readonly seed: Uint8Array;
  /** Acknowledged tells to other tenants that this step takes note of. */
  readonly acks: readonly Ack[];
  /** Only in a replay: the recorded answers of the `admit` port. */
  readonly decisions?: readonly boolean[];
}

export interface StepOutcome {
  readonly seq: number;
  readonly nowMs: number;
  readonly digest: Uint8Array;
  readonly decisions: readonly boolean[];
  readonly outputs: readonly Output[];
}

/** What one call of `advance` came to. */
export type Advance = 'more' | 'idle' | { readonly needs: string };

/** Jobs looked at for actors to be read: enough that waiting for them is little, few enough that what is read stays in memory. */
const AHEAD_MAX = 256;

export class Domain {
  readonly state: DomainState;

  constructor(state: DomainState) {
    this.state = state;
  }

  get isIdle(): boolean {
    return this.state.step === undefined;
  }

  examine(frame: Frame, nowMs: number): Verdict {
    return examine(this.state, frame, nowMs);
  }

  begin(frame: Frame, terms: StepTerms): void {
    const { state } = this;
    assert(state.step === undefined, 'a domain takes an input only when none of its turns can run');
    state.nowMs = Math.max(state.nowMs, terms.nowMs);
    state.seq += 1;
    state.step = new Step(state.seq, state.nowMs, terms.seed, state.takeSink(), terms.decisions);
    for (const ack of terms.acks) state.outbox.settle(ack);
    takeIn(state, frame);
  }

  /** Runs one job of the step. */
  advance(): Advance {
    const { state } = this;
    const { queue } = state;
    const job = queue.peek();
    if (job === undefined) return 'idle';
    const needed = this.#residencyNeed(job);
    if (needed !== undefined && !state.isResident(needed)) return { needs: needed };
    queue.shift();
    const progress = this.#run(job);
    if (progress !== undefined) {
      queue.unshift(job);
      return progress;
    }
    if (state.running.turnCount > state.config.maxTurnsPerInput) this.#overrun();
    return queue.length > 0 ? 'more' : 'idle';
  }

  #overrun(): void {
    const { state } = this;
    const reason = `one input caused more than ${state.config.maxTurnsPerInput} turns`;
    state.running.turnCount = 0;
    suspendDomain(state, '\0', 60_000, reason); // the default period of supervision: no actor's own applies
  }

  end(): StepOutcome {
    const { state } = this;
    const step = state.running;
    assert(state.queue.length === 0, 'a step ends when nothing in it can run');
    const { decisions, outputs } = step;
    const { seq, nowMs } = step.moment;
    const digest = step.digest();
    state.giveSink();
    state.step = undefined;
    trimAbsent(state);
    return { seq, nowMs, digest, decisions, outputs };
  }

  /** Answers a query between steps, or says whose state has to be read first. */
  query(frame: Frame): Outcome | { readonly needs: string } {
    const message = messageOf(this.state, frame);
    const actorId = actorIdOf(message.type, message.key);
    if (!this.state.isResident(actorId)) return { needs: actorId };
    return runQuery(this.state, message);
  }

  /** Actors not in memory that the step's next jobs are for. Read together they cost one wait instead of one each. */
  needsAhead(): Iterable<string> {
    const { state } = this;
    const needs = new Set<string>();
    for (const job of state.queue.ahead(AHEAD_MAX)) {
      const needed = this.#residencyNeed(job);
      if (needed !== undefined && !state.isResident(needed)) needs.add(needed);
    }
    return needs;
  }

  #residencyNeed(job: Job): string | undefined {
    const { state } = this;
    switch (job.kind) {
      case 'message': {
        const { message, actorId } = job;
        return message.role !== 'query' && state.isBusy(actorId) ? undefined : actorId;
      }
      case 'result': {
        const turn = state.turns.get(job.turnId);
        return turn?.phase === 'dormant' ? turn.actorId : undefined;
      }
      default:
        return job.actorId;
    }
  }

  #run(job: Job): Progress {
    const { state } = this;
    switch (job.kind) {
      case 'message':
        return this.#runMessage(job.actorId, job.message);
      case 'result': {
        const turn = state.turns.get(job.turnId);
        if (turn?.callsMade?.isOpen(job.callIndex) !== true) return undefined;
        const progress = deliver(state, turn, job.callIndex, job.outcome);
        if (progress === undefined && state.timers.size > 0) state.timers.delete(`d:${job.turnId}.${job.callIndex}`);
        return progress;
      }
      case 'next':
        return this.#runNext(job.actorId);
      case 'back-off-over':
        return this.#runRestarted(job.actorId);
      default:
        this.#supervise(job);
        return undefined;
    }
  }

  #runMessage(actorId: string, message: Message): Progress {
    const { state } = this;
    if (message.role === 'query') {
      state.running.turnCount += 1;
      state.reply(message, runQuery(state, message));
      return undefined;
    }
    if (state.isBusy(actorId)) {
      this.#park(actorId, message);
      return undefined;
    }
    if (isMoot(state, actorId, message)) return undefined;
    const definition = state.definitionOf(message.type);
    const started = startedMessage(state, actorId, message, definition);
    if (started === undefined) return startTurn(state, actorId, message, definition);
    this.#park(actorId, message);
    const progress = startTurn(state, actorId, started, definition);
    if (progress !== undefined) state.mailboxes.delete(actorId);
    return progress;
  }

  /** Lets a message wait for its actor; over the limit it is refused. */
  #park(actorId: string, message: Message): void {
    const { state } = this;
    const limits = state.definitionOf(message.type)?.mailbox;
    const mailbox = state.mailboxOf(actorId);
    const isFull =
      limits !== undefined && (mailbox.messages.length >= limits.limit || mailbox.sizeBytes >= limits.limitBytes);
    // A message from outside was counted when it came in; what the tenant's own actors send is counted here.
    if (isFull && message.replyTo.kind !== 'client' && message.replyTo.kind !== 'tenant') {
      state.reply(message, failureOf(mailboxFull(state.addressOf(actorId), mailbox.messages.length)));
      return;
    }
    mailbox.messages.push(message);
    mailbox.sizeBytes += message.args.bytes.length;
  }

  /** Takes the next waiting message of an actor that has become free. */
  #runNext(actorId: string): Progress {
    const { state } = this;
    const mailbox = state.mailboxes.get(actorId);
    if (mailbox === undefined) return undefined;
    mailbox.scheduled = false;
    if (mailbox.restarting !== undefined || state.turnOf.has(actorId)) return undefined;
    const message = mailbox.messages[0];
    if (message === undefined || isMoot(state, actorId, message)) {
      if (message !== undefined) mailbox.sizeBytes -= mailbox.messages.shift()?.args.bytes.length ?? 0;
      releaseMailbox(state, actorId);
      return undefined;
    }
    const definition = state.definitionOf(message.type);
    const started = startedMessage(state, actorId, message, definition);
    if (started !== undefined) {
      const progress = startTurn(state, actorId, started, definition);
      mailbox.scheduled = progress !== undefined;
      return progress;
    }
    mailbox.messages.shift();
    mailbox.sizeBytes -= message.args.bytes.length;
    const progress = startTurn(state, actorId, message, definition);
    if (progress !== undefined) {
      mailbox.messages.unshift(message);
      mailbox.sizeBytes += message.args.bytes.length;
      mailbox.scheduled = true;
    }
    return progress;
  }

  /** The end of a back-off: `restarted` runs, then the messages that waited. */
  #runRestarted(actorId: string): Progress {
    const { state } = this;
    const mailbox = state.mailboxes.get(actorId);
    const reason = mailbox?.restarting;
    if (mailbox === undefined || reason === undefined) return undefined;
    mailbox.restarting = undefined;
    const { type, key } = actorPartsOf(actorId);
    const definition = state.definitionOf(type);
    if (definition?.restarted === undefined || touchCell(state, actorId)?.exists !== true) {
      releaseMailbox(state, actorId);
      return undefined;
    }
    const args = Arguments.of([reason]);
    const restarted: Message = {
      role: 'restarted',
      type,
      key,
      handler: 'restarted',
      args,
      sender: {},
      replyTo: { kind: 'none' },
      chain: [],
    };
    const progress = startTurn(state, actorId, restarted, definition);
    if (progress !== undefined) mailbox.restarting = reason;
    return progress;
  }

  #supervise(job: Extract<Job, { kind: 'stop' | 'restart' | 'escalation' | 'strategy' | 'orphan' }>): void {
    const { state } = this;
    const cell: Cell | undefined = touchCell(state, job.actorId);
    const definition: ResolvedActor | undefined = state.definitionOf(actorPartsOf(job.actorId).type);
    if (cell?.exists !== true || definition === undefined) {
      this.#forget(job.actorId);
      return;
    }
    switch (job.kind) {
      case 'stop':
        stopActor(state, cell, job.reason);
        return;
      case 'restart':
        restartActor(state, cell, definition, job.reason, false);
        return;
      case 'escalation':
        applyDirective(state, cell, definition, `${state.actorText(job.from)} escalated: ${job.reason}`);
        return;
      case 'strategy':
        applyStrategy(state, cell, definition, job.from, job.reason);
        return;
      case 'orphan':
        if (state.cells.get(job.child)?.meta.parent === cell.id) return; // it has been born again meanwhile
        setChildren(
          state,
          cell,
          cell.meta.children.filter((child) => child !== job.child),
        );
    }
  }

  /** A turn of an actor that never came to exist ends with the order that would have ended the actor. */
  #forget(actorId: string): void {
    const turn = this.state.turnOf.get(actorId);
    if (turn === undefined || this.state.cells.get(actorId)?.exists === true) return;
    turn.writes?.revert();
    closeTurn(this.state, turn);
    const error = new SynapseError('HANDLER_FAILED', `${this.state.actorText(actorId)} was stopped`);
    this.state.reply(turn.message, failureOf(error));
    releaseMailbox(this.state, actorId);
  }
}

/** A lifecycle message whose actor ended before it came: it must not bring the actor back. */
function isMoot(state: DomainState, actorId: string, message: Message): boolean {
  if (message.role !== 'started' && message.role !== 'terminated') return false;
  return state.cells.get(actorId)?.exists !== true;
}
