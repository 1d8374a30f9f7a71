/**
 * A tenant that is alone in its lane runs some turns in a go: each is shown to the watchdog, the clock is asked after
 * as many as ever, and a lane that is to run so many turns runs no more. Beside others it runs one at a time.
 */
import { expect, test } from 'vitest';
import { actor } from 'synapse-actors';
import { resolveActor } from '../../src/actor/definition.ts';
import { Registry } from '../../src/actor/kernel-config.ts';
import { encodeStoreAnswer } from '../../src/actor/store-port.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { FRAME_KIND, type Frame, encodeFrame } from '../../src/frame/frame.ts';
import { LaneHost } from '../../src/host/lane-host.ts';
import { SNAPSHOT_PART_BYTES } from '../../src/host/snapshot-sending.ts';

const runner = actor('runner', {
  state: () => ({ turns: 0 }),
  commands: {
    go(ctx, left: number): void {
      ctx.state.turns += 1;
      if (left > 0) ctx.ref(runner, ctx.key).tell.go(left - 1);
    },
  },
});
const registry = new Registry([resolveActor(runner)]);
const limits = {
  shards: 1,
  snapshotEverySteps: 1_000,
  snapshotEveryBytes: 1 << 20,
  snapshotEveryRows: 1_000,
  snapshotPartBytes: SNAPSHOT_PART_BYTES,
  maxActiveActors: 100,
  recordsSnapshots: false,
};
const config = {
  types: registry.versions(),
  callTimeoutMs: 1_000,
  maxTurnsPerInput: 1_000,
  dedupTermMs: 1_000,
  dedupLimit: 10,
  incarnation: 1,
};

/** A lane with one step under way in each of the tenants, and the tenants that it blames, in turn. */
function laneOf(...tenants: readonly string[]): { lane: LaneHost; blamed: (string | undefined)[] } {
  const blamed: (string | undefined)[] = [];
  const lane = new LaneHost({
    registry,
    configs: new Map([[1, config]]),
    configId: 1,
    limits,
    ports: {
      nowMs: () => 1,
      fillSeed: () => undefined,
      toClient: () => undefined,
      toShard: () => undefined,
      toStore: () => undefined,
      blame: (frame: Frame | undefined) => void blamed.push(frame?.target.tenant),
    },
    kernel: {
      drain: () => undefined,
      takeUnhandled: () => [],
      admit: () => true,
      log: () => undefined,
      enter: () => undefined,
      leave: () => undefined,
    },
  });
  lane.own([0], new Map());
  lane.answer(encodeStoreAnswer({ kind: 'list', tenants: [], isLast: true }));
  for (const tenant of tenants) {
    const target = { tenant, type: 'runner', key: 'a' };
    const payload = encodeArguments([19]);
    const names = { kind: FRAME_KIND.call, shard: 0, messageId: 1, timeMs: 0, incarnation: 9, target, handler: 'go' };
    lane.receive(encodeFrame({ ...names, payload }));
  }
  lane.run(tenants.length); // asks the store for them
  for (const tenant of tenants) {
    lane.answer(
      encodeStoreAnswer({ kind: 'domain', tenant, isTrimmed: false, image: undefined, system: [], error: undefined }),
    );
    lane.answer(encodeStoreAnswer({ kind: 'records', tenant, bodies: [], isLast: true, error: undefined }));
  }
  lane.run(tenants.length); // nothing to replay: they are ready
  return { lane, blamed };
}

test('a tenant alone runs as many turns as the lane is given, each shown by itself', () => {
  const { lane, blamed } = laneOf('acme');
  const before = lane.figures.turns;
  expect(lane.run(7)).toBe(true);
  expect(lane.figures.turns).toBe(before + 7);
  expect(blamed.filter((tenant) => tenant === 'acme')).toHaveLength(before + 7);
  expect(blamed.at(-1)).toBeUndefined();
  let looks = 0;
  lane.run(12, () => {
    looks += 1;
    return false;
  });
  expect(looks).toBe(3); // every four turns
  lane.run(100);
  expect(lane.figures.turns).toBe(20);
  expect(lane.figures.steps).toBe(1);
});

test('of two tenants none runs twice in a row', () => {
  const { lane, blamed } = laneOf('acme', 'zenith');
  blamed.length = 0;
  lane.run(8);
  const turns = blamed.filter((tenant) => tenant !== undefined);
  expect(turns).toHaveLength(8);
  for (let i = 1; i < turns.length; i++) expect(turns[i]).not.toBe(turns[i - 1]);
});
