/**
 * An I/O error at commit N, for each N of a short run through lane, kernel and store, in every way a commit
 * can fail: no answer stays out, no acknowledged command is lost, no refused one has happened, and when all
 * refused ones are sent again the tenants have the states of an undisturbed run.
 */
import { expect, test } from 'vitest';
import { SynapseError } from '../../src/base/error.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { FAULT_MODES, FaultyDriver, type FaultMode } from '../store/faulty-driver.ts';
import { OneThread } from './one-thread.ts';

const ACTORS = new URL('./shelf.js', import.meta.url);

type Call = readonly [tenant: string, key: string, handler: string, ...args: unknown[]];

/** Every kind of input and output. Calls of one line are made at once, the lines one after the other. */
const SCRIPT: readonly (readonly Call[])[] = [
  [
    ['ada', 'one', 'put', 1],
    ['bob', 'one', 'put', 2],
    ['ada', 'two', 'put', 3],
  ],
  [
    ['ada', 'one', 'wait', 1_000],
    ['bob', 'one', 'ask', 'why'],
    ['cy', 'one', 'store', 4, 'text'],
  ],
  [
    ['ada', 'one', 'tellOther', 'bob'],
    ['cy', 'one', 'callOther', 'bob'],
    ['ada', 'two', 'put', 5],
  ],
  [
    ['bob', 'two', 'put', 6],
    ['bob', 'three', 'put', 7],
    ['cy', 'one', 'tellOther', 'ada'],
  ],
  [
    ['ada', 'one', 'put', 8],
    ['ada', 'two', 'ask', 'how'],
    ['bob', 'one', 'callOther', 'cy'],
  ],
];

interface Outcome {
  readonly roots: readonly string[];
  /** What the queries say at the end. */
  readonly states: readonly unknown[];
  readonly refused: number;
  readonly commits: number;
}

/** One call; undefined while it is not settled. */
interface Asked {
  readonly call: Call;
  result: { readonly ok: unknown } | { readonly code: string } | undefined;
}

function ask(system: OneThread, call: Call, idempotencyKey: string | undefined): Asked {
  const [tenant, key, handler, ...args] = call;
  const asked: Asked = { call, result: undefined };
  const { client } = system;
  const options = idempotencyKey === undefined ? {} : { idempotencyKey };
  client.call(client.route({ tenant, type: 'shelf', key }, handler, options), args).then(
    (ok) => {
      asked.result = { ok };
    },
    (error: unknown) => {
      asked.result = { code: error instanceof SynapseError ? error.code : String(error) };
    },
  );
  return asked;
}

/** Runs the script, sending again what is refused while the store is away. */
async function run(driver: FaultyDriver, arm: (driver: FaultyDriver) => void): Promise<Outcome> {
  const system = await OneThread.open(driver, ACTORS);
  await system.settle();
  arm(driver);
  let refused = 0;
  for (const [line, calls] of SCRIPT.entries()) {
    let open = calls.map((call, at) => ({ call, id: `${line}-${at}` }));
    for (let tries = 0; open.length > 0; tries++) {
      expect(tries, 'a store that has come back takes commands').toBeLessThan(5);
      const asked = open.map(({ call, id }) => ask(system, call, id));
      await system.settle();
      // Nothing hangs: with everything at rest each call has its answer.
      expect(asked.filter(({ result }) => result === undefined).map(({ call }) => call)).toEqual([]);
      open = open.filter((_, at) => {
        const result = asked[at]?.result;
        if (result !== undefined && 'ok' in result) return false;
        expect(result).toEqual({ code: 'STORE_UNAVAILABLE' });
        refused += 1;
        return true;
      });
    }
  }
  await system.settle(2_000);
  const { roots, states } = await lookAt(system);
  return { roots, states, refused, commits: driver.commits };
}

async function lookAt(system: OneThread): Promise<{ roots: readonly string[]; states: readonly unknown[] }> {
  const keys = [...new Set(SCRIPT.flat().map(([tenant, key]) => `${tenant} ${key}`))].toSorted();
  for (let tries = 0; tries < 3; tries++) {
    const roots = await system.roots();
    if (roots === undefined) continue; // the injected error hit this very snapshot
    const asked = keys.map((name) =>
      ask(system, [name.split(' ')[0] ?? '', name.split(' ')[1] ?? '', 'all'], undefined),
    );
    await system.settle();
    return { roots, states: asked.map(({ result }) => result) };
  }
  throw new Error('no snapshot can be taken');
}

const sound = await run(new FaultyDriver(new MemoryKeyValue()), () => undefined);
const opened = new FaultyDriver(new MemoryKeyValue());
await (await OneThread.open(opened, ACTORS)).settle();
const firstCommit = opened.commits + 1;

test('the undisturbed run has many commits and refuses nothing', () => {
  expect(sound.refused).toBe(0);
  expect(sound.commits - firstCommit).toBeGreaterThan(10);
  expect(sound.roots.length).toBe(3);
});

test.each(FAULT_MODES)(
  'an I/O error of kind "%s" at any one commit changes nothing in the end',
  async (mode: FaultMode) => {
    let refused = 0;
    for (let at = firstCommit; at <= sound.commits; at++) {
      const inner = new MemoryKeyValue();
      const outcome = await run(new FaultyDriver(inner), (driver) => driver.failAt(at, mode));
      expect(outcome.states, `commit ${at}`).toEqual(sound.states);
      expect(outcome.roots, `commit ${at}`).toEqual(sound.roots);
      refused += outcome.refused;
      // What is on the disk now gives the same to whoever opens it.
      const again = await OneThread.open(inner, ACTORS);
      expect(await lookAt(again), `commit ${at}, opened again`).toEqual({ roots: sound.roots, states: sound.states });
    }
    expect(refused).toBeGreaterThan(0);
  },
  300_000,
);

test('two errors in a row, the second while the store comes back, change nothing in the end', async () => {
  for (let at = firstCommit; at < sound.commits; at++) {
    const driver = new FaultyDriver(new MemoryKeyValue());
    const outcome = await run(driver, () => {
      driver.failAt(at, 'visible');
      driver.failAt(at + 1, 'before');
    });
    expect(outcome.states, `commit ${at}`).toEqual(sound.states);
    expect(outcome.roots, `commit ${at}`).toEqual(sound.roots);
  }
}, 300_000);
