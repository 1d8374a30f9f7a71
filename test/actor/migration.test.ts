/** Versions: state comes forward once, with suspended turns, evictions and crashes in between. */
import { expect, test } from 'vitest';
import { actor, effect } from 'synapse-actors';
import { proud } from '../host/workload-actors.ts';
import { World } from '../host/world.ts';

const effects = { wait: effect((input: unknown) => input) };

const one = actor('unit', {
  state: () => ({ n: 0 }),
  effects,
  commands: {
    add(ctx, n: number): number {
      ctx.state.n += n;
      return ctx.state.n;
    },
    async wait(ctx, n: number): Promise<number> {
      ctx.state.n += n;
      await ctx.effect('wait', 1);
      ctx.state.n += 1;
      return ctx.state.n;
    },
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

let migrations = 0;
let isBroken = false;

type Old = Record<string, unknown>;

function first(old: Old): Old {
  migrations += 1;
  if (isBroken) throw new Error('cannot bring it forward');
  return { total: Number(old['n']) * 10, from: 1 };
}

function second(old: Old): Old {
  return { ...old, from: Number(old['from']) + 100 };
}

function later(version: number) {
  return actor('unit', {
    version,
    state: () => ({ total: 0, from: version }),
    effects,
    migrate: version === 2 ? { 1: first } : { 1: first, 2: second },
    commands: {
      add(ctx, n: number): number {
        ctx.state.total += n;
        return ctx.state.total;
      },
      async wait(ctx, n: number): Promise<number> {
        ctx.state.total += n;
        await ctx.effect('wait', 1);
        return ctx.state.total;
      },
    },
    queries: { look: (ctx): unknown => ({ ...ctx.state }) },
  });
}

const held = { effect: () => 'done' };

test('a state comes forward with the first command, a query sees it before', async () => {
  isBroken = false;
  const world = new World([one]);
  await world.ask('unit/a', 'add', 4);
  await world.crash([later(2)], [one]);
  const root = (await world.cluster.roots())[0]?.stateRoot;
  expect(await world.ask('unit/a', 'look')).toBe('ok {"from":1,"total":40}');
  expect((await world.cluster.roots())[0]?.stateRoot).toBe(root);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 41');
  expect(await world.ask('unit/a', 'look')).toBe('ok {"from":1,"total":41}');
  expect(await world.ask('unit/new', 'look')).toBe('ok {"from":2,"total":0}');
});

test('each actor comes forward once, whatever leaves memory or dies in between', async () => {
  isBroken = false;
  const world = new World([one]);
  for (const key of ['a', 'b', 'c']) await world.ask(`unit/${key}`, 'add', 1);
  await world.evictAll();
  await world.crash([later(2)], [one]);
  await world.ask('unit/a', 'add', 0);
  await world.evictAll();
  await world.ask('unit/b', 'add', 0);
  await world.crash([later(2)], [one]);
  migrations = 0;
  for (const key of ['a', 'b']) expect(await world.ask(`unit/${key}`, 'add', 1)).toBe('ok 11');
  expect(migrations).toBeLessThanOrEqual(1); // b's step is replayed from the journal, a's is in a snapshot
  migrations = 0;
  expect(await world.ask('unit/c', 'add', 1)).toBe('ok 11');
  expect(migrations).toBe(1);
});

test('a state comes over two versions at once', async () => {
  isBroken = false;
  const world = new World([one]);
  await world.ask('unit/a', 'add', 4);
  await world.evictAll();
  await world.crash([later(3)], [one]);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 41');
  expect(await world.ask('unit/a', 'look')).toBe('ok {"from":101,"total":41}');
});

test.each([false, true])(
  'a turn suspended in version 1 ends in version 1, then the actor comes forward (snapshot: %s)',
  async (snapshots) => {
    isBroken = false;
    const world = new World([one], held);
    world.cluster.effectsAreHeld = true;
    await world.ask('unit/a', 'add', 1);
    const waiting = world.send('unit/a', 'wait', [2], { idempotencyKey: 'k' });
    await world.cluster.settle();
    if (snapshots) await world.evictAll();
    await world.crash([later(2)], [one]);
    const next = world.send('unit/a', 'add', [5], { idempotencyKey: 'next' });
    await world.cluster.settle();
    await world.crash([later(2)], [one]);
    await world.finishEffects();
    expect(await world.answer(waiting)).toBe('ok 4');
    expect(await world.answer(next)).toBe('ok 45');
  },
);

test.each([false, true])(
  'an actor whose first turn was ended from outside is made by the version that calls it (snapshot: %s)',
  async (snapshots) => {
    isBroken = false;
    const world = new World([one, proud], held);
    world.cluster.effectsAreHeld = true;
    const waiting = world.send('unit/a', 'wait', [2]);
    await world.cluster.settle();
    await world.ask('proud/p', 'fail');
    expect(await world.answer(waiting)).toMatch(/^SUSPENDED/);
    if (snapshots) await world.evictAll();
    await world.crash([later(2), proud], [one]);
    await world.resume();
    expect(await world.ask('unit/a', 'add', 1)).toBe('ok 1');
    expect(await world.ask('unit/a', 'look')).toBe('ok {"from":2,"total":1}');
  },
);

test('a suspended turn whose version is not here refuses its tenant and nobody else', async () => {
  isBroken = false;
  const world = new World([one], held);
  world.cluster.effectsAreHeld = true;
  world.send('unit/a', 'wait', [2]);
  await world.cluster.settle();
  await world.askOf('umbrella', 'unit/a', 'add', 1);
  await world.evictAll();
  await world.crash([later(2)]);
  expect(await world.ask('unit/b', 'add', 1)).toMatch(/^DIVERGED .*version 1 of unit/);
  expect(await world.askOf('umbrella', 'unit/a', 'add', 1)).toBe('ok 11');
  await world.crash([one]);
  expect(await world.ask('unit/b', 'add', 1)).toMatch(/^ok/);
});

test('a migration that throws fails the command and keeps the state as it was', async () => {
  isBroken = false;
  const world = new World([one]);
  await world.ask('unit/a', 'add', 4);
  await world.crash([later(2)], [one]);
  isBroken = true;
  expect(await world.ask('unit/a', 'add', 1)).toMatch(/^HANDLER_FAILED .*cannot bring it forward/);
  expect(await world.ask('unit/a', 'look')).toMatch(/^HANDLER_FAILED/);
  isBroken = false;
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 41');
});

test('the steps of version 1 are replayed by version 1, those after it by version 2', async () => {
  isBroken = false;
  const world = new World([one]);
  await world.ask('unit/a', 'add', 4);
  await world.crash([later(2)], [one]);
  await world.ask('unit/a', 'add', 1);
  const { before, after } = await world.cluster.crashBetweenSteps();
  expect(after).toEqual(before);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 42');
});

test('code that does something else than was recorded refuses the tenant with DIVERGED', async () => {
  const other = actor('unit', {
    state: () => ({ n: 0 }),
    commands: {
      add(ctx, n: number): number {
        ctx.state.n += 2 * n;
        return ctx.state.n;
      },
    },
  });
  const world = new World([one]);
  await world.ask('unit/a', 'add', 4);
  await world.crash([other]);
  expect(await world.ask('unit/a', 'add', 1)).toMatch(/^DIVERGED/);
  await world.crash([one]);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 5');
});
