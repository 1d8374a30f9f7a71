/**
 * A seat is one tenant in one lane: its domain, the frames that wait to be taken in, and how far it
 * has come. The lane host moves it from phase to phase:
 *
 *   closed ─▶ opening ─▶ replaying ─▶ ready ─▶ (closed again when idle and clean)
 *                 │           │          └▶ held: its shard is being moved
 *                 └───────────┴─▶ refused: corrupt or diverged, every message gets the error
 */
import type { Ack, OutboxEntry } from '../actor/outbox.ts';
import type { Domain } from '../actor/domain.ts';
import { actorIdOf } from '../actor/message.ts';
import type { SynapseError } from '../base/error.ts';
import { Queue } from '../base/queue.ts';
import { RareMap, RareSet } from '../base/rare.ts';
import type { Frame } from '../frame/frame.ts';
import type { SnapshotSending } from './snapshot-sending.ts';

export type SeatPhase = 'closed' | 'opening' | 'replaying' | 'ready' | 'held' | 'refused';

const NO_ACKS: readonly Ack[] = [];

/** Longer ago than any idle time. */
const NEVER = -(2 ** 30);

interface Waiting {
  count: number;
  sizeBytes: number;
}

/**
 * Frames that wait, first in first out. What waits for each actor is counted from when somebody asks for it until
 * the inbox is empty: nobody does as long as all of it together is within an actor's limits, and to keep the counts
 * of a tenant that has one frame at a time costs some 0.4 µs a frame.
 */
export class Inbox extends Queue<Frame> {
  #waiting: Map<string, Waiting> | undefined;
  #sizeBytes = 0;

  /** Of all frames. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  override push(frame: Frame): void {
    super.push(frame);
    this.#sizeBytes += frame.bytes.length;
    if (this.#waiting !== undefined) count(this.#waiting, frame, 1);
  }

  override shift(): Frame | undefined {
    const frame = super.shift();
    if (frame === undefined) return undefined;
    this.#sizeBytes -= frame.bytes.length;
    if (this.#waiting === undefined) return frame;
    if (this.length === 0) this.#waiting = undefined;
    else count(this.#waiting, frame, -1);
    return frame;
  }

  override unshift(frame: Frame): void {
    super.unshift(frame);
    this.#sizeBytes += frame.bytes.length;
    if (this.#waiting !== undefined) count(this.#waiting, frame, 1);
  }

  waitingFor(actorId: string): Readonly<Waiting> | undefined {
    if (this.#waiting === undefined) {
      this.#waiting = new Map();
      for (const frame of this.items()) count(this.#waiting, frame, 1);
    }
    return this.#waiting.get(actorId);
  }

  override drain(): Frame[] {
    this.#waiting = undefined;
    this.#sizeBytes = 0;
    return super.drain();
  }
}

/** Counts a frame in, or out by -1. */
function count(counts: Map<string, Waiting>, { target, bytes }: Frame, by: 1 | -1): void {
  const actorId = actorIdOf(target.type, target.key);
  const waiting = counts.get(actorId);
  if (waiting === undefined) {
    counts.set(actorId, { count: by, sizeBytes: by * bytes.length });
    return;
  }
  waiting.count += by;
  waiting.sizeBytes += by * bytes.length;
  if (waiting.count === 0) counts.delete(actorId);
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
  // What each command asks for stands first, as in a domain's state.
  phase: SeatPhase = 'closed';
  domain: Domain | undefined = undefined;
  error: SynapseError | undefined = undefined;
  readonly inbox: Inbox = new Inbox();
  current: CurrentStep | undefined = undefined;
  /** In the lane's round: never twice. */
  isQueued = false;
  /** The actor whose rows have to come first. */
  waitsFor: string | undefined = undefined;
  /** A snapshot in parts that is not sent whole yet: nothing of the tenant runs meanwhile. */
  sending: SnapshotSending | undefined = undefined;
  /** Messages to other tenants whose acknowledgements have come in and no step has taken note of yet. */
  readonly acks: RareSet<OutboxEntry> = new RareSet();
  /** The timer whose frame is in the inbox. */
  timerQueued: string | undefined = undefined;
  /** Host time at which it was due: no step is earlier, though somebody may set the clock back before it runs. */
  timerMs = 0;
  /** Due time that stands in the lane's agenda, where one does. */
  agendaMs: number | undefined = undefined;
  /** Position of the last thing sent to the store. */
  lastPosition = 0;
  stepsSinceSnapshot = 0;
  /** Steps by which its next snapshot is due early, see `leadOf` in lane-core. */
  snapshotLead = 0;
  bytesSinceSnapshot = 0;
  /** Somebody asked for a snapshot; it is taken at the end of the step. */
  snapshotWanted = false;
  /** Asked for amid a step, and done after it. */
  resendWanted = false;
  cellCount = 0;
  /** Of the last turn, whole ms since the lane began: where it is not whole, or is large, a number is an object of its own. */
  usedMs: number = NEVER;
  readonly tenant: string;
  readonly shard: number;

  /** Loads under way. */
  readonly loading: RareSet<string> = new RareSet();
  /** Records still to be replayed, and whether more will come. */
  records: Queue<Uint8Array> | undefined = undefined;
  hasAllRecords = false;
  /** Its journal was trimmed: snapshots are recorded from then on, since nothing else tells what they should be. */
  isTrimmed = false;
  snapshotPending = false;
  /** Calls that wait for the answer to an earlier call with the same idempotency key. */
  readonly waiters: RareMap<string, Frame[]> = new RareMap();
  /** By sending tenant and incarnation: the last of its messages that has come here. */
  readonly arrived: RareMap<string, number> = new RareMap();
  /** Senders that were asked to send again and have not yet. */
  readonly askedAgain: RareSet<string> = new RareSet();

  constructor(tenant: string, shard: number) {
    this.tenant = tenant;
    this.shard = shard;
  }

  /** Takes them out. What comes in afterwards is not in the list that was taken: a step records what it began with. */
  takeAcks(): readonly Ack[] {
    if (this.acks.size === 0) return NO_ACKS;
    const acks = [...this.acks];
    this.acks.clear();
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
      this.acks.size === 0
    );
  }
}
