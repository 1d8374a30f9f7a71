/** api.md, "Passivated when idle": actors leave memory and come back with the same state; it is no termination. */
import { describe, it } from 'vitest';
import { sleepy } from './fixtures/tight.ts';
import { folder, open, rootOf, same, until } from './harness.ts';

const expectedAfter = (n: number): unknown => ({
  n,
  map: new Map(Array.from({ length: n }, (_, i) => [`k${i + 1}`, i + 1])),
  when: new Date(n),
  bytes: new Uint8Array([n]),
  starts: 1,
  table: Array.from({ length: n }, (_, i) => [`k${i + 1}`, i + 1] as [string, number]).sort(([a], [b]) =>
    a < b ? -1 : 1,
  ),
});

/** Long enough for an actor that is idle after 20 ms to have left; nothing is asserted about when it did. */
async function idle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 150));
}

describe('an idle actor', () => {
  it.each([
    ['in memory', false],
    ['on disk', true],
  ])('comes back with the same state and tables, and is not started again: %s', async (_name, durable) => {
    const system = await open('tight', durable ? { dataDir: folder() } : {});
    const ref = system.ref(sleepy, 'acme', 's');
    for (let n = 1; n <= 4; n++) {
      same(await ref.add(1), n);
      const root = await rootOf(system, 'acme');
      await idle();
      same(await rootOf(system, 'acme'), root);
    }
    same(await ref.all(), expectedAfter(4));
  });

  it('is not terminated: whoever watches it hears nothing', async () => {
    const system = await open('tight', { dataDir: folder() });
    const watcher = system.ref(sleepy, 'acme', 'watcher');
    await system.ref(sleepy, 'acme', 's').add(1);
    await watcher.watch('s');
    await idle();
    await system.ref(sleepy, 'acme', 's').add(1);
    await idle();
    same(((await watcher.all()) as { n: number }).n, 0);
  });

  it('is woken by its timer', async () => {
    const system = await open('tight', { dataDir: folder() });
    const ref = system.ref(sleepy, 'acme', 's');
    await ref.remind(200);
    await until(async () => ((await ref.all()) as { n: number }).n === 100, 'the timer');
  });

  it('still has its address: a spawn of it is INVALID_ARGUMENT', async () => {
    const system = await open('tight', { dataDir: folder() });
    await system.ref(sleepy, 'acme', 's').add(1);
    await idle();
    const code = await system
      .ref(sleepy, 'acme', 'other')
      .sneak('s')
      .then(
        () => 'spawned',
        (error: { code: string; message: string }) => `${error.code} ${error.message}`,
      );
    same([code.includes('INVALID_ARGUMENT'), code === 'spawned'], [true, false]);
  });
});

describe('maxActiveActors', () => {
  it.each([
    ['in memory', false],
    ['on disk', true],
  ])('bounds what is in memory; all are there when they are called again: %s', async (_name, durable) => {
    const system = await open('tight', { maxActiveActors: 10, ...(durable ? { dataDir: folder() } : {}) });
    const keys = Array.from({ length: 300 }, (_, i) => `s${i}`);
    for (let round = 1; round <= 3; round++) {
      same(
        await Promise.all(keys.map((key) => system.ref(sleepy, 'acme', key).add(1))),
        keys.map(() => round),
      );
    }
    for (const key of keys) same(await system.ref(sleepy, 'acme', key).all(), expectedAfter(3));
  });

  it('of one still lets two actors of two tenants work in turn', async () => {
    const system = await open('tight', { maxActiveActors: 1, dataDir: folder() });
    for (let n = 1; n <= 10; n++) {
      same(await system.ref(sleepy, 'one', 's').add(1), n);
      same(await system.ref(sleepy, 'two', 's').add(1), n);
    }
  });
});
