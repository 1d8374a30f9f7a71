/** A state that cannot be made fails the turn that would need it; it never ends the lane. */
import { expect, test } from 'vitest';
import { actor } from 'synapse-actors';
import { World } from '../host/world.ts';

let isBroken = true;

const moody = actor('moody', {
  state: () => {
    if (isBroken) throw new Error('no state today');
    return { n: 0, at: Date.now() };
  },
  commands: {
    add(ctx, n: number): number {
      ctx.state.n += n;
      return ctx.state.n;
    },
  },
  queries: { at: (ctx): number => ctx.state.at },
});

const rogue = actor('rogue', { state: () => ({ thing: (() => 1) as unknown }), commands: { add: (): number => 1 } });

const parent = actor('parent', {
  state: () => ({ n: 0 }),
  commands: {
    bear(ctx, type: string): void {
      ctx.state.n += 1;
      ctx.spawn(type, 'child');
    },
  },
  queries: { n: (ctx): number => ctx.state.n },
});

test('a definition whose state throws fails the call, and the next one may succeed', async () => {
  isBroken = true;
  const world = new World([moody, rogue, parent]);
  expect(await world.ask('moody/m', 'add', 1)).toMatch(/^HANDLER_FAILED .*no state today/);
  expect(await world.ask('moody/m', 'at')).toMatch(/^HANDLER_FAILED/);
  isBroken = false;
  expect(await world.ask('moody/m', 'add', 1)).toBe('ok 1');
});

test('a state that cannot travel fails the call', async () => {
  const world = new World([moody, rogue, parent]);
  expect(await world.ask('rogue/r', 'add')).toMatch(/^UNSERIALIZABLE/);
});

test.each(['moody', 'rogue'])('a spawn of a %s child that cannot be made fails whole', async (type) => {
  isBroken = true;
  const world = new World([moody, rogue, parent]);
  expect(await world.ask('parent/p', 'bear', type)).toMatch(/^(HANDLER_FAILED|UNSERIALIZABLE)/);
  expect(await world.ask('parent/p', 'n')).toBe('ok 0');
});

test('the time that a first state reads is the recorded one', async () => {
  isBroken = false;
  const world = new World([moody, rogue, parent]);
  await world.ask('moody/m', 'add', 1);
  expect(await world.ask('moody/m', 'at')).toBe(`ok ${world.cluster.nowMs}`);
});

const hidden = Symbol('hidden');
const first = { n: 1, [hidden]: 1 };

const shared = actor('shared', {
  state: () => first,
  commands: {
    add(ctx, n: number): string {
      ctx.state.n += n;
      return `${ctx.state.n} ${hidden in ctx.state}`;
    },
  },
});

test('actors whose definition gives one object to all have a state each, of its named keys', async () => {
  const world = new World([shared]);
  expect(await world.ask('shared/a', 'add', 1)).toBe('ok "2 false"');
  expect(await world.ask('shared/b', 'add', 2)).toBe('ok "3 false"');
  expect(first).toEqual({ n: 1, [hidden]: 1 });
});
