/**
 * api.md, promises 1 to 4 where they meet: cross-tenant calls, suspended turns, effects, events and timers
 * under kill -9, under the death of a lane and under moves. Sums are kept, nothing happens twice, roots agree.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clocked } from './fixtures/clocked.ts';
import { doer } from './fixtures/doer.ts';
import { foreign } from './fixtures/foreign.ts';
import { ledger } from './fixtures/ledger.ts';
import { rogue } from './fixtures/rogue.ts';
import { child as familyChild, parent } from './fixtures/family.ts';
import { witness } from './fixtures/witness.ts';
import {
  codeOf,
  folder,
  gate,
  lines,
  open,
  rootOf,
  same,
  settled,
  startChild,
  type Step,
  type System,
  take,
  tenantOn,
  until,
} from './harness.ts';

const GRANTS = [{ from: '*', to: '*', actor: 'ledger', handlers: ['deposit'] }];

describe('payments between tenants', () => {
  it('keep their sum over kills of the process: each accepted one is paid once', async () => {
    const dataDir = folder();
    const [left, right] = [tenantOn(0, 2, 'left'), tenantOn(1, 2, 'right')];
    const options = { lanes: 2, shards: 2, grants: GRANTS };
    let accepted = 0;
    for (let round = 0; round < 4; round++) {
      const calls: Step[] = Array.from({ length: 150 }, (_, i) => ({
        tenant: left,
        key: `payer${i % 3}`,
        handler: i % 2 === 0 ? 'pay' : 'tellPay',
        args: [right, `payee${i % 2}`, 1],
        idempotencyKey: `${round} ${i}`,
        detached: true,
      }));
      const child = startChild({ fixture: 'ledger', type: 'ledger', dataDir, options, calls });
      await until(() => child.printed().length > 20 + 30 * round, 'some answers');
      await child.kill();
      const system = await open('ledger', { dataDir, ...options });
      // What was under way may have happened or not; the same keys make sure that it has, once.
      const payers = calls.map((call) => {
        const ref = system.ref(ledger, left, call.key).with({ idempotencyKey: call.idempotencyKey! });
        const [to, key] = [right, call.args[1] as string];
        return call.handler === 'pay' ? ref.pay(to, key, 1) : ref.tellPay(to, key, 1);
      });
      await settled(Promise.all(payers as Promise<unknown>[]), 'the payments after recovery');
      accepted += calls.length;
      await until(async () => (await sum(system, right, ['payee0', 'payee1'])) >= accepted, 'all payments to arrive');
      same(
        [await sum(system, left, ['payer0', 'payer1', 'payer2']), await sum(system, right, ['payee0', 'payee1'])],
        [-accepted, accepted],
      );
      await system.close();
    }
  });

  it('keep their sum while the lanes of both sides die at the same moment', async () => {
    const { system, left, right, pay, settle } = await twoSides();
    for (let round = 0; round < 5; round++) {
      pay(50);
      const killers = [left, right].map((tenant) => codeOf(system.ref(rogue, tenant, 'r').loop()));
      pay(50);
      same(await Promise.all(killers), ['POISONED', 'POISONED']);
      pay(50);
    }
    await settle(750);
  });

  it('keep their sum while one lane dies after the other and shards move', async () => {
    const { system, left, right, pay, settle } = await twoSides();
    pay(100);
    same(await codeOf(system.ref(rogue, left, 'r').loop()), 'POISONED');
    pay(100);
    await system.moveShard(0, 1);
    pay(100);
    same(await codeOf(system.ref(rogue, right, 'r').loop()), 'POISONED');
    await system.moveShard(1, 0);
    pay(100);
    await settle(400);
  });
});

interface TwoSides {
  readonly system: System;
  readonly left: string;
  readonly right: string;
  pay(count: number): void;
  /** Waits for all payments and compares the sums of both sides. */
  settle(count: number): Promise<void>;
}

/** Two tenants, each on a lane of its own, one paying the other. */
async function twoSides(): Promise<TwoSides> {
  const [left, right] = [tenantOn(0, 2, 'left'), tenantOn(1, 2, 'right')];
  const system = await open(['ledger', 'rogue'], {
    lanes: 2,
    shards: 2,
    grants: GRANTS,
    turnTimeoutMs: 150,
    callTimeoutMs: 600_000, // sums are compared here: how long fifteen lanes take to start is the machine's affair
    dataDir: folder(),
  });
  await system.moveShard(0, 0);
  await system.moveShard(1, 1);
  const outcomes: Promise<string>[] = [];
  return {
    system,
    left,
    right,
    pay(count) {
      for (let i = 0; i < count; i++) {
        const paid = system.ref(ledger, left, `payer${i % 3}`).pay(right, 'payee', 1);
        outcomes.push(
          paid.then(
            () => 'paid',
            (error: { code: string }) => error.code,
          ),
        );
      }
    },
    async settle(count) {
      const all = await settled(Promise.all(outcomes), 'the payments');
      same([all.length, all.filter((outcome) => outcome !== 'paid')], [count, []]);
      same(
        [await sum(system, left, ['payer0', 'payer1', 'payer2']), await sum(system, right, ['payee'])],
        [-count, count],
      );
    },
  };
}

async function sum(system: System, tenant: string, keys: readonly string[]): Promise<number> {
  let total = 0;
  for (const key of keys) total += await system.ref(ledger, tenant, key).balance();
  return total;
}

describe('a suspended turn', () => {
  it('is finished after kill -9 with the awaits it had, and the same key gets its answer', async () => {
    const [dataDir, door] = [folder(), gate()];
    const call: Step = {
      tenant: 'acme',
      key: 'a',
      handler: 'sequence',
      args: [door.path],
      idempotencyKey: 'k',
      detached: true,
    };
    for (let round = 0; round < 3; round++) {
      const child = startChild({ fixture: 'foreign', type: 'foreign', dataDir, calls: [call] });
      await until(() => lines(`${door.path}.started`).length > round, `the effect of round ${round}`);
      await child.kill();
    }
    const system = await open('foreign', { dataDir });
    const ref = system.ref(foreign, 'acme', 'a');
    same(await ref.n(), 0);
    const answer = ref.with({ idempotencyKey: 'k' }).sequence(door.path);
    door.open();
    same(await settled(answer, 'the answer'), [1, 2, 3, 3]);
    same([await ref.n(), await system.ref(foreign, 'acme', 'a-helper').n()], [3, 2]);
  });

  it('is finished after the death of its lane, and its nested calls are not made twice', async () => {
    const system = await open(['foreign', 'rogue'], { turnTimeoutMs: 150 });
    const door = gate();
    const ref = system.ref(foreign, 'acme', 'a');
    const answer = ref.sequence(door.path);
    await door.started();
    same(await system.ref(foreign, 'acme', 'a-helper').add(), 3);
    same(await codeOf(system.ref(rogue, 'other', 'r').loop()), 'POISONED');
    // A second life of the nested calls would set the helper back to 2.
    same(await system.ref(foreign, 'acme', 'a-helper').n(), 3);
    door.open();
    same(await settled(answer, 'the answer'), [1, 2, 3, 3]);
    same(await system.ref(foreign, 'acme', 'a-helper').n(), 3);
  });
});

describe('an effect under way when its lane dies', () => {
  it('gives its result once, to the turn that waits', async () => {
    const system = await open(['doer', 'rogue'], { turnTimeoutMs: 150 });
    const [path, door] = [join(folder(), 'attempts'), gate()];
    const answer = system.ref(doer, 'acme', 'd').run({ file: path, gate: door.path, result: 'once' });
    const fragile = system.ref(doer, 'acme', 'e').runFragile({ file: `${path}.fragile`, gate: door.path });
    await until(() => lines(path).length > 0 && lines(`${path}.fragile`).length > 0, 'the effects');
    same(await codeOf(system.ref(rogue, 'other', 'r').loop()), 'POISONED');
    door.open();
    same(await settled(answer, 'the answer'), 'once');
    same(await system.ref(doer, 'acme', 'd').results(), ['once']);
    same(new Set(lines(path).map((line) => line.split(' ')[1])).size, 1);
    // Runs at most once when it says so; whether the process lived through it is known.
    await settled(fragile, 'the fragile one');
    same(lines(`${path}.fragile`).length, 1);
  });
});

describe('events, timers and lifecycles', () => {
  it('events are neither lost nor repeated by kill -9', async () => {
    const dataDir = folder();
    let emitted = 0;
    for (let round = 0; round < 3; round++) {
      const calls: Step[] = Array.from({ length: 40 }, (_, i) => ({
        tenant: 'acme',
        key: 'w',
        handler: 'emit',
        args: ['topic', emitted + i],
      }));
      const child = startChild({ fixture: 'witness', type: 'witness', dataDir, calls });
      await child.ready();
      await child.kill();
      emitted += calls.length;
    }
    const system = await open('witness', { dataDir });
    await system.ref(witness, 'acme', 'w').emit('topic', 'last');
    const events = await take(system.events('acme', 'topic', { from: 0 }), emitted + 1);
    same(
      events.map(({ offset, value }) => [Number(offset), value]),
      [...Array.from({ length: emitted }, (_, i) => [i, i]), [emitted, 'last']],
    );
  });

  it('a timer survives the death of its lane, and fires once', async () => {
    const system = await open(['clocked', 'rogue'], { turnTimeoutMs: 150 });
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.after(100, 'ding');
    same(await codeOf(system.ref(rogue, 'acme', 'r').loop()), 'POISONED');
    await until(async () => (await ref.rings()).length > 0, 'the timer');
    same(await codeOf(system.ref(rogue, 'acme', 'r').loop()), 'POISONED');
    same(await ref.rings(), ['ding']);
  });

  it('children, watches and what was stopped are as they were after kill -9', async () => {
    const dataDir = folder();
    const told = (key: string, handler: string, ...args: unknown[]): Step => ({ tenant: 'acme', key, handler, args });
    const first = startChild({
      fixture: 'family',
      type: 'parent',
      dataDir,
      calls: [told('p', 'spawn', 'c'), told('p', 'spawn', 'd'), told('q', 'watch', 'c')],
    });
    for (const answer of await first.ready()) expect(answer.error).toBeUndefined();
    await first.kill();
    const second = startChild({
      fixture: 'family',
      type: 'child',
      dataDir,
      calls: [told('d', 'add', 4), told('c', 'end')],
    });
    await second.ready();
    await second.kill();
    const system = await open('family', { dataDir });
    const diary = await system.ref(parent, 'acme', 'q').diary();
    same(diary.filter((line) => line.startsWith('terminated')).length, 1);
    same(await system.ref(familyChild, 'acme', 'd').n(), 4);
    same(await system.ref(parent, 'acme', 'p').spawnCaught('c'), 'spawned');
    await system.ref(parent, 'acme', 'p').end();
    same(await system.ref(familyChild, 'acme', 'd').n(), 0);
  });
});

describe('roots', () => {
  it('are the same undisturbed, over kills of lanes, over moves, and over kills of the process', async () => {
    const work = async (system: System, disturb: (step: number) => Promise<unknown>): Promise<string[]> => {
      for (let i = 0; i < 60; i++) {
        await system.ref(ledger, `t${i % 3}`, `k${i % 5}`).deposit(i + 1);
        if (i % 4 === 0) await system.ref(ledger, `t${i % 3}`, `k${i % 5}`).transfer(`k${(i + 1) % 5}`, 1);
        if (i % 7 === 0) await codeOf(system.ref(ledger, `t${i % 3}`, 'x').depositThenFail(3));
        await disturb(i);
      }
      return Promise.all(['t0', 't1', 't2'].map((name) => rootOf(system, name)));
    };
    const plain = await open('ledger');
    const expected = await work(plain, async () => {});
    const disturbed = await open(['ledger', 'rogue'], {
      lanes: 2,
      turnTimeoutMs: 100,
      dataDir: folder(),
      maxActiveActors: 2,
    });
    const roots = await work(disturbed, async (i) => {
      if (i % 10 === 5) await disturbed.moveShard(i % 8, i % 2);
      if (i % 20 === 9) await disturbed.snapshot();
      if (i === 30) same(await codeOf(disturbed.ref(rogue, 'elsewhere', 'r').loop()), 'POISONED');
    });
    same(roots, expected);
  });
});
