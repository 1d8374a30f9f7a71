/**
 * A seat is one tenant in one lane: its domain, the frames that wait to be taken in, and how far it
 * has come. The lane host moves it from phase to phase:
 *
 *   closed ─▶ opening ─▶ replaying ─▶ ready ─▶ (closed again when idle and clean)
 *                 │           │          └▶ held: its shard is being moved
 *                 └───────────┴─▶ refused: corrupt or diverged, every message gets the error
 */
import type { Ack } from '../actor/outbox.ts';
import type { Domain } from '../actor/domain.ts';
import { actorIdOf } from '../actor/message.ts';
import type { SynapseError } from '../base/error.ts';
import { Queue } from '../base/queue.ts';
import { RareMap, RareSet } from '../base/rare.ts';
import type { Frame } from '../frame/frame.ts';

export type SeatPhase = 'closed' | 'opening' | 'replaying' | 'ready' | 'held' | 'refused';

const NO_ACKS: readonly Ack[] = [];

interface Waiting {
  count: number;
  sizeBytes: number;
}

/** Frames that wait, first in first out, counted per actor for the mailbox limits. */
export class Inbox {
  readonly #frames: Queue<Frame> = new Queue();
  readonly #waiting: RareMap<string, Waiting> = new RareMap();

  get length(): number {
    return this.#frames.length;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
    const { type, key } = frame.target;
    const actorId = actorIdOf(type, key);
    const waiting = this.#waiting.get(actorId);
    if (waiting === undefined) this.#waiting.set(actorId, { count: 1, sizeBytes: frame.bytes.length });
    else {
      waiting.count += 1;
      waiting.sizeBytes += frame.bytes.length;
    }
  }

  peek(): Frame | undefined {
    return this.#frames.peek();
  }

  shift(): Frame | undefined {
    const frame = this.#frames.shift();
    if (frame === undefined) return undefined;
    const { type, key } = frame.target;
    const actorId = actorIdOf(type, key);
    const waiting = this.#waiting.get(actorId);
    if (waiting !== undefined) {
      waiting.count -= 1;
      waiting.sizeBytes -= frame.bytes.length;
      if (waiting.count === 0) this.#waiting.delete(actorId);
    }
    return frame;
  }

  waitingFor(actorId: string): Readonly<Waiting> | undefined {
    return this.#waiting.get(actorId);
  }

  /** Takes everything out. */
  drain(): Frame[] {
    const frames = this.#frames.drain();
    this.#waiting.clear();
    return frames;
  }

  /** Frames in their order, without taking them. */
  frames(): readonly Frame[] {
    return this.#frames.items();
  }
}

/** A step under way. */
export interface CurrentStep {
  readonly frame: Frame;
  readonly nowMs: number;
  readonly seed: Uint8Array;
  readonly acks: readonly Ack[];
  /** In a replay: the recorded digest. */
  readonly expected: Uint8Array | undefined;
  /** The frame as it came, where the input was made of it (poison). */
  readonly origin: Frame | undefined;
}

export class Seat {
  readonly tenant: string;
  readonly shard: number;
  phase: SeatPhase = 'closed';
  domain: Domain | undefined = undefined;
  error: SynapseError | undefined = undefined;
  readonly inbox: Inbox = new Inbox();
  current: CurrentStep | undefined = undefined;
  /** In the lane's round: never twice. */
  isQueued = false;
  /** The actor whose rows have to come first. */
  waitsFor: string | undefined = undefined;
  /** Loads under way. */
  readonly loading: RareSet<string> = new RareSet();
  /** Records still to be replayed, and whether more will come. */
  records: Uint8Array[] = [];
  hasAllRecords = false;
  /** Its journal was trimmed: snapshots are recorded from then on, since nothing else tells what they should be. */
  isTrimmed = false;
  /** Position of the last thing sent to the store. */
  lastPosition = 0;
  /** Acknowledgements that have come in and no step has taken note of yet. */
  acks: Ack[] = [];
  readonly ackNames: RareSet<string> = new RareSet();
  stepsSinceSnapshot = 0;
  bytesSinceSnapshot = 0;
  snapshotPending = false;
  /** Somebody asked for a snapshot; it is taken at the end of the step. */
  snapshotWanted = false;
  /** The timer whose frame is in the inbox. */
  timerQueued: string | undefined = undefined;
  /** Host time at which it was due: no step is earlier, though somebody may set the clock back before it runs. */
  timerMs = 0;
  /** Due time that stands in the lane's agenda. */
  agendaMs: number = Number.POSITIVE_INFINITY;
  /** Calls that wait for the answer to an earlier call with the same idempotency key. */
  readonly waiters: RareMap<string, Frame[]> = new RareMap();
  /** By sending tenant and incarnation: the last of its messages that has come here. */
  readonly arrived: RareMap<string, number> = new RareMap();
  /** Senders that were asked to send again and have not yet. */
  readonly askedAgain: RareSet<string> = new RareSet();
  cellCount = 0;
  usedMs = 0;

  constructor(tenant: string, shard: number) {
    this.tenant = tenant;
    this.shard = shard;
  }

  /** Takes them out. What comes in afterwards is not in the list that was taken: a step records what it began with. */
  takeAcks(): readonly Ack[] {
    const { acks } = this;
    if (acks.length === 0) return NO_ACKS;
    this.acks = [];
    this.ackNames.clear();
    return acks;
  }

  /** Nothing waits, runs or has to be kept in mind: the seat may be closed when it is also clean. */
  get isQuiet(): boolean {
    const state = this.domain?.state;
    if (this.inbox.length > 0 || this.current !== undefined || this.snapshotPending || this.waiters.size > 0)
      return false;
    if (state === undefined) return true;
    return (
      state.timers.size === 0 &&
      state.outbox.size === 0 &&
      state.effects.size === 0 &&
      state.turns.size === 0 &&
      state.mailboxes.size === 0 &&
      this.acks.length === 0
    );
  }
}
