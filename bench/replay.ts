/**
 * Question: is a replay at least as fast as the live run that it repeats? The same commands, on the counter
 * and on the account, first through a system with a disk, one lane and many calls at a time, then replayed:
 * a step a pull as users do, and in one go as `synapse verify` does.
 *
 * Estimate before measuring: live 100,000 to 200,000 steps a second, bound by the embedder's promises and
 * three threads on two cores; a replay half of that time a step, in two threads.
 *
 *   npm run bench -- replay [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import { account } from 'synapse-actors/actors/account';
import { counter } from 'synapse-actors/actors/counter';
import { replay } from 'synapse-actors/replay';
import { hexOf } from '../src/base/hash.ts';
import type { Arm, Bench } from './rig/bench.ts';
import { check, keepInFlight, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly steps: number;
  /** Calls under way at a time: enough that commits are large. */
  readonly inFlight: number;
}

const TENANTS = ['counter', 'account'] as const;
type Tenant = (typeof TENANTS)[number];
const MODULES = TENANTS.map((name) => new URL(`../actors/${name}.js`, import.meta.url));
/** Actors of a tenant. */
const ACTORS = 100;

/** Seconds that a run of all commands took, and the state root that they came to. */
interface Run {
  readonly seconds: number;
  readonly stateRoot: string;
}

async function live(dataDir: string, tenant: Tenant, { steps, inFlight }: Parameters): Promise<Run> {
  const system = await createSystem({ actors: MODULES, dataDir, lanes: 1 });
  const one = (at: number): Promise<number> =>
    tenant === 'counter'
      ? system.ref(counter, tenant, `c${at % ACTORS}`).increment()
      : system.ref(account, tenant, `a${at % ACTORS}`).deposit(1 + at);
  const { seconds } = await timed(() => keepInFlight(steps, inFlight, one));
  const [status] = await system.tenants();
  await system.close();
  return { seconds, stateRoot: hexOf(status?.stateRoot ?? new Uint8Array()) };
}

/** Steps a second of a replay to the last step; from `from` on each is told. Comes to the root of the live run. */
async function replayed(dataDir: string, tenant: Tenant, from: number, steps: number, root: string): Promise<number> {
  let stateRoot = '';
  const { seconds, given } = await timed(async () => {
    let seq = 0;
    for await (const step of replay({ dataDir, tenant, actors: MODULES, from, until: steps })) {
      ({ seq } = step);
      if (seq === steps) stateRoot = hexOf(step.stateRoot());
    }
    return seq;
  });
  check('steps replayed', given, steps);
  check('state root of the replay', stateRoot, root);
  return steps / seconds;
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'durable, audited, replayable',
  run: (parameters, tenant) =>
    withScratch(async (dataDir) => {
      const { steps } = parameters;
      const { seconds, stateRoot } = await live(dataDir, tenant as Tenant, parameters);
      const alive = steps / seconds;
      const pulled = await replayed(dataDir, tenant as Tenant, 1, steps, stateRoot);
      const gone = await replayed(dataDir, tenant as Tenant, steps, steps, stateRoot);
      return [
        { row: `${tenant}: live`, unit: 'steps/s', value: alive },
        { row: `${tenant}: replayed, a step a pull`, unit: 'steps/s', value: pulled },
        { row: `${tenant}: replayed, in one go`, unit: 'steps/s', value: gone },
        { row: `${tenant}: pulls by live`, unit: '×', value: pulled / alive },
        { row: `${tenant}: one go by live`, unit: '×', value: gone / alive },
      ];
    }),
};

const bench: Bench<Parameters> = {
  name: 'replay',
  question: 'is a replay at least as fast as the live run that it repeats?',
  estimate: 'live 100,000 to 200,000 steps/s; a replay half of that time a step, in two threads',
  full: { steps: 100_000, inFlight: 4_096 },
  quick: { steps: 300, inFlight: 64 },
  parts: () => TENANTS,
  arms: [synapse],
  aims: TENANTS.map((tenant) => ({ row: `${tenant}: one go by live`, arm: 'synapse', atLeast: 1 })),
};

await main(import.meta.url, bench);
