/**
 * Question: how many messages a second cross from one lane to another, tenant to tenant, beside `postMessage`
 * between two threads, of single objects and of batches packed into one buffer; 16 bytes to 64 KiB?
 *
 * Estimate before measuring: `postMessage` of objects 300,000 to 600,000 a second, batched buffers and the bare ring 3 to 6
 * million. A message between tenants is a tell with a grant, two recorded steps, a digest and an acknowledgement:
 * 100,000 to 200,000.
 *
 *   npm run bench -- lanes [--quick] [--json]
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createSystem } from 'synapse-actors';
import { createRing } from '../src/mailbox/ring.ts';
import { RingSender } from '../src/mailbox/ring-channel.ts';
import { sink, source } from './actors/relay.ts';
import type { Arm, Bench, Measure } from './rig/bench.ts';
import { check, timed } from './rig/load.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly sizesBytes: readonly number[];
  readonly messages: number;
  /** Most bytes that all messages of a part have, so that large ones are fewer. */
  readonly bytes: number;
  /** Messages of one turn of the sender. */
  readonly burst: number;
}

const RING_BYTES = 4 << 20;
/** A batch of small messages: what a ring's reader finds at a time. */
const BATCH_BYTES = 64 << 10;

function countOf({ messages, bytes }: Parameters, size: number): number {
  return Math.max(1, Math.min(messages, Math.floor(bytes / size)));
}

function measure(part: string, messages: number, seconds: number): readonly Measure[] {
  return [{ row: `${Number(part).toLocaleString('en')} bytes`, unit: 'messages/s', value: messages / seconds }];
}

/** Two tenants whose shards differ, moved to a lane each. */
const TENANTS = ['sender', 'receiver'] as const;

async function untilTaken(count: number, taken: () => Promise<number>): Promise<void> {
  while ((await taken()) < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'in memory; survives the death of a lane',
  run: async (parameters, part) => {
    const size = Number(part);
    const count = countOf(parameters, size);
    const system = await createSystem({
      actors: new URL('./actors/relay.js', import.meta.url),
      lanes: 2,
      grants: [{ from: 'sender', to: 'receiver', actor: 'sink', handlers: ['take'] }],
    });
    const from = system.ref(source, TENANTS[0], 'one');
    const to = system.ref(sink, TENANTS[1], 'one');
    await from.burst(TENANTS[1], 1, size);
    await untilTaken(1, () => to.messages());
    for (const [lane, tenant] of TENANTS.entries()) {
      const { shard } = (await system.tenants()).find((status) => status.tenant === tenant)!;
      await system.moveShard(shard, lane);
    }
    const warmUp = Math.ceil(count / 5);
    const send = async (before: number, messages: number): Promise<void> => {
      // Half of what a mailbox holds may be under way: a tenant that sends faster than another takes must wait.
      const window = Math.min(5_000, Math.floor((8 << 20) / size));
      for (let sent = 0; sent < messages;) {
        const burst = Math.min(parameters.burst, window, messages - sent);
        await from.burst(TENANTS[1], burst, size);
        sent += burst;
        await untilTaken(before + sent - window, () => to.messages());
      }
      await untilTaken(before + messages, () => to.messages());
    };
    await send(1, warmUp);
    const { seconds } = await timed(() => send(1 + warmUp, count));
    check('messages taken', await to.messages(), 1 + warmUp + count);
    check('bytes taken', await to.bytes(), (1 + warmUp + count) * size);
    await system.close();
    return measure(part, count, seconds);
  },
};

/** Sends everything to a thread by `send` and waits until it has said that all came. */
async function crossing(
  part: string,
  parameters: Parameters,
  ring: SharedArrayBuffer | undefined,
  send: (worker: Worker, payload: Uint8Array, count: number) => void,
): Promise<readonly Measure[]> {
  const size = Number(part);
  const count = countOf(parameters, size);
  const worker = new Worker(new URL('./entries/echo.js', import.meta.url), {
    workerData: { messages: count, ring },
  });
  await once(worker, 'message');
  const end = new Promise<{ got: number; bytes: number }>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (answer: 'space' | { got: number; bytes: number }) => {
      if (answer !== 'space') resolve(answer);
    });
  });
  const { seconds, given } = await timed(() => {
    send(worker, new Uint8Array(size).fill(7), count);
    return end;
  });
  check('messages taken', given.got, count);
  check('bytes taken', given.bytes, count * size);
  await worker.terminate();
  return measure(part, count, seconds);
}

const objects: Arm<Parameters> = {
  name: 'postMessage of objects',
  keeps: 'volatile',
  run: (parameters, part) =>
    crossing(part, parameters, undefined, (worker, payload, count) => {
      for (let i = 0; i < count; i++) worker.postMessage({ to: 'one', handler: 'take', payload });
    }),
};

const batches: Arm<Parameters> = {
  name: 'postMessage of batches',
  keeps: 'volatile',
  run: (parameters, part) =>
    crossing(part, parameters, undefined, (worker, payload, count) => {
      const inBatch = Math.max(1, Math.floor(BATCH_BYTES / (payload.length + 4)));
      for (let sent = 0; sent < count;) {
        const batchCount = Math.min(inBatch, count - sent);
        const batch = new Uint8Array(batchCount * (payload.length + 4));
        const view = new DataView(batch.buffer);
        for (let i = 0, at = 0; i < batchCount; i++, at += payload.length + 4) {
          view.setUint32(at, payload.length);
          batch.set(payload, at + 4);
        }
        worker.postMessage({ batch, count: batchCount }, [batch.buffer]);
        sent += batchCount;
      }
    }),
};

const ringAlone: Arm<Parameters> = {
  name: 'ring alone',
  keeps: 'volatile; nothing executed',
  run: (parameters, part) => {
    const buffer = createRing(RING_BYTES);
    return crossing(part, parameters, buffer, (worker, payload, count) => {
      const sender = new RingSender(buffer);
      let sent = 0;
      const push = (): void => {
        let isFull = false;
        while (sent < count && !isFull) {
          while (sent < count && sender.pendingBytes === 0) {
            sender.send(payload);
            sent += 1;
          }
          const { ring, pending } = sender.flush();
          if (ring) worker.postMessage(null);
          // What waits for space goes on when the reader's bell says that there is some.
          isFull = pending;
        }
        if (sent === count && sender.pendingBytes > 0 && sender.flush().ring) worker.postMessage(null);
      };
      worker.on('message', push);
      push();
    });
  },
};

const bench: Bench<Parameters> = {
  name: 'lanes',
  question: 'how many messages a second cross from one lane to another?',
  estimate:
    'postMessage of objects 300,000 to 600,000/s, batches and the bare ring 3 to 6 million; tenant to tenant 100,000 to 200,000',
  full: { sizesBytes: [16, 256, 4_096, 65_536], messages: 200_000, bytes: 1 << 30, burst: 1_000 },
  quick: { sizesBytes: [64], messages: 300, bytes: 1 << 20, burst: 100 },
  parts: ({ sizesBytes }) => sizesBytes.map(String),
  arms: [synapse, objects, batches, ringAlone],
  aims: ['16 bytes', '256 bytes', '4,096 bytes', '65,536 bytes'].map((row) => ({
    row,
    arm: 'synapse',
    over: 'postMessage of objects',
    atLeast: 5,
  })),
};

await main(import.meta.url, bench);
