/** Inputs that lanes died under: run again alone, set aside after the third death, and recorded as such. */
import { expect, test } from 'vitest';
import { actor, effect } from 'synapse-actors';
import { FRAME_KIND } from '../../src/frame/frame.ts';
import { World } from './world.ts';

const unit = actor('unit', {
  state: () => ({ n: 0 }),
  effects: { wait: effect((input: unknown) => input) },
  commands: {
    add(ctx, n: number): number {
      ctx.state.n += n;
      return ctx.state.n;
    },
    async wait(ctx): Promise<string> {
      await ctx.effect('wait', 1);
      return 'waited';
    },
    later: (ctx, ms: number): string => ctx.after(ms, 'add', 100),
  },
  queries: { n: (ctx): number => ctx.state.n },
});

const kinds = (world: World): string[] => world.cluster.notices.map(({ kind }) => kind);

/** The identity of a call of tenant `acme`, as its lane names it. */
function suspect(id: number, handler: string): string {
  return JSON.stringify(['acme', FRAME_KIND.call, '', 1, id, 0, handler]);
}

test('what killed its lane three times is answered POISONED, recorded, and the tenant goes on', async () => {
  const world = new World([unit]);
  await world.ask('unit/a', 'add', 1);
  const bad = world.send('unit/a', 'add', [10], { idempotencyKey: 'k' });
  const next = world.send('unit/a', 'add', [2]);
  world.cluster.killLane(0, new Map([[suspect(bad, 'add'), 3]]));
  expect(await world.answer(bad)).toMatch(/^POISONED/);
  expect(await world.answer(next)).toBe('ok 3');
  expect(kinds(world)).toContain('poisoned');
  expect(kinds(world)).toContain('cleared');
  expect(await world.askKeyed('k', 'unit/a', 'add', 10)).toMatch(/^POISONED/);
  const { before, after } = await world.cluster.crashBetweenSteps();
  expect(after).toEqual(before);
  expect(await world.ask('unit/a', 'n')).toBe('ok 3');
});

test.each([1, 2])('what its lane died under %i times runs again, alone, and is cleared', async (deaths) => {
  const world = new World([unit], { seed: deaths });
  const suspected = world.send('unit/a', 'add', [10]);
  const others = ['b', 'c'].map((tenant) => world.send('unit/a', 'add', [1], { tenant }));
  world.cluster.killLane(0, new Map([[suspect(suspected, 'add'), deaths]]));
  expect(await world.answer(suspected)).toBe('ok 10');
  for (const id of others) expect(await world.answer(id)).toBe('ok 1');
  expect(kinds(world)).toEqual(['cleared']);
});

test('a query that kills lanes is set aside by its answer alone', async () => {
  const world = new World([unit]);
  await world.ask('unit/a', 'add', 1);
  const seq = world.seq();
  const bad = world.send('unit/a', 'n');
  world.cluster.killLane(0, new Map([[suspect(bad, 'n'), 3]]));
  expect(await world.answer(bad)).toMatch(/^POISONED/);
  expect(world.seq()).toBe(seq);
  expect(await world.ask('unit/a', 'n')).toBe('ok 1');
});

test('a poisoned result of an effect fails the turn that waits for it', async () => {
  const world = new World([unit]);
  world.cluster.effectsAreHeld = true;
  const waiting = world.send('unit/a', 'wait');
  await world.cluster.settle();
  const [name = ''] = world.cluster.effectNames;
  world.cluster.finishEffect(name);
  const identity = JSON.stringify([
    'acme',
    FRAME_KIND.effectResult,
    '',
    1,
    2 ** 40,
    0,
    name.replace(/^acme +/, '').replace(/ /g, ''),
  ]);
  world.cluster.killLane(0, new Map([[identity, 3]]));
  expect(await world.answer(waiting)).toMatch(/^POISONED/);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 1');
});

test('a poisoned timer is spent', async () => {
  const world = new World([unit]);
  const id = JSON.parse((await world.ask('unit/a', 'later', 10))?.slice(3) ?? '""') as string;
  world.cluster.nowMs += 10;
  world.cluster.killLane(0, new Map([[JSON.stringify(['acme', FRAME_KIND.timer, '', 0, 0, 0, id]), 3]]));
  await world.cluster.settle();
  await world.cluster.advance(100);
  expect(kinds(world)).toContain('poisoned');
  expect(await world.ask('unit/a', 'n')).toBe('ok 0');
});

test('a durable step that kills its lane when it is replayed refuses its tenant, and nobody else', async () => {
  const world = new World([unit]);
  const bad = world.send('unit/a', 'add', [1]);
  expect(await world.answer(bad)).toBe('ok 1');
  await world.askOf('b', 'unit/a', 'add', 1);
  world.cluster.killLane(0, new Map([[suspect(bad, 'add'), 3]]));
  expect(await world.ask('unit/a', 'add', 1)).toMatch(/^DIVERGED .*step 1/);
  expect(await world.askOf('b', 'unit/a', 'add', 1)).toBe('ok 2');
});
