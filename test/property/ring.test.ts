/**
 * The ring against a model queue: in one thread, where every step is compared, and across two worker threads,
 * where only real bells end a sleep and a digest over everything received is compared.
 */
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRing, ringRecordMaxBytes, RingReader, RingWriter } from '../../src/mailbox/ring.ts';
import { expectedOutcome, type RingOutcome, type RingPlan } from '../mailbox/ring-peer.ts';

/** Multiples of 8, most of them just before the counters pass 2^31 or 2^32. */
const startPosition = fc
  .tuple(fc.constantFrom(0, 2 ** 31, 2 ** 32), fc.integer({ min: 0, max: 1000 }))
  .map(([at, before]) => (at === 0 ? before * 8 : at - before * 8) % 2 ** 32);

type Step = { do: 'write'; size: number } | { do: 'publish' | 'read' | 'release' | 'sleep' | 'wake' | 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), size: fc.integer({ min: 0, max: 504 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), size: fc.integer({ min: 0, max: 30 }) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('publish' as const, 'read' as const, 'release' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('sleep' as const, 'wake' as const, 'wait' as const) }) },
);

/** What the ring must do, without memory layout: three queues and two flags. */
class Model {
  readonly staged: Uint8Array[] = [];
  readonly visible: Uint8Array[] = [];
  /** Sums of padded records the reader holds, by the writer's reckoning an upper bound on free space. */
  heldBytes = 0;
  unreleased = 0;
  asleep = false;
  waiting = false;
}

/** Takes `bytes` of a record and its word, padded. */
function span(size: number): number {
  return Math.ceil((size + 4) / 8) * 8;
}

function runStep(step: Step, index: number, model: Model, writer: RingWriter, reader: RingReader): void {
  switch (step.do) {
    case 'write': {
      const bytes = Uint8Array.from({ length: step.size }, (_, i) => (index * 31 + i) & 0xff);
      const accepted = writer.tryWrite(bytes);
      // Free of a wrap's loss it must fit; without enough bytes it must not.
      if (model.heldBytes === 0) expect(accepted).toBe(true);
      if (model.heldBytes + span(step.size) > writer.sizeBytes) expect(accepted).toBe(false);
      if (accepted) {
        model.staged.push(bytes);
        model.heldBytes += span(step.size);
      }
      return;
    }
    case 'publish':
      expect(writer.publish()).toBe(model.asleep && model.staged.length > 0);
      if (model.staged.length > 0) model.asleep = false;
      model.visible.push(...model.staged.splice(0));
      return;
    case 'read': {
      const expected = model.visible.shift();
      expect(reader.read()).toEqual(expected);
      if (expected !== undefined) model.unreleased += span(expected.length);
      return;
    }
    case 'release':
      expect(reader.release()).toBe(model.waiting && model.unreleased > 0);
      if (model.unreleased > 0) model.waiting = false;
      model.heldBytes -= model.unreleased;
      model.unreleased = 0;
      return;
    case 'sleep':
      model.asleep = model.visible.length === 0;
      expect(reader.sleep()).toBe(model.asleep);
      return;
    case 'wake':
      reader.wake();
      model.asleep = false;
      return;
    case 'wait':
      if (model.staged.length === 0) {
        model.waiting = writer.waitForSpace(writer.recordMaxBytes);
        if (model.heldBytes === 0) expect(model.waiting).toBe(false);
        expect(writer.waitingForSpace).toBe(model.waiting);
      }
  }
}

test('in one thread every step does what a queue with two flags does', () => {
  fc.assert(
    fc.property(startPosition, fc.array(step, { maxLength: 300 }), (start, steps) => {
      const buffer = createRing(1024, start);
      const writer = new RingWriter(buffer);
      const reader = new RingReader(buffer);
      const model = new Model();
      expect(writer.recordMaxBytes).toBe(ringRecordMaxBytes(1024));
      for (const [i, next] of steps.entries()) runStep(next, i, model, writer, reader);
      writer.publish();
      model.visible.push(...model.staged);
      for (const expected of model.visible) expect(reader.read()).toEqual(expected);
      expect(reader.read()).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

const size = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 5000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5000, max: 40_000 }) },
);

async function outcomeOf(worker: Worker): Promise<RingOutcome> {
  const [outcome] = (await once(worker, 'message')) as [RingOutcome];
  return outcome;
}

test('across two threads everything arrives once, in order, whatever the batches, and nobody sleeps for ever', async () => {
  await fc.assert(
    fc.asyncProperty(
      startPosition,
      fc.constantFrom(1024, 4096, 65_536),
      fc.array(size, { minLength: 1, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 8 }),
      async (start, ringBytes, block, writerBatches, readerBatches) => {
        // Repeated, so that the ring is gone through many times; contents differ by index.
        const sizes = Array.from({ length: 3000 }, (_, i) => block[i % block.length]!);
        const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
        const kept = total > 4_000_000 ? sizes.slice(0, Math.ceil((3000 * 4_000_000) / total)) : sizes;
        const ring = createRing(ringBytes, start);
        const { port1, port2 } = new MessageChannel();
        const threads = (['writer', 'reader'] as const).map((role) => {
          const bell = role === 'writer' ? port1 : port2;
          const batches = role === 'writer' ? writerBatches : readerBatches;
          const plan: RingPlan = { role, ring, bell, sizes: kept, batches };
          return new Worker(new URL('../mailbox/ring-peer.js', import.meta.url), {
            workerData: plan,
            transferList: [bell],
          });
        });
        try {
          const [, outcome] = await Promise.all(threads.map(outcomeOf));
          expect(outcome).toEqual(expectedOutcome(kept));
        } finally {
          await Promise.all(threads.map((thread) => thread.terminate()));
        }
      },
    ),
    { numRuns: 12, endOnFailure: true },
  );
});
