/** api.md, promise 5 and "grants": who may cross tenants, by calls and tells, across lanes; a flood starves nobody. */
import { describe, expect, it } from 'vitest';
import { ledger } from './fixtures/ledger.ts';
import { rogue } from './fixtures/rogue.ts';
import { tight } from './fixtures/tight.ts';
import {
  codeOf,
  errorOf,
  folder,
  gate,
  open,
  type Options,
  same,
  type System,
  take,
  tenantOn,
  until,
} from './harness.ts';

const GRANT = { from: 'treasury', to: 'acme', actor: 'ledger', handlers: ['deposit'] };

async function pay(system: System, from = 'treasury', to = 'acme'): Promise<string> {
  try {
    await system.ref(ledger, from, 'vault').pay(to, 'alice', 5);
    return 'paid';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a message to another tenant', () => {
  it('is DENIED without a grant: the caller fails, is rolled back, and nothing reaches the other', async () => {
    const system = await open('ledger');
    await system.ref(ledger, 'acme', 'alice').deposit(1);
    same(await codeOf(system.ref(ledger, 'treasury', 'vault').pay('acme', 'alice', 5)), 'DENIED');
    same(await system.ref(ledger, 'treasury', 'vault').balance(), 0);
    same(await system.ref(ledger, 'acme', 'alice').balance(), 1);
  });

  it('goes through with a grant, and its answer comes back', async () => {
    const system = await open('ledger', { grants: [GRANT] });
    await system.ref(ledger, 'acme', 'alice').deposit(1);
    same(await system.ref(ledger, 'treasury', 'vault').pay('acme', 'alice', 5), 6);
    same(
      [await system.ref(ledger, 'treasury', 'vault').balance(), await system.ref(ledger, 'acme', 'alice').balance()],
      [-5, 6],
    );
  });

  it.each([
    ['another sender', { ...GRANT, from: 'someone' }, 'DENIED'],
    ['another receiver', { ...GRANT, to: 'someone' }, 'DENIED'],
    ['another actor', { ...GRANT, actor: 'tree' }, 'DENIED'],
    ['another handler', { ...GRANT, handlers: ['transfer'] }, 'DENIED'],
    ['no handler', { ...GRANT, handlers: [] }, 'DENIED'],
    ['the reverse direction', { ...GRANT, from: 'acme', to: 'treasury' }, 'DENIED'],
    ['every sender', { ...GRANT, from: '*' }, 'paid'],
    ['every receiver', { ...GRANT, to: '*' }, 'paid'],
    ['every actor', { ...GRANT, actor: '*' }, 'paid'],
    ['every handler', { ...GRANT, handlers: ['*'] }, 'paid'],
    ['everything', { from: '*', to: '*', actor: '*', handlers: ['*'] }, 'paid'],
  ])('under a grant for %s: %s', async (_name, grant, expected) => {
    const system = await open('ledger', { grants: [grant] as NonNullable<Options['grants']> });
    same(await pay(system), expected);
  });

  it('a refusal of the other tenant comes back as REFUSED with message and details', async () => {
    const system = await open('ledger', { grants: [GRANT] });
    const error = await errorOf(system.ref(ledger, 'treasury', 'vault').pay('acme', 'alice', -5));
    same([error.code, error.message, error.details], ['REFUSED', 'amount must be positive', { amount: -5 }]);
  });

  it('inside one tenant needs no grant, and the embedder needs none', async () => {
    const system = await open('ledger');
    same(await system.ref(ledger, 'acme', 'a').pay('acme', 'b', 3), 3);
  });

  it('a tell without a grant is not dropped in silence: it goes to the dead letters', async () => {
    const system = await open('ledger');
    const letters = take(system.deadLetters, 1);
    const told = await system
      .ref(ledger, 'treasury', 'vault')
      .tellPay('acme', 'alice', 5)
      .then(
        () => 'told',
        (error: { code: string }) => error.code,
      );
    if (told === 'told') {
      const [letter] = await letters;
      expect(letter).toMatchObject({
        address: { tenant: 'acme', type: 'ledger', key: 'alice' },
        handler: 'deposit',
        args: [5],
      });
      expect(JSON.stringify(letter!.reason)).toContain('DENIED');
    } else {
      same(told, 'DENIED');
    }
    same(await system.ref(ledger, 'acme', 'alice').balance(), 0);
  });

  it('a decision is recorded: after reopening with another grant the past stays as it was', async () => {
    const dataDir = folder();
    const first = await open('ledger', { dataDir });
    const ref = first.ref(ledger, 'treasury', 'vault');
    same(await codeOf(ref.with({ idempotencyKey: 'k' }).pay('acme', 'alice', 5)), 'DENIED');
    await first.close();
    const second = await open('ledger', { dataDir, grants: [GRANT] });
    same(
      await codeOf(second.ref(ledger, 'treasury', 'vault').with({ idempotencyKey: 'k' }).pay('acme', 'alice', 5)),
      'DENIED',
    );
    same(await pay(second), 'paid');
  });
});

describe('across lanes', () => {
  it('calls and tells of one tenant to another arrive in order, once, with answers', async () => {
    const system = await open('ledger', {
      lanes: 2,
      shards: 2,
      dataDir: folder(),
      grants: [{ ...GRANT, from: '*', to: '*' }],
    });
    const [left, right] = [tenantOn(0, 2, 'left'), tenantOn(1, 2, 'right')];
    await system.moveShard(0, 0);
    await system.moveShard(1, 1);
    const vault = system.ref(ledger, left, 'vault');
    const pending: Promise<unknown>[] = [];
    for (let n = 1; n <= 200; n++)
      pending.push(n % 2 === 0 ? vault.pay(right, 'alice', n) : vault.tellPay(right, 'alice', n));
    await Promise.all(pending);
    const alice = system.ref(ledger, right, 'alice');
    await until(async () => (await alice.history()).length >= 200, 'the tells to arrive');
    same(
      await alice.history(),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    same(await vault.balance(), -20_100);
  });

  it('both ways at once', async () => {
    const system = await open('ledger', { lanes: 2, shards: 2, grants: [{ ...GRANT, from: '*', to: '*' }] });
    const [left, right] = [tenantOn(0, 2, 'left'), tenantOn(1, 2, 'right')];
    await system.moveShard(0, 0);
    await system.moveShard(1, 1);
    const pending: Promise<unknown>[] = [];
    for (let n = 0; n < 100; n++) {
      pending.push(system.ref(ledger, left, `payer${n % 5}`).pay(right, `payee${n % 3}`, 1));
      pending.push(system.ref(ledger, right, `payer${n % 5}`).pay(left, `payee${n % 3}`, 1));
    }
    await Promise.all(pending);
    for (const tenant of [left, right]) {
      let sum = 0;
      for (let i = 0; i < 3; i++) sum += await system.ref(ledger, tenant, `payee${i}`).balance();
      same(sum, 100);
    }
  });
});

describe('a tenant that floods', () => {
  it('does not starve another of the same lane', async () => {
    const system = await open('rogue');
    const total = 4_000;
    let flooded = 0;
    const flood = Array.from({ length: total }, () =>
      system
        .ref(rogue, 'flood', 'r')
        .work(200_000)
        .then(() => flooded++),
    );
    for (let i = 1; i <= 5; i++) same(await system.ref(rogue, 'quiet', 'r').add(1), i);
    const atThatTime = flooded;
    await Promise.all(flood);
    // Five round trips, each overtaking a queue of thousands: by turns, it takes a small part of them.
    expect(atThatTime).toBeLessThan(total / 2);
    same(await system.ref(rogue, 'flood', 'r').n(), total);
  });

  it('does not fill the mailbox of another', async () => {
    const system = await open('tight');
    const door = gate();
    const waiting = system.ref(tight, 'flood', 't').gated(door.path);
    await door.started();
    const flood = Array.from({ length: 50 }, () =>
      system
        .ref(tight, 'flood', 't')
        .add()
        .then(
          () => 'ok',
          (error: { code: string }) => error.code,
        ),
    );
    same(await system.ref(tight, 'quiet', 't').add(), 1);
    same(await system.ref(tight, 'flood', 'another').add(), 1);
    door.open();
    await waiting;
    const outcomes = await Promise.all(flood);
    same(new Set(outcomes), new Set(['ok', 'MAILBOX_FULL']));
    // What was accepted was carried out, what was refused was not.
    same(await system.ref(tight, 'flood', 't').n(), outcomes.filter((outcome) => outcome === 'ok').length);
  });
});
