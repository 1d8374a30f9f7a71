/**
 * Question: is a replay at least as fast as the live run that it repeats? The same commands, on the counter
 * and on the account, first through a system with a disk, one lane and many calls at a time, then replayed:
 * a step a pull as users do, and in one go as `synapse verify` does.
 *
 * Estimate before measuring: live 100,000 to 200,000 steps a second, bound by the embedder's promises and
 * three threads on two cores; a replay half of that time a step, in two threads.
 *
 *   node dist/bench/replay.js [steps]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystem } from 'synapse-actors';
import { account } from 'synapse-actors/actors/account';
import { counter } from 'synapse-actors/actors/counter';
import { replay } from 'synapse-actors/replay';
import { hexOf } from '../src/base/hash.ts';

const STEPS = Number(process.argv[2] ?? 100_000);

/** Calls under way at a time: enough that commits are large. */
const IN_FLIGHT = 4_096;

const MODULES = ['account', 'counter'].map((name) => new URL(`../actors/${name}.js`, import.meta.url));

async function seconds(work: () => Promise<number>): Promise<{ readonly steps: number; readonly perSecond: number }> {
  const startNs = process.hrtime.bigint();
  const steps = await work();
  return { steps, perSecond: (steps * 1e9) / Number(process.hrtime.bigint() - startNs) };
}

/** Steps a second, and the state root that they came to. */
async function live(
  dataDir: string,
  tenant: 'counter' | 'account',
): Promise<{ readonly perSecond: number; readonly stateRoot: string }> {
  const system = await createSystem({ actors: MODULES, dataDir, lanes: 1, maxInFlight: 100_000 });
  const one = (at: number): Promise<unknown> =>
    tenant === 'counter'
      ? system.ref(counter, tenant, `c${at % 100}`).increment()
      : system.ref(account, tenant, `a${at % 100}`).deposit(1 + at);
  await one(0);
  const measured = await seconds(async () => {
    for (let at = 1; at < STEPS; at += IN_FLIGHT) {
      const batch: Promise<unknown>[] = [];
      for (let i = at; i < Math.min(STEPS, at + IN_FLIGHT); i++) batch.push(one(i));
      await Promise.all(batch);
    }
    return STEPS;
  });
  const [status] = await system.tenants();
  await system.close();
  return { perSecond: measured.perSecond, stateRoot: hexOf(status?.stateRoot ?? new Uint8Array()) };
}

async function pulls(dataDir: string, tenant: string): Promise<number> {
  const { perSecond } = await seconds(async () => {
    let steps = 0;
    for await (const step of replay({ dataDir, tenant, actors: MODULES })) steps = step.seq;
    return steps;
  });
  return perSecond;
}

/** As verify runs it: nothing is told but digests. */
async function inOneGo(dataDir: string, tenant: string, stateRoot: string): Promise<number> {
  let computed = '';
  const { perSecond } = await seconds(async () => {
    let steps = 0;
    for await (const step of replay({ dataDir, tenant, actors: MODULES, from: STEPS })) {
      steps = step.seq;
      computed = hexOf(step.stateRoot());
    }
    return steps;
  });
  if (computed !== stateRoot) throw new Error(`bug: live came to ${stateRoot}, its replay to ${computed}`);
  return perSecond;
}

const dir = mkdtempSync(join(tmpdir(), 'synapse-bench-'));
try {
  process.stdout.write(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, ${STEPS} steps\n`);
  process.stdout.write('actor      live/s   pulls/s  one go/s   pulls:live  one go:live\n');
  for (const tenant of ['counter', 'account'] as const) {
    const dataDir = join(dir, tenant);
    const { perSecond: alive, stateRoot } = await live(dataDir, tenant);
    const pulled = await pulls(dataDir, tenant);
    const gone = await inOneGo(dataDir, tenant, stateRoot);
    const cells = [alive, pulled, gone].map((figure) => figure.toFixed(0).padStart(9));
    process.stdout.write(
      `${tenant.padEnd(8)} ${cells.join(' ')}   ${(pulled / alive).toFixed(2).padStart(9)}  ${(gone / alive).toFixed(2).padStart(10)}  same root\n`,
    );
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
