/** api.md, `after` and `cron`: durable timers, in UTC, under the virtual clock where that is possible. */
import { describe, expect, it } from 'vitest';
import { clocked } from './fixtures/clocked.ts';
import { codeOf, folder, open, same, startChild, until } from './harness.ts';
import { openVirtual } from './virtual.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('after', () => {
  it('sends the command with its arguments once, when its time has come and not before', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    const start = await ref.now();
    await ref.after(1_000, 'ding');
    await system.advance(999);
    same(await ref.rings(), []);
    await system.advance(1);
    same(await ref.rings(), ['ding']);
    expect((await ref.times())[0]).toBeGreaterThanOrEqual(start + 1_000);
    await system.advance(HOUR);
    same(await ref.rings(), ['ding']);
  });

  it('fires several in the order of their times', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    for (const ms of [300, 100, 200, 0]) await ref.after(ms, `${ms}`);
    await system.advance(1_000);
    same(await ref.rings(), ['0', '100', '200', '300']);
  });

  it('returns an id that cancels it; an id that is spent cancels nothing', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    const ids = [await ref.after(100, 'a'), await ref.after(100, 'b')];
    same(new Set(ids).size, 2);
    await ref.cancel('a');
    await system.advance(100);
    same(await ref.rings(), ['b']);
    await ref.cancel('b');
    await ref.cancel('never there');
    same(await ref.rings(), ['b']);
  });

  it('takes effect at the end of the turn: a turn that throws sets and cancels nothing', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.after(100, 'kept');
    same(await codeOf(ref.afterThenFail(100, 'never')), 'HANDLER_FAILED');
    same(await codeOf(ref.cancelThenFail('kept')), 'HANDLER_FAILED');
    await system.advance(200);
    same(await ref.rings(), ['kept']);
  });

  it('survives a crash: due while down it fires once after recovery, not yet due it waits', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.after(1_000, 'soon');
    await ref.after(HOUR, 'late');
    await system.crash();
    await system.reopen();
    const again = system.ref(clocked, 'acme', 'c');
    same(await again.rings(), []);
    await system.advance(1_000);
    same(await again.rings(), ['soon']);
    await system.crash();
    await system.reopen();
    same(await system.ref(clocked, 'acme', 'c').rings(), ['soon']);
    await system.advance(HOUR);
    same(await system.ref(clocked, 'acme', 'c').rings(), ['soon', 'late']);
  });
});

describe('cron', () => {
  it('sends the command whenever the expression says', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.cron('*/5 * * * *', 'five');
    await system.advance(HOUR);
    const times = await ref.times();
    same(times.length, 12);
    for (const [i, time] of times.entries())
      if (i > 0) same(Math.floor(time / (5 * MINUTE)) - Math.floor(times[i - 1]! / (5 * MINUTE)), 1);
  });

  it('is in UTC', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.cron('30 12 * * *', 'noon and a half');
    for (let hour = 0; hour < 48; hour++) await system.advance(HOUR);
    const times = await ref.times();
    same(times.length, 2);
    for (const time of times) {
      // It is recorded with the step that carried it out, at or after half past twelve and before the next advance ends.
      expect(time % (24 * HOUR)).toBeGreaterThanOrEqual(12.5 * HOUR);
      expect(time % (24 * HOUR)).toBeLessThanOrEqual(13.5 * HOUR);
    }
  });

  it('returns an id that cancels it', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.cron('* * * * *', 'minute');
    await system.advance(3 * MINUTE);
    same((await ref.rings()).length, 3);
    await ref.cancel('minute');
    await system.advance(HOUR);
    same((await ref.rings()).length, 3);
  });

  it('goes on after a crash, without a gap and without a repeat', async () => {
    const system = await openVirtual('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.cron('* * * * *', 'minute');
    await system.advance(3 * MINUTE);
    await system.crash();
    await system.reopen();
    await system.advance(3 * MINUTE);
    same((await system.ref(clocked, 'acme', 'c').rings()).length, 6);
  });

  it('fails the turn when the expression means nothing', async () => {
    const system = await openVirtual('clocked');
    expect(['INVALID_ARGUMENT', 'HANDLER_FAILED']).toContain(
      await codeOf(system.ref(clocked, 'acme', 'c').cron('every now and then', 'x')),
    );
  });
});

describe('in lanes', () => {
  it('a timer fires, once', async () => {
    const system = await open('clocked');
    const ref = system.ref(clocked, 'acme', 'c');
    await ref.after(20, 'ding');
    await until(async () => (await ref.rings()).length > 0, 'the timer');
    await ref.now();
    same(await ref.rings(), ['ding']);
  });

  it('one that was due while the process was closed fires once after reopening', async () => {
    const dataDir = folder();
    const first = await open('clocked', { dataDir });
    await first.ref(clocked, 'acme', 'c').after(100, 'while down');
    await first.ref(clocked, 'acme', 'c').after(3_600_000, 'much later');
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const second = await open('clocked', { dataDir });
    // Nobody calls the actor: the timer itself brings it back. The query only looks.
    await until(async () => (await second.ref(clocked, 'acme', 'c').rings()).length > 0, 'the timer that was due');
    await second.close();
    const third = await open('clocked', { dataDir });
    for (let i = 0; i < 5; i++) await third.ref(clocked, 'acme', 'c').now();
    same(await third.ref(clocked, 'acme', 'c').rings(), ['while down']);
  });

  it('one that was due while the process was dead fires once, without any call', async () => {
    const dataDir = folder();
    const child = startChild({
      fixture: 'clocked',
      type: 'clocked',
      dataDir,
      calls: [{ tenant: 'acme', key: 'c', handler: 'after', args: [800, 'while dead'] }],
    });
    await child.ready();
    await child.kill();
    await new Promise((resolve) => setTimeout(resolve, 900));
    const system = await open('clocked', { dataDir });
    const seen: unknown[] = [];
    for await (const event of system.events('acme', 'ticks', { from: 0 })) {
      seen.push(event.value);
      break;
    }
    same(seen, ['while dead']);
    same(await system.ref(clocked, 'acme', 'c').rings(), ['while dead']);
  });
});
