/** Durable timers through a lane: order, once after being down, and gone with what they belonged to. */
import { expect, test } from 'vitest';
import { actor } from 'synapse-actors';
import { World } from './world.ts';

const clock = actor('clock', {
  state: () => ({ log: [] as readonly unknown[], id: '' }),
  supervise: { onFailure: 'resume' },
  commands: {
    after(ctx, ms: number, what: unknown): string {
      ctx.state.id = ctx.after(ms, 'note', what);
      return ctx.state.id;
    },
    cron(ctx, expression: string): string {
      ctx.state.id = ctx.cron(expression, 'note', 'cron');
      return ctx.state.id;
    },
    cancel: (ctx, id: string): void => ctx.cancel(id),
    note(ctx, what: unknown): void {
      ctx.state.log = [...ctx.state.log, [what, ctx.now()]];
    },
    failing(ctx): void {
      ctx.after(10, 'broken');
    },
    broken(): void {
      throw new Error('broken timer');
    },
    undecided(ctx): void {
      ctx.cancel(ctx.after(10, 'note', 'never'));
      ctx.after(10, 'note', 'kept');
    },
    lost(ctx): void {
      ctx.after(10, 'note', 'never');
      throw new Error('rolled back');
    },
    leave: (ctx): void => ctx.stop(),
  },
  queries: { log: (ctx): unknown => ctx.state.log },
});

const whatOf = (answer: string | undefined): unknown[] =>
  (JSON.parse(answer?.slice(3) ?? '[]') as [unknown, number][]).map(([what]) => what);

test('timers fire in the order of their times, of one time in the order they were set', async () => {
  const world = new World([clock]);
  for (const [ms, what] of [
    [30, 'c'],
    [10, 'a'],
    [30, 'd'],
    [20, 'b'],
  ])
    await world.ask('clock/x', 'after', ms, what);
  await world.cluster.advance(9);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual([]);
  await world.cluster.advance(1);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['a']);
  await world.cluster.advance(100);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['a', 'b', 'c', 'd']);
});

test('what was due while nobody was there fires once after recovery', async () => {
  const world = new World([clock]);
  await world.ask('clock/x', 'after', 1_000, 'late');
  await world.ask('clock/y', 'cron', '* * * * *');
  await world.evictAll();
  world.cluster.nowMs += 600_000;
  await world.crash();
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['late']);
  expect(whatOf(await world.ask('clock/y', 'log'))).toEqual(['cron']);
  await world.cluster.advance(60_000);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['late']);
  expect(whatOf(await world.ask('clock/y', 'log'))).toEqual(['cron', 'cron']);
});

test('a timer that is cancelled, by id, does not fire; another actor’s cannot be cancelled', async () => {
  const world = new World([clock]);
  const id = JSON.parse((await world.ask('clock/x', 'after', 10, 'mine'))?.slice(3) ?? '') as string;
  await world.ask('clock/y', 'cancel', id);
  await world.cluster.advance(10);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['mine']);
  const other = JSON.parse((await world.ask('clock/x', 'after', 10, 'again'))?.slice(3) ?? '') as string;
  await world.ask('clock/x', 'cancel', other);
  await world.cluster.advance(10);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['mine']);
});

test('timers of a turn that fails, and of an actor that ended, never fire', async () => {
  const world = new World([clock]);
  await world.ask('clock/x', 'lost');
  await world.ask('clock/y', 'after', 10, 'of the first life');
  await world.ask('clock/y', 'leave');
  await world.cluster.advance(50);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual([]);
  expect(whatOf(await world.ask('clock/y', 'log'))).toEqual([]);
});

test('a timer set and cancelled in one turn is not set', async () => {
  const world = new World([clock]);
  await world.ask('clock/x', 'undecided');
  await world.cluster.advance(50);
  expect(whatOf(await world.ask('clock/x', 'log'))).toEqual(['kept']);
});

test('a timer whose command fails is a dead letter, and spent', async () => {
  const world = new World([clock]);
  await world.ask('clock/x', 'failing');
  await world.cluster.advance(50);
  await world.cluster.advance(50);
  const letters = world.cluster.notices.filter(({ kind }) => kind === 'dead-letter');
  expect(letters).toMatchObject([{ reason: 'HANDLER_FAILED', handler: 'broken' }]);
});

test('a timer fires once, whenever its lane dies', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World([clock], { seed });
    await world.ask('clock/x', 'after', 10, 'once');
    world.cluster.nowMs += 10;
    world.cluster.lane(0).tick();
    const from = world.cluster.actionCount;
    await world.cluster.settle(() => world.cluster.actionCount > from + seed);
    world.cluster.killLane(0);
    await world.cluster.settle();
    await world.cluster.advance(1_000);
    expect(whatOf(await world.ask('clock/x', 'log')), `seed ${seed}`).toEqual(['once']);
  }
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e15, '10'])('after(%s) is refused', async (ms) => {
  const world = new World([clock]);
  expect(await world.ask('clock/x', 'after', ms, 'never')).toMatch(/^INVALID_ARGUMENT/);
});
