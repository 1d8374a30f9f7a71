/**
 * api.md, promise 1: after `kill -9` at any moment every acknowledged command is there, once, in order.
 * A child process under load is killed a few times, each time after a number of answers that is drawn
 * from a printed seed; every round sends again, under the same key, what was not acknowledged.
 */
import { expect, it } from 'vitest';
import { rogue } from './fixtures/rogue.ts';
import { folder, open, same, startChild, until } from './harness.ts';

const TENANTS = 4;
const KEYS = 3;
const ROUNDS = 6;

/** A small generator (mulberry32), so that a run can be repeated: ACCEPTANCE_SEED=n. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

it('kill -9 under load loses nothing that was acknowledged, repeats nothing and reorders nothing', async () => {
  const seed = Number(process.env.ACCEPTANCE_SEED ?? Date.now() % 1_000_000_007);
  console.log(`crash.test seed ${seed}: repeat with ACCEPTANCE_SEED=${seed}`);
  const random = generator(seed);
  const dataDir = folder();
  const acknowledged = Array.from({ length: TENANTS }, () => new Set<number>());
  const refused: unknown[] = [];

  for (let round = 0; round < ROUNDS; round++) {
    const from = acknowledged.map((numbers) => {
      let n = 0;
      while (numbers.has(n)) n++;
      return n;
    });
    const child = startChild({
      fixture: 'rogue',
      type: 'rogue',
      dataDir,
      options: { lanes: 2 },
      load: { tenants: TENANTS, keys: KEYS, from, inFlight: 8 },
    });
    const enough = 40 + Math.floor(random() * 400);
    const answers = (): [number, number, string?][] =>
      child.printed().filter((line) => Array.isArray(line)) as [number, number, string?][];
    await until(() => answers().length >= enough, `${enough} answers in round ${round}`);
    await child.kill();
    for (const [tenant, n, code] of answers()) {
      if (code === undefined) acknowledged[tenant]!.add(n);
      else refused.push([tenant, n, code]);
    }
  }
  same(refused, []);

  const system = await open('rogue', { dataDir, lanes: 2 });
  for (let t = 0; t < TENANTS; t++) {
    const present = new Set<number>();
    for (let k = 0; k < KEYS; k++) {
      const log = await system.ref(rogue, `tenant${t}`, `k${k}`).log();
      // Once and in order: the series of this key has no repeat, no gap and no swap.
      same(
        log,
        log.map((_, i) => k + i * KEYS),
      );
      for (const n of log) present.add(n);
    }
    same(
      [...acknowledged[t]!].filter((n) => !present.has(n)),
      [],
    );
    expect(acknowledged[t]!.size).toBeGreaterThan(0);
  }
});
