/**
 * What a sender may have sent twice before it heard an answer: a message that was answered without a record does not
 * run when its second copy comes, and a message to another tenant leaves only when its own step is durable.
 */
import { describe, expect, it } from 'vitest';
import { actor } from 'synapse-actors';
import { shardOf } from '../../src/base/address.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { encodeExtension } from '../../src/frame/extension.ts';
import { FRAME_KIND, Frame, encodeFrame } from '../../src/frame/frame.ts';
import { FLAG_RESEND } from '../../src/host/lane-frame.ts';
import { UNRECORDED_MAX, UnrecordedAnswers } from '../../src/host/unrecorded.ts';
import { proud } from './workload-actors.ts';
import { World } from './world.ts';

const unit = actor('unit', {
  state: () => ({ n: 0 }),
  mailbox: { limit: 2 },
  commands: {
    add(ctx, by: number): number {
      return (ctx.state.n += by);
    },
    pass(ctx, to: string): void {
      ctx.ref('unit', 'x', to).tell['add']?.(1);
      ctx.ref('unit', 'b').tell['add']?.(1);
    },
  },
  queries: { look: (ctx): number => ctx.state.n },
});

const SHARDS = 4;

interface Copy {
  readonly messageId: number;
  readonly from?: string;
  readonly key?: string;
  readonly isAgain?: boolean;
}

/** A call of `add(1)` to acme/unit/a. */
function copyOf({ messageId, from, key, isAgain = false }: Copy): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.call,
    flags: isAgain ? FLAG_RESEND : 0,
    shard: shardOf('acme', SHARDS),
    messageId,
    floor: 1,
    timeMs: 0,
    incarnation: 1,
    target: { tenant: 'acme', type: 'unit', key: 'a' },
    handler: 'add',
    ...(from === undefined ? {} : { source: { tenant: from, type: 'unit', key: 'x' } }),
    ...(key === undefined ? {} : { extension: encodeExtension({ idempotencyKey: key }) }),
    payload: encodeArguments([1]),
  });
}

/** The lane gets them, and does all that follows. */
async function give(world: World, ...copies: readonly Copy[]): Promise<void> {
  for (const copy of copies) world.cluster.lane(0).receive(copyOf(copy));
  world.cluster.deliverAll(); // so that the lane is looked at
  await world.cluster.settle();
}

describe('a message that was answered without a record', () => {
  it.each([{ messageId: 900 }, { messageId: 1, from: 'umbrella' }])(
    'does not run when another copy comes after a suspension: %o',
    async (first) => {
      const world = new World([unit, proud]);
      await world.ask('proud/p', 'fail');
      await give(world, first);
      await world.resume();
      const before = world.seq();
      await give(world, { ...first, isAgain: true });
      expect(world.seq()).toBe(before);
      await give(world, { ...first, messageId: first.messageId + 1 });
      expect(world.seq()).toBe(before + 1);
    },
  );

  it('does not run when its mailbox was full and is not any more', async () => {
    const world = new World([unit]);
    await give(world, { messageId: 900 }, { messageId: 901 }, { messageId: 902 });
    expect(await world.ask('unit/a', 'look')).toBe('ok 2');
    await give(world, { messageId: 902, isAgain: true });
    expect(await world.ask('unit/a', 'look')).toBe('ok 2');
  });

  it('does not run when it repeated an idempotency key whose term is over when another copy comes', async () => {
    const world = new World([unit], { idempotencyTermMs: 1_000 });
    expect(await world.askKeyed('k', 'unit/a', 'add', 1)).toBe('ok 1');
    await give(world, { messageId: 900, key: 'k' });
    await world.cluster.advance(2_000);
    await give(world, { messageId: 900, key: 'k', isAgain: true });
    expect(await world.ask('unit/a', 'look')).toBe('ok 1');
    expect(await world.askKeyed('k', 'unit/a', 'add', 1)).toBe('ok 2'); // a new message of the key
  });
});

describe('what is kept of such answers', () => {
  const frame = (copy: Copy): Frame => new Frame(copyOf(copy));
  const refusal = { ok: false, payload: Uint8Array.of(1) };
  const nothing = (): void => undefined;

  it('is known of the last 100,000 at least, and of one process at a time', () => {
    const answers = new UnrecordedAnswers();
    for (let messageId = 1; messageId <= 2 * UNRECORDED_MAX + 1; messageId++)
      answers.note(frame({ messageId }), refusal);
    const covers = (messageId: number): boolean => answers.covers(frame({ messageId, isAgain: true }), nothing);
    expect([1, UNRECORDED_MAX, UNRECORDED_MAX + 1, 2 * UNRECORDED_MAX + 1].map(covers)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(covers(2 * UNRECORDED_MAX + 2)).toBe(false);
  });

  it('is told again to a tenant, which may not have taken it in', () => {
    const answers = new UnrecordedAnswers();
    const told: unknown[] = [];
    answers.note(frame({ messageId: 5, from: 'umbrella' }), refusal);
    const covers = (copy: Copy): boolean =>
      answers.covers(frame({ ...copy, isAgain: true }), (answer) => void told.push(answer));
    expect(covers({ messageId: 5, from: 'umbrella' })).toBe(true);
    expect(told).toEqual([refusal]);
    expect(covers({ messageId: 5, from: 'initech' })).toBe(false);
    expect(covers({ messageId: 5 })).toBe(false);
  });
});

it('a message of a step that never became durable reaches nobody, whenever all is sent again', async () => {
  const laneOf = (tenant: string): number => shardOf(tenant, SHARDS) % 2;
  const there = ['umbrella', 'initech', 'hooli'].find((tenant) => laneOf(tenant) !== laneOf('acme')) ?? '';
  let amid = 0;
  for (let actions = 0; ; actions++) {
    const world = new World([unit], { shards: SHARDS, lanes: 2 });
    for (const key of ['a', 'b']) await world.ask(`unit/${key}`, 'add', 1);
    await world.evictAll();
    await world.askOf(there, 'unit/x', 'add', 1); // it is in memory, so that nothing keeps it from running
    const before = world.seq();
    const stepsOf = (): number => world.cluster.lane(laneOf(there)).figures.steps;
    const stepsBefore = stepsOf();
    world.send('unit/a', 'pass', [there]);
    let done = 0;
    const isAmid = await world.cluster.settle(() => ++done > actions);
    if (world.seq() > before || !isAmid) break;
    world.cluster.lane(laneOf('acme')).resendAll();
    world.cluster.deliverAll();
    world.cluster.lane(laneOf(there)).run(8);
    expect(stepsOf()).toBe(stepsBefore);
    amid += 1;
  }
  expect(amid).toBeGreaterThan(5);
});
