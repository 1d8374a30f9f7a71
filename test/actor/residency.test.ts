/** Being in memory never changes what happens: turns that need a load run again as if for the first time. */
import { expect, test } from 'vitest';
import { actor, effect } from 'synapse-actors';
import { World } from '../host/world.ts';

const unit = actor('unit', {
  state: () => ({ n: 0, draws: [] as readonly number[] }),
  effects: { wait: effect((input: unknown) => input) },
  commands: {
    add(ctx, n: number): number {
      ctx.state.n += n;
      return ctx.state.n;
    },
    bear(ctx, key: string): number {
      ctx.state.draws = [...ctx.state.draws, ctx.random()];
      ctx.state.n += 1;
      ctx.table<number>('t').set('born', ctx.state.n);
      ctx.emit('news', key);
      ctx.ref('unit', 'told').tell['add']?.(1);
      ctx.spawn('unit', key);
      return ctx.random();
    },
    async bearLate(ctx, first: string, key: string): Promise<string> {
      ctx.state.n += 1;
      await ctx.ref('unit', first)['add']?.(1);
      try {
        ctx.spawn('unit', key);
      } catch {
        return 'there already';
      }
      return 'born';
    },
    async bearWait(ctx, key: string): Promise<string> {
      ctx.spawn('unit', key);
      ctx.state.n += 1;
      await ctx.effect('wait', 1);
      return 'born';
    },
    async wait(ctx, n: number): Promise<number> {
      ctx.state.n += n;
      ctx.state.draws = [...ctx.state.draws, ctx.random()];
      await ctx.effect('wait', 1);
      ctx.state.n += ctx.random();
      ctx.table<number>('t').set('waited', ctx.now());
      return ctx.state.n;
    },
    async chat(ctx, key: string): Promise<void> {
      ctx.log.info('before');
      await ctx.effect('wait', 1);
      ctx.log.info('between');
      ctx.spawn('unit', key); // looks for it where it is not in memory
      ctx.log.info('after');
    },
    async keyed(ctx, key: string, child: string): Promise<unknown> {
      return ctx.ref('unit', key).with({ idempotencyKey: 'inner' })['bear']?.(child);
    },
    async waitThenAdd(ctx, key: string): Promise<unknown> {
      await ctx.effect('wait', 1);
      return ctx.ref('unit', key)['add']?.(1);
    },
  },
  queries: {
    look: (ctx): unknown => ({ ...ctx.state, rows: [...ctx.table('t').entries()] }),
  },
});

const actors = [unit];
const held = { effect: () => 'done' };

test('a spawn that has to look for its child runs once, as the digest of a system that keeps everything says', async () => {
  const answers: unknown[] = [];
  for (const evicts of [false, true]) {
    const world = new World(actors);
    await world.ask('unit/a', 'add', 1);
    await world.ask('unit/child', 'add', 5);
    if (evicts) await world.evictAll();
    const born = await world.ask('unit/a', 'bear', 'new');
    const refused = await world.ask('unit/a', 'bear', 'child');
    const events = world.cluster.store.events('acme', 'news', 0, 10).length;
    answers.push([
      born,
      refused,
      await world.ask('unit/a', 'look'),
      await world.ask('unit/told', 'look'),
      events,
      world.seq(),
    ]);
  }
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[0]).toMatchObject([
    expect.stringMatching(/^ok 0\./),
    expect.stringMatching(/^INVALID_ARGUMENT .*exists already/),
    {},
    {},
    1,
    4,
  ]);
});

test('a turn that needs a load in its second stretch takes its first stretch’s result again', async () => {
  const world = new World(actors);
  await world.ask('unit/child', 'add', 5);
  await world.ask('unit/a', 'add', 1);
  await world.evictAll();
  expect(await world.ask('unit/a', 'bearLate', 'other', 'child')).toBe('ok "there already"');
  expect(await world.ask('unit/other', 'look')).toContain('"n":1');
  expect(await world.ask('unit/a', 'look')).toContain('"n":2');
});

test('a nested call with a key, whose turn needs a load, does not wait for itself', async () => {
  const world = new World(actors);
  for (const key of ['a', 'b', 'child']) await world.ask(`unit/${key}`, 'add', 1);
  await world.evictAll();
  expect(await world.ask('unit/a', 'keyed', 'b', 'new')).toMatch(/^ok 0\./);
  const again = await world.ask('unit/a', 'keyed', 'b', 'new');
  expect(again).toBe(await world.ask('unit/a', 'keyed', 'b', 'new'));
  expect(await world.ask('unit/b', 'look')).toContain('"n":2');
});

test.each(['kept', 'evicted', 'recovered'])('a line is logged once, whether its turn was %s', async (how) => {
  const world = new World(actors, held);
  world.cluster.effectsAreHeld = true;
  await world.ask('unit/other', 'add', 1);
  const chat = world.send('unit/a', 'chat', ['other'], { idempotencyKey: 'k' });
  await world.cluster.settle();
  if (how !== 'kept') await world.evictAll();
  if (how === 'recovered') await world.crash();
  expect(world.cluster.lines).toEqual(['before']);
  await world.finishEffects();
  expect(await world.answer(chat)).toMatch(/^INVALID_ARGUMENT .*exists already/);
  expect(world.cluster.lines).toEqual(['before', 'between']);
  const next = world.send('unit/a', 'chat', ['new']);
  await world.cluster.settle();
  await world.finishEffects();
  expect(await world.answer(next)).toBe('ok undefined');
  expect(world.cluster.lines).toEqual(['before', 'between', 'before', 'between', 'after']);
});

test('a spawn is checked again at the end, against what left memory meanwhile', async () => {
  const world = new World(actors, held);
  world.cluster.effectsAreHeld = true;
  const bearing = world.send('unit/a', 'bearWait', ['child']);
  await world.cluster.settle();
  await world.ask('unit/child', 'add', 5);
  await world.evictAll();
  await world.finishEffects();
  expect(await world.answer(bearing)).toMatch(/^INVALID_ARGUMENT .*exists already/);
  expect(await world.ask('unit/child', 'look')).toContain('"n":5');
});

test('a suspended turn that is run again is told that its child did not exist, although by now it does', async () => {
  const world = new World(actors, held);
  world.cluster.effectsAreHeld = true;
  const bearing = world.send('unit/a', 'bearWait', ['child'], { idempotencyKey: 'k' });
  await world.cluster.settle();
  await world.ask('unit/child', 'add', 5);
  await world.cluster.snapshotAll();
  await world.crash();
  await world.finishEffects();
  expect(await world.answer(bearing)).toMatch(/^INVALID_ARGUMENT .*exists already/);
});

test('an actor whose first turn is suspended exists for those who would spawn it', async () => {
  const world = new World(actors, held);
  world.cluster.effectsAreHeld = true;
  const first = world.send('unit/new', 'wait', [3]);
  expect(await world.ask('unit/a', 'bear', 'new')).toMatch(/^INVALID_ARGUMENT .*exists already/);
  await world.finishEffects();
  expect(await world.answer(first)).toMatch(/^ok 3\./);
});

test.each(['kept', 'evicted', 'crashed', 'crashed without a snapshot'])(
  'a suspended turn ends the same when it is %s',
  async (fate) => {
    const run = async (what: string): Promise<unknown> => {
      const world = new World(actors, held);
      world.cluster.effectsAreHeld = true;
      await world.ask('unit/a', 'add', 1);
      const waiting = world.send('unit/a', 'wait', [2], { idempotencyKey: 'k' });
      const parked = world.send('unit/a', 'add', [10], { idempotencyKey: 'parked' });
      await world.cluster.settle();
      if (what === 'evicted') await world.evictAll();
      else if (what !== 'kept') {
        if (what === 'crashed') await world.evictAll();
        await world.crash();
      }
      expect(await world.ask('unit/a', 'look')).toBe('ok {"draws":[],"n":1,"rows":[]}');
      world.cluster.nowMs += 5;
      await world.finishEffects();
      const [{ stateRoot } = { stateRoot: '' }] = await world.cluster.roots();
      return [await world.answer(waiting), await world.answer(parked), await world.ask('unit/a', 'look'), stateRoot];
    };
    expect(await run(fate)).toEqual(await run('kept'));
  },
);

test('a query sees the state before a suspended turn, creates nothing and takes no seq', async () => {
  const world = new World(actors, held);
  world.cluster.effectsAreHeld = true;
  await world.ask('unit/a', 'add', 1);
  const seq = world.seq();
  expect(await world.ask('unit/nobody', 'look')).toBe('ok {"draws":[],"n":0,"rows":[]}');
  expect(await world.askOf('umbrella', 'unit/nobody', 'look')).toBe('ok {"draws":[],"n":0,"rows":[]}');
  expect(world.seq()).toBe(seq);
  expect(world.cluster.store.tenants().map(({ tenant }) => tenant)).toEqual(['acme']);
  const waiting = world.send('unit/a', 'wait', [2]);
  expect(await world.ask('unit/a', 'look')).toBe('ok {"draws":[],"n":1,"rows":[]}');
  await world.finishEffects();
  expect(await world.answer(waiting)).toMatch(/^ok 3\./);
});

test('a call that is made after an effect reaches an actor that has left memory', async () => {
  const world = new World(actors, held);
  world.cluster.effectsAreHeld = true;
  await world.ask('unit/b', 'add', 5);
  const waiting = world.send('unit/a', 'waitThenAdd', ['b']);
  await world.evictAll();
  await world.finishEffects();
  expect(await world.answer(waiting)).toBe('ok 6');
});
