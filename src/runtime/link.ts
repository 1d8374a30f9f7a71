/**
 * A link joins two threads: a ring in each direction and one pair of ports for the doorbells. An end
 * sends without waiting and reads in batches; it rings only for a sleeping reader.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { createRing } from '../mailbox/ring.ts';
import { RingReceiver, RingSender } from '../mailbox/ring-channel.ts';

/** Size of one ring, bytes: some ten thousand small frames, so that a writer seldom waits. */
const RING_BYTES = 2 << 20;

/** What may wait for space in a ring, bytes. Callers bound what they have in flight; this is the net below. */
const QUEUE_MAX_BYTES = 2 ** 31;

/** Rounds of reading before timers and others have their turn. */
const SERVE_ROUNDS = 16;

/** One end, as it is handed to its thread. Transfer the port. */
export interface LinkInit {
  readonly out: SharedArrayBuffer;
  readonly in: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** Both ends of a new link. */
export function createLink(): readonly [LinkInit, LinkInit] {
  const there = createRing(RING_BYTES);
  const back = createRing(RING_BYTES);
  const { port1, port2 } = new MessageChannel();
  return [
    { out: there, in: back, port: port1 },
    { out: back, in: there, port: port2 },
  ];
}

export class Link {
  readonly #sender: RingSender;
  readonly #receiver: RingReceiver;
  readonly #port: MessagePort;
  /** Something urgent was sent since the last flush. */
  #isUrgent = false;

  /** `onBell`: there is something to read, or space to write. */
  constructor(init: LinkInit, onBell: () => void) {
    this.#sender = new RingSender(init.out, QUEUE_MAX_BYTES);
    this.#receiver = new RingReceiver(init.in);
    this.#port = init.port;
    this.#port.on('message', onBell);
    this.#receiver.sleep(); // until the first bell: an end that was never asleep would never be rung for
  }

  /** Bytes that wait for space. */
  get pendingBytes(): number {
    return this.#sender.pendingBytes;
  }

  /** What is not `isUrgent` does not wake a reader that dozes. */
  send(bytes: Uint8Array, isUrgent: boolean = true): void {
    if (isUrgent) this.#isUrgent = true;
    this.#sender.send(bytes);
  }

  /** The same for bytes that hold only during the call: they are copied where they have to wait. */
  sendBorrowed(bytes: Uint8Array): void {
    this.#isUrgent = true;
    this.#sender.send(bytes, true);
  }

  /** Makes what was sent visible. */
  flush(): void {
    const { ring } = this.#sender.flush(this.#isUrgent);
    this.#isUrgent = false;
    if (ring) this.#port.postMessage(0);
  }

  /** Reads up to `limit` messages; returns how many there were. */
  read(use: (bytes: Uint8Array) => void, limit: number): number {
    let count = 0;
    while (count < limit) {
      const bytes = this.#receiver.next();
      if (bytes === undefined) break;
      count += 1;
      use(bytes);
    }
    if (this.#receiver.release()) this.#port.postMessage(0);
    return count;
  }

  /** Reads until nothing is left, then sleeps; after some rounds lets timers and others in. */
  serve(use: (bytes: Uint8Array) => void, limit: number): void {
    this.wake();
    for (let round = 0; round < SERVE_ROUNDS; round++) {
      const count = this.read(use, limit);
      this.flush();
      if (count === 0 && this.sleep()) return;
    }
    setImmediate(() => this.serve(use, limit));
  }

  /** Goes to sleep, or dozes: then only what is urgent rings; false when something has come in the meantime. */
  sleep(isDozing: boolean = false): boolean {
    return this.#receiver.sleep(isDozing);
  }

  wake(): void {
    this.#receiver.wake();
  }

  close(): void {
    this.#port.close();
  }
}
