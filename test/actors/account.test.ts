/**
 * The shipped actor `account`: money is neither made nor lost, inside a tenant and across tenants.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testSystem } from 'synapse-actors/testing';
import { account } from '../../actors/account.ts';
import type { Ref } from 'synapse-actors';

type System = Awaited<ReturnType<typeof testSystem>>;
type Account = Ref<typeof account>;

describe('account', () => {
  let system: System;
  const at = (key: string, tenant: string = 'acme'): Account => system.ref(account, tenant, key);

  beforeEach(async () => {
    system = await testSystem({
      actors: new URL('../../actors/account.js', import.meta.url),
      grants: [
        { from: 'acme', to: 'bolt', actor: 'account', handlers: ['deposit'] },
        { from: 'bolt', to: 'acme', actor: 'account', handlers: ['deposit'] },
      ],
      callTimeoutMs: 30_000,
    });
  });
  afterEach(() => system.close());

  test('keeps the balance and the latest twenty changes', async () => {
    expect(await at('alice').deposit(100)).toBe(100);
    expect(await at('alice').withdraw(30)).toBe(70);
    expect(await at('alice').history()).toEqual([100, -30]);
    for (let amount = 1; amount <= 25; amount++) await at('alice').deposit(amount);
    expect(await at('alice').history()).toEqual(Array.from({ length: 20 }, (_, i) => i + 6));
    expect(await at('alice').balance()).toBe(70 + (25 * 26) / 2);
  });

  test.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses the amount %d everywhere', async (amount) => {
    await at('alice').deposit(10);
    await expect(at('alice').deposit(amount)).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(at('alice').withdraw(amount)).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(at('alice').transfer('bob', amount)).rejects.toMatchObject({ code: 'REFUSED' });
    expect(await at('alice').balance()).toBe(10);
  });

  test('refuses an overdraft and says what there is', async () => {
    await at('alice').deposit(10);
    await expect(at('alice').withdraw(11)).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'insufficient funds',
      details: { balance: 10, amount: 11 },
    });
    expect(await at('alice').history()).toEqual([10]);
  });

  test('applies what carries an id once, until the id is forgotten', async () => {
    expect(await at('alice').deposit(10, 'd')).toBe(10);
    expect(await at('alice').deposit(10, 'd')).toBe(10);
    expect(await at('alice').withdraw(4, 'w')).toBe(6);
    expect(await at('alice').withdraw(4, 'w')).toBe(6);
    await at('alice').forget(['d', 'unknown']);
    expect(await at('alice').deposit(10, 'd')).toBe(16);
    expect(await at('alice').withdraw(4, 'w')).toBe(16);
  });

  test('moves money inside the tenant, all or nothing', async () => {
    await at('alice').deposit(10);
    expect(await at('alice').transfer('bob', 7)).toBe('arrived');
    expect([await at('alice').balance(), await at('bob').balance()]).toEqual([3, 7]);
    await expect(at('alice').transfer('bob', 7)).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(at('alice').transfer('alice', 1)).rejects.toMatchObject({ code: 'REFUSED' });
    expect([await at('alice').balance(), await at('bob').balance()]).toEqual([3, 7]);
    expect(await at('alice').history()).toEqual([10, -7]);
  });

  test('moves money to another tenant that granted it', async () => {
    await at('alice').deposit(10);
    expect(await at('alice').transfer('bea', 4, 'bolt')).toBe('arrived');
    expect([await at('alice').balance(), await at('bea', 'bolt').balance()]).toEqual([6, 4]);
    expect(await at('alice').unsettled()).toEqual(new Map());
  });

  test('takes the money back where the other tenant granted nothing', async () => {
    await at('alice').deposit(10);
    await expect(at('alice').transfer('cem', 4, 'city')).rejects.toMatchObject({ code: 'DENIED' });
    expect([await at('alice').balance(), await at('cem', 'city').balance()]).toEqual([10, 0]);
    expect(await at('alice').history()).toEqual([10]);
  });

  test('leaves the money on its way where the other tenant does not answer in time', async () => {
    // Each waits for the other, which is busy waiting: only the timeout ends it, and then both arrive.
    await at('alice').deposit(10);
    await at('bea', 'bolt').deposit(10);
    const both = Promise.all([at('alice').transfer('bea', 4, 'bolt'), at('bea', 'bolt').transfer('alice', 1, 'acme')]);
    await system.advance(30_000);
    expect(await both).toContain('unsettled');
    expect([await at('alice').balance(), await at('bea', 'bolt').balance()]).toEqual([7, 13]);
  });

  test('settles what was on its way as it is told', async () => {
    await at('alice').deposit(10);
    await at('bea', 'bolt').deposit(10);
    const both = Promise.all([at('alice').transfer('bea', 4, 'bolt'), at('bea', 'bolt').transfer('alice', 1, 'acme')]);
    await system.advance(30_000);
    const [outcome] = await both;
    const open = [...(await at('alice').unsettled()).entries()];
    expect(open.map(([, transfer]) => transfer)).toEqual(
      outcome === 'unsettled' ? [{ tenant: 'bolt', to: 'bea', amount: 4 }] : [],
    );
    for (const [id] of open) expect(await at('alice').settle(id, true)).toBe(7);
    expect((await at('alice').unsettled()).size).toBe(0);
    await expect(at('alice').settle('no such id', false)).rejects.toMatchObject({ code: 'REFUSED' });
  });

  test('has lost and made nothing after a crash', async () => {
    await at('alice').deposit(10);
    await at('alice').transfer('bob', 3);
    await at('alice').transfer('bea', 2, 'bolt');
    await system.crash();
    await system.reopen();
    expect([await at('alice').balance(), await at('bob').balance(), await at('bea', 'bolt').balance()]).toEqual([
      5, 3, 2,
    ]);
    expect(await at('alice').history()).toEqual([10, -3, -2]);
  });
});
