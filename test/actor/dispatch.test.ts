/** Calls that leave a turn: circles of waiting actors, chains across tenants, grants, deadlines, senders. */
import { expect, test } from 'vitest';
import { actor, effect } from 'synapse-actors';
import { clan, unit } from '../host/workload-actors.ts';
import { World } from '../host/world.ts';

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

const node = actor('node', {
  state: () => ({ n: 0, seen: '' }),
  effects: { wait: effect((input: unknown) => input) },
  commands: {
    add(ctx, n: number): number {
      ctx.state.n += n;
      return ctx.state.n;
    },
    /** Calls along `path`, `tenant:key` or `key`. */
    async walk(ctx, path: string[]): Promise<unknown> {
      const [next, ...rest] = path;
      ctx.state.n += 1;
      if (next === undefined) return 'end';
      const [key = '', tenant = ctx.tenant] = next.split(':').reverse();
      return ctx.ref('node', key, tenant)['walk']?.(rest);
    },
    async both(ctx, a: string, b: string): Promise<unknown> {
      const [left, right] = await Promise.all([
        ctx.ref('node', a)['walk']?.(['z']),
        ctx.ref('node', b)['walk']?.(['z']),
      ]);
      return [left, right];
    },
    async waitThenWalk(ctx, path: string[]): Promise<unknown> {
      await ctx.effect('wait', 1);
      return ctx.ref('node', path[0] ?? '')['walk']?.(path.slice(1));
    },
    async hang(ctx): Promise<number> {
      ctx.state.n += 10;
      await ctx.effect('wait', 1);
      return ctx.state.n;
    },
    async remote(ctx, tenant: string, handler: string): Promise<unknown> {
      ctx.state.n += 1;
      return ctx.ref('node', 'far', tenant)[handler]?.(1).catch(codeOf);
    },
    remoteOther: (ctx, tenant: string): Promise<unknown> | undefined => ctx.ref('node', 'other', tenant)['walk']?.([]),
    async remoteQuick(ctx, tenant: string): Promise<unknown> {
      return ctx.ref('node', 'far', tenant).with({ timeoutMs: 50 })['hang']?.().catch(codeOf);
    },
    tellFar(ctx, tenant: string, n: number): void {
      for (let at = 0; at < n; at++) ctx.ref('node', 'far', tenant).tell['add']?.(1);
    },
    sender(ctx): unknown {
      ctx.state.seen = JSON.stringify(ctx.sender);
      return ctx.sender;
    },
    askSender: (ctx, tenant: string): Promise<unknown> | undefined => ctx.ref('node', 'far', tenant)['sender']?.(),
    dangle(ctx): Promise<unknown> {
      void ctx.ref('node', 'far').tell;
      return new Promise(() => undefined);
    },
    async forgetful(ctx): Promise<string> {
      void ctx.ref('node', 'far')['add']?.(1);
      void ctx
        .ref('node', 'far')
        ['nothing']?.(1)
        .catch(() => undefined);
      return 'gone on';
    },
  },
  queries: { n: (ctx): number => ctx.state.n, seen: (ctx): string => ctx.state.seen },
});

const held = { effect: () => 'done', lanes: 2, seed: 5 };

test.each([
  ['itself', ['a'], 'acme/node/a -> acme/node/a'],
  ['its caller', ['b', 'a'], 'acme/node/b -> acme/node/a -> acme/node/b'],
  ['a circle of three, not from its start', ['b', 'c', 'b'], 'acme/node/c -> acme/node/b -> acme/node/c'],
])('a call that would wait for %s is refused at once, with the path', async (_what, path, text) => {
  const world = new World([node]);
  const answer = await world.ask('node/a', 'walk', path);
  expect(answer).toMatch(/^CALL_CYCLE/);
  expect(answer).toContain(text);
  expect(await world.ask('node/a', 'n')).toBe('ok 0');
});

test('two who call the same third make no circle', async () => {
  const world = new World([node]);
  expect(await world.ask('node/a', 'both', 'b', 'c')).toBe('ok ["end","end"]');
});

test('a circle that closes through an actor of another call is found', async () => {
  const world = new World([node], held);
  world.cluster.effectsAreHeld = true;
  const first = world.send('node/a', 'waitThenWalk', [['b']]);
  const second = world.send('node/b', 'waitThenWalk', [['a']]);
  await world.cluster.settle();
  await world.finishEffects();
  const answers = [await world.answer(first), await world.answer(second)];
  expect(answers.filter((answer) => answer?.startsWith('CALL_CYCLE'))).toHaveLength(1);
  expect(answers.filter((answer) => answer === 'ok "end"')).toHaveLength(1);
});

test('a circle across tenants is found by its chain', async () => {
  const world = new World([node], held);
  expect(await world.ask('node/a', 'walk', ['umbrella:x', 'initech:y', 'acme:a'])).toMatch(
    /^CALL_CYCLE .*acme\/node\/a/,
  );
});

test('a call across tenants may come back to another actor', async () => {
  const world = new World([node], held);
  expect(await world.ask('node/a', 'walk', ['umbrella:x', 'acme:b', 'c'])).toBe('ok "end"');
});

test.each(['by its caller', 'after a crash', 'after its lane died'])(
  'a message without a grant is denied, and its replay does not ask again: %s',
  async (when) => {
    let asked = 0;
    let isGranted = false;
    const admit = (): boolean => {
      asked += 1;
      return isGranted;
    };
    const world = new World([node], { ...held, admit });
    expect(await world.ask('node/a', 'remote', 'umbrella', 'add')).toBe('ok "DENIED"');
    expect(asked).toBe(1);
    isGranted = true;
    if (when === 'after a crash') {
      const { before, after } = await world.cluster.crashBetweenSteps();
      expect(after).toEqual(before);
    } else if (when === 'after its lane died') {
      world.cluster.killLane(0);
      world.cluster.killLane(1);
    }
    await world.cluster.settle();
    expect(asked).toBe(1);
    expect(await world.ask('node/a', 'remote', 'umbrella', 'add')).toBe('ok 1');
    expect(await world.ask('node/a', 'n')).toBe('ok 2');
  },
);

test('a denied tell is a dead letter', async () => {
  const world = new World([node], { ...held, admit: () => false });
  expect(await world.ask('node/a', 'tellFar', 'umbrella', 1)).toBe('ok undefined');
  expect(world.cluster.notices).toMatchObject([
    { kind: 'dead-letter', reason: 'DENIED', handler: 'add', address: { tenant: 'umbrella' } },
  ]);
});

test('a tell that another tenant refused is a dead letter once, and does not come through after a crash', async () => {
  const world = new World([unit, clan], held);
  expect(await world.askOf('umbrella', 'clan/p', 'fail')).toMatch(/^HANDLER_FAILED/); // escalates: the tenant is suspended
  expect(await world.ask('unit/a', 'remoteTell', 'umbrella', 'b', 1)).toBe('ok undefined');
  expect(world.seq()).toBe(2); // the refusal is an input: what was told is not told again
  await world.crash();
  await world.cluster.advance(60_000);
  expect(await world.askOf('umbrella', 'unit/b', 'add', 5)).toBe('ok 5');
  const letters = world.cluster.notices.filter(({ kind }) => kind === 'dead-letter');
  expect(letters).toMatchObject([{ reason: 'SUSPENDED', handler: 'add', address: { tenant: 'umbrella' } }]);
});

test('a call to another tenant ends at its deadline, the late reply is heard by nobody', async () => {
  const world = new World([node], { ...held, callTimeoutMs: 1_000 });
  world.cluster.effectsAreHeld = true;
  const call = world.send('node/a', 'remote', ['umbrella', 'hang']);
  const quick = world.send('node/b', 'remoteQuick', ['umbrella']);
  await world.cluster.advance(50);
  expect(await world.answer(quick)).toBe('ok "TIMEOUT"');
  expect(await world.answer(call)).toBeUndefined();
  await world.cluster.advance(950);
  expect(await world.answer(call)).toBe('ok "TIMEOUT"');
  const steps = world.seq();
  await world.finishEffects();
  expect(await world.askOf('umbrella', 'node/far', 'n')).toBe('ok 20');
  expect(world.seq()).toBe(steps + 2); // both late replies are taken note of
  expect((await world.cluster.roots()).every(({ fault }) => fault === undefined)).toBe(true);
});

test.each([0, 1])('a reply reaches a turn that was suspended when lane %i died', async (lane) => {
  const world = new World([node], held);
  world.cluster.effectsAreHeld = true;
  const call = world.send('node/a', 'remote', ['umbrella', 'hang']);
  await world.cluster.settle();
  world.cluster.killLane(lane);
  await world.finishEffects();
  expect(await world.answer(call)).toBe('ok 10');
  expect(await world.askOf('umbrella', 'node/far', 'n')).toBe('ok 10');
});

test('a reply that was under way when the process died is asked for again, and the command ran once', async () => {
  const world = new World([node], held);
  world.cluster.effectsAreHeld = true;
  const call = world.send('node/a', 'remote', ['umbrella', 'hang'], { idempotencyKey: 'k' });
  await world.cluster.settle();
  const [name = ''] = world.cluster.effectNames;
  world.cluster.finishEffect(name);
  await world.cluster.settle(() => world.seq('umbrella') === 2);
  world.cluster.crash();
  await world.finishEffects();
  expect(await world.answer(call)).toBe('ok 10');
  expect(await world.askOf('umbrella', 'node/far', 'n')).toBe('ok 10');
});

test('tells to another tenant arrive once and in order, whatever dies on the way', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = new World([node], { lanes: 2, seed, snapshotEvery: 7 });
    for (let at = 0; at < 4; at++) {
      const id = world.send('node/a', 'tellFar', ['umbrella', 5], { idempotencyKey: `k${at}` });
      const from = world.cluster.actionCount;
      await world.cluster.settle(() => world.cluster.actionCount > from + seed * 2 + at);
      if (at % 2 === 0) world.cluster.killLane(seed % 2);
      else world.cluster.crash();
      expect(await world.answer(id)).toBe('ok undefined');
    }
    expect(await world.askOf('umbrella', 'node/far', 'n'), `seed ${seed}`).toBe('ok 20');
  }
});

test('a handler sees who sent its message', async () => {
  const world = new World([node], held);
  expect(await world.ask('node/a', 'sender')).toBe('ok {}');
  expect(await world.ask('node/a', 'askSender', 'acme')).toBe('ok {"key":"a","tenant":"acme","type":"node"}');
  expect(await world.ask('node/a', 'askSender', 'umbrella')).toBe('ok {"key":"a","tenant":"acme","type":"node"}');
});

test('a turn that waits for what ctx did not give it fails with AMBIENT_AUTHORITY', async () => {
  const world = new World([node]);
  expect(await world.ask('node/a', 'dangle')).toMatch(/^AMBIENT_AUTHORITY/);
});

test('calls that nobody waits for go on after their turn has ended', async () => {
  const world = new World([node]);
  expect(await world.ask('node/a', 'forgetful')).toBe('ok "gone on"');
  expect(await world.ask('node/far', 'n')).toBe('ok 1');
});

test('a call that follows others to a tenant whose lane died arrives, while an earlier one is open', async () => {
  const world = new World([node], held);
  world.cluster.effectsAreHeld = true;
  const open = world.send('node/a', 'remote', ['umbrella', 'hang']);
  for (const key of ['b', 'c', 'd']) expect(await world.ask(`node/${key}`, 'remoteOther', 'umbrella')).toBe('ok "end"');
  for (const lane of [0, 1]) world.cluster.killLane(lane);
  await world.cluster.settle();
  expect(await world.ask('node/e', 'remoteOther', 'umbrella')).toBe('ok "end"');
  await world.finishEffects();
  expect(await world.answer(open)).toBe('ok 10');
});
