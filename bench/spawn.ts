/**
 * Question: how fast are actors made, what does an idle one weigh, and how long does a skynet of a million take, beside
 * Erlang/OTP's processes? In one tenant, in memory; a Synapse actor is made by its first message, a process by
 * `spawn` and one message.
 *
 * Estimate before measuring: OTP makes 500,000 to 1,000,000 processes a second of 2,700 bytes each; Synapse 150,000 to 300,000
 * actors of 800 to 1,200 bytes, since each is a state object with its key, its row and its place in the trie.
 *
 *   npm run bench -- spawn [--quick] [--json]
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createSystem, type System } from 'synapse-actors';
import { maker, skynet } from './actors/crowd.ts';
import type { Arm, Bench, Measure } from './rig/bench.ts';
import { check, timed } from './rig/load.ts';
import { main } from './rig/main.ts';
import { runOtp } from './rig/peers.ts';

interface Parameters {
  readonly actors: number;
  /** Made by one turn: as many as wait for nothing else. */
  readonly batch: number;
  /** A power of ten. */
  readonly skynet: number;
  /** A million actors do not fit into the default heap of a lane. */
  readonly laneHeapMb: number;
}

const MADE = 'made';
const SKYNET = 'skynet';
/** A million actors in one step take longer than the default of a call. */
const CALL_TIMEOUT_MS = 280_000;
/** Waits of 10 ms for a lane's figures, which are at most 50 ms old while it is busy. */
const FIGURES_WAITS = 500;

/** Resident memory of this process, with all its threads. */
function residentBytes(): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kib) * 1024;
}

function madeMeasures(actors: number, seconds: number, bytes: number): readonly Measure[] {
  return [
    { row: 'actors made', unit: 'actors/s', value: actors / seconds },
    { row: 'an idle actor', unit: 'bytes', value: Math.max(1, bytes / actors) },
  ];
}

async function makeActors(system: System, { actors, batch }: Parameters): Promise<readonly Measure[]> {
  const ref = system.ref(maker, 'acme', 'one').with({ timeoutMs: CALL_TIMEOUT_MS });
  await ref.make(Math.min(batch, 1_000));
  const first = Math.min(batch, 1_000);
  await ref.collect();
  const beforeBytes = residentBytes();
  const { seconds } = await timed(async () => {
    for (let made = 0; made < actors; made += batch) await ref.make(Math.min(batch, actors - made));
  });
  if (!(await ref.collect())) throw new Error('garbage cannot be collected in a lane: nothing can be weighed');
  const afterBytes = residentBytes();
  const expected = actors + first + 1;
  const inMemory = (): number => system.stats().lanes.reduce((sum, lane) => sum + lane.actors, 0);
  // The figures of a lane come a little late.
  for (let waits = 0; inMemory() < expected && waits < FIGURES_WAITS; waits++) await setTimeout(10);
  check('actors in memory', inMemory(), expected);
  return madeMeasures(actors, seconds, afterBytes - beforeBytes);
}

async function runSkynet(system: System, { skynet: size }: Parameters): Promise<readonly Measure[]> {
  const ref = system.ref(skynet, 'acme', 'root').with({ timeoutMs: CALL_TIMEOUT_MS });
  const { seconds } = await timed(() => ref.start('', 0, size));
  check('sum of all numbers', await ref.total(), (size * (size - 1)) / 2);
  return [{ row: 'skynet', unit: 's', value: seconds }];
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'in memory; survives the death of a lane',
  run: async (parameters, part) => {
    const { laneHeapMb, actors, skynet: size } = parameters;
    const system = await createSystem({
      actors: new URL('./actors/crowd.js', import.meta.url),
      lanes: 1,
      laneHeapMb,
      // Beside those that are weighed nothing may be put out.
      maxActiveActors: 2 * Math.max(actors, size),
    });
    const measures = part === MADE ? await makeActors(system, parameters) : await runSkynet(system, parameters);
    await system.close();
    return measures;
  },
};

const otp: Arm<Parameters> = {
  name: 'otp',
  keeps: 'volatile',
  needs: 'otp',
  run: async ({ actors, skynet: size }, part) => {
    const result = runOtp('bench_spawn', [part, part === MADE ? actors : size]);
    const seconds = (result['elapsed_us'] ?? 0) / 1e6;
    if (part === MADE) return madeMeasures(actors, seconds, result['bytes'] ?? 0);
    return [{ row: 'skynet', unit: 's', value: seconds }];
  },
};

const bench: Bench<Parameters> = {
  name: 'spawn',
  question: 'how fast are actors made, what does an idle one weigh, how long does a skynet take?',
  estimate:
    'OTP 500,000 to 1,000,000 processes/s of 2,700 bytes; Synapse 150,000 to 300,000 actors/s of 800 to 1,200 bytes',
  full: { actors: 1_000_000, batch: 10_000, skynet: 1_000_000, laneHeapMb: 8_192 },
  quick: { actors: 2_000, batch: 1_000, skynet: 1_000, laneHeapMb: 512 },
  parts: () => [MADE, SKYNET],
  nodeFlags: ['--expose-gc'], // actors weigh their lane (actors/crowd.ts)
  arms: [synapse, otp],
  aims: [
    { row: 'actors made', arm: 'synapse', over: 'otp', atLeast: 1 },
    { row: 'an idle actor', arm: 'synapse', atMost: 600 },
    { row: 'skynet', arm: 'synapse', over: 'otp', atMost: 1.5 },
  ],
};

await main(import.meta.url, bench);
