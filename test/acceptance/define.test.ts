/**
 * api.md, "Define": the state of an actor, what a failed turn leaves behind, frozen values, and what
 * a definition may be. Through the public package only.
 */
import { actor, addressOf, effect, isActorType, Refusal, SynapseError } from 'synapse-actors';
import { describe, expect, it } from 'vitest';
import { ledger } from './fixtures/ledger.ts';
import { attackNames, borrowedAttackNames, vault } from './fixtures/vault.ts';
import { codeOf, errorOf, open, rootOf, same, seqOf } from './harness.ts';

describe('state', () => {
  it('keeps what a command writes to a top-level key, per actor and per tenant', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    same(await alice.deposit(10), 10);
    same(await alice.deposit(5), 15);
    same(await alice.history(), [10, 5]);
    same(await system.ref(ledger, 'acme', 'bob').balance(), 0);
    same(await system.ref(ledger, 'other', 'alice').balance(), 0);
  });

  it('is left as it was by a turn that refuses, and the caller gets message and details', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.deposit(10);
    const error = await errorOf(alice.depositThenRefuse(7));
    same([error.code, error.message, error.details], ['REFUSED', 'changed my mind', { amount: 7 }]);
    same(await alice.balance(), 10);
    const negative = await errorOf(alice.deposit(-3));
    same([negative.code, negative.message, negative.details], ['REFUSED', 'amount must be positive', { amount: -3 }]);
  });

  it('is left as it was by a turn that throws, and the caller gets the original name and message', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.deposit(10);
    const root = await rootOf(system, 'acme');
    const error = await errorOf(alice.depositThenFail(7));
    same(error.code, 'HANDLER_FAILED');
    expect(error.message).toContain('RangeError');
    expect(error.message).toContain('failed after 7');
    expect(error).toBeInstanceOf(Error);
    same(await alice.history(), [10]);
    same(await rootOf(system, 'acme'), root);
    same(await alice.deposit(1), 11);
  });

  it('does none of the tells of a turn that throws', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.tellDeposit('bob', 1);
    same(await codeOf(alice.tellThenFail('bob', 100)), 'HANDLER_FAILED');
    await alice.tellDeposit('bob', 2);
    same(await system.ref(ledger, 'acme', 'bob').history(), [1, 2]);
  });

  it('does not undo the calls of a turn that throws', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.deposit(10);
    same(await codeOf(alice.transferThenFail('bob', 4)), 'HANDLER_FAILED');
    same(await alice.balance(), 10);
    same(await system.ref(ledger, 'acme', 'bob').balance(), 4);
  });

  it('is given back by a caught refusal of a nested call, while an uncaught one stays REFUSED', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    same(await alice.caught('bob', -1), 'caught REFUSED');
    same(await alice.caught('bob', 1), 'accepted');
    await alice.deposit(5);
    const error = await errorOf(alice.transfer('bob', -1));
    same([error.code, error.message, error.details], ['REFUSED', 'amount must be positive', { amount: -1 }]);
    same(await alice.balance(), 5);
    const poor = await errorOf(alice.transfer('bob', 9));
    same([poor.code, poor.details], ['REFUSED', { missing: 4 }]);
  });

  it('transfers within the tenant when no other tenant is named', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.deposit(10);
    same(await alice.transfer('bob', 4), undefined);
    same([await alice.balance(), await system.ref(ledger, 'acme', 'bob').balance()], [6, 4]);
  });

  it('counts one step for a command and all that follows from it in the tenant', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.deposit(10);
    const before = await seqOf(system, 'acme');
    await alice.transfer('bob', 4);
    same((await seqOf(system, 'acme')) - before, 1);
  });
});

describe('frozen values', () => {
  it('throw TypeError on every mutator, in commands and in queries, and stay as they were', async () => {
    const system = await open('vault');
    const ref = system.ref(vault, 'acme', 'v');
    const outcomes: string[] = [];
    for (const name of attackNames) outcomes.push(`${name} at first: ${await ref.attack(name)}`);
    // Once on the state as it was made, once as it was read back after a commit.
    await ref.assign(1);
    for (const name of attackNames) outcomes.push(`${name}: ${await ref.attack(name)}`);
    for (const name of attackNames) outcomes.push(`${name} in a query: ${await ref.attackInQuery(name)}`);
    same(
      outcomes.filter((outcome) => !outcome.endsWith(': TypeError')),
      [],
    );
    same(await ref.all(), {
      list: [3, 1, 2],
      nested: { deep: { n: 1, more: [1] } },
      map: new Map([['a', { v: 1 }]]),
      set: new Set(['x']),
      date: new Date(1_000_000_000_000),
      bytes: new Uint8Array([1, 2, 3]),
      buffer: new Uint8Array([4, 5]).buffer,
      late: 1,
    });
  });

  it.each(borrowedAttackNames)('throw TypeError on a borrowed mutator, or stay as they were: %s', async (name) => {
    const system = await open('vault');
    const ref = system.ref(vault, 'acme', 'v');
    await ref.assign(1);
    const before = await ref.all();
    await ref.attack(name);
    await ref.attackInQuery(name);
    same(await ref.all(), before);
  });

  it('fail the turn with the name TypeError when nobody catches it', async () => {
    const system = await open('vault');
    const error = await errorOf(system.ref(vault, 'acme', 'v').push());
    same(error.code, 'HANDLER_FAILED');
    expect(error.message).toContain('TypeError');
  });

  it('are frozen from the moment they are assigned', async () => {
    const system = await open('vault');
    const ref = system.ref(vault, 'acme', 'v');
    same(await ref.attackFresh(), 'TypeError');
  });

  it('cannot be changed through the variable they were assigned from', async () => {
    const system = await open('vault');
    const ref = system.ref(vault, 'acme', 'v');
    await ref.keepAlias();
    same(await ref.useAlias(), [1, 2, 3]);
    same(((await ref.all()) as { list: number[] }).list, [1, 2, 3]);
  });

  it('hand out byte arrays as copies', async () => {
    const system = await open('vault');
    const ref = system.ref(vault, 'acme', 'v');
    same(await ref.writeBytes(), [1, 2, 3, 4, 5]);
    await ref.assign(2);
    same(await ref.writeBytes(), [1, 2, 3, 4, 5]);
  });

  it.each(['circle', 'symbol', 'function'])('cannot hold a %s, and the turn is undone', async (what) => {
    const system = await open('vault');
    const ref = system.ref(vault, 'acme', 'v');
    await ref.assign(1);
    expect(['UNSERIALIZABLE', 'HANDLER_FAILED']).toContain(await codeOf(ref.assignWrong(what)));
    const { list, late } = (await ref.all()) as { list: number[]; late: unknown };
    same([list, late], [[3, 1, 2], 1]);
  });

  it('travel faithfully through arguments, state and results', async () => {
    const system = await open(['vault', 'ledger']);
    const ref = system.ref(vault, 'acme', 'v');
    for (const value of TRAVELLERS) {
      await ref.assign(value);
      same(((await ref.all()) as { late: unknown }).late, value);
      same(await system.ref(ledger, 'acme', 'l').echo(value), value);
    }
  });
});

const TRAVELLERS: readonly unknown[] = [
  null,
  undefined,
  true,
  -0,
  0,
  Number.NaN,
  [Infinity, -Infinity, 2 ** 53, 0.1, -1],
  [2n ** 70n, -(2n ** 70n), 0n],
  ['', 'ü', '\u{1f600}', '\0', 'a'.repeat(5_000)],
  [new Date(0), new Date(-1)],
  new Map<unknown, unknown>([
    [1, new Map([['x', new Set([1n])]])],
    ['1', 2],
    [null, undefined],
  ]),
  new Set<unknown>([1, '1', Number.NaN, null]),
  { a: 1, b: undefined, nested: { deeper: [{}] }, 'ke y': 3 },
  [new Uint8Array([0, 255]), new Uint8Array(0), new Uint8Array([9, 8]).buffer],
];

describe('queries', () => {
  it('cannot write: the write throws', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    await alice.deposit(3);
    expect((await errorOf(alice.scribble())).message).toContain('TypeError');
    same(await alice.balance(), 3);
  });

  it('create nothing, advance nothing and are not recorded', async () => {
    const system = await open('ledger');
    await system.ref(ledger, 'acme', 'alice').deposit(3);
    const before = [await rootOf(system, 'acme'), await seqOf(system, 'acme'), (await system.tenants()).length];
    same(await system.ref(ledger, 'acme', 'nobody').balance(), 0);
    same(await system.ref(ledger, 'acme', 'alice').balance(), 3);
    await errorOf(system.ref(ledger, 'acme', 'alice').boom());
    same([await rootOf(system, 'acme'), await seqOf(system, 'acme'), (await system.tenants()).length], before);
  });

  it('keep their sender order behind commands that were not awaited', async () => {
    const system = await open('ledger');
    const alice = system.ref(ledger, 'acme', 'alice');
    const answers: Promise<number>[] = [];
    for (let i = 1; i <= 50; i++) {
      alice.tell.deposit(1);
      answers.push(alice.balance());
    }
    same(
      await Promise.all(answers),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  it('fail with HANDLER_FAILED, name and message', async () => {
    const system = await open('ledger');
    const error = await errorOf(system.ref(ledger, 'acme', 'alice').boom());
    same(error.code, 'HANDLER_FAILED');
    expect(error.message).toContain('RangeError');
    expect(error.message).toContain('query of alice failed');
  });
});

describe('a definition', () => {
  const minimal = { state: () => ({ n: 0 }), commands: { go: () => 1 } };

  it('needs a state, and commands or queries', () => {
    expect(isActorType(actor('a', minimal))).toBe(true);
    expect(isActorType(actor('a', { state: () => ({}), queries: { q: () => 1 } }))).toBe(true);
    expect(() => actor('a', { state: () => ({}) } as never)).toThrow(SynapseError);
    expect(() => actor('a', { commands: { go: () => 1 } } as never)).toThrow(SynapseError);
  });

  it('may not give a command and a query one name', () => {
    expect(() => actor('a', { ...minimal, queries: { go: () => 1 } } as never)).toThrow(/go/);
  });

  it.each([
    ['version', { version: 0 }],
    ['version', { version: 1.5 }],
    ['supervise', { supervise: { onFailure: 'explode' } }],
    ['strategy', { supervise: { strategy: 'none-for-all' } }],
    ['intensity', { supervise: { intensity: -1 } }],
    ['periodMs', { supervise: { periodMs: -1 } }],
    ['backoffMs', { supervise: { backoffMs: [50] } }],
    ['limit', { mailbox: { limit: 0 } }],
    ['limitBytes', { mailbox: { limitBytes: -1 } }],
    ['idleAfterMs', { idleAfterMs: -1 }],
  ])('is INVALID_ARGUMENT naming %s when it is out of range: %j', (name, wrong) => {
    let caught: unknown;
    try {
      actor('a', { ...minimal, ...wrong } as never);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(SynapseError);
    same((caught as SynapseError).code, 'INVALID_ARGUMENT');
    expect((caught as SynapseError).message).toContain(name);
  });

  it('may leave out the options of an effect', () => {
    expect(() => actor('a', { ...minimal, effects: { e: effect(async () => 1) } })).not.toThrow();
  });

  it('gives references that know their address', async () => {
    const system = await open('ledger');
    same({ ...addressOf(system.ref(ledger, 'acme', 'alice')) }, { tenant: 'acme', type: 'ledger', key: 'alice' });
  });

  it('makes a Refusal an Error with details', () => {
    const refusal = new Refusal('no', { why: 1 });
    expect(refusal).toBeInstanceOf(Error);
    same([refusal.message, refusal.details], ['no', { why: 1 }]);
  });
});
