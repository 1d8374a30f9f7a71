/**
 * The shipped actor `meter`: totals, budget and the durable timer that refills it.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testSystem } from 'synapse-actors/testing';
import { meter } from '../../actors/meter.ts';
import type { Ref } from 'synapse-actors';

type System = Awaited<ReturnType<typeof testSystem>>;

describe('meter', () => {
  let system: System;
  const model = (): Ref<typeof meter> => system.ref(meter, 'acme', 'small-model');

  beforeEach(async () => {
    system = await testSystem({ actors: new URL('../../actors/meter.js', import.meta.url) });
  });
  afterEach(() => system.close());

  test('adds up requests and tokens', async () => {
    await model().configure({ budget: 1_000 });
    expect(await model().use(374, 44)).toBe(582);
    expect(await model().use(100, 0)).toBe(482);
    expect(await model().totals()).toEqual({ requests: 2, contextTokens: 474, generatedTokens: 44, tokens: 518 });
  });

  test('refuses what does not fit the budget and counts nothing of it', async () => {
    await model().configure({ budget: 100 });
    await model().use(60, 0);
    await expect(model().use(40, 1)).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'over budget',
      details: { tokens: 41, remaining: 40, refillMs: 0 },
    });
    expect(await model().use(40, 0)).toBe(0);
    expect((await model().totals()).tokens).toBe(100);
  });

  test('is refilled by its timer, again and again, and unused tokens do not add up', async () => {
    await model().configure({ budget: 100, refillMs: 60_000 });
    await model().use(90, 0);
    await system.advance(59_999);
    expect(await model().remaining()).toBe(10);
    await system.advance(1);
    expect(await model().remaining()).toBe(100);
    await model().use(1, 0);
    await system.advance(180_000);
    expect(await model().remaining()).toBe(100);
    await model().use(1, 0);
    await system.advance(60_000);
    expect(await model().remaining()).toBe(100);
  });

  test('without an interval is never refilled', async () => {
    await model().configure({ budget: 100 });
    await model().use(90, 0);
    await system.advance(366 * 86_400_000);
    expect(await model().remaining()).toBe(10);
    await expect(model().refill()).rejects.toMatchObject({ code: 'REFUSED' });
  });

  test('configured anew it keeps one timer, the latest, and what was not given', async () => {
    await model().configure({ budget: 100, refillMs: 1_000 });
    await model().configure({ refillMs: 5_000 });
    expect(await model().plan()).toEqual({ budget: 100, refillMs: 5_000 });
    await model().use(50, 0);
    await system.advance(4_999);
    expect(await model().remaining()).toBe(50);
    await system.advance(1);
    expect(await model().remaining()).toBe(100);
    await model().configure({ refillMs: 0 });
    await model().use(50, 0);
    await system.advance(60_000);
    expect(await model().remaining()).toBe(50);
  });

  test('refilled by hand it still has one timer', async () => {
    await model().configure({ budget: 100, refillMs: 1_000 });
    await system.advance(600);
    await model().refill();
    await model().use(100, 0);
    await system.advance(400); // where the first timer would have fired
    expect(await model().remaining()).toBe(0);
    await system.advance(600);
    expect(await model().remaining()).toBe(100);
  });

  test.each([
    [-1, 0],
    [0, -1],
    [0.5, 0],
    [0, Number.NaN],
  ])('refuses %d and %d tokens', async (context, generated) => {
    await expect(model().use(context, generated)).rejects.toMatchObject({ code: 'REFUSED' });
    expect((await model().totals()).requests).toBe(0);
  });

  test.each([{ budget: -1 }, { budget: 1.5 }, { refillMs: -1 }, { refillMs: 1e12 }])(
    'refuses the plan %j',
    async (plan) => {
      const before = await model().plan();
      await expect(model().configure(plan)).rejects.toMatchObject({ code: 'REFUSED' });
      expect(await model().plan()).toEqual(before);
    },
  );

  test('its timer survives a crash', async () => {
    await model().configure({ budget: 100, refillMs: 60_000 });
    await model().use(90, 0);
    await system.crash();
    await system.reopen();
    expect(await model().remaining()).toBe(10);
    await system.advance(60_000);
    expect(await model().remaining()).toBe(100);
  });
});
