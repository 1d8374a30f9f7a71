/** Passivation: idle actors and quiet tenants leave, the least recently used first, and come back as they were. */
import { expect, test } from 'vitest';
import { actor, effect } from 'synapse-actors';
import { World } from './world.ts';

const unit = actor('unit', {
  state: () => ({ n: 0 }),
  effects: { wait: effect((input: unknown) => input) },
  idleAfterMs: 1_000,
  commands: {
    add(ctx, n: number): number {
      ctx.state.n += n;
      ctx.table<number>('t').set(`k${ctx.state.n}`, n);
      return ctx.state.n;
    },
    drop(ctx): void {
      ctx.table('t').delete('k1');
      delete (ctx.state as { n?: number }).n;
      (ctx.state as Record<string, unknown>)['n'] = 100;
    },
    later: (ctx, ms: number): string => ctx.after(ms, 'add', 1),
    async wait(ctx): Promise<number> {
      await ctx.effect('wait', 1);
      return ctx.state.n;
    },
    leave: (ctx): void => ctx.stop(),
  },
  queries: { look: (ctx): unknown => [ctx.state.n, [...ctx.table('t').keys()]] },
});

const figures = (world: World) => world.cluster.lane(0).figures;

test('an actor that is idle leaves memory and comes back with its state and tables', async () => {
  const world = new World([unit]);
  await world.ask('unit/a', 'add', 1);
  await world.cluster.advance(500);
  await world.ask('unit/b', 'add', 1);
  await world.cluster.advance(500); // a is due: a snapshot first
  await world.cluster.advance(1);
  expect(figures(world).actors).toBe(1);
  await world.cluster.advance(1_000);
  await world.cluster.advance(1);
  expect(figures(world).actors).toBe(0);
  expect(await world.ask('unit/a', 'look')).toBe('ok [1,["k1"]]');
  expect(await world.ask('unit/a', 'add', 2)).toBe('ok 3');
});

test('what is deleted stays deleted through snapshots and passivation', async () => {
  const world = new World([unit]);
  await world.ask('unit/a', 'add', 1);
  await world.evictAll();
  await world.ask('unit/a', 'drop');
  await world.evictAll();
  expect(await world.ask('unit/a', 'look')).toBe('ok [100,[]]');
  await world.crash();
  expect(await world.ask('unit/a', 'look')).toBe('ok [100,[]]');
});

test('an actor that ended and was made again while a snapshot was under way is the new one', async () => {
  for (let seed = 1; seed < 15; seed++) {
    const world = new World([unit], { seed });
    await world.ask('unit/a', 'add', 1);
    await world.cluster.snapshotAll();
    await world.ask('unit/a', 'leave');
    world.cluster.lane(0).snapshotAll();
    const again = world.send('unit/a', 'add', [7]);
    expect(await world.answer(again)).toBe('ok 7');
    await world.evictAll();
    expect(await world.ask('unit/a', 'look')).toBe('ok [7,["k7"]]');
    await world.crash();
    expect(await world.ask('unit/a', 'look')).toBe('ok [7,["k7"]]');
    world.cluster.store.verify('acme');
  }
});

test('an actor that ended is gone from the store, and from its roots', async () => {
  const world = new World([unit]);
  await world.ask('unit/keep', 'add', 1);
  const before = (await world.cluster.roots())[0]?.stateRoot;
  await world.ask('unit/a', 'add', 1);
  await world.evictAll();
  await world.ask('unit/a', 'leave');
  expect((await world.cluster.roots())[0]?.stateRoot).toBe(before);
  await world.evictAll();
  expect(await world.ask('unit/a', 'look')).toBe('ok [0,[]]');
});

test('over the limit the least recently used leave first', async () => {
  const world = new World([unit]);
  for (const key of ['a', 'b', 'c', 'd']) {
    await world.ask(`unit/${key}`, 'add', 1);
  }
  world.cluster.nowMs += 1; // within one millisecond all uses are one
  await world.ask('unit/a', 'look'); // used again
  await world.cluster.snapshotAll();
  world.cluster.lane(0).tick(2);
  expect(figures(world).actors).toBe(2);
  const loads = figures(world).actors;
  await world.ask('unit/a', 'look');
  await world.ask('unit/d', 'look');
  expect(figures(world).actors).toBe(loads);
  await world.ask('unit/b', 'look');
  expect(figures(world).actors).toBe(loads + 1);
});

test('an actor that changed does not leave before its snapshot is durable', async () => {
  const world = new World([unit]);
  await world.ask('unit/a', 'add', 1);
  world.cluster.lane(0).tick(0);
  expect(figures(world).actors).toBe(1);
  await world.cluster.settle();
  world.cluster.lane(0).tick(0);
  expect(figures(world).actors).toBe(0);
});

test('a quiet tenant leaves whole, one with a timer or a suspended turn stays', async () => {
  const world = new World([unit]);
  world.cluster.effectsAreHeld = true;
  await world.askOf('quiet', 'unit/a', 'add', 1);
  await world.askOf('timed', 'unit/a', 'later', 200_000);
  const waiting = world.send('unit/a', 'wait', [], { tenant: 'waiting' });
  for (let at = 0; at < 4; at++) await world.cluster.advance(31_000);
  expect(figures(world).tenants).toBe(2);
  expect(await world.askOf('quiet', 'unit/a', 'look')).toBe('ok [1,["k1"]]');
  await world.cluster.advance(100_000);
  expect(await world.askOf('timed', 'unit/a', 'look')).toBe('ok [1,["k1"]]');
  await world.finishEffects();
  expect(await world.answer(waiting)).toBe('ok 0');
});

test('the count of actors in memory is right after everything', async () => {
  const world = new World([unit], { seed: 3 });
  for (let at = 0; at < 40; at++) {
    await world.askOf(`t${at % 3}`, `unit/${at % 7}`, at % 5 === 0 ? 'leave' : 'add', 1);
    if (at % 9 === 0) await world.evictAll();
    if (at % 13 === 0) world.cluster.killLane(0);
  }
  await world.evictAll();
  expect(figures(world).actors).toBe(0);
});
