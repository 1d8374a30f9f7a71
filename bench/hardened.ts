/**
 * Question: what does `hardened: true` cost? The same handlers run plain in a plain lane, plain in a lane
 * that is locked down (it has hardened neighbours), and hardened; and a lane's start with and without SES.
 *
 * Estimate before measuring: a turn that uses ctx alone costs the same; a loop over names of the language
 * up to twice as much, since each is looked up in the Compartment; a lane starts 0.1 s later.
 *
 *   npm run bench -- hardened [--quick]
 */
import { cpus } from 'node:os';
import { createSystem, type System } from 'synapse-actors';

const BOTH = new URL('./actors/hardened-actors.js', import.meta.url);
const PLAIN = new URL('./actors/plain-actors.js', import.meta.url);

/** Iterations of the computing handler: enough to outweigh the turn around it. */
const LOOP = 20_000;

/** Rounds of each kind; the best counts, since what disturbs only ever adds. */
const RUNS = 7;

export interface HardenedRow {
  readonly name: string;
  readonly plainUs: number;
  readonly besideUs: number;
  readonly hardenedUs: number;
}

type Call = (n: number) => Promise<number>;
type AnyRef = Record<string, Call>;

async function roundUs(
  system: System,
  type: string,
  handler: string,
  argument: number,
  calls: number,
): Promise<number> {
  const ref = system.ref(type, 'acme', 'a') as unknown as AnyRef;
  const started = performance.now();
  await Promise.all(Array.from({ length: calls }, () => (ref[handler] as Call)(argument)));
  return ((performance.now() - started) * 1_000) / calls;
}

/** All three kinds in alternation; of each the best round. */
async function rowOf(handler: string, argument: number, calls: number): Promise<HardenedRow> {
  const alone = await createSystem({ actors: PLAIN, lanes: 1 });
  const both = await createSystem({ actors: BOTH, lanes: 1 });
  const best = { plainUs: Infinity, besideUs: Infinity, hardenedUs: Infinity };
  try {
    for (let run = 0; run < RUNS; run++) {
      best.plainUs = Math.min(best.plainUs, await roundUs(alone, 'plain', handler, argument, calls));
      best.besideUs = Math.min(best.besideUs, await roundUs(both, 'plain', handler, argument, calls));
      best.hardenedUs = Math.min(best.hardenedUs, await roundUs(both, 'hardened', handler, argument, calls));
    }
  } finally {
    await alone.close();
    await both.close();
  }
  return { name: handler, ...best };
}

async function startMs(actors: URL): Promise<number> {
  const started = performance.now();
  const system = await createSystem({ actors, lanes: 1 });
  const ms = performance.now() - started;
  await system.close();
  return ms;
}

/** Runs the table; `isQuick` only shows that every row works. */
export async function runHardened(isQuick: boolean): Promise<readonly HardenedRow[]> {
  return [await rowOf('add', 1, isQuick ? 20 : 5_000), await rowOf('compute', LOOP, isQuick ? 2 : 300)];
}

if (import.meta.url === new URL(process.argv[1] ?? '', 'file:').href) {
  const rows = await runHardened(process.argv.includes('--quick'));
  process.stdout.write(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, best of ${RUNS}\n`);
  for (const { name, plainUs, besideUs, hardenedUs } of rows) {
    process.stdout.write(
      `${name.padEnd(8)} plain ${plainUs.toFixed(1)} µs · plain beside hardened ${besideUs.toFixed(1)} µs · hardened ${hardenedUs.toFixed(1)} µs · ratio ${(hardenedUs / plainUs).toFixed(2)}\n`,
    );
  }
  const [plainMs, hardenedMs] = [await startMs(PLAIN), await startMs(BOTH)];
  process.stdout.write(`start    plain ${plainMs.toFixed(0)} ms · hardened ${hardenedMs.toFixed(0)} ms\n`);
}
