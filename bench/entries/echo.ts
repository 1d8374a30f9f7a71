/**
 * The receiving thread of the bench of lanes: counts messages by `postMessage`, whether objects, batches of them in one
 * buffer, or frames of a ring, and says when all have come.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../src/base/assert.ts';
import { RingReceiver } from '../../src/mailbox/ring-channel.ts';

/** What this thread is told: how many messages make the end, and the ring if there is one. */
interface Task {
  readonly messages: number;
  readonly ring: SharedArrayBuffer | undefined;
}

/** What crosses: one message, a batch of them in one buffer, or a bell (null). */
type Posted = { readonly payload: Uint8Array } | { readonly batch: Uint8Array; readonly count: number } | null;

const port = parentPort;
assert(port !== null, 'runs as a worker');
const { messages, ring } = workerData as Task;
const receiver = ring === undefined ? undefined : new RingReceiver(ring);
let got = 0;
let bytes = 0;

function drain(from: RingReceiver): void {
  from.wake();
  do {
    for (let frame = from.next(); frame !== undefined; frame = from.next()) {
      got += 1;
      bytes += frame.length;
    }
    if (from.release()) port!.postMessage('space');
  } while (!from.sleep());
}

/** Cuts a batch into its messages, as a receiver has to: a length of four bytes stands before each. */
function unpack(batch: Uint8Array, count: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  for (let at = 0, i = 0; i < count; i++) {
    const size = view.getUint32(at);
    bytes += batch.subarray(at + 4, at + 4 + size).length;
    at += 4 + size;
    got += 1;
  }
}

port.on('message', (posted: Posted) => {
  if (posted === null) drain(receiver!);
  else if ('batch' in posted) unpack(posted.batch, posted.count);
  else {
    got += 1;
    bytes += posted.payload.length;
  }
  if (got === messages) port.postMessage({ got, bytes });
});
if (receiver !== undefined) drain(receiver);
port.postMessage('ready');
