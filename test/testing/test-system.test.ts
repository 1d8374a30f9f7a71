/** `testSystem`: a clock that stands still, stubs, crashes and recoveries, other code after one. */
import { afterEach, describe, expect, test } from 'vitest';
import { type TestOptions, type TestSystem, testSystem } from 'synapse-actors/testing';

const actors = new URL('./bench-actors.js', import.meta.url);
const versionTwo = new URL('./bench-actors-two.js', import.meta.url);
const open: TestSystem[] = [];

async function start(options: Partial<TestOptions> = {}): Promise<TestSystem> {
  const system = await testSystem({ actors, ...options });
  open.push(system);
  return system;
}

afterEach(async () => {
  for (const system of open.splice(0)) await system.close();
});

/** The code that a call ends with, or its value. */
async function codeOf(call: Promise<unknown> | undefined): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** What the thread has outside of turns. */
const ambient = { Date, setTimeout, random: Math.random };

const deskOf = (system: TestSystem, tenant = 'acme') => system.ref('desk', tenant, 'd');

describe('the clock', () => {
  test('stands still until it is told to go', async () => {
    const system = await start();
    const startMs = system.now();
    await deskOf(system)['note']?.('a');
    await deskOf(system)['note']?.('b');
    expect(await deskOf(system)['log']?.()).toEqual([
      ['a', startMs],
      ['b', startMs],
    ]);
    expect(startMs).toBe(Date.UTC(2024, 0, 1));
    await system.advance(5);
    expect(system.now()).toBe(startMs + 5);
  });

  test('fires what comes due on the way, each at its own time and in its order', async () => {
    const system = await start({ startMs: 1_000 });
    const desk = deskOf(system);
    for (const [ms, what] of [
      [30, 'c'],
      [10, 'a'],
      [30, 'd'],
      [20, 'b'],
      [31, 'never'],
    ])
      await desk['later']?.(ms, what);
    await system.advance(30);
    expect(await desk['log']?.()).toEqual([
      ['a', 1_010],
      ['b', 1_020],
      ['c', 1_030],
      ['d', 1_030],
    ]);
  });

  test('ends a call whose time is over', async () => {
    const system = await start({ effects: { ask: () => new Promise(() => undefined) } });
    const call = codeOf(deskOf(system).with({ timeoutMs: 50 })['ask']?.('x'));
    await system.advance(50);
    expect(await call).toBe('TIMEOUT');
  });

  test('two advances come to the same as one', async () => {
    const logs: unknown[] = [];
    for (const steps of [[100], [40, 60]]) {
      const system = await start();
      for (const ms of [10, 50, 90]) await deskOf(system)['later']?.(ms, ms);
      for (const ms of steps) await system.advance(ms);
      logs.push(await deskOf(system)['log']?.());
    }
    expect(logs[1]).toEqual(logs[0]);
  });
});

describe('a stub', () => {
  test('answers in place of its effect, by name or by actor and name', async () => {
    const byName = await start({ effects: { ask: (input: never) => `stub ${String(input)}` } });
    expect(await deskOf(byName)['ask']?.('x')).toBe('stub x');
    const byActor = await start({ effects: { 'desk.ask': () => 'exact', ask: () => 'general' } });
    expect(await deskOf(byActor)['ask']?.('x')).toBe('exact');
  });

  test('that is missing fails the effect instead of reaching the world', async () => {
    const system = await start();
    await expect(deskOf(system)['ask']?.('x')).rejects.toMatchObject({
      code: 'EFFECT_FAILED',
      message: expect.stringContaining('no stub'),
    });
  });

  test('that fails is tried again after the back-off of its effect, on the virtual clock', async () => {
    const attempts: number[] = [];
    const system = await start({
      startMs: 0,
      effects: {
        ask: () => {
          attempts.push(system.now());
          if (attempts.length < 3) throw new Error('not yet');
          return 'at last';
        },
      },
    });
    const call = deskOf(system)['ask']?.('x');
    await system.advance(1_000);
    expect(await call).toBe('at last');
    expect(attempts).toHaveLength(3);
    expect(attempts[0]).toBe(0);
    expect(attempts[1]).toBeGreaterThan(0);
    expect(attempts[2]).toBeGreaterThan(attempts[1] ?? 0);
  });

  test('gets the same idempotency key for every attempt, after a crash too', async () => {
    const keys: string[] = [];
    const system = await start({
      effects: {
        ask: (_input: never, { idempotencyKey }: { idempotencyKey: string }) => {
          keys.push(idempotencyKey);
          return keys.length < 3 ? new Promise(() => undefined) : 'done';
        },
      },
    });
    deskOf(system).tell['ask']?.('x');
    await system.advance(0);
    for (let at = 0; at < 2; at++) {
      await system.crash();
      await system.reopen();
    }
    await system.advance(0);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(await deskOf(system)['whats']?.()).toEqual(['done']);
  });

  test('with afterCrash fail is not run again', async () => {
    let runs = 0;
    const system = await start({
      effects: {
        once: () => {
          runs += 1;
          return new Promise(() => undefined);
        },
      },
    });
    const crashed = codeOf(deskOf(system).with({ idempotencyKey: 'k' })['once']?.('x'));
    await system.advance(0);
    await system.crash();
    expect(await crashed).toBe('CLOSED');
    await system.reopen();
    await expect(deskOf(system).with({ idempotencyKey: 'k' })['once']?.('x')).rejects.toMatchObject({
      code: 'EFFECT_FAILED',
      details: { outcome: 'unknown' },
    });
    expect(runs).toBe(1);
  });
});

describe('a crash', () => {
  test('keeps what was answered, and loses the calls under way', async () => {
    const system = await start({ effects: { ask: () => new Promise(() => undefined) } });
    const desk = deskOf(system);
    await desk['note']?.('kept');
    const under = codeOf(desk['ask']?.('x'));
    await system.crash();
    expect(await under).toBe('CLOSED');
    await expect(desk['note']?.('while down')).rejects.toMatchObject({ code: 'CLOSED' });
    await system.reopen();
    expect(await desk['whats']?.()).toEqual(['kept']);
  });

  test('changes no root', async () => {
    const system = await start({ effects: { ask: () => 'answer' } });
    for (const what of ['a', 'b']) await deskOf(system)['note']?.(what);
    await deskOf(system)['ask']?.('x');
    const before = await system.tenants();
    await system.crash();
    await system.reopen();
    expect(await system.tenants()).toEqual(before);
  });

  test('without a crash before it, reopening is one', async () => {
    const system = await start();
    await deskOf(system)['note']?.('kept');
    await system.reopen();
    expect(await deskOf(system)['whats']?.()).toEqual(['kept']);
  });

  test('leaves timers, which fire after recovery', async () => {
    const system = await start();
    await deskOf(system)['later']?.(100, 'due');
    await system.crash();
    await system.reopen();
    await system.advance(100);
    expect(await deskOf(system)['whats']?.()).toEqual(['due']);
  });

  test('takes no answer of a call with a key', async () => {
    const system = await start();
    const keyed = deskOf(system).with({ idempotencyKey: 'k' });
    expect(await keyed['note']?.('x')).toBe(1);
    await expect(deskOf(system).with({ idempotencyKey: 'r' })['refuse']?.()).rejects.toMatchObject({ code: 'REFUSED' });
    await system.crash();
    await system.reopen();
    expect(await keyed['note']?.('x')).toBe(1);
    await expect(deskOf(system).with({ idempotencyKey: 'r' })['refuse']?.()).rejects.toMatchObject({
      code: 'REFUSED',
      details: { why: 'test' },
    });
    expect(system.stats().repeats).toBe(2);
  });
});

describe('other code after a crash', () => {
  test('brings the state forward, with the version before it for what is recorded', async () => {
    const system = await start();
    for (const what of ['a', 'b']) await deskOf(system)['note']?.(what);
    await system.crash();
    await system.reopen({ actors: versionTwo, previous: [actors] });
    expect(await deskOf(system)['text']?.()).toBe('a b');
    expect(await deskOf(system)['note']?.('c')).toBe('a b +c');
    await system.crash();
    await system.reopen();
    expect(await deskOf(system)['text']?.()).toBe('a b +c');
  });

  test('without it is refused with DIVERGED where steps are not in a snapshot', async () => {
    const system = await start();
    await deskOf(system)['note']?.('a');
    await system.crash();
    await system.reopen({ actors: versionTwo });
    await expect(deskOf(system)['text']?.()).rejects.toMatchObject({ code: 'DIVERGED' });
    await system.crash();
    await system.reopen({ actors });
    expect(await deskOf(system)['whats']?.()).toEqual(['a']);
  });

  test('may have other options and stubs', async () => {
    const system = await start({ effects: { ask: () => 'first' } });
    await expect(deskOf(system)['cross']?.('umbrella')).rejects.toMatchObject({ code: 'DENIED' });
    await system.reopen({
      effects: { ask: () => 'second' },
      grants: [{ from: 'acme', to: 'umbrella', actor: 'desk', handlers: ['note'] }],
    });
    expect(await deskOf(system)['ask']?.('x')).toBe('second');
    expect(await deskOf(system)['cross']?.('umbrella')).toBe(1);
  });
});

describe('inside a turn', () => {
  test('the time is the recorded one, by every name', async () => {
    const system = await start();
    const ms = system.now();
    expect(await deskOf(system)['ambient']?.('date')).toEqual([ms, ms, ms]);
    expect(await deskOf(system)['date']?.()).toBe(ms);
  });

  test.each(['timeout', 'immediate', 'fetch'])('%s is out of reach', async (what) => {
    const system = await start();
    await expect(deskOf(system)['ambient']?.(what)).rejects.toMatchObject({ code: 'AMBIENT_AUTHORITY' });
  });

  test('the rules hold after an await, and nowhere outside', async () => {
    const system = await start();
    expect(await deskOf(system)['ambientLater']?.()).toEqual([true, 'function']);
    expect({ Date, setTimeout, random: Math.random }).toEqual(ambient);
  });

  test('chance is seeded: one seed, one sequence', async () => {
    const drawn = async (seed: number): Promise<unknown> => deskOf(await start({ seed }))['draw']?.();
    expect(await drawn(1)).toEqual(await drawn(1));
    expect(await drawn(2)).not.toEqual(await drawn(1));
  });
});

test('events are read from any offset, those of before a crash too', async () => {
  const system = await start();
  for (const value of ['a', 'b', 'c']) await deskOf(system)['emit']?.(value);
  await system.reopen();
  const seen: unknown[] = [];
  for await (const { offset, value } of system.events('acme', 'news', { from: 1 })) {
    seen.push([offset, value]);
    if (seen.length === 2) break;
  }
  expect(seen).toEqual([
    [1, 'b'],
    [2, 'c'],
  ]);
});

test('closing twice is closing once, and afterwards nothing is taken', async () => {
  const system = await start();
  await deskOf(system)['note']?.('a');
  await Promise.all([system.close(), system.close()]);
  await expect(deskOf(system)['note']?.('b')).rejects.toMatchObject({ code: 'CLOSED' });
  await expect(system.tenants()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('options that make no sense are refused by name', async () => {
  await expect(testSystem({ actors, shards: 0 })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { option: 'shards' },
  });
  await expect(testSystem({ actors, sheds: 1 } as never)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { option: 'sheds' },
  });
  await expect(testSystem({ actors: new URL('./none.js', import.meta.url) })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
});
