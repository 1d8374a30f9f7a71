/**
 * What comes later than expected: answers of the store that were asked for before an outage, and timers that
 * were due before their tenant was suspended. The simulator found each of them.
 */
import { expect, test } from 'vitest';
import { actor } from 'synapse-actors';
import { DomainState } from '../../src/actor/domain-state.ts';
import { resolveActor } from '../../src/actor/definition.ts';
import { examine } from '../../src/actor/input.ts';
import { type KernelConfig, Registry } from '../../src/actor/kernel-config.ts';
import {
  type StoreAnswer,
  type StoreRequest,
  decodeStoreRequest,
  encodeStoreAnswer,
} from '../../src/actor/store-port.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { FRAME_KIND, Frame, encodeFrame } from '../../src/frame/frame.ts';
import { ownFrame } from '../../src/host/lane-frame.ts';
import { SNAPSHOT_PART_BYTES } from '../../src/host/snapshot-sending.ts';
import { LaneHost } from '../../src/host/lane-host.ts';

const unit = actor('unit', {
  state: () => ({ n: 0 }),
  commands: { add: (ctx, n: number): number => (ctx.state.n += n) },
});
const registry = new Registry([resolveActor(unit)]);
const config: KernelConfig = {
  types: registry.versions(),
  callTimeoutMs: 1_000,
  maxTurnsPerInput: 1_000,
  dedupTermMs: 1_000,
  dedupLimit: 10,
  incarnation: 1,
};
const kernel = {
  drain: () => undefined,
  takeUnhandled: () => [],
  admit: () => true,
  log: () => undefined,
  enter: () => undefined,
  leave: () => undefined,
};
const EMPTY = new Uint8Array(0);

/** A lane whose store is this test. */
function laneOf(): {
  lane: LaneHost;
  requests: StoreRequest[];
  answer: (answer: StoreAnswer) => void;
  replies: Frame[];
} {
  const requests: StoreRequest[] = [];
  const replies: Frame[] = [];
  const lane = new LaneHost({
    registry,
    configs: new Map([[1, config]]),
    configId: 1,
    limits: {
      shards: 1,
      snapshotEverySteps: 100,
      snapshotEveryBytes: 1 << 20,
      snapshotEveryRows: 100,
      snapshotPartBytes: SNAPSHOT_PART_BYTES,
      maxActiveActors: 100,
      recordsSnapshots: false,
    },
    ports: {
      nowMs: () => 1,
      fillSeed: () => undefined,
      toClient: (bytes) => void replies.push(new Frame(bytes.slice())),
      toShard: () => undefined,
      toStore: (bytes) => void requests.push(decodeStoreRequest(bytes.slice())),
      blame: () => undefined,
    },
    kernel,
  });
  return { lane, requests, replies, answer: (answer) => lane.answer(encodeStoreAnswer(answer)) };
}

function callOf(messageId: number): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.call,
    shard: 0,
    messageId,
    timeMs: 0,
    incarnation: 9,
    target: { tenant: 'acme', type: 'unit', key: 'a' },
    handler: 'add',
    payload: encodeArguments([1]),
  });
}

/** The records of two calls, as a lane writes them. */
function recordsOfTwo(): Uint8Array[] {
  const { lane, requests, answer } = laneOf();
  lane.own([0], new Map());
  answer({ kind: 'list', tenants: [], isLast: true });
  lane.receive(callOf(1));
  lane.receive(callOf(2));
  lane.run(10);
  answer({ kind: 'domain', tenant: 'acme', isTrimmed: false, image: undefined, system: [], error: undefined });
  answer({ kind: 'records', tenant: 'acme', bodies: [], isLast: true, error: undefined });
  lane.run(20);
  return requests.flatMap((request) => (request.kind === 'step' ? [request.body] : []));
}

test('an opening that is answered twice, for an outage came between, opens the tenant once', () => {
  const bodies = recordsOfTwo();
  expect(bodies.length).toBe(2);
  const { lane, answer, replies } = laneOf();
  lane.own([0], new Map());
  answer({ kind: 'list', tenants: [{ tenant: 'acme', shard: 0 }], isLast: true }); // asks for acme
  answer({ kind: 'failed', epoch: 1, position: 0, message: 'the disk is full' });
  answer({ kind: 'available' });
  answer({ kind: 'list', tenants: [{ tenant: 'acme', shard: 0 }], isLast: true }); // asks again
  for (let twice = 0; twice < 2; twice++) {
    answer({ kind: 'domain', tenant: 'acme', isTrimmed: false, image: undefined, system: [], error: undefined });
    answer({ kind: 'records', tenant: 'acme', bodies, isLast: true, error: undefined });
  }
  lane.receive(callOf(2));
  lane.run(20);
  answer({ kind: 'durable', position: 0 });
  expect(replies.at(-1)?.flags).toBe(0); // the kept reply, not DIVERGED
  expect(lane.isSettled).toBe(true);
});

test('a list that is answered twice, for an outage came between, leaves the lane open', () => {
  const { lane, answer } = laneOf();
  lane.own([0], new Map());
  answer({ kind: 'failed', epoch: 1, position: 0, message: 'the disk is full' });
  answer({ kind: 'available' }); // asks again
  answer({ kind: 'list', tenants: [], isLast: true });
  answer({ kind: 'list', tenants: [], isLast: true });
  expect(lane.isOpened).toBe(true);
});

test('a timer that was due before its tenant was suspended waits until the tenant may run again', () => {
  const state = new DomainState('acme', 0, registry, config, kernel);
  const command = { purpose: 'command' as const, actorId: 'unit\0a', dueMs: 5, order: 1, command: 'add' };
  state.timers.set({ id: '1.1', ...command, args: encodeArguments([1]) });
  const due = ownFrame('timer', 'acme', 0, '1.1', EMPTY, 10);
  expect(examine(state, due, 10).kind).toBe('admit');
  state.suspendedUntilMs = 1_000;
  expect(examine(state, due, 10).kind).toBe('ignore');
  expect(examine(state, due, 1_000).kind).toBe('admit');
});
