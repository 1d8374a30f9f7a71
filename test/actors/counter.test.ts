/**
 * The shipped actor `counter`.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testSystem } from 'synapse-actors/testing';
import { counter } from '../../actors/counter.ts';

type System = Awaited<ReturnType<typeof testSystem>>;

describe('counter', () => {
  let system: System;
  beforeEach(async () => {
    system = await testSystem({ actors: new URL('../../actors/counter.js', import.meta.url) });
  });
  afterEach(() => system.close());

  test('counts by one or by what it is told', async () => {
    const visits = system.ref(counter, 'acme', 'door');
    expect(await visits.count()).toBe(0);
    expect(await visits.increment()).toBe(1);
    expect(await visits.increment(5)).toBe(6);
    expect(await visits.increment(-2)).toBe(4);
    expect(await visits.count()).toBe(4);
  });

  test('starts again from 0 and says what it had counted', async () => {
    const visits = system.ref(counter, 'acme', 'door');
    await visits.increment(3);
    expect(await visits.reset()).toBe(3);
    expect(await visits.count()).toBe(0);
  });

  test('refuses to leave the whole numbers and stays as it was', async () => {
    const visits = system.ref(counter, 'acme', 'door');
    await visits.increment(7);
    await expect(visits.increment(0.5)).rejects.toMatchObject({ code: 'REFUSED', details: { by: 0.5 } });
    await expect(visits.increment(Number.MAX_SAFE_INTEGER)).rejects.toMatchObject({ code: 'REFUSED' });
    expect(await visits.count()).toBe(7);
  });

  test('is another one in another tenant and under another key', async () => {
    await system.ref(counter, 'acme', 'door').increment();
    expect(await system.ref(counter, 'acme', 'gate').count()).toBe(0);
    expect(await system.ref(counter, 'bolt', 'door').count()).toBe(0);
  });

  test('has its count after a crash', async () => {
    await system.ref(counter, 'acme', 'door').increment(2);
    await system.crash();
    await system.reopen();
    expect(await system.ref(counter, 'acme', 'door').count()).toBe(2);
  });
});
