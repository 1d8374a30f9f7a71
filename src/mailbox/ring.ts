/**
 * A ring in shared memory: records of bytes from one thread (the only writer) to one other (the only
 * reader), in order, without a message per record. Records become visible in batches (`publish`) and
 * their space comes back in batches (`release`). Each side can announce that it goes to sleep, and the
 * other is told, once, to ring its bell. Never blocks a thread and never loses a wake-up.
 */
import { markAsUntransferable } from 'node:worker_threads';
import { assert } from '../base/assert.ts';

/*
 *   Shared memory (64 bytes are a cache line; a line of its own spares each side the other's writes)
 *
 *   byte   0  head      where the next record will be published; only the writer stores it
 *   byte  64  tail      up to where the reader has released; only the reader stores it
 *   byte 128  asleep    1: the reader sleeps, ring its bell after publishing; 2: it dozes, ring for what is urgent
 *   byte 192  waiting   1: the writer waits for space, ring its bell after releasing
 *   byte 256  the ring, a power of two of bytes
 *
 *   Head and tail run on and on, unsigned modulo 2^32; `& (size - 1)` is the place in the ring, and
 *   `(head - tail) >>> 0` the bytes in use, across the overflow too, since the size divides 2^32.
 *
 *   A record: | u32 word | bytes | padding to 8 |
 *     word: bits 0..29 length, bit 30 "the message goes on in the next record"
 *     word 0xffffffff: nothing more up to the end of the ring, go on at its beginning
 *
 * Why no wake-up is lost (Atomics are sequentially consistent, so all four accesses have one order):
 *   the reader  stores asleep = 1 or 2, then loads head;
 *   the writer  stores head,       then loads asleep.
 * Were the wake-up lost, the reader had loaded the old head and the writer the old asleep. Then the load
 * of head precedes the store of head, which precedes the load of asleep, which precedes the store of
 * asleep, which precedes the load of head: a circle, so it cannot be. Both may notice each other; then the
 * bell rings once too often, which costs one look. `exchange` lets only one publish ring per sleep. The
 * same holds for `waiting` and tail with the sides exchanged.
 */
const HEAD = 0;
const TAIL = 16;
const ASLEEP = 32;
const WAITING = 48;
const PREFIX_BYTES = 256;
const WORD_BYTES = 4;
const ALIGN = 8;

/** What `asleep` says. */
const AWAKE = 0;
const ASLEEP_FOR_ALL = 1;
const DOZING = 2;

const WRAP = 0xffff_ffff;
const MORE = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;

/** Smallest ring: a header and some room for the shortest records. */
export const RING_MIN_BYTES = 1024;
/** Largest ring: bytes in use must be told apart from none, modulo 2^32, and a length needs 30 bits. */
const RING_MAX_BYTES: number = 2 ** 30;

/**
 * Memory that records of middle size share (an allocation each costs ten times a view): some 160 records,
 * and the most that one surviving record keeps alive.
 */
const SLAB_BYTES: number = 16 * 1024;
/** Up to here an array keeps its bytes in itself, so a copy is cheaper than a view. */
const INLINE_MAX_BYTES = 64;

/** Longest record of a ring of `sizeBytes`: half of it, so that it fits wherever the last one ended. */
export function ringRecordMaxBytes(sizeBytes: number): number {
  return sizeBytes / 2 - ALIGN;
}

/**
 * Memory of a new, empty ring.
 *
 * @param sizeBytes a power of two, 1 KiB to 1 GiB
 * @param startPosition where head and tail begin, a multiple of 8 below 2^32; for tests of the overflow
 */
export function createRing(sizeBytes: number, startPosition: number = 0): SharedArrayBuffer {
  assert(isRingSize(sizeBytes), 'a ring is a power of two of bytes, 1 KiB to 1 GiB');
  assert(startPosition % ALIGN === 0 && startPosition >>> 0 === startPosition, 'a ring starts at a multiple of 8');
  const buffer = new SharedArrayBuffer(PREFIX_BYTES + sizeBytes);
  const words = new Int32Array(buffer);
  words[HEAD] = startPosition | 0;
  words[TAIL] = startPosition | 0;
  return buffer;
}

function isRingSize(sizeBytes: number): boolean {
  return sizeBytes >= RING_MIN_BYTES && sizeBytes <= RING_MAX_BYTES && Number.isInteger(Math.log2(sizeBytes));
}

/** Bytes that a record of `length` bytes takes. */
function spanOf(length: number): number {
  return (WORD_BYTES + length + ALIGN - 1) & -ALIGN;
}

/** The writing end; exactly one per ring. */
export class RingWriter {
  readonly sizeBytes: number;
  readonly recordMaxBytes: number;
  readonly #control: Int32Array;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  /** Behind the last staged record. */
  #staged: number;
  #published: number;
  /** The last tail seen; the true one may be further on. */
  #tail: number;

  constructor(buffer: SharedArrayBuffer) {
    this.sizeBytes = buffer.byteLength - PREFIX_BYTES;
    assert(isRingSize(this.sizeBytes), 'the memory is a ring');
    this.recordMaxBytes = ringRecordMaxBytes(this.sizeBytes);
    this.#control = new Int32Array(buffer, 0, PREFIX_BYTES / 4);
    this.#words = new Uint32Array(buffer, PREFIX_BYTES);
    this.#bytes = new Uint8Array(buffer, PREFIX_BYTES);
    this.#published = Atomics.load(this.#control, HEAD) >>> 0;
    this.#staged = this.#published;
    this.#tail = Atomics.load(this.#control, TAIL) >>> 0;
  }

  /** Bytes staged or published and not yet released, words and padding included. */
  get usedBytes(): number {
    this.#tail = Atomics.load(this.#control, TAIL) >>> 0;
    return (this.#staged - this.#tail) >>> 0;
  }

  /** True while the reader has been asked to ring when it releases. */
  get waitingForSpace(): boolean {
    return Atomics.load(this.#control, WAITING) === 1;
  }

  /**
   * Stages a copy of `bytes` as one record; false when there is no space. Invisible until {@link publish}.
   *
   * @param bytes at most `recordMaxBytes`
   * @param more true when the message goes on in the next record
   */
  tryWrite(bytes: Uint8Array, more: boolean = false): boolean {
    const length = bytes.length;
    assert(length <= this.recordMaxBytes, 'a record takes at most half the ring');
    const span = spanOf(length);
    const place = this.#staged & (this.sizeBytes - 1);
    const skipped = span > this.sizeBytes - place ? this.sizeBytes - place : 0;
    if (!this.#hasSpace(skipped + span)) return false;
    if (skipped > 0) this.#words[place >>> 2] = WRAP;
    const start = skipped > 0 ? 0 : place;
    this.#words[start >>> 2] = more ? length | MORE : length;
    this.#bytes.set(bytes, start + WORD_BYTES);
    this.#staged = (this.#staged + skipped + span) >>> 0;
    return true;
  }

  /** Makes what is staged visible. True: the reader slept, ring its bell now. A reader that dozes sleeps on if nothing `isUrgent`. */
  publish(isUrgent: boolean = true): boolean {
    if (this.#staged === this.#published) return false;
    this.#published = this.#staged;
    Atomics.store(this.#control, HEAD, this.#staged | 0);
    const asleep = Atomics.load(this.#control, ASLEEP);
    if (asleep === AWAKE || (asleep === DOZING && !isUrgent)) return false;
    return Atomics.exchange(this.#control, ASLEEP, AWAKE) !== AWAKE;
  }

  /**
   * Asks to be told when there is space for a record of `length` bytes. Everything must be published,
   * else the reader would wait for it. True: the reader's next release rings; false: there is space now.
   */
  waitForSpace(length: number): boolean {
    assert(this.#staged === this.#published, 'a writer publishes before it waits');
    Atomics.store(this.#control, WAITING, 1);
    const place = this.#staged & (this.sizeBytes - 1);
    const span = spanOf(length);
    const skipped = span > this.sizeBytes - place ? this.sizeBytes - place : 0;
    if (!this.#hasSpace(skipped + span)) return true;
    Atomics.store(this.#control, WAITING, 0);
    return false;
  }

  /** Takes back what {@link waitForSpace} asked for. A bell may ring all the same. */
  stopWaiting(): void {
    Atomics.store(this.#control, WAITING, 0);
  }

  #hasSpace(size: number): boolean {
    if (((this.#staged - this.#tail) >>> 0) + size <= this.sizeBytes) return true;
    // Only now the reader's line is fetched: most writes do without it.
    this.#tail = Atomics.load(this.#control, TAIL) >>> 0;
    return ((this.#staged - this.#tail) >>> 0) + size <= this.sizeBytes;
  }
}

/** The reading end; exactly one per ring. */
export class RingReader {
  readonly sizeBytes: number;
  readonly #control: Int32Array;
  readonly #bytes: Uint8Array;
  /** Behind the last record that was read. */
  #position: number;
  #released: number;
  /** The last head seen; the true one may be further on. */
  #head: number;
  /** What was copied out of the ring and not yet read: `#slab` from `#chunkStart` to `#chunkEnd`. */
  #slab: Uint8Array = createSlab(SLAB_BYTES);
  /** The same bytes as words, in the host's order like the writer's. */
  #slabWords: Uint32Array = new Uint32Array(this.#slab.buffer);
  #chunkStart = 0;
  #chunkEnd = 0;
  /** True when records were given out as views into the slab, which so belongs to them. */
  #shared = false;
  #more = false;

  constructor(buffer: SharedArrayBuffer) {
    this.sizeBytes = buffer.byteLength - PREFIX_BYTES;
    assert(isRingSize(this.sizeBytes), 'the memory is a ring');
    this.#control = new Int32Array(buffer, 0, PREFIX_BYTES / 4);
    this.#bytes = new Uint8Array(buffer, PREFIX_BYTES);
    this.#released = Atomics.load(this.#control, TAIL) >>> 0;
    this.#position = this.#released;
    this.#head = Atomics.load(this.#control, HEAD) >>> 0;
  }

  /** True when the record that was read last goes on in the next. */
  get more(): boolean {
    return this.#more;
  }

  /**
   * The next record, or undefined when there is none. A copy, but one that may share its `buffer` with
   * records of the same batch: never transfer it.
   */
  read(): Uint8Array | undefined {
    let word = this.#nextWord();
    if (word === WRAP) {
      const place = this.#position & (this.sizeBytes - 1);
      this.#position = (this.#position + this.sizeBytes - place) >>> 0;
      this.#chunkStart = this.#chunkEnd;
      word = this.#nextWord();
      assert(word !== WRAP && word !== undefined, 'a record follows a wrap marker');
    }
    if (word === undefined) return undefined;
    const length = word & LENGTH_MASK;
    const span = spanOf(length);
    assert(span <= (this.#head - this.#position) >>> 0, 'a record ends within what is published');
    // What was copied may end inside this record: copy again from its beginning.
    if (this.#chunkStart + span > this.#chunkEnd) this.#fill(span);
    const record = this.#record(this.#chunkStart + WORD_BYTES, length);
    this.#more = (word & MORE) !== 0;
    this.#position = (this.#position + span) >>> 0;
    this.#chunkStart += span;
    return record;
  }

  /** Gives back the space of everything read. True: the writer waits for space, ring its bell now. */
  release(): boolean {
    if (this.#position === this.#released) return false;
    this.#released = this.#position;
    Atomics.store(this.#control, TAIL, this.#position | 0);
    return Atomics.load(this.#control, WAITING) === 1 && Atomics.exchange(this.#control, WAITING, 0) === 1;
  }

  /**
   * Announces that the reader sleeps, or dozes: then only what is urgent wakes it. False: something arrived meanwhile,
   * read on. Release first.
   */
  sleep(isDozing: boolean = false): boolean {
    Atomics.store(this.#control, ASLEEP, isDozing ? DOZING : ASLEEP_FOR_ALL);
    this.#head = Atomics.load(this.#control, HEAD) >>> 0;
    if (this.#head === this.#position) return true;
    Atomics.store(this.#control, ASLEEP, AWAKE);
    return false;
  }

  /** Ends the sleep: call it when the bell rang, or on waking for another reason. */
  wake(): void {
    Atomics.store(this.#control, ASLEEP, AWAKE);
  }

  /** The word of the next record; undefined when nothing more is published. */
  #nextWord(): number | undefined {
    if (this.#chunkStart === this.#chunkEnd) {
      if (this.#position === this.#head) {
        this.#head = Atomics.load(this.#control, HEAD) >>> 0;
        if (this.#position === this.#head) return undefined;
      }
      this.#fill(ALIGN);
    }
    return this.#slabWords[this.#chunkStart >>> 2]!;
  }

  /** Copies what is published from the position on into the slab, `leastBytes` or more. */
  #fill(leastBytes: number): void {
    if (this.#slab.length - this.#chunkEnd < leastBytes) {
      if (leastBytes > SLAB_BYTES || this.#slab.length > SLAB_BYTES || this.#shared) {
        this.#slab = createSlab(Math.max(leastBytes, SLAB_BYTES));
        this.#slabWords = new Uint32Array(this.#slab.buffer);
      }
      this.#shared = false;
      this.#chunkEnd = 0;
    }
    const place = this.#position & (this.sizeBytes - 1);
    const published = (this.#head - this.#position) >>> 0;
    const size = Math.min(published, this.sizeBytes - place, this.#slab.length - this.#chunkEnd);
    assert(size >= leastBytes, 'a record lies in one piece');
    this.#slab.set(this.#bytes.subarray(place, place + size), this.#chunkEnd);
    this.#chunkStart = this.#chunkEnd;
    this.#chunkEnd += size;
  }

  #record(start: number, length: number): Uint8Array {
    const slab = this.#slab;
    if (length > INLINE_MAX_BYTES) {
      this.#shared = true;
      return new Uint8Array(slab.buffer, start, length);
    }
    const record = new Uint8Array(length);
    for (let i = 0; i < length; i++) record[i] = slab[start + i]!;
    return record;
  }
}

function createSlab(sizeBytes: number): Uint8Array {
  const slab = new Uint8Array(sizeBytes);
  markAsUntransferable(slab.buffer);
  return slab;
}
