/** Supervision as a caller sees it: directives, strategies, intensity, back-off, escalation, ends. */
import { expect, test } from 'vitest';
import { actor, effect } from 'synapse-actors';
import type { Notice } from '../../src/host/lane-frame.ts';
import { World } from '../host/world.ts';

const fails = {
  add(ctx: { state: { n: number } }, n: number): number {
    ctx.state.n += n;
    return ctx.state.n;
  },
  fail(ctx: { state: { n: number } }): void {
    ctx.state.n = 1_000;
    throw new Error('broken');
  },
};

const state = (): { n: number } => ({ n: 0 });
const queries = { n: (ctx: { state: { readonly n: number } }): number => ctx.state.n };

const phoenix = actor('phoenix', {
  state,
  supervise: { onFailure: 'restart', intensity: 6, periodMs: 100_000, backoffMs: [100, 1_000] },
  restarted: (ctx): void => void (ctx.state.n += 0.5),
  commands: fails,
  queries,
});

const brittle = actor('brittle', {
  state,
  supervise: { onFailure: 'restart', intensity: 2, periodMs: 10_000, backoffMs: [10, 10] },
  commands: fails,
  queries,
});
const mayfly = actor('mayfly', { state, supervise: { onFailure: 'stop' }, commands: fails, queries });
const proud = actor('proud', {
  state,
  supervise: { onFailure: 'escalate', periodMs: 5_000 },
  commands: fails,
  queries,
});

function family(name: string, strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one') {
  return actor(name, {
    state,
    supervise: { strategy, onFailure: 'resume' },
    commands: {
      ...fails,
      bear(ctx, type: string, ...keys: string[]): void {
        for (const key of keys) ctx.spawn(type, key);
      },
      leave: (ctx): void => ctx.stop(),
    },
    queries,
  });
}

const watcher = actor('watcher', {
  state: () => ({ n: 0, ends: [] as readonly string[] }),
  effects: { wait: effect((input: unknown) => input) },
  terminated(ctx, _ref, reason): void {
    ctx.state.ends = [...ctx.state.ends, reason];
  },
  commands: {
    watch: (ctx, type: string, key: string): void => ctx.watch(ctx.ref(type, key)),
    leave: (ctx): void => ctx.stop(),
    async wait(ctx): Promise<string> {
      ctx.state.n = 5;
      await ctx.effect('wait', 1);
      return 'waited';
    },
  },
  queries: { ends: (ctx): readonly string[] => ctx.state.ends, n: (ctx): number => ctx.state.n },
});

const all = [
  phoenix,
  brittle,
  mayfly,
  proud,
  watcher,
  family('one', 'one-for-one'),
  family('all', 'one-for-all'),
  family('rest', 'rest-for-one'),
];

function restarts(notices: readonly Notice[]): string[] {
  return notices.flatMap((notice) => (notice.kind === 'restart' ? [notice.address?.key ?? ''] : []));
}

test('a back-off doubles with every restart up to its longest', async () => {
  const world = new World(all);
  const { cluster } = world;
  await world.ask('phoenix/p', 'add', 1);
  const waits: number[] = [];
  for (let at = 0; at < 6; at++) {
    const fromMs = cluster.nowMs;
    await world.ask('phoenix/p', 'fail');
    const last = cluster.notices.at(-1);
    waits.push(last?.kind === 'restart' ? (last.untilMs ?? 0) - fromMs : -1);
    await cluster.advance(1_000);
  }
  expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(await world.ask('phoenix/p', 'n')).toBe('ok 4');
});

test('messages wait out the back-off and come in their order, after `restarted`', async () => {
  const world = new World(all);
  await world.ask('phoenix/p', 'add', 1);
  await world.ask('phoenix/p', 'fail');
  const waiting = [1, 2].map((n) => world.send('phoenix/p', 'add', [n]));
  expect(await world.answer(waiting[0] ?? 0)).toBeUndefined();
  expect(await world.ask('phoenix/p', 'n')).toBe('ok 1');
  await world.cluster.advance(99);
  expect(await world.answer(waiting[0] ?? 0)).toBeUndefined();
  await world.cluster.advance(1);
  expect(await Promise.all(waiting.map((id) => world.answer(id)))).toEqual(['ok 2.5', 'ok 4.5']);
});

test('a back-off that was under way when the process died ends after its time', async () => {
  const world = new World(all);
  await world.ask('phoenix/p', 'add', 1);
  await world.ask('phoenix/p', 'fail');
  const waiting = world.send('phoenix/p', 'add', [1], { idempotencyKey: 'k' });
  await world.crash();
  expect(await world.answer(waiting)).toBeUndefined();
  await world.cluster.advance(100);
  expect(await world.answer(waiting)).toBe('ok 2.5');
});

test('more restarts than the intensity in a period escalate; the tenant is suspended, others are not', async () => {
  const world = new World(all);
  await world.ask('brittle/b', 'add', 1);
  for (let at = 0; at < 2; at++) {
    await world.ask('brittle/b', 'fail');
    await world.cluster.advance(10);
  }
  expect(await world.ask('brittle/b', 'add', 1)).toBe('ok 2');
  await world.ask('brittle/b', 'fail');
  expect(await world.ask('brittle/other', 'add', 1)).toMatch(/^SUSPENDED/);
  expect(await world.askOf('umbrella', 'brittle/b', 'add', 1)).toBe('ok 1');
  await world.cluster.advance(9_999);
  expect(await world.ask('brittle/b', 'add', 1)).toMatch(/^SUSPENDED/);
  await world.cluster.advance(1);
  expect(await world.ask('brittle/b', 'add', 1)).toBe('ok 3');
});

test('restarts outside the period do not count', async () => {
  const world = new World(all);
  await world.ask('brittle/b', 'add', 1);
  for (let at = 0; at < 6; at++) {
    await world.ask('brittle/b', 'fail');
    await world.cluster.advance(5_001);
  }
  expect(await world.ask('brittle/b', 'add', 1)).toBe('ok 2');
});

test.each([false, true])(
  'restarts of an actor whose first turn never succeeded count (crashes between: %s)',
  async (crashes) => {
    const world = new World(all);
    for (let at = 0; at < 2; at++) {
      expect(await world.ask('brittle/new', 'fail')).toMatch(/^HANDLER_FAILED/);
      await world.cluster.advance(10);
      if (!crashes) continue;
      await world.evictAll();
      await world.crash();
    }
    expect(await world.ask('brittle/new', 'fail')).toMatch(/^HANDLER_FAILED/);
    expect(await world.ask('brittle/new', 'add', 1)).toMatch(/^SUSPENDED/);
  },
);

test('a suspended tenant goes on when it is resumed', async () => {
  const world = new World(all);
  await world.ask('proud/p', 'fail');
  expect(await world.ask('mayfly/m', 'add', 1)).toMatch(/^SUSPENDED/);
  await world.resume();
  expect(await world.ask('mayfly/m', 'add', 1)).toBe('ok 1');
});

test('a suspension holds across a crash', async () => {
  const world = new World(all);
  await world.ask('proud/p', 'fail');
  await world.crash();
  expect(await world.ask('mayfly/m', 'add', 1)).toMatch(/^SUSPENDED/);
  await world.cluster.advance(5_000);
  expect(await world.ask('mayfly/m', 'add', 1)).toBe('ok 1');
});

test('what was answered before is answered again while the tenant is suspended', async () => {
  const world = new World(all);
  expect(await world.askKeyed('k', 'mayfly/m', 'add', 1)).toBe('ok 1');
  await world.ask('proud/p', 'fail');
  expect(await world.askKeyed('k', 'mayfly/m', 'add', 1)).toBe('ok 1');
  expect(await world.askKeyed('other', 'mayfly/m', 'add', 1)).toMatch(/^SUSPENDED/);
});

test('suspending ends what is suspended and what waits, and says so to their callers', async () => {
  const world = new World(all);
  world.cluster.effectsAreHeld = true;
  const suspended = world.send('watcher/w', 'wait');
  const parked = world.send('watcher/w', 'watch', ['mayfly', 'm']);
  await world.ask('proud/p', 'fail');
  expect(await world.answer(suspended)).toMatch(/^SUSPENDED/);
  expect(await world.answer(parked)).toMatch(/^SUSPENDED/);
  expect(world.cluster.effectNames).toEqual([]);
});

test.each([
  ['one', ['b']],
  ['all', ['a', 'b', 'c']],
  ['rest', ['b', 'c']],
])('in the family %s the children %j restart with b', async (name, expected) => {
  const world = new World(all);
  await world.ask(`${name}/parent`, 'bear', 'phoenix', 'a', 'b', 'c');
  await world.ask('phoenix/b', 'fail');
  expect(restarts(world.cluster.notices).sort()).toEqual(expected);
});

test('a child that stops on failure loses its state and starts afresh', async () => {
  const world = new World(all);
  await world.ask('mayfly/m', 'add', 5);
  expect(await world.ask('mayfly/m', 'fail')).toMatch(/^HANDLER_FAILED/);
  expect(await world.ask('mayfly/m', 'add', 1)).toBe('ok 1');
});

test('children die with their parent, grandchildren too', async () => {
  const world = new World(all);
  await world.ask('one/parent', 'bear', 'all', 'child');
  await world.ask('all/child', 'bear', 'mayfly', 'grandchild');
  await world.ask('mayfly/grandchild', 'add', 5);
  await world.ask('one/parent', 'leave');
  expect(await world.ask('mayfly/grandchild', 'n')).toBe('ok 0');
  expect(await world.ask('one/parent', 'bear', 'mayfly', 'grandchild')).toBe('ok undefined');
});

test('a child that ended and is born again is a child again: it dies with its parent', async () => {
  const parent = actor('parent', {
    state,
    commands: {
      async renew(ctx): Promise<void> {
        ctx.spawn('one', 'c');
        await ctx.ref('mayfly', 'x')['add']?.(1);
      },
      async again(ctx): Promise<void> {
        await ctx.ref('one', 'c')['leave']?.();
        ctx.spawn('one', 'c');
      },
      leave: (ctx): void => ctx.stop(),
    },
  });
  const world = new World([...all, parent]);
  await world.ask('parent/p', 'renew');
  expect(await world.ask('parent/p', 'again')).toBe('ok undefined');
  await world.ask('one/c', 'add', 5);
  await world.ask('parent/p', 'leave');
  expect(await world.ask('one/c', 'n')).toBe('ok 0');
});

test('each parent has its own children, those of later turns included', async () => {
  const world = new World(all);
  for (const [parent, ...keys] of ['pa', 'qbc', 'pde']) await world.ask(`one/${parent}`, 'bear', 'one', ...keys);
  for (const key of 'abcde') await world.ask(`one/${key}`, 'add', 5);
  await world.ask('one/p', 'leave');
  for (const key of 'abcde') expect(await world.ask(`one/${key}`, 'n')).toBe('bc'.includes(key) ? 'ok 5' : 'ok 0');
});

test('watchers hear of an end, its reason, once', async () => {
  const world = new World(all);
  await world.ask('watcher/w', 'watch', 'mayfly', 'm');
  await world.ask('mayfly/m', 'add', 1);
  await world.ask('mayfly/m', 'fail');
  await world.ask('mayfly/m', 'add', 1);
  await world.ask('mayfly/m', 'fail');
  expect(await world.ask('watcher/w', 'ends')).toBe('ok ["Error: broken"]');
});

test('an end does not bring back a watcher that has ended before', async () => {
  const world = new World(all);
  await world.ask('watcher/w', 'watch', 'mayfly', 'm');
  await world.ask('mayfly/m', 'add', 1);
  await world.ask('watcher/w', 'leave');
  const before = (await world.cluster.roots())[0]?.stateRoot;
  await world.ask('mayfly/m', 'fail');
  expect(await world.ask('watcher/w', 'ends')).toBe('ok []');
  await world.ask('mayfly/m', 'add', 1);
  expect((await world.cluster.roots())[0]?.stateRoot).toBe(before);
});

test.each(['in memory', 'after a crash'])('a watch ends with its watcher, %s', async (where) => {
  const world = new World(all);
  await world.ask('watcher/w', 'watch', 'mayfly', 'm');
  await world.ask('watcher/other', 'watch', 'mayfly', 'm');
  await world.ask('mayfly/m', 'add', 1);
  await world.ask('watcher/w', 'leave');
  await world.ask('watcher/w', 'watch', 'mayfly', 'x'); // born again, it watches another
  if (where === 'after a crash') {
    await world.cluster.snapshotAll();
    await world.crash();
  }
  await world.ask('mayfly/m', 'fail');
  expect(await world.ask('watcher/w', 'ends')).toBe('ok []');
  expect(await world.ask('watcher/other', 'ends')).toBe('ok ["Error: broken"]');
  await world.ask('mayfly/x', 'add', 1);
  await world.ask('mayfly/x', 'fail');
  expect(await world.ask('watcher/w', 'ends')).toBe('ok ["Error: broken"]');
});

test('a child may be told and not called before the turn that spawns it has ended', async () => {
  const parent = actor('parent', {
    state,
    commands: {
      async bearAndCall(ctx, key: string): Promise<unknown> {
        const child = ctx.spawn('one', key);
        return child['add']?.(1);
      },
      async bearAndTell(ctx, key: string): Promise<unknown> {
        const child = ctx.spawn('one', key);
        child.tell['add']?.(1);
        return child['n']?.();
      },
      leave: (ctx): void => ctx.stop(),
    },
  });
  const world = new World([...all, parent]);
  expect(await world.ask('parent/p', 'bearAndCall', 'c')).toMatch(/^INVALID_ARGUMENT .*end of this turn/);
  expect(await world.ask('one/c', 'n')).toBe('ok 0');
  expect(await world.ask('parent/p', 'bearAndTell', 'c')).toBe('ok 0');
  expect(await world.ask('one/c', 'n')).toBe('ok 1');
  await world.ask('parent/p', 'leave');
  expect(await world.ask('one/c', 'n')).toBe('ok 0');
});

test('an actor has no more than 10,000 children, and a turn that asks for more fails whole', async () => {
  const world = new World(all);
  const keys = Array.from({ length: 10_000 }, (_, n) => `c${n}`);
  expect(await world.ask('one/p', 'bear', 'mayfly', ...keys, 'more')).toMatch(/^MAILBOX_FULL .*10000 children/);
  expect(await world.ask('one/p', 'bear', 'mayfly', ...keys)).toBe('ok undefined');
  expect(await world.ask('one/p', 'bear', 'mayfly', 'more')).toMatch(/^MAILBOX_FULL/);
  await world.ask('mayfly/c7', 'add', 1);
  await world.ask('mayfly/c7', 'fail'); // ends: there is room for one
  expect(await world.ask('one/p', 'bear', 'mayfly', 'more')).toBe('ok undefined');
});

test('an actor that is stopped while it is suspended tells its caller and cancels its effect', async () => {
  const parent = actor('parent', {
    state,
    commands: { bear: (ctx): void => void ctx.spawn('watcher', 'w'), leave: (ctx): void => ctx.stop() },
  });
  const world = new World([...all, parent]);
  world.cluster.effectsAreHeld = true;
  await world.ask('parent/p', 'bear');
  const suspended = world.send('watcher/w', 'wait');
  await world.cluster.settle();
  const effectName = world.cluster.effectNames[0] ?? '';
  expect(effectName).not.toBe('');
  await world.ask('parent/p', 'leave');
  expect(await world.answer(suspended)).toMatch(/^HANDLER_FAILED .*was stopped/);
  expect(world.cluster.effectNames).toEqual([]);
  expect(await world.ask('watcher/w', 'n')).toBe('ok 0');
});

test('a turn that lost its actor while its effect ran is not found by the late result', async () => {
  const world = new World(all);
  world.cluster.effectsAreHeld = true;
  const suspended = world.send('watcher/w', 'wait');
  await world.cluster.settle();
  world.cluster.sender.deliver('effectResult', 'acme', '1.0', true, new Uint8Array([1]));
  await world.cluster.settle();
  const seq = world.seq();
  world.cluster.sender.deliver('effectResult', 'acme', '1.0', true, new Uint8Array([1]));
  await world.cluster.settle();
  expect(await world.answer(suspended)).toBe('ok "waited"');
  expect(world.seq()).toBe(seq);
});

test('restarts before the first success count towards the intensity like those after it', async () => {
  const frail = actor('frail', {
    state: () => ({ n: 0 }),
    commands: {
      go(ctx, isWell: boolean): number {
        if (!isWell) throw new Error('not yet');
        return (ctx.state.n += 1);
      },
    },
    supervise: { onFailure: 'restart', intensity: 2, periodMs: 60_000, backoffMs: [1, 1] },
  });
  const world = new World([frail]);
  for (let i = 0; i < 2; i++) {
    expect(await world.ask('frail/a', 'go', false)).toContain('HANDLER_FAILED');
    await world.cluster.advance(10);
  }
  expect(await world.ask('frail/a', 'go', true)).toBe('ok 1');
  await world.evictAll();
  expect(await world.ask('frail/a', 'go', false)).toContain('HANDLER_FAILED');
  expect(world.cluster.notices.map(({ kind }) => kind).filter((kind) => kind === 'escalated')).toHaveLength(1);
  expect(await world.ask('frail/a', 'go', true)).toContain('SUSPENDED');
});
