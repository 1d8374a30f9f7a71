/**
 * Question: where do a command's nanoseconds go? One row for each stage that a command passes on its way:
 * the parts (codec, frame, ring, hash, the turn in the kernel), and the three threads' whole shares (caller,
 * lane, store) under load, all in one thread and without a disk.
 *
 * Estimate before measuring: 0.1 to 0.3 µs for codec and frame, 0.1 µs for the ring, 0.3 µs for a
 * hash, 2 to 4 µs for the turn with its step's digest; caller 1.5 µs, lane 4 µs, store 2 to 5 µs.
 *
 *   npm run bench -- micro [--quick] [--json]
 */
import { Bench as Tinybench } from 'tinybench';
import { actor } from 'synapse-actors';
import { sha256 } from '../src/base/hash.ts';
import { Domain } from '../src/actor/domain.ts';
import { DomainState } from '../src/actor/domain-state.ts';
import { resolveActor } from '../src/actor/definition.ts';
import { Registry } from '../src/actor/kernel-config.ts';
import { decodeArguments, encodeArguments } from '../src/frame/codec.ts';
import { FRAME_KIND, Frame, encodeFrame } from '../src/frame/frame.ts';
import { createRing } from '../src/mailbox/ring.ts';
import { RingReceiver, RingSender } from '../src/mailbox/ring-channel.ts';
import type { Bench, Measure } from './rig/bench.ts';
import { main } from './rig/main.ts';
import { CallerStage } from './stages/caller-stage.ts';
import { LaneStage } from './stages/lane-stage.ts';
import { StoreStage } from './stages/store-stage.ts';

const counter = actor('counter', {
  state: () => ({ count: 0 }),
  commands: { add: (ctx, by: number): number => (ctx.state.count += by) },
});

/** A domain with nothing around it: no lane, no store, a drain that has nothing to do. */
function bareDomain(): Domain {
  const registry = new Registry([resolveActor(counter)]);
  const config = {
    types: registry.versions(),
    callTimeoutMs: 1_000,
    maxTurnsPerInput: 1_000,
    dedupTermMs: 1_000,
    dedupLimit: 1_000,
    incarnation: 1,
  };
  const nothing = (): void => undefined;
  const ports = {
    drain: nothing,
    takeUnhandled: () => [],
    admit: () => false,
    log: nothing,
    enter: nothing,
    leave: nothing,
  };
  return new Domain(new DomainState('acme', 0, registry, config, ports));
}

function callFrame(messageId: number): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.call,
    shard: 0,
    messageId,
    floor: messageId,
    timeMs: 0,
    incarnation: 1,
    target: { tenant: 'acme', type: 'counter', key: 'a' },
    handler: 'add',
    payload: encodeArguments([1]),
  });
}

/** Commands taken at a time by a stage. */
const STAGE_BATCH = 256;

/** Steps in a commit: what `durable` prints with 4,096 and with 256 calls in flight. */
const COMMITS = [600, 110] as const;

const TENANTS = 64;

/** How many commands one run of a row is about, where it is not one. */
const BATCHES: ReadonlyMap<string, number> = new Map([
  ['caller: a call, to its settled promise', STAGE_BATCH],
  ['lane: a call, from its frame to its reply', STAGE_BATCH],
  ...COMMITS.map((steps): [string, number] => [storeRow(steps), steps]),
]);

function storeRow(steps: number): string {
  return `store: a step, ${steps} in a commit`;
}

/** The shares of the three threads; what is called in the end checks that all was done. */
function addStages(bench: Tinybench): () => void {
  const caller = new CallerStage(counter, TENANTS);
  const lane = new LaneStage({
    type: counter,
    handler: 'add',
    args: [1],
    tenants: TENANTS / 2,
    batch: STAGE_BATCH,
    lagBatches: 8,
  });
  const stores = COMMITS.map((steps) => ({ steps, stage: new StoreStage({ tenants: TENANTS, steps }) }));
  let given: readonly Uint8Array[] = [];
  bench
    .add('caller: a call, to its settled promise', () => caller.runBatch(given), {
      beforeEach: () => void (given = caller.replies(STAGE_BATCH)),
    })
    .add('lane: a call, from its frame to its reply', () => lane.runBatch(given), {
      beforeEach: () => void (given = lane.framesOf(STAGE_BATCH)),
    });
  for (const { steps, stage } of stores) {
    bench.add(storeRow(steps), () => stage.commit(given), { beforeEach: () => void (given = stage.requests()) });
  }
  return () => {
    caller.check();
    lane.check();
    for (const { stage } of stores) stage.check();
  };
}

interface Parameters {
  readonly timeMs: number;
  readonly warmUpMs: number;
}

/** Runs the table, each row for `timeMs`. */
async function measureAll({ timeMs, warmUpMs }: Parameters): Promise<readonly Measure[]> {
  const bench = new Tinybench({ time: timeMs, warmupTime: warmUpMs });
  const args = [{ id: 'order-1', amount: 12, note: 'two of them' }];
  const encoded = encodeArguments(args);
  const bytes = callFrame(1);
  const ring = createRing(1 << 20);
  const sender = new RingSender(ring);
  const receiver = new RingReceiver(ring);
  const domain = bareDomain();
  const seed = new Uint8Array(16);
  let messageId = 0;
  bench
    .add('encode one argument of three keys', () => void encodeArguments(args))
    .add('decode it', () => void decodeArguments(encoded))
    .add('encode a frame', () => void callFrame(1))
    .add('read its address and handler', () => {
      const frame = new Frame(bytes);
      void frame.target.tenant;
      void frame.handler;
    })
    .add('ring, one frame there', () => {
      sender.send(bytes);
      sender.flush();
      void receiver.next();
      receiver.release();
    })
    .add('SHA-256 of a frame', () => void sha256(bytes))
    .add('a step of one turn, with its frame', () => {
      messageId += 1;
      domain.begin(new Frame(callFrame(messageId)), { nowMs: messageId, seed, acks: [] });
      while (domain.advance() === 'more');
      domain.end();
    });
  const finish = addStages(bench);
  await bench.run();
  finish();
  const count = domain.state.cells.get('counter\0a')?.state['count'];
  if (count !== messageId) throw new Error(`bug: ${messageId} steps counted ${String(count)}`);
  return bench.tasks.map((task) => {
    const { result } = task;
    if (!('latency' in result)) throw new Error(`bug: ${task.name} did not complete: ${result.state}`);
    return { row: task.name, unit: 'ns', value: (result.latency.mean * 1e6) / (BATCHES.get(task.name) ?? 1) };
  });
}

const bench: Bench<Parameters> = {
  name: 'micro',
  question: 'where do a command’s nanoseconds go?',
  estimate:
    '0.1 to 0.3 µs for codec and frame, 0.1 µs for the ring, 0.3 µs for a hash, 2 to 4 µs for the turn; caller 1.5, lane 4, store 2 to 5 µs a command',
  full: { timeMs: 500, warmUpMs: 100 },
  quick: { timeMs: 5, warmUpMs: 1 },
  arms: [{ name: 'synapse', keeps: 'nothing: one thread, no disk', run: measureAll }],
};

await main(import.meta.url, bench);
