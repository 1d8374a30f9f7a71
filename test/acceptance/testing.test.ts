/** api.md, "Test your actors": the same interface in one thread, virtual clock, stubbed effects, crash and reopen. */
import { describe, expect, it } from 'vitest';
import { clocked } from './fixtures/clocked.ts';
import { doer } from './fixtures/doer.ts';
import { ledger } from './fixtures/ledger.ts';
import { restarter, resumer } from './fixtures/tree.ts';
import { codeOf, same, settled, until } from './harness.ts';
import { openVirtual } from './virtual.ts';

describe('testSystem', () => {
  it('answers calls, tells and queries as a system does', async () => {
    const system = await openVirtual('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    same(await ref.deposit(5), 5);
    ref.tell.deposit(1);
    same(
      [await ref.balance(), await codeOf(ref.deposit(-1)), await codeOf(ref.depositThenFail(1))],
      [6, 'REFUSED', 'HANDLER_FAILED'],
    );
    same(
      (await system.tenants()).map((row) => row.tenant),
      ['acme'],
    );
    await system.close();
    same(await codeOf(ref.deposit(1)), 'CLOSED');
  });

  it('runs in this thread: a guard or a lane is not needed to load the definitions', async () => {
    const system = await openVirtual(['ledger', 'clocked']);
    same(await system.ref(ledger, 'acme', 'a').deposit(1), 1);
    same(typeof (await system.ref(clocked, 'acme', 'a').now()), 'number');
  });

  it('has a clock that stands still until it is advanced', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    const start = await ref.now();
    same(await ref.now(), start);
    await system.advance(12_345);
    same((await ref.now()) - start, 12_345);
  });

  it('takes stubs in place of effects', async () => {
    const inputs: unknown[] = [];
    const system = await openVirtual('doer', {
      effects: {
        work: async (input: unknown) => {
          inputs.push(input);
          return 'stubbed';
        },
      },
    } as never);
    same(await system.ref(doer, 'acme', 'd').run({ file: '/nowhere' }), 'stubbed');
    same(inputs, [{ file: '/nowhere' }]);
    same(await system.ref(doer, 'acme', 'd').results(), ['stubbed']);
  });

  it('shows a failing stub as EFFECT_FAILED after its retries', async () => {
    let attempts = 0;
    const system = await openVirtual('doer', {
      effects: {
        work: async () => {
          attempts++;
          throw new Error('stub failed');
        },
      },
    } as never);
    const pending = system.ref(doer, 'acme', 'd').runCaught({ file: '/nowhere' });
    let answer: string | undefined;
    void pending.then((text) => (answer = text));
    await until(async () => {
      await system.advance(10_000);
      return answer !== undefined;
    }, 'the failure');
    expect(answer).toMatch(/^EFFECT_FAILED/);
    same(attempts, 3);
  });

  it('proves recovery: after crash and reopen what was acknowledged is there, once', async () => {
    const system = await openVirtual('ledger');
    await system.ref(ledger, 'acme', 'a').with({ idempotencyKey: 'k' }).deposit(5);
    const before = await system.tenants();
    await system.crash();
    same(await codeOf(() => system.ref(ledger, 'acme', 'a').deposit(1)).catch(() => 'CLOSED'), 'CLOSED');
    await system.reopen();
    same(await system.tenants(), before);
    same(await system.ref(ledger, 'acme', 'a').with({ idempotencyKey: 'k' }).deposit(5), 5);
    same(await system.ref(ledger, 'acme', 'a').balance(), 5);
  });

  it('runs an effect that was under way again after a crash, with the same idempotency key', async () => {
    const keys: string[] = [];
    let release: (() => void) | undefined;
    const system = await openVirtual('doer', {
      effects: {
        work: async (_input: unknown, context: { idempotencyKey: string }) => {
          keys.push(context.idempotencyKey);
          if (keys.length === 1) await new Promise<void>((resolve) => (release = resolve));
          return 'done';
        },
      },
    } as never);
    system
      .ref(doer, 'acme', 'd')
      .run({ file: '/nowhere' })
      .catch(() => {});
    await until(() => keys.length === 1, 'the effect');
    await system.crash();
    release?.();
    await system.reopen();
    await until(async () => (await system.ref(doer, 'acme', 'd').results()).length === 1, 'the result');
    same(await system.ref(doer, 'acme', 'd').results(), ['done']);
    same([keys.length, new Set(keys).size], [2, 1]);
  });
});

describe('supervision under the virtual clock', () => {
  it('a restarted actor lets messages wait out its back-off', async () => {
    const system = await openVirtual('tree');
    const ref = system.ref(restarter, 'acme', 'r');
    await ref.add(5);
    same(await codeOf(ref.fail('boom')), 'HANDLER_FAILED');
    let answer: number | undefined;
    const pending = ref.add(1).then((n) => (answer = n));
    // Another actor is answered meanwhile: what waits is the back-off, of one second, alone.
    same(await system.ref(resumer, 'acme', 'x').add(1), 1);
    same(answer, undefined);
    await system.advance(999);
    await system.ref(resumer, 'acme', 'x').add(1);
    same(answer, undefined);
    await system.advance(1);
    same(await settled(pending, 'the call behind the back-off'), 6);
  });

  it('restarts that are spread over more than the period do not add up', async () => {
    const system = await openVirtual('tree');
    const ref = system.ref(restarter, 'acme', 'r');
    for (let i = 0; i < 8; i++) {
      same(await codeOf(ref.fail('boom')), 'HANDLER_FAILED');
      await system.advance(30_000);
      same(await ref.add(1), i + 1);
    }
  });

  it('a suspended tenant goes on when the period has passed', async () => {
    const system = await openVirtual('tree');
    const ref = system.ref(restarter, 'acme', 'r');
    for (let i = 0; i < 4; i++) {
      same(await codeOf(ref.fail('boom')), 'HANDLER_FAILED');
      await system.advance(1_000);
    }
    same(await codeOf(ref.add(1)), 'SUSPENDED');
    await system.advance(50_000);
    same(await codeOf(ref.add(1)), 'SUSPENDED');
    await system.advance(11_000);
    same(await settled(ref.add(1), 'a call after the period'), 1);
  });
});
