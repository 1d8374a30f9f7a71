/**
 * Nothing is left behind: after many systems that were opened and closed, and many lanes that died, the
 * process has the threads and files that it had after the first ones, its heap does not grow, and it ends
 * by itself. CYCLES, DISK_CYCLES and DEATHS in the environment change how many.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Child, killAll } from '../crash/child.ts';
import type { LeakOrder, Sample } from './cycles-process.ts';

/** A cycle takes 0.2 to 0.35 s on two cores: the full thousand is for CYCLES=1000. */
const CYCLES = Number(process.env['CYCLES'] ?? 300);
const DISK_CYCLES = Number(process.env['DISK_CYCLES'] ?? 40);
const DEATHS = Number(process.env['DEATHS'] ?? 100);
const ROUNDS = 10;

/** What heap and buffers may each grow by in the second half of all rounds: noise of a collector, and less than one lane's rings. */
const GROWTH_MAX_BYTES = 2 << 20;

const folder = mkdtempSync(join(tmpdir(), 'synapse-leak.'));
afterAll(async () => {
  await killAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a process to its end and returns what it held after each round. */
async function measure(mode: LeakOrder['mode'], count: number): Promise<readonly Sample[]> {
  const order: LeakOrder = {
    mode,
    rounds: ROUNDS,
    perRound: Math.ceil(count / ROUNDS),
    dataDir: join(folder, 'store'),
  };
  const child = new Child(new URL('./cycles-process.js', import.meta.url), order, { flags: ['--expose-gc'] });
  await child.end();
  const samples = child.lines.map((line) => JSON.parse(line) as Sample);
  console.log(
    [`leak.test, ${mode}: ended with ${child.status}`, ...samples.map((sample) => JSON.stringify(sample))].join('\n'),
  );
  expect(`${child.status} ${child.errors}`).toBe('0 ');
  expect(samples.length).toBe(ROUNDS);
  return samples;
}

function growth(samples: readonly Sample[], what: (sample: Sample) => number): number {
  const half = samples.slice(samples.length >> 1).map(what);
  // The least of the first few of the half against the least of the last few: a peak is no trend.
  return Math.min(...half.slice(-2)) - Math.min(...half.slice(0, 2));
}

test.each([
  ['memory', CYCLES],
  ['disk', DISK_CYCLES],
  ['deaths', DEATHS],
] as const)(
  'systems and lanes leave no thread, no file and no growing heap: %s, %i times',
  async (mode, count) => {
    const samples = await measure(mode, count);
    const second = samples.slice(1); // the first round loads and compiles
    for (const what of ['threads', 'files', 'resources'] as const) {
      const values = second.map((sample) => sample[what]);
      expect(Math.max(...values), `${what}: ${values.join(' ')}`).toBeLessThanOrEqual(Math.min(...values) + 1);
    }
    expect(growth(samples, ({ heapBytes }) => heapBytes)).toBeLessThan(GROWTH_MAX_BYTES);
    expect(growth(samples, ({ bufferBytes }) => bufferBytes)).toBeLessThan(GROWTH_MAX_BYTES);
  },
  400_000,
);
