/**
 * Messages of any size over a ring: the sender keeps in a bounded queue what does not fit yet and cuts
 * messages that are longer than a record; the receiver puts them together again. Order is kept.
 * Neither rings a bell itself: they say when to, the owner of the MessagePort does it.
 *
 * Sender:   send(a); send(b); const { ring } = flush(); if (ring) bell.postMessage(null);
 *           and flush() again whenever the reader's bell rings.
 * Receiver: while ((m = next())) use(m); if (release()) bell.postMessage(null);
 *           if (sleep()) wait for the writer's bell, then wake(); else go on.
 */
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { RingReader, RingWriter } from './ring.ts';

/** Longest message that crosses a ring, in bytes: a snapshot's rows, which are bounded by count and may be large. */
export const RING_MESSAGE_MAX_BYTES: number = 512 * 1024 * 1024;
/** Bytes that may wait for space by default: two of the longest messages, far more than any batch. */
const SENDER_QUEUE_MAX_BYTES: number = 2 * RING_MESSAGE_MAX_BYTES;
/** A consumed front of the queue is cut off when it is this long: rarely enough to cost nothing. */
const QUEUE_COMPACT_LENGTH = 1024;

/** What {@link RingSender.flush} found. */
export interface FlushResult {
  /** The reader slept: ring its bell. */
  readonly ring: boolean;
  /** Something waits for space; the reader's bell will ring, flush again then. */
  readonly pending: boolean;
}

const QUIET: FlushResult = { ring: false, pending: false };
const RING: FlushResult = { ring: true, pending: false };
const PENDING: FlushResult = { ring: false, pending: true };
const RING_PENDING: FlushResult = { ring: true, pending: true };

/** The sending end of a ring. */
export class RingSender {
  readonly #writer: RingWriter;
  readonly #queueMaxBytes: number;
  /** A quarter of the ring: a long message moves while the reader works on its last piece. */
  readonly #fragmentBytes: number;
  readonly #queue: Uint8Array[] = [];
  #queueStart = 0;
  /** Bytes of the first waiting message that have left already. */
  #sentBytes = 0;
  #pendingBytes = 0;
  #ringOwed = false;

  /** @param queueMaxBytes most bytes that may wait for space */
  constructor(buffer: SharedArrayBuffer, queueMaxBytes: number = SENDER_QUEUE_MAX_BYTES) {
    this.#writer = new RingWriter(buffer);
    this.#queueMaxBytes = queueMaxBytes;
    this.#fragmentBytes = this.#writer.sizeBytes / 4;
  }

  /** Bytes that wait for space. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Takes a message; it may be seen only after {@link flush}. `bytes` must not change while it waits, unless
   * they are `isBorrowed`: then they are copied where there is no space for them yet.
   *
   * @throws SynapseError `MAILBOX_FULL` (`details` `{ limit, unit }`) when too much waits: nothing of it was taken;
   * `TOO_LARGE` beyond `RING_MESSAGE_MAX_BYTES`
   */
  send(bytes: Uint8Array, isBorrowed: boolean = false): void {
    if (this.#pendingBytes === 0 && bytes.length <= this.#writer.recordMaxBytes) {
      if (this.#writer.tryWrite(bytes)) return;
      // The reader may start on what is there already, and so make space.
      this.#publish();
      if (this.#writer.tryWrite(bytes)) return;
    }
    this.#append(isBorrowed ? bytes.slice() : bytes);
  }

  /** Makes everything visible that fits, and says what is left to do. A reader that dozes is woken for what `isUrgent`. */
  flush(isUrgent: boolean = true): FlushResult {
    for (;;) {
      const nextBytes = this.#drain();
      this.#publish(isUrgent || nextBytes >= 0); // who waits for space needs the reader awake
      // Each further round follows a release by the reader, so the loop ends when the reader pauses.
      if (nextBytes < 0 || this.#writer.waitForSpace(nextBytes)) break;
    }
    const ring = this.#ringOwed;
    this.#ringOwed = false;
    if (this.#queue.length > 0) return ring ? RING_PENDING : PENDING;
    return ring ? RING : QUIET;
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length > RING_MESSAGE_MAX_BYTES) {
      const limit = RING_MESSAGE_MAX_BYTES;
      throw new SynapseError('TOO_LARGE', `a message takes ${bytes.length} bytes, at most ${limit} cross a ring`, {
        limit,
        unit: 'bytes',
      });
    }
    const limit = this.#queueMaxBytes;
    if (this.#pendingBytes + costOf(bytes) > limit) {
      throw new SynapseError(
        'MAILBOX_FULL',
        `${this.#pendingBytes} bytes wait for space in a ring, at most ${limit} may`,
        {
          limit,
          unit: 'bytes',
        },
      );
    }
    this.#queue.push(bytes);
    this.#pendingBytes += costOf(bytes);
  }

  #publish(isUrgent: boolean = true): void {
    if (this.#writer.publish(isUrgent)) this.#ringOwed = true;
  }

  /** Moves waiting messages into the ring; the bytes of the first record that does not fit, or -1. */
  #drain(): number {
    const queue = this.#queue;
    if (queue.length === 0) return -1;
    while (this.#queueStart < queue.length) {
      const bytes = queue[this.#queueStart]!;
      const stuckBytes = this.#drainOne(bytes);
      if (stuckBytes >= 0) return stuckBytes;
      queue[this.#queueStart++] = NOTHING;
      this.#sentBytes = 0;
      this.#pendingBytes -= costOf(bytes);
      if (this.#queueStart === QUEUE_COMPACT_LENGTH) {
        queue.splice(0, QUEUE_COMPACT_LENGTH);
        this.#queueStart = 0;
      }
    }
    queue.length = 0;
    this.#queueStart = 0;
    assert(this.#pendingBytes === 0, 'an empty queue holds no bytes');
    this.#writer.stopWaiting();
    return -1;
  }

  /** Moves one message or what fits of it; the bytes of the record that does not fit, or -1. */
  #drainOne(bytes: Uint8Array): number {
    if (bytes.length <= this.#writer.recordMaxBytes) return this.#writer.tryWrite(bytes) ? -1 : bytes.length;
    while (this.#sentBytes < bytes.length) {
      const end = Math.min(this.#sentBytes + this.#fragmentBytes, bytes.length);
      const piece = bytes.subarray(this.#sentBytes, end);
      if (!this.#writer.tryWrite(piece, end < bytes.length)) return piece.length;
      this.#sentBytes = end;
    }
    return -1;
  }
}

const NOTHING = new Uint8Array(0);
/** What a waiting message costs besides its bytes, so that empty ones are bounded too: a view and its slot. */
const MESSAGE_COST_BYTES = 64;

function costOf(bytes: Uint8Array): number {
  return bytes.length + MESSAGE_COST_BYTES;
}

/** The receiving end of a ring. */
export class RingReceiver {
  readonly #reader: RingReader;
  readonly #pieces: Uint8Array[] = [];
  #piecesBytes = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#reader = new RingReader(buffer);
  }

  /** The next whole message, or undefined when none is there. Its `buffer` may be shared: never transfer it. */
  next(): Uint8Array | undefined {
    for (;;) {
      const record = this.#reader.read();
      if (record === undefined) return undefined;
      if (!this.#reader.more && this.#pieces.length === 0) return record;
      this.#pieces.push(record);
      this.#piecesBytes += record.length;
      assert(this.#piecesBytes <= RING_MESSAGE_MAX_BYTES, 'a message has an end');
      if (!this.#reader.more) return this.#join();
    }
  }

  /** Gives back the space of everything read. True: ring the writer's bell. Call it before {@link sleep}. */
  release(): boolean {
    return this.#reader.release();
  }

  /** Announces sleep, or a doze, from which only what is urgent wakes; false: something arrived meanwhile, read on. */
  sleep(isDozing: boolean = false): boolean {
    return this.#reader.sleep(isDozing);
  }

  /** Ends the sleep. */
  wake(): void {
    this.#reader.wake();
  }

  #join(): Uint8Array {
    const message = new Uint8Array(this.#piecesBytes);
    let offset = 0;
    for (const piece of this.#pieces) {
      message.set(piece, offset);
      offset += piece.length;
    }
    this.#pieces.length = 0;
    this.#piecesBytes = 0;
    return message;
  }
}
