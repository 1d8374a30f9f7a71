/**
 * The shipped actor `saga`: a transfer over two tenants ends in one of two ways, and crashes, repeats
 * and silence change neither the way nor the sums.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testSystem } from 'synapse-actors/testing';
import { account } from '../../actors/account.ts';
import { type Party, saga } from '../../actors/saga.ts';
import type { Ref } from 'synapse-actors';

type System = Awaited<ReturnType<typeof testSystem>>;

const ALICE: Party = { tenant: 'acme', key: 'alice' };
const BEA: Party = { tenant: 'bolt', key: 'bea' };
const HANDLERS: readonly string[] = ['withdraw', 'deposit', 'forget'];

/** Longer than all retries of these tests together. */
const LONG_MS = 3_600_000;

function open(mayDeposit: boolean = true): Promise<System> {
  return testSystem({
    actors: [new URL('../../actors/saga.js', import.meta.url), new URL('../../actors/account.js', import.meta.url)],
    grants: [
      { from: 'desk', to: 'acme', actor: 'account', handlers: HANDLERS },
      ...(mayDeposit ? [{ from: 'desk', to: 'bolt', actor: 'account', handlers: HANDLERS }] : []),
      { from: 'bolt', to: 'city', actor: 'account', handlers: ['deposit'] },
      { from: 'city', to: 'bolt', actor: 'account', handlers: ['deposit'] },
    ],
    callTimeoutMs: 30_000,
  });
}

describe('saga', () => {
  let system: System;
  const at = ({ tenant, key }: Party): Ref<typeof account> => system.ref(account, tenant, key);
  const transfer = (key: string = 't-1'): Ref<typeof saga> => system.ref(saga, 'desk', key);
  const balances = async (): Promise<number[]> => [await at(ALICE).balance(), await at(BEA).balance()];

  beforeEach(async () => {
    system = await open();
    await at(ALICE).deposit(100);
  });
  afterEach(() => system.close());

  test('moves the money from one tenant to another', async () => {
    expect(await transfer().status()).toBe('new');
    expect(await transfer().start(ALICE, BEA, 40)).toBe('withdrawing');
    await system.advance(LONG_MS);
    expect(await transfer().status()).toBe('done');
    expect(await balances()).toEqual([60, 40]);
  });

  test('ends without touching anything where the first half refuses', async () => {
    await transfer().start(ALICE, BEA, 101);
    await system.advance(LONG_MS);
    expect(await transfer().report()).toMatchObject({ status: 'refused', reason: 'insufficient funds' });
    expect(await balances()).toEqual([100, 0]);
  });

  test('pays back where the second half refuses', async () => {
    await system.close();
    system = await open(false);
    await at(ALICE).deposit(100);
    await transfer().start(ALICE, BEA, 40);
    await system.advance(LONG_MS);
    expect(await transfer().report()).toMatchObject({ status: 'compensated', reason: 'DENIED' });
    expect(await balances()).toEqual([100, 0]);
    expect(await at(ALICE).history()).toEqual([100, -40, 40]);
  });

  test('said twice happens once, and another transfer under its key is refused', async () => {
    await transfer().start(ALICE, BEA, 40);
    expect(await transfer().start(ALICE, BEA, 40)).not.toBe('new');
    await expect(transfer().start(ALICE, BEA, 41)).rejects.toMatchObject({ code: 'REFUSED' });
    await system.advance(LONG_MS);
    expect(await transfer().start(ALICE, BEA, 40)).toBe('done');
    await system.advance(LONG_MS);
    expect(await balances()).toEqual([60, 40]);
  });

  test.each([0, -5, 0.5, Number.NaN])('refuses the amount %d and can still be started', async (amount) => {
    await expect(transfer().start(ALICE, BEA, amount)).rejects.toMatchObject({ code: 'REFUSED' });
    expect(await transfer().status()).toBe('new');
    await transfer().start(ALICE, BEA, 1);
    await system.advance(LONG_MS);
    expect(await balances()).toEqual([99, 1]);
  });

  test('pushed on from outside at any time it does nothing twice', async () => {
    await transfer().advance();
    expect(await transfer().status()).toBe('new');
    await transfer().start(ALICE, BEA, 40);
    for (let i = 0; i < 5; i++) await transfer().advance();
    await system.advance(LONG_MS);
    expect(await transfer().status()).toBe('done');
    expect(await balances()).toEqual([60, 40]);
  });

  test('asks again where an account is silent, and the money arrives once', async () => {
    // Bea's account is kept busy for a minute: it and Cem's wait for each other, twice.
    const cem: Party = { tenant: 'city', key: 'cem' };
    await at(BEA).deposit(10);
    await at(cem).deposit(10);
    for (let i = 0; i < 2; i++) {
      at(BEA).tell.transfer('cem', 1, 'city');
      at(cem).tell.transfer('bea', 1, 'bolt');
    }
    await transfer().start(ALICE, BEA, 40);
    await system.advance(LONG_MS);
    expect(await transfer().status()).toBe('done');
    expect(await balances()).toEqual([60, 50]);
  });

  test.each([0, 1, 2, 3, 4, 5, 6])('ends the same way with a crash after %d steps', async (steps) => {
    await transfer('good').start(ALICE, BEA, 40);
    await transfer('bad').start(ALICE, { tenant: 'nowhere', key: 'nobody' }, 30);
    for (let i = 0; i < steps; i++) await system.advance(0);
    await system.crash();
    await system.reopen();
    await system.advance(LONG_MS);
    expect(await transfer('good').status()).toBe('done');
    expect(await transfer('bad').status()).toBe('compensated');
    expect(await balances()).toEqual([60, 40]);
  });

  test('tells how it ended, once', async () => {
    await transfer().start(ALICE, BEA, 40);
    await system.advance(LONG_MS);
    const events = system.events('desk', 'transfers', { from: 0 })[Symbol.asyncIterator]();
    const first = await events.next();
    expect(first.value).toMatchObject({ offset: 0, value: { key: 't-1', status: 'done', reason: '' } });
    await events.return?.();
  });

  test('leaves no ids behind in the accounts', async () => {
    await transfer().start(ALICE, BEA, 40);
    const { plan } = await transfer().report();
    await system.advance(LONG_MS);
    // An id that is forgotten would be applied again: that shows that it is.
    expect(await at(BEA).deposit(1, `${plan?.id}-in`)).toBe(41);
    expect(await at(ALICE).withdraw(1, `${plan?.id}-out`)).toBe(59);
  });
});
