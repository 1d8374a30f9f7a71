/** api.md, "Run": options, references, tells and dead letters, with(), close, locks, snapshots and backups. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { actor, createSystem, SynapseError } from 'synapse-actors';
import { describe, expect, it } from 'vitest';
import { ledger } from './fixtures/ledger.ts';
import { resumer } from './fixtures/tree.ts';
import { witness } from './fixtures/witness.ts';
import {
  codeOf,
  errorOf,
  fixture,
  folder,
  gate,
  keep,
  named,
  open,
  type Options,
  rootOf,
  same,
  settled,
  shardOf,
  startChild,
  take,
  tenant,
  until,
} from './harness.ts';

describe('options out of range are INVALID_ARGUMENT, named', () => {
  it.each([
    ['lanes', 0],
    ['lanes', -1],
    ['lanes', 1.5],
    ['lanes', Number.NaN],
    ['lanes', '2'],
    ['shards', 0],
    ['shards', -64],
    ['shards', 2.5],
    ['turnTimeoutMs', 0],
    ['turnTimeoutMs', -1],
    ['turnTimeoutMs', Number.NaN],
    ['callTimeoutMs', 0],
    ['callTimeoutMs', -5],
    ['laneHeapMb', 0],
    ['laneHeapMb', -1],
    ['maxActiveActors', 0],
    ['maxActiveActors', -1],
    ['maxInFlight', 0],
    ['maxInFlight', -1],
    ['maxInFlightBytes', 0],
    ['grants', 'everything'],
    ['grants', [{ from: 'a' }]],
    ['grants', [{ from: 'a', to: 'b', actor: 'c', handlers: 7 }]],
    ['dataDir', 7],
    ['dataDir', ''],
    ['previous', 'not a list'],
  ])('%s: %j', async (name, value) => {
    const error = await errorOf(async () =>
      keep(await createSystem({ actors: fixture('ledger'), lanes: 1, [name]: value } as unknown as Options)),
    );
    same(error.code, 'INVALID_ARGUMENT');
    expect(error.message).toContain(name);
  });

  it('actors that are missing, or no module, or a module without an actor', async () => {
    for (const actors of [
      undefined,
      7,
      [],
      new URL('./fixtures/not-there.js', import.meta.url),
      new URL('./harness.js', import.meta.url),
    ]) {
      const error = await errorOf(async () => keep(await createSystem({ lanes: 1, actors } as unknown as Options)));
      same(error.code, 'INVALID_ARGUMENT');
      expect(error.message).toContain('actors');
    }
  });
});

describe('a dataDir', () => {
  it('keeps its number of shards: another value is SHARD_COUNT_MISMATCH', async () => {
    const dataDir = folder();
    await (await open('ledger', { dataDir, shards: 8 })).close();
    same(await codeOf(() => open('ledger', { dataDir, shards: 16 })), 'SHARD_COUNT_MISMATCH');
    await (await open('ledger', { dataDir, shards: 8 })).close();
  });

  it('is STORE_LOCKED for a second system of this process, by whatever path, and free after close', async () => {
    const dataDir = folder();
    const link = join(folder(), 'link');
    symlinkSync(dataDir, link);
    const first = await open('ledger', { dataDir });
    same(await codeOf(() => open('ledger', { dataDir })), 'STORE_LOCKED');
    same(await codeOf(() => open('ledger', { dataDir: `${dataDir}/.` })), 'STORE_LOCKED');
    same(await codeOf(() => open('ledger', { dataDir: link })), 'STORE_LOCKED');
    same(await first.ref(ledger, 'acme', 'a').deposit(1), 1);
    await first.close();
    const second = await open('ledger', { dataDir });
    same(await second.ref(ledger, 'acme', 'a').balance(), 1);
  });

  it('is STORE_LOCKED for another process, and free again when that is gone', async () => {
    const dataDir = folder();
    const child = startChild({ fixture: 'ledger', type: 'ledger', dataDir });
    await child.ready();
    same(await codeOf(() => open('ledger', { dataDir })), 'STORE_LOCKED');
    await child.kill();
    const system = await open('ledger', { dataDir });
    same(await system.ref(ledger, 'acme', 'a').deposit(1), 1);
  });
});

describe('a reference', () => {
  it('activates nothing', async () => {
    const system = await open('ledger');
    for (let i = 0; i < 1_000; i++) system.ref(ledger, `tenant ${i}`, 'a');
    same(await system.tenants(), []);
  });

  it('is not thenable, so that it can be awaited and returned', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    same(typeof (ref as unknown as { then?: unknown }).then, 'undefined');
    const awaited = await settled(Promise.resolve(ref), 'an awaited reference');
    same(await awaited.deposit(2), 2);
  });

  it('answers any property that is no handler with a function that rejects with UNKNOWN_HANDLER', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    for (const name of ['nothing', 'balanceOf', 'state', 'started', 'hasOwnProperty', 'Deposit']) {
      same(typeof named(ref, name), 'function');
      same(await codeOf(named(ref, name)(1)), 'UNKNOWN_HANDLER');
    }
  });

  it('never throws on a call: it rejects', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    const promises = [
      named(ref, 'deposit')(() => 1),
      named(ref, 'nothing')(),
      named(ref.with({ timeoutMs: -1 }), 'deposit')(1),
    ];
    const settledCalls = await Promise.allSettled(promises);
    for (const call of settledCalls) {
      same(call.status, 'rejected');
      expect((call as PromiseRejectedResult).reason).toBeInstanceOf(SynapseError);
    }
    await system.close();
    same(await codeOf(named(ref, 'deposit')(1)), 'CLOSED');
  });

  it('to an actor type that was not registered rejects with UNKNOWN_ACTOR', async () => {
    const system = await open('ledger');
    const stranger = actor('stranger', { state: () => ({ n: 0 }), commands: { go: (): number => 1 } });
    same(await codeOf(async () => system.ref(stranger, 'acme', 'a').go()), 'UNKNOWN_ACTOR');
  });
});

describe('tell', () => {
  it('returns nothing, and is carried out', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    same(ref.tell.deposit(5) as unknown, undefined);
    same(await ref.balance(), 5);
  });

  it('goes to the dead letters when it is refused: address, handler, args and reason', async () => {
    const system = await open('ledger');
    const letters = take(system.deadLetters, 3);
    const ref = system.ref(ledger, 'acme', 'a');
    (ref.tell as unknown as Record<string, (...args: unknown[]) => void>).nothing!('x', 1);
    await settled(Promise.resolve(ref.balance()), 'a query');
    ref.tell.deposit(-1);
    await ref.balance();
    ref.tell.depositThenFail(4);
    const [unknown, refused, failed] = await letters;
    expect(unknown).toMatchObject({
      address: { tenant: 'acme', type: 'ledger', key: 'a' },
      handler: 'nothing',
      args: ['x', 1],
    });
    expect(JSON.stringify(unknown!.reason)).toContain('UNKNOWN_HANDLER');
    expect(refused).toMatchObject({ handler: 'deposit', args: [-1] });
    expect(JSON.stringify(refused!.reason)).toContain('REFUSED');
    expect(failed).toMatchObject({ handler: 'depositThenFail', args: [4] });
    expect(JSON.stringify(failed!.reason)).toContain('HANDLER_FAILED');
  });

  it('never throws, whatever the argument and whatever the state of the system', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    const letters = take(system.deadLetters, 1);
    expect(() => (ref.tell as unknown as Record<string, (...args: unknown[]) => void>).deposit!(() => 1)).not.toThrow();
    expect(JSON.stringify((await letters)[0]!.reason)).toContain('UNSERIALIZABLE');
    await system.close();
    expect(() => ref.tell.deposit(1)).not.toThrow();
  });
});

describe('with', () => {
  it('a timeout rejects with TIMEOUT, which says that the command may still happen, and it does', async () => {
    const system = await open('ledger');
    const door = gate();
    const ref = system.ref(ledger, 'acme', 'a');
    const error = await errorOf(ref.with({ timeoutMs: 50 }).depositAtGate(door.path, 5));
    same(error.code, 'TIMEOUT');
    expect(error.message).toMatch(/may still/i);
    door.open();
    await until(async () => (await ref.balance()) === 5, 'the command to happen');
  });

  it('leaves the reference it was made from as it was', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    const other = ref.with({ principal: 'user:7' });
    expect((await other.look()).sender).toMatchObject({ principal: 'user:7' });
    expect(JSON.stringify((await ref.look()).sender ?? null)).not.toContain('user:7');
  });

  it('callTimeoutMs holds for calls that name no timeout', async () => {
    const system = await open('ledger', { callTimeoutMs: 50 });
    const door = gate();
    const ref = system.ref(ledger, 'acme', 'a');
    same(await codeOf(ref.depositAtGate(door.path, 5)), 'TIMEOUT');
    door.open();
  });
});

describe('close', () => {
  it('drains: what was called before it is answered and is there after reopening', async () => {
    const dataDir = folder();
    const first = await open('ledger', { dataDir });
    const calls = Array.from({ length: 200 }, () => first.ref(ledger, 'acme', 'a').deposit(1));
    await first.close();
    const answers = await Promise.allSettled(calls);
    same(answers.filter((answer) => answer.status === 'rejected').length, 0);
    const second = await open('ledger', { dataDir });
    same(await second.ref(ledger, 'acme', 'a').balance(), 200);
  });

  it('is idempotent, also when called twice at once', async () => {
    const system = await open('ledger');
    await Promise.all([system.close(), system.close()]);
    await system.close();
    same(await codeOf(system.ref(ledger, 'acme', 'a').deposit(1)), 'CLOSED');
    same(await codeOf(() => system.tenants()), 'CLOSED');
    same(await codeOf(() => system.snapshot()), 'CLOSED');
    same(await codeOf(() => system.moveShard(0, 0)), 'CLOSED');
    same(await codeOf(() => system.backup(folder())), 'CLOSED');
  });

  it('is what `await using` calls', async () => {
    let ref: { deposit(n: number): Promise<number> };
    {
      await using system = await createSystem({ actors: fixture('ledger'), lanes: 1, shards: 8 });
      ref = system.ref(ledger, 'acme', 'a');
      same(await ref.deposit(1), 1);
    }
    same(await codeOf(ref.deposit(1)), 'CLOSED');
  });
});

describe('system members', () => {
  it('tenants() gives tenant, shard, seq and stateRoot, sorted by tenant', async () => {
    const system = await open('ledger');
    for (const name of ['zeta', 'alpha', 'mid']) await system.ref(ledger, name, 'a').deposit(1);
    const rows = await system.tenants();
    same(
      rows.map((row) => row.tenant),
      ['alpha', 'mid', 'zeta'],
    );
    for (const row of rows) {
      same(row.shard, shardOf(row.tenant, 8));
      expect(row.stateRoot).toBeInstanceOf(Uint8Array);
      same(row.stateRoot.length, 32);
      expect(Number(row.seq)).toBeGreaterThan(0);
    }
    // The root is of state alone: equal histories under other names may differ, a change must differ.
    const before = await rootOf(system, 'mid');
    await system.ref(ledger, 'mid', 'a').deposit(1);
    expect(await rootOf(system, 'mid')).not.toBe(before);
  });

  it('stats() tells per lane and per system', async () => {
    const system = await open('ledger', { lanes: 2 });
    await system.ref(ledger, 'acme', 'a').deposit(1);
    const stats = system.stats() as unknown as Record<string, unknown>;
    const lanes = Object.values(stats).find((value) => Array.isArray(value)) as unknown[];
    same(lanes.length, 2);
  });

  it('several modules register the actors of all of them', async () => {
    const system = await open(['ledger', 'tree', 'witness']);
    same(await system.ref(ledger, 'acme', 'a').deposit(1), 1);
    same(await system.ref(resumer, 'acme', 'a').add(1), 1);
    same((await system.ref(witness, 'acme', 'a').look()).type, 'witness');
  });

  it('a forced snapshot and a reopen change nothing', async () => {
    const dataDir = folder();
    const first = await open('ledger', { dataDir });
    await first.ref(ledger, 'acme', 'a').deposit(1);
    await first.snapshot();
    await first.ref(ledger, 'acme', 'a').deposit(2);
    const row = await tenant(first, 'acme');
    await first.close();
    const second = await open('ledger', { dataDir });
    same(await tenant(second, 'acme'), row);
    same(await second.ref(ledger, 'acme', 'a').history(), [1, 2]);
  });

  it('a hot backup is consistent, opens as a system of its own and goes its own way', async () => {
    const dataDir = folder();
    const copy = join(folder(), 'copy');
    const system = await open('ledger', { dataDir });
    const ref = system.ref(ledger, 'acme', 'a');
    await ref.deposit(7);
    const flood = Array.from({ length: 300 }, () => ref.deposit(1));
    await system.backup(copy);
    await Promise.all(flood);
    const restored = await open('ledger', { dataDir: copy });
    const history = await restored.ref(ledger, 'acme', 'a').history();
    const balance = await restored.ref(ledger, 'acme', 'a').balance();
    same(balance, 7 + history.length - 1);
    expect(balance).toBeGreaterThanOrEqual(7);
    await restored.ref(ledger, 'acme', 'a').deposit(1_000);
    same(await ref.balance(), 307);
  });
});
