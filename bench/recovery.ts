/**
 * Question: after a kill -9 with 10,000 tenants and a million commands since the last snapshot, how soon does a tenant
 * answer, how soon do all, and is that replay at least as fast as the live run was?
 *
 * Estimate before measuring: live 150,000 to 300,000 commands/s; a replayed one is spared its promise, its ring and its
 * commit, so 300,000/s; the first answer after 100 to 300 ms, most of it for starting threads and reading keys.
 *
 *   npm run bench -- recovery [--quick] [--json]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import type { Arm, Bench } from './rig/bench.ts';
import { check, keepInFlight, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly tenants: number;
  readonly commands: number;
  readonly lanes: number;
}

const FILL = fileURLToPath(new URL('./entries/fill.js', import.meta.url));
const IN_FLIGHT = 4_096;
/** A tenant's first answer waits for its replay, and the last one's for all. */
const CALL_TIMEOUT_MS = 280_000;

/** Fills a store in a process that is then killed; commands a second of the live run. */
async function fillAndKill(dataDir: string, { tenants, commands, lanes }: Parameters): Promise<number> {
  const args = [FILL, dataDir, tenants, commands, lanes].map(String);
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const said = (await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), closed])) as [unknown];
  child.kill('SIGKILL');
  await closed;
  const perSecond = Number(said[0]);
  if (!(perSecond > 1)) throw new Error('the process that fills the store came to an end of its own');
  return perSecond;
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'durable, audited, replayable',
  run: (parameters) =>
    withScratch(async (dataDir) => {
      const { tenants, commands, lanes } = parameters;
      const livePerSecond = await fillAndKill(dataDir, parameters);
      const startMs = performance.now();
      const actors = new URL('../actors/counter.js', import.meta.url);
      const system = await createSystem({ actors, dataDir, lanes });
      const openedMs = performance.now() - startMs;
      const count = (at: number): Promise<number> =>
        system.ref(counter, `tenant-${at}`, 'one').with({ timeoutMs: CALL_TIMEOUT_MS }).count();
      check('first count', await count(tenants >> 1), expectedCount(parameters, tenants >> 1));
      const firstMs = performance.now() - startMs;
      const { given: total } = await timed(() => keepInFlight(tenants, IN_FLIGHT, count));
      const allMs = performance.now() - startMs;
      check('commands counted', total, commands);
      await system.close();
      const replayed = (commands * 1e3) / allMs;
      return [
        { row: 'live', unit: 'commands/s', value: livePerSecond },
        { row: 'replayed, until all have answered', unit: 'commands/s', value: replayed },
        { row: 'replay by live', unit: '×', value: replayed / livePerSecond },
        { row: 'opened', unit: 'ms', value: openedMs },
        { row: 'first answer of a tenant', unit: 'ms', value: firstMs },
        { row: 'answers of all tenants', unit: 'ms', value: allMs },
      ];
    }),
};

/** Commands went to the tenants in turn. */
function expectedCount({ commands, tenants }: Parameters, at: number): number {
  return Math.floor(commands / tenants) + (at < commands % tenants ? 1 : 0);
}

const bench: Bench<Parameters> = {
  name: 'recovery',
  question: 'after a kill -9, how soon does a tenant answer, how soon do all, and how fast is the replay?',
  estimate: 'live 150,000 to 300,000 commands/s, replay 300,000/s, the first answer after 100 to 300 ms',
  full: { tenants: 10_000, commands: 1_000_000, lanes: 2 },
  quick: { tenants: 20, commands: 500, lanes: 2 },
  arms: [synapse],
  aims: [
    { row: 'replay by live', arm: 'synapse', atLeast: 1 },
    { row: 'first answer of a tenant', arm: 'synapse', atMost: 100 },
  ],
};

await main(import.meta.url, bench);
