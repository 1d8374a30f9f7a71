/** api.md, "Guards": recorded clocks, seeded chance, UTC and en-US, and what throws AMBIENT_AUTHORITY. */
import { describe, expect, it } from 'vitest';
import { forbidden, guarded } from './fixtures/guarded.ts';
import { codeOf, folder, open, same, startChild, tenantOn, until } from './harness.ts';

describe('in a lane', () => {
  it.each(forbidden)('%s throws AMBIENT_AUTHORITY', async (name) => {
    const system = await open('guarded');
    const ref = system.ref(guarded, 'acme', 'g');
    same(await ref.try(name), 'AMBIENT_AUTHORITY');
    expect(['AMBIENT_AUTHORITY', 'HANDLER_FAILED']).toContain(await codeOf(ref.tryUncaught(name)));
    same(await ref.try(name), 'AMBIENT_AUTHORITY');
  });

  it('Date.now() and new Date() give the recorded time', async () => {
    const system = await open('guarded');
    const { ctxNow, dateNow, newDate, dateCall } = (await system.ref(guarded, 'acme', 'g').time()) as Record<
      string,
      number
    >;
    same([dateNow, newDate], [ctxNow, ctxNow]);
    same(Math.floor(dateCall! / 1_000), Math.floor(ctxNow! / 1_000));
  });

  it('no clock moves within a turn', async () => {
    const system = await open('guarded');
    same(await system.ref(guarded, 'acme', 'g').spin(), true);
  });

  it('clocks never go backwards between turns', async () => {
    const system = await open('guarded');
    const ref = system.ref(guarded, 'acme', 'g');
    let last: Record<string, number> = {};
    for (let i = 0; i < 20; i++) {
      const now = (await ref.time()) as Record<string, number>;
      for (const [name, value] of Object.entries(last)) expect(now[name]).toBeGreaterThanOrEqual(value);
      last = now;
    }
  });

  it('chance differs from draw to draw, from turn to turn, from actor to actor', async () => {
    const system = await open('guarded');
    const draws = [
      await system.ref(guarded, 'acme', 'g').chance(),
      await system.ref(guarded, 'acme', 'g').chance(),
      await system.ref(guarded, 'acme', 'h').chance(),
      await system.ref(guarded, 'other', 'g').chance(),
    ];
    same(new Set(draws.flatMap((draw) => draw.randoms)).size, 8);
    same(new Set(draws.flatMap((draw) => draw.uuids)).size, 8);
    same(new Set(draws.map((draw) => draw.bytes.join())).size, 4);
    for (const uuid of draws.flatMap((draw) => draw.uuids))
      expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    for (const random of draws.flatMap((draw) => draw.randoms)) expect(random >= 0 && random < 1).toBe(true);
  });

  it('chance is replayed: what a killed process drew is what recovery draws', async () => {
    const dataDir = folder();
    const child = startChild({
      fixture: 'guarded',
      type: 'guarded',
      dataDir,
      calls: [1, 2, 3].map(() => ({ tenant: 'acme', key: 'g', handler: 'chance', args: [] })),
    });
    const answers = await child.ready();
    await child.kill();
    const system = await open('guarded', { dataDir });
    same(await system.ref(guarded, 'acme', 'g').seen(), answers[2]!.ok);
  });

  it('clocks and chance go on as recorded after an await', async () => {
    const system = await open('guarded');
    const { before, after } = (await system.ref(guarded, 'acme', 'g').chanceAfter('h')) as {
      before: [number, number];
      after: [number, number];
    };
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBeGreaterThanOrEqual(before[1]);
  });

  it('time zone and locale are UTC and en-US', async () => {
    const system = await open('guarded');
    same(await system.ref(guarded, 'acme', 'g').locale(), {
      zone: 'UTC',
      offset: 0,
      number: '1,234,567.5',
      date: '1/1/1970',
      locale: 'en-US',
      compare: -1,
    });
  });

  it('time is 0 at module load and chance the same in every lane and every process', async () => {
    const first = await open('guarded', { lanes: 2, shards: 2 });
    await first.moveShard(0, 0);
    await first.moveShard(1, 1);
    const left = await first.ref(guarded, tenantOn(0, 2), 'g').atLoad();
    const right = await first.ref(guarded, tenantOn(1, 2), 'g').atLoad();
    same([left.dateNow, left.newDate, left.performance], [0, 0, 0]);
    same(right, left);
    await first.close();
    const second = await open('guarded');
    same(await second.ref(guarded, 'acme', 'g').atLoad(), left);
  });

  it('the guards do not reach the thread of the embedder', async () => {
    const system = await open('guarded');
    await system.ref(guarded, 'acme', 'g').time();
    const before = Date.now();
    await until(() => Date.now() > before, 'the clock to move');
    expect(Math.random()).not.toBe(Math.random());
  });
});
