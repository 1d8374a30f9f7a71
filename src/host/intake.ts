/**
 * Taking in: from a frame in a seat's inbox to a finished step, one turn at a time.
 *
 * A frame is examined only when its turn has come, since what it meets then is what the journal will
 * say it met. A query is answered between steps. What is refused or a repeat is never recorded.
 */
import { changedRowCount } from '../actor/domain-image.ts';
import type { Advance, StepOutcome } from '../actor/domain.ts';
import { rowGroupOf } from '../actor/cell.ts';
import { actorIdOf } from '../actor/message.ts';
import { mailboxFull } from '../actor/input.ts';
import { supply } from '../actor/residency.ts';
import { sourceOf } from '../actor/session.ts';
import { SynapseError } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import { SEED_BYTES } from '../base/seeded.ts';
import { FRAME_KIND, Frame, encodeError } from '../frame/frame.ts';
import { FLAG_RESEND, RESEND_ORDER, clientAck, clientReply, identityOf, ownFrame } from './lane-frame.ts';
import type { LaneCore } from './lane-core.ts';
import type { Seat } from './seat.ts';
import { StepOutput, unknownFate } from './step-output.ts';

/** Deaths of a lane after which an input is set aside. */
export const POISON_DEATHS = 3;

export class Intake {
  readonly #core: LaneCore;
  /** Inputs that a lane died under, with the number of deaths. */
  readonly suspects: Map<string, number> = new Map();
  /** While a suspect runs, nothing else does. */
  #solo: Seat | undefined;

  constructor(core: LaneCore) {
    this.#core = core;
  }

  get solo(): Seat | undefined {
    return this.#solo;
  }

  /** A frame has arrived for a shard of this lane. */
  receive(bytes: Uint8Array): void {
    const core = this.#core;
    const frame = new Frame(bytes);
    if (!core.owned.has(frame.shard) || core.heldShards.has(frame.shard)) return; // its sender sends it again
    if (isCopy(frame) && core.unrecorded.covers(frame, (answer) => core.answer(frame, answer))) return;
    if (core.outage !== undefined) {
      this.refuse(frame, core.outage);
      return;
    }
    const seat = core.seatOf(frame.target.tenant, frame.shard);
    if (frame.kind === FRAME_KIND.ack) {
      this.#takeAck(seat, frame);
      return;
    }
    if (seat.error !== undefined) {
      this.refuse(frame, seat.error);
      return;
    }
    if (frame.kind === FRAME_KIND.control && frame.handler === RESEND_ORDER) {
      core.resend(seat);
      return;
    }
    if (!this.#isInOrder(seat, frame)) {
      this.#askAgain(seat, frame);
      return;
    }
    const fault = this.#overflow(seat, frame);
    if (fault !== undefined) {
      this.refuse(frame, fault);
      return;
    }
    seat.inbox.push(frame);
    this.#prefetch(seat, frame);
    core.wake(seat);
  }

  /** Answers with an error where the sender waits; all else stays with its sender, who sends it again. */
  refuse(frame: Frame, error: SynapseError): void {
    const isOutage = error.code === 'STORE_UNAVAILABLE';
    const payload = encodeError(error);
    // Another tenant's message is not lost while the store is away: its outbox keeps it, and is asked for it later.
    if (isMessage(frame) && isOutage && frame.source !== undefined) this.#core.missed.add(frame.source.tenant);
    else if (isMessage(frame)) this.#core.answerUnrecorded(frame, { ok: false, payload });
    // An order, or an effect's result, for a tenant that is not served any more: its sender need not go on trying.
    const isOrder = frame.kind === FRAME_KIND.control || frame.kind === FRAME_KIND.effectResult;
    if (!isOrder || isOutage || frame.messageId === 0) return;
    this.#core.ports.toClient(
      clientReply(frame.incarnation, frame.messageId, false, payload, this.#core.ports.nowMs()),
    );
  }

  /** The seat gives up what it was doing: the others need not wait for it. */
  giveUp(seat: Seat): void {
    if (this.#solo === seat) this.#solo = undefined;
  }

  /** False for another tenant's message that has overtaken one which was dropped on its way (a move, a lane's death). */
  #isInOrder(seat: Seat, frame: Frame): boolean {
    const { source } = frame;
    if (source === undefined || !isMessage(frame)) return true;
    const { flags, incarnation, messageId, floor } = frame;
    const name = sourceOf(source.tenant, incarnation);
    const arrived = seat.arrived.get(name) ?? 0;
    // What is sent again comes in order, with gaps where messages are settled; below the floor all are.
    if ((flags & FLAG_RESEND) === 0 && messageId > Math.max(arrived + 1, floor)) return false;
    if (messageId > arrived) seat.arrived.set(name, messageId);
    seat.askedAgain.delete(name);
    return true;
  }

  /** Asks a tenant for all that it has open here, once until something of it fits again. */
  #askAgain(seat: Seat, { source, incarnation }: Frame): void {
    if (source === undefined) return;
    const name = sourceOf(source.tenant, incarnation);
    if (seat.askedAgain.has(name)) return;
    seat.askedAgain.add(name);
    this.#core.askAgain(source.tenant);
  }

  #overflow(seat: Seat, frame: Frame): SynapseError | undefined {
    if (!isMessage(frame)) return undefined;
    if (isCopy(frame)) return undefined; // it may be done already, and its answer kept
    const { type, key } = frame.target;
    const limits = this.#core.setup.registry.newest(type)?.mailbox;
    if (limits === undefined) return undefined;
    const { inbox } = seat;
    const mailboxes = seat.domain?.state.mailboxes;
    const isFree = inbox.length < limits.limit && inbox.sizeBytes + frame.payloadBytes <= limits.limitBytes;
    if (isFree && (mailboxes?.size ?? 0) === 0) return undefined; // were all that waits for this one actor
    const actorId = actorIdOf(type, key);
    const waiting = inbox.waitingFor(actorId);
    const parked = mailboxes === undefined || mailboxes.size === 0 ? undefined : mailboxes.get(actorId);
    const count = (waiting?.count ?? 0) + (parked?.messages.length ?? 0);
    const sizeBytes = (waiting?.sizeBytes ?? 0) + (parked?.sizeBytes ?? 0);
    if (count < limits.limit && sizeBytes + frame.payloadBytes <= limits.limitBytes) return undefined;
    return mailboxFull(frame.target, count);
  }

  #takeAck(seat: Seat, frame: Frame): void {
    const state = seat.domain?.state;
    const { source, incarnation, correlation } = frame;
    if (state === undefined || source === undefined || seat.phase !== 'ready') return; // sent again, acknowledged again
    const ack = { tenant: source.tenant, incarnation, counter: correlation };
    const entry = state.outbox.find(ack);
    if (entry !== undefined) seat.acks.add(entry);
  }

  #prefetch(seat: Seat, frame: Frame): void {
    const state = seat.domain?.state;
    // Where all of the tenant is in memory, nothing can be missing.
    if (state === undefined || !state.mayLackCells || !isMessage(frame)) return;
    const actorId = actorIdOf(frame.target.type, frame.target.key);
    if (!state.isResident(actorId)) this.#core.load(seat, actorId, rowGroupOf(actorId));
  }

  /** What the store had of an actor. */
  supply(seat: Seat, actorId: string, rows: readonly { readonly name: string; readonly value: Uint8Array }[]): void {
    seat.loading.delete(actorId);
    const state = seat.domain?.state;
    if (state === undefined) return;
    state.useMs = this.#core.ageMs(this.#core.ports.nowMs());
    supply(state, actorId, rows);
    this.count(seat);
    if (seat.waitsFor === actorId) {
      seat.waitsFor = undefined;
      this.#core.wake(seat);
    }
  }

  /** Gives a ready seat one go of so many turns at the most. Afterwards it is in the round again if it has more to do. */
  run(seat: Seat, turns: number): void {
    const core = this.#core;
    const { domain } = seat;
    if (domain === undefined) return;
    domain.state.useMs = core.ageMs(core.clockMs);
    if (seat.current === undefined && !this.#takeNext(seat)) {
      if (seat.inbox.length > 0) core.wake(seat);
      return;
    }
    if (seat.current === undefined) return;
    this.advance(seat, turns);
    if (seat.current !== undefined || seat.inbox.length > 0) core.wake(seat);
  }

  /** Runs up to so many turns of the step under way. */
  advance(seat: Seat, turns = 1): void {
    const { domain, current } = seat;
    if (domain === undefined || current === undefined) return;
    const core = this.#core;
    const { ports } = core;
    let progress: Advance = 'more';
    for (let left = turns; left > 0 && progress === 'more'; left--) {
      ports.blame(current.frame);
      progress = domain.advance();
      core.turnCount += 1;
    }
    ports.blame(undefined);
    if (progress === 'more') return;
    if (progress === 'idle') {
      this.#finish(seat);
      return;
    }
    seat.waitsFor = progress.needs;
    core.load(seat, progress.needs, rowGroupOf(progress.needs));
    for (const actorId of domain.needsAhead()) core.load(seat, actorId, rowGroupOf(actorId));
  }

  /** Takes the next frame; false when no step came of it. */
  #takeNext(seat: Seat): boolean {
    const frame = seat.inbox.peek();
    const { domain } = seat;
    if (frame === undefined || domain === undefined) return false;
    const core = this.#core;
    const nowMs = Math.max(core.clockMs, seat.timerMs);
    const verdict = domain.examine(frame, nowMs);
    switch (verdict.kind) {
      case 'admit':
        break;
      case 'refuse':
        seat.inbox.shift();
        this.refuse(frame, verdict.error);
        return false;
      case 'repeat':
        seat.inbox.shift();
        if (verdict.byKey) core.repeatCount += 1;
        // Never dropped in silence: its sender would send it again, behind what it has sent since.
        core.gate.hold(
          seat,
          seat.lastPosition,
          () => (verdict.byKey ? core.answerUnrecorded(frame, verdict.outcome) : core.answer(frame, verdict.outcome)),
          (reason) => this.refuse(frame, reason ?? unknownFate()),
        );
        return false;
      case 'wait': {
        seat.inbox.shift();
        core.repeatCount += 1;
        const waiters = seat.waiters.get(verdict.idempotencyKey);
        if (waiters === undefined) seat.waiters.set(verdict.idempotencyKey, [frame]);
        else waiters.push(frame);
        return false;
      }
      case 'ignore':
        seat.inbox.shift();
        if (frame.kind === FRAME_KIND.timer) seat.timerQueued = undefined;
        this.#settle(seat, frame);
        return false;
    }
    if (this.#isQuery(seat, frame)) return this.#answerQuery(seat, frame);
    seat.inbox.shift();
    this.#begin(seat, frame, nowMs);
    return true;
  }

  #isQuery(seat: Seat, frame: Frame): boolean {
    if (!isMessage(frame)) return false;
    return seat.domain?.state.definitionOf(frame.target.type)?.queries.has(frame.handler) === true;
  }

  #answerQuery(seat: Seat, frame: Frame): false {
    const core = this.#core;
    if (this.#deathsOf(frame) >= POISON_DEATHS) {
      // A query leaves no record, so one that kills lanes is set aside by its answer alone.
      seat.inbox.shift();
      this.refuse(frame, new SynapseError('POISONED', 'this query killed its lane repeatedly and is set aside'));
      this.#clear(frame);
      return false;
    }
    core.ports.blame(frame);
    const outcome = seat.domain?.query(frame);
    core.ports.blame(undefined);
    if (outcome === undefined) return false;
    if ('needs' in outcome) {
      seat.waitsFor = outcome.needs;
      core.load(seat, outcome.needs, rowGroupOf(outcome.needs));
      return false;
    }
    seat.inbox.shift();
    const failure = new SynapseError('STORE_UNAVAILABLE', 'the store failed before what this query saw was durable');
    core.gate.hold(
      seat,
      seat.lastPosition,
      () => core.answer(frame, outcome),
      (reason) => this.refuse(frame, reason ?? failure),
    );
    return false;
  }

  #deathsOf(frame: Frame): number {
    return this.suspects.size === 0 ? 0 : (this.suspects.get(identityOf(frame)) ?? 0);
  }

  #begin(seat: Seat, frame: Frame, nowMs: number): void {
    const core = this.#core;
    const seed = new Uint8Array(SEED_BYTES);
    core.ports.fillSeed(seed);
    const deaths = this.#deathsOf(frame);
    if (deaths > 0) this.#solo = seat;
    const input = deaths >= POISON_DEATHS ? ownFrame('poison', seat.tenant, seat.shard, '', frame.bytes, nowMs) : frame;
    const acks = seat.takeAcks();
    const current = { frame: input, nowMs, seed, acks, expected: undefined, origin: frame };
    seat.current = current;
    seat.domain?.begin(input, current);
  }

  #finish(seat: Seat): void {
    const { domain, current } = seat;
    if (domain === undefined || current === undefined) return;
    seat.current = undefined;
    const outcome = domain.end();
    if (current.expected !== undefined) {
      if (Buffer.compare(current.expected, outcome.digest) !== 0) throw divergence(seat, outcome, current.expected);
      return;
    }
    this.#journal(seat, outcome, current);
    this.#afterStep(seat);
  }

  #journal(seat: Seat, outcome: StepOutcome, current: NonNullable<Seat['current']>): void {
    const core = this.#core;
    const { nowMs, seed, acks, origin } = current;
    const { digest, decisions, outputs, seq } = outcome;
    const frame = origin ?? current.frame;
    core.position += 1;
    core.stepCount += 1;
    const { configId } = core.setup;
    const record = { configId, nowMs, seed, digest, decisions, acks, frame: current.frame.bytes };
    const recordBytes = core.stepToStore(seat, seq, record, outputs);
    seat.lastPosition = core.position;
    seat.stepsSinceSnapshot += 1;
    seat.bytesSinceSnapshot += recordBytes;
    if (frame.kind === FRAME_KIND.timer) seat.timerQueued = undefined;
    core.gate.keep(new StepOutput(this, seat, core.position, frame, outputs, this.#solo === seat));
  }

  /** A step is durable: what it put out leaves. */
  release({ owner: seat, frame, outputs, isSolo }: StepOutput): void {
    if (isSolo) this.#clear(frame);
    for (const output of outputs) this.#core.release(seat, output);
    this.#settle(seat, frame);
  }

  /** The suspect's step is durable: it is none any more, and the others go on. */
  #clear(frame: Frame): void {
    const identity = identityOf(frame);
    this.#solo = undefined;
    this.suspects.delete(identity);
    this.#core.notice({ kind: 'cleared', identity });
  }

  /** Tells the embedder's sender that a frame which has no reply is settled. */
  #settle(seat: Seat, frame: Frame): void {
    const core = this.#core;
    if (frame.messageId === 0 || frame.source !== undefined) return;
    if (frame.kind !== FRAME_KIND.effectResult && frame.kind !== FRAME_KIND.control) return;
    core.gate.hold(seat, seat.lastPosition, () => core.ports.toClient(clientAck(frame.messageId, core.ports.nowMs())));
  }

  #afterStep(seat: Seat): void {
    const core = this.#core;
    const state = seat.domain?.state;
    if (state === undefined) return;
    if (seat.resendWanted) core.resend(seat);
    this.count(seat);
    const { snapshotEverySteps, snapshotEveryBytes, snapshotEveryRows } = core.setup.limits;
    const isDue =
      seat.snapshotWanted ||
      seat.stepsSinceSnapshot + seat.snapshotLead >= snapshotEverySteps ||
      seat.bytesSinceSnapshot >= snapshotEveryBytes ||
      (state.dirtyRowCount >= snapshotEveryRows && changedRowCount(state) >= snapshotEveryRows);
    if (isDue) core.snapshot(seat);
  }

  /** Keeps the lane's count of actors in memory. */
  count(seat: Seat): void {
    const size = seat.domain?.state.cells.size ?? 0;
    this.#core.cellCount += size - seat.cellCount;
    seat.cellCount = size;
  }
}

function isMessage({ kind }: Frame): boolean {
  return kind === FRAME_KIND.call || kind === FRAME_KIND.tell;
}

/** Its sender has sent it before. */
function isCopy(frame: Frame): boolean {
  return (frame.flags & FLAG_RESEND) !== 0 && isMessage(frame);
}

function divergence(seat: Seat, outcome: StepOutcome, expected: Uint8Array): SynapseError {
  const text = `tenant ${seat.tenant}: step ${outcome.seq} does not do what was recorded`;
  return new SynapseError('DIVERGED', text, {
    tenant: seat.tenant,
    seq: outcome.seq,
    recorded: hexOf(expected),
    computed: hexOf(outcome.digest),
  });
}
