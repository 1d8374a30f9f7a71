/** api.md, lanes: what kills one, what is answered afterwards, what is POISONED, and moving a shard under load. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hoards, rogue } from './fixtures/rogue.ts';
import {
  codeOf,
  errorOf,
  folder,
  gate,
  lines,
  open,
  rootOf,
  same,
  seqOf,
  settled,
  shardOf,
  startChild,
  type Step,
  type System,
  tenantOn,
  until,
} from './harness.ts';

const QUICK = { turnTimeoutMs: 200 };

function heard(system: System): string[] {
  const events: string[] = [];
  for (const name of ['lane-died', 'poisoned', 'restart', 'escalated'] as const)
    system.on(name, (event: unknown) => events.push(`${name} ${JSON.stringify(event)}`));
  return events;
}

describe('an endless loop', () => {
  it('is POISONED in the end, its step undone, and its tenant and the others of its lane go on', async () => {
    const system = await open('rogue', QUICK);
    const events = heard(system);
    await system.ref(rogue, 'acme', 'r').add(5);
    await system.ref(rogue, 'other', 'r').add(7);
    const error = await errorOf(system.ref(rogue, 'acme', 'r').loop());
    same(error.code, 'POISONED');
    same(await system.ref(rogue, 'acme', 'r').add(1), 6);
    same(await system.ref(rogue, 'other', 'r').add(1), 8);
    expect(events.filter((event) => event.startsWith('lane-died')).length).toBeGreaterThanOrEqual(3);
    await until(() => events.some((event) => event.startsWith('poisoned')), 'the poisoned event');
    expect(events.find((event) => event.startsWith('poisoned'))).toContain('acme');
    // Kills of a lane do not count as restarts.
    same(
      events.filter((event) => event.startsWith('restart') || event.startsWith('escalated')),
      [],
    );
  });

  it('is a recorded outcome: a repeat and a reopened store say the same without trying again', async () => {
    const dataDir = folder();
    const flag = join(folder(), 'flag');
    writeFileSync(flag, '');
    const first = await open('rogue', { ...QUICK, dataDir });
    const once = { idempotencyKey: 'k' };
    same(await codeOf(first.ref(rogue, 'acme', 'r').with(once).loopWhile(flag)), 'POISONED');
    const tries = lines(`${flag}.tries`).length;
    same(tries, 3);
    same(await codeOf(first.ref(rogue, 'acme', 'r').with(once).loopWhile(flag)), 'POISONED');
    await first.close();
    const second = await open('rogue', { ...QUICK, dataDir });
    same(await codeOf(second.ref(rogue, 'acme', 'r').with(once).loopWhile(flag)), 'POISONED');
    same(await second.ref(rogue, 'acme', 'r').add(1), 1);
    same(lines(`${flag}.tries`).length, tries);
  });

  it('that ends by itself after a kill or two is carried out once', async () => {
    const system = await open('rogue', QUICK);
    const flag = join(folder(), 'flag');
    writeFileSync(flag, '');
    system.on('lane-died', () => rmSync(flag, { force: true }));
    same(await system.ref(rogue, 'acme', 'r').loopWhile(flag), 1);
    same(await system.ref(rogue, 'acme', 'r').n(), 1);
    expect(lines(`${flag}.tries`).length).toBeGreaterThan(1);
  });

  it('in a query gets it refused, and nothing else is lost', async () => {
    const system = await open('rogue', QUICK);
    await system.ref(rogue, 'acme', 'r').add(5);
    same(await codeOf(system.ref(rogue, 'acme', 'r').loopInQuery()), 'POISONED');
    same(await system.ref(rogue, 'acme', 'r').add(1), 6);
  });

  it('after an await is caught too', async () => {
    const system = await open('rogue', QUICK);
    const door = gate();
    const pending = codeOf(system.ref(rogue, 'acme', 'r').loopAfterGate(door.path));
    await door.started();
    door.open();
    // The poisoned input is the effect's result; the turn that waited for it fails.
    expect(['POISONED', 'HANDLER_FAILED', 'EFFECT_FAILED']).toContain(await pending);
    same(await system.ref(rogue, 'acme', 'r').add(1), 1);
  });

  it('is not what a turn that waits long does: waiting does not count', async () => {
    const system = await open('rogue', { turnTimeoutMs: 100 });
    const events = heard(system);
    const door = gate();
    const pending = system.ref(rogue, 'acme', 'r').gated(door.path);
    await door.started();
    // Ten other turns and a pause longer than turnTimeoutMs: only a watchdog that counts waiting would fire.
    for (let i = 0; i < 10; i++) await system.ref(rogue, 'acme', 'other').add(1);
    await new Promise((resolve) => setTimeout(resolve, 400));
    door.open();
    same(await pending, 1);
    same(events, []);
  });
});

describe('exhaustion and exits', () => {
  // In a process of its own: where a full heap takes the process along, only that one ends.
  it.each(hoards)(
    'a heap full of %s kills the lane, not the process: POISONED, and others are answered',
    async (how) => {
      const call = (tenant: string, handler: string, ...args: unknown[]): Step => ({ tenant, key: 'r', handler, args });
      const child = startChild({
        fixture: 'rogue',
        type: 'rogue',
        dataDir: folder(),
        options: { laneHeapMb: 64, bufferMb: 64, turnTimeoutMs: 20_000, callTimeoutMs: 600_000 }, // three heaps are filled
        calls: [call('other', 'add', 7), call('acme', 'exhaust', how), call('other', 'add', 1), call('acme', 'add', 1)],
      });
      const answers = await child.ready();
      same(
        answers.map((answer) => answer.ok ?? answer.error),
        [7, 'POISONED', 8, 1],
      );
    },
  );

  it('a stack overflow is a failure of its turn', async () => {
    const system = await open('rogue');
    const error = await errorOf(system.ref(rogue, 'acme', 'r').overflow());
    expect(['HANDLER_FAILED', 'POISONED']).toContain(error.code);
    same(await system.ref(rogue, 'acme', 'r').add(1), 1);
  });

  it('process.exit throws AMBIENT_AUTHORITY, and uncaught it fails its turn only', async () => {
    const system = await open('rogue');
    const events = heard(system);
    same(await system.ref(rogue, 'acme', 'r').exit(), 'AMBIENT_AUTHORITY');
    expect(['AMBIENT_AUTHORITY', 'HANDLER_FAILED']).toContain(
      await codeOf(system.ref(rogue, 'acme', 'r').exitUncaught()),
    );
    same(await system.ref(rogue, 'acme', 'r').add(1), 2);
    same(events, []);
  });

  it('an unhandled rejection does not take the lane', async () => {
    const system = await open('rogue');
    await settled(
      system
        .ref(rogue, 'acme', 'r')
        .stray()
        .catch(() => 0),
      'a turn with a stray rejection',
    );
    const before = await system.ref(rogue, 'acme', 'r').n();
    same(await system.ref(rogue, 'acme', 'r').add(1), before + 1);
  });
});

describe('calls in flight on a lane that dies', () => {
  it('are answered after recovery, once and in order; suspended ones as well', async () => {
    const system = await open('rogue', { ...QUICK, dataDir: folder() });
    const door = gate();
    const suspended = system.ref(rogue, 'acme', 'waiter').gated(door.path);
    await door.started();
    const answers: Promise<number>[] = [];
    for (let i = 0; i < 50; i++)
      answers.push(system.ref(rogue, 'acme', 'r').append(i), system.ref(rogue, 'other', 'r').append(i));
    const killer = codeOf(system.ref(rogue, 'acme', 'k').loop());
    for (let i = 50; i < 100; i++)
      answers.push(system.ref(rogue, 'acme', 'r').append(i), system.ref(rogue, 'other', 'r').append(i));
    const lengths = await settled(Promise.all(answers), 'the calls in flight', 80_000);
    same(
      lengths,
      Array.from({ length: 200 }, (_, i) => Math.floor(i / 2) + 1),
    );
    same(await killer, 'POISONED');
    door.open();
    same(await settled(suspended, 'the suspended call'), 1);
    for (const tenant of ['acme', 'other'])
      same(
        await system.ref(rogue, tenant, 'r').log(),
        Array.from({ length: 100 }, (_, i) => i),
      );
  });

  it('another lane does not notice', async () => {
    const system = await open('rogue', { ...QUICK, lanes: 2, shards: 2 });
    const [left, right] = [tenantOn(0, 2, 'left'), tenantOn(1, 2, 'right')];
    await system.moveShard(0, 0);
    await system.moveShard(1, 1);
    let died = 0;
    system.on('lane-died', () => died++);
    let answered = 0;
    let done = false;
    const killer = codeOf(system.ref(rogue, left, 'r').loop()).finally(() => (done = true));
    while (!done) same(await system.ref(rogue, right, 'r').add(1), ++answered);
    same(await killer, 'POISONED');
    expect(died).toBeGreaterThanOrEqual(3);
    expect(answered).toBeGreaterThan(0);
  });
});

describe('moveShard', () => {
  it('under load loses and reorders nothing, and roots stay equal', async () => {
    const system = await open('rogue', { lanes: 2, dataDir: folder() });
    const ref = system.ref(rogue, 'acme', 'r');
    const shard = shardOf('acme', 8);
    const pending: Promise<number>[] = [];
    for (let n = 0; n < 1_000; n++) {
      pending.push(ref.append(n));
      if (n % 100 === 50) await system.moveShard(shard, (n / 50 - 1) % 4 === 0 ? 0 : 1);
    }
    same(
      await Promise.all(pending),
      Array.from({ length: 1_000 }, (_, i) => i + 1),
    );
    const before = [await rootOf(system, 'acme'), await seqOf(system, 'acme')];
    await system.moveShard(shard, 0);
    await system.moveShard(shard, 1);
    same([await rootOf(system, 'acme'), await seqOf(system, 'acme')], before);
    same(
      await ref.log(),
      Array.from({ length: 1_000 }, (_, i) => i),
    );
  });

  it('takes suspended turns along', async () => {
    const system = await open('rogue', { lanes: 2 });
    const shard = shardOf('acme', 8);
    const door = gate();
    await system.moveShard(shard, 0);
    const pending = system.ref(rogue, 'acme', 'r').gated(door.path);
    await door.started();
    await system.moveShard(shard, 1);
    door.open();
    same(await settled(pending, 'a call whose shard moved'), 1);
    same(await system.ref(rogue, 'acme', 'r').add(1), 2);
  });

  it('to its own lane does nothing; to a lane or of a shard that is not there is INVALID_ARGUMENT', async () => {
    const system = await open('rogue', { lanes: 2 });
    const shard = shardOf('acme', 8);
    await system.ref(rogue, 'acme', 'r').add(1);
    await system.moveShard(shard, 1);
    await system.moveShard(shard, 1);
    same(await system.ref(rogue, 'acme', 'r').add(1), 2);
    for (const [wrongShard, wrongLane] of [
      [8, 0],
      [-1, 0],
      [0, 2],
      [0, -1],
      [0.5, 0],
    ] as const) {
      same(await codeOf(() => system.moveShard(wrongShard, wrongLane)), 'INVALID_ARGUMENT');
    }
  });

  it('is refused when the roots differ, and the source goes on', async () => {
    const system = await open('rogue', { lanes: 2, dataDir: folder() });
    const shard = shardOf('acme', 8);
    await system.moveShard(shard, 0);
    const ref = system.ref(rogue, 'acme', 'r');
    // The state hangs on a counter of the thread's module: this tenant, which stays, leaves it at one; the other lane counts from zero.
    const staying = (shard + 1) % 8;
    await system.moveShard(staying, 0);
    await system.ref(rogue, tenantOn(staying, 8), 'r').drift();
    await ref.drift();
    await ref.drift();
    const n = await ref.n();
    const moved = await system.moveShard(shard, 1).then(
      () => 'moved',
      (error: { code: string }) => error.code,
    );
    same(moved, 'DIVERGED');
    same(await ref.n(), n);
    same(await ref.add(1), n + 1);
  });
});
