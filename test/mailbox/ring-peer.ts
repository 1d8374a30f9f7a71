/**
 * The other thread of the ring tests. As `reader` it hashes what arrives and answers with count and digest;
 * as `writer` it sends a plan of messages. Sleeps only by the handshake, woken only by bells on a MessagePort.
 */
import { createHash } from 'node:crypto';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { RingReceiver, RingSender } from '../../src/mailbox/ring-channel.ts';

/** What each side is told: all randomness is drawn beforehand, so a seed repeats it. */
export interface RingPlan {
  readonly role: 'writer' | 'reader';
  readonly ring: SharedArrayBuffer;
  readonly bell: MessagePort;
  readonly sizes: readonly number[];
  /** Messages sent between two flushes, or read between two releases; cycled through. */
  readonly batches: readonly number[];
}

/** What the reader found: messages, bytes and a digest over lengths and contents in order. */
export interface RingOutcome {
  readonly count: number;
  readonly digest: string;
}

/** Message `index` of a plan. */
export function planned(index: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (index * 31 + i * 7 + (i >>> 8)) & 0xff;
  return bytes;
}

/** The outcome that a plan must have. */
export function expectedOutcome(sizes: readonly number[]): RingOutcome {
  const hash = createHash('sha256');
  for (const [i, size] of sizes.entries()) hash.update(`${size}:`).update(planned(i, size));
  return { count: sizes.length, digest: hash.digest('hex') };
}

/** Sends the plan; resolves when everything lies in the ring. */
export async function writePlan({ ring, bell, sizes, batches }: RingPlan): Promise<void> {
  const sender = new RingSender(ring);
  let index = 0;
  let turn = 0;
  for (;;) {
    const end = Math.min(sizes.length, index + batches[turn++ % batches.length]!);
    for (; index < end; index++) sender.send(planned(index, sizes[index]!));
    const { ring: ringBell, pending } = sender.flush();
    if (ringBell) bell.postMessage(null);
    if (!pending && index === sizes.length) return;
    // Nothing but the reader's bell ends this wait: a lost wake-up would hang the test.
    if (pending) await nextBell(bell);
  }
}

/** Reads as many messages as the plan has. */
export async function readPlan({ ring, bell, sizes, batches }: RingPlan): Promise<RingOutcome> {
  const receiver = new RingReceiver(ring);
  const hash = createHash('sha256');
  let count = 0;
  let turn = 0;
  while (count < sizes.length) {
    const batch = batches[turn++ % batches.length]!;
    let read = 0;
    for (; read < batch; read++) {
      const bytes = receiver.next();
      if (bytes === undefined) break;
      hash.update(`${bytes.length}:`).update(bytes);
      count++;
    }
    if (receiver.release()) bell.postMessage(null);
    if (read === batch || count === sizes.length) continue;
    if (receiver.sleep()) await nextBell(bell);
    receiver.wake();
  }
  return { count, digest: hash.digest('hex') };
}

/** Resolves with the next bell. A bell rung before waits in the port, since the port starts with the listener. */
function nextBell(bell: MessagePort): Promise<void> {
  return new Promise((resolve) => {
    const heard = (): void => {
      bell.off('message', heard);
      resolve();
    };
    bell.on('message', heard);
  });
}

if (parentPort !== null) {
  const plan = workerData as RingPlan | null;
  if (plan?.role === 'writer') {
    await writePlan(plan);
    parentPort.postMessage({ count: plan.sizes.length, digest: '' } satisfies RingOutcome);
    plan.bell.close();
  } else if (plan?.role === 'reader') {
    parentPort.postMessage(await readPlan(plan));
    plan.bell.close();
  }
}
