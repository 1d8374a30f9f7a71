/** api.md, promise 2: two calls of a tenant with one idempotencyKey take effect once and get the same answer. */
import { describe, expect, it } from 'vitest';
import { ledger } from './fixtures/ledger.ts';
import { codeOf, errorOf, folder, gate, open, rootOf, same, seqOf, settled, startChild, type Step } from './harness.ts';

const once = (idempotencyKey: string): { idempotencyKey: string } => ({ idempotencyKey });

describe('a repeat', () => {
  it('takes effect once and gets the same answer, without a seq and without a trace in the state', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a').with(once('k-1'));
    same(await ref.deposit(10), 10);
    const before = [await seqOf(system, 'acme'), await rootOf(system, 'acme')];
    same([await ref.deposit(10), await ref.deposit(10)], [10, 10]);
    same([await seqOf(system, 'acme'), await rootOf(system, 'acme')], before);
    same(await system.ref(ledger, 'acme', 'a').deposit(1), 11);
    same(await ref.deposit(10), 10);
  });

  it('gets the same refusal, although it would be accepted now', async () => {
    const system = await open('ledger');
    const plain = system.ref(ledger, 'acme', 'a');
    const first = await errorOf(plain.with(once('k')).transfer('b', 5));
    same([first.code, first.details], ['REFUSED', { missing: 5 }]);
    await plain.deposit(100);
    const second = await errorOf(plain.with(once('k')).transfer('b', 5));
    same([second.code, second.message, second.details], [first.code, first.message, first.details]);
    same(await plain.balance(), 100);
  });

  it('gets the same failure', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a').with(once('k'));
    const first = await errorOf(ref.depositThenFail(5));
    const second = await errorOf(ref.depositThenFail(5));
    same([second.code, second.message, second.details], [first.code, first.message, first.details]);
    same(first.code, 'HANDLER_FAILED');
    expect(second.message).toContain('failed after 5');
  });

  it('of a pending call waits with it and shares its answer', async () => {
    const system = await open('ledger');
    const door = gate();
    const ref = system.ref(ledger, 'acme', 'a').with(once('k'));
    const calls = [ref.depositAtGate(door.path, 5), ref.depositAtGate(door.path, 5)];
    await door.started();
    calls.push(ref.depositAtGate(door.path, 5));
    door.open('the answer');
    same(await Promise.all(calls), ['the answer', 'the answer', 'the answer']);
    same(await system.ref(ledger, 'acme', 'a').history(), [5]);
    same(await system.ref(ledger, 'acme', 'a').balance(), 5);
  });

  it('made at the same moment, many times, takes effect once', async () => {
    const system = await open('ledger', { dataDir: folder() });
    const ref = system.ref(ledger, 'acme', 'a').with(once('k'));
    same(new Set(await Promise.all(Array.from({ length: 100 }, () => ref.deposit(3)))), new Set([3]));
    same(await system.ref(ledger, 'acme', 'a').balance(), 3);
  });

  it('of another tenant is another call', async () => {
    const system = await open('ledger');
    same(await system.ref(ledger, 'acme', 'a').with(once('k')).deposit(1), 1);
    same(await system.ref(ledger, 'other', 'a').with(once('k')).deposit(2), 2);
  });
});

describe('the same key with another command is INVALID_ARGUMENT', () => {
  it('another handler, other arguments, another actor; and nothing happens', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    await ref.with(once('k')).deposit(1);
    same(await codeOf(ref.with(once('k')).deposit(2)), 'INVALID_ARGUMENT');
    same(await codeOf(ref.with(once('k')).depositThenFail(1)), 'INVALID_ARGUMENT');
    same(await codeOf(system.ref(ledger, 'acme', 'b').with(once('k')).deposit(1)), 'INVALID_ARGUMENT');
    same([await ref.balance(), await system.ref(ledger, 'acme', 'b').balance()], [1, 0]);
    same(await ref.with(once('k')).deposit(1), 1);
  });

  it('also while the first is pending', async () => {
    const system = await open('ledger');
    const door = gate();
    const ref = system.ref(ledger, 'acme', 'a').with(once('k'));
    const pending = ref.depositAtGate(door.path, 1);
    await door.started();
    same(await codeOf(ref.deposit(2)), 'INVALID_ARGUMENT');
    door.open();
    same(await pending, 'opened');
  });
});

describe('the answers are remembered', () => {
  it('after close and reopen: results, refusals and failures', async () => {
    const dataDir = folder();
    const first = await open('ledger', { dataDir });
    const before = first.ref(ledger, 'acme', 'a');
    same(await before.with(once('ok')).deposit(4), 4);
    const refusal = await errorOf(before.with(once('refused')).transfer('b', 50));
    const failure = await errorOf(before.with(once('failed')).depositThenFail(5));
    const seq = await seqOf(first, 'acme');
    await first.close();
    const second = await open('ledger', { dataDir });
    const after = second.ref(ledger, 'acme', 'a');
    same(await after.with(once('ok')).deposit(4), 4);
    const [again, failed] = [
      await errorOf(after.with(once('refused')).transfer('b', 50)),
      await errorOf(after.with(once('failed')).depositThenFail(5)),
    ];
    same([again.code, again.message, again.details], [refusal.code, refusal.message, refusal.details]);
    same([failed.code, failed.message], [failure.code, failure.message]);
    same(await codeOf(after.with(once('ok')).deposit(5)), 'INVALID_ARGUMENT');
    same([await after.balance(), await seqOf(second, 'acme')], [4, seq]);
  });

  it('after kill -9, and a call that was pending then is carried out once', async () => {
    const dataDir = folder();
    const door = gate();
    const step = (idempotencyKey: string, handler: string, ...args: unknown[]): Step => ({
      tenant: 'acme',
      key: 'a',
      handler,
      args,
      idempotencyKey,
    });
    const child = startChild({
      fixture: 'ledger',
      type: 'ledger',
      dataDir,
      calls: [
        step('ok', 'deposit', 4),
        step('refused', 'transfer', 'b', 50),
        step('failed', 'depositThenFail', 5),
        { ...step('pending', 'depositAtGate', door.path, 6), detached: true },
      ],
    });
    const [ok, refused, failed] = await child.ready();
    await door.started();
    await child.kill();
    same(ok, { ok: 4 });
    const system = await open('ledger', { dataDir });
    const ref = system.ref(ledger, 'acme', 'a');
    same(await ref.with(once('ok')).deposit(4), 4);
    const again = await errorOf(ref.with(once('refused')).transfer('b', 50));
    same([again.code, again.message, again.details], [refused!.error, refused!.message, refused!.details]);
    const fails = await errorOf(ref.with(once('failed')).depositThenFail(5));
    same([fails.code, fails.message], [failed!.error, failed!.message]);
    const pending = ref.with(once('pending')).depositAtGate(door.path, 6);
    door.open();
    same(await settled(pending, 'the pending call'), 'opened');
    same([await ref.balance(), await ref.history()], [10, [4, 6]]);
  });
});
