/**
 * Many actors with small state: created, put out of memory, and called again, with a lane's default heap
 * and few of them in memory at a time. 50,000 by default; MILLION=1 makes it a million.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type System, createSystem } from 'synapse-actors';
import { afterAll, expect, test } from 'vitest';
import { counter } from '../../actors/counter.ts';

const ACTORS = process.env['MILLION'] === '1' ? 1_000_000 : 50_000;
const MAX_ACTIVE = ACTORS / 50;
const TENANTS = 16;
/** Calls under way at a time: enough for full group commits. */
const IN_FLIGHT = 2_048;

const folder = mkdtempSync(join(tmpdir(), 'synapse-million.'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Calls every actor once; returns how often the answer was not the expected one, and the most that were in memory. */
async function callAll(system: System, step: number, expected: number): Promise<{ wrong: number; active: number }> {
  let next = 0;
  let wrong = 0;
  let active = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < ACTORS; n = next++) {
      // A step that shares no factor with the number of actors visits all of them, neighbours far apart.
      const at = (n * step) % ACTORS;
      if ((await system.ref(counter, `tenant-${at % TENANTS}`, `c${at}`).increment()) !== expected) wrong += 1;
      if (n % 5_000 === 0) active = Math.max(active, ...system.stats().lanes.map(({ actors }) => actors));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return { wrong, active };
}

test(`${ACTORS} actors are created, leave memory, and count on when they are called again`, async () => {
  const startMs = performance.now();
  const lines: string[] = [];
  const report = (what: string, active: number): void => {
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
    lines.push(`million.test: ${what} at ${seconds} s, process ${rss} MiB, at most ${active} actors in memory`);
  };
  const options = {
    actors: new URL('../../actors/counter.js', import.meta.url),
    dataDir: join(folder, 'store'),
    lanes: 1,
    maxActiveActors: MAX_ACTIVE,
  };
  let system = await createSystem(options);
  try {
    for (const [round, step] of [1, 7_919].entries()) {
      const { wrong, active } = await callAll(system, step, round + 1);
      report(`${ACTORS} actors called, round ${round + 1}`, active);
      expect(wrong).toBe(0);
      // Between two looks at the number, some more may come in than may stay.
      expect(active).toBeLessThan(MAX_ACTIVE + 20_000);
    }
    await system.close();
    report('closed', 0);
    system = await createSystem(options);
    for (let at = 0; at < ACTORS; at += Math.ceil(ACTORS / 100)) {
      expect(await system.ref(counter, `tenant-${at % TENANTS}`, `c${at}`).count()).toBe(2);
    }
    report('opened again and asked', 0);
  } finally {
    await system.close();
    console.log(lines.join('\n'));
  }
}, 1_800_000);
