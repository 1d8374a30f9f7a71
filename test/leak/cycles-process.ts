/**
 * Opens and closes systems, or lets their lanes die, and prints what is left after each round of them:
 * `node --expose-gc cycles-process.js ORDER` (JSON, a LeakOrder). One JSON line a round, a Sample.
 */
import { readFileSync, readdirSync, writeSync } from 'node:fs';
import { type SystemOptions, createSystem } from 'synapse-actors';
import { tally } from '../crash/tally.ts';

/** What is done over and over. */
export interface LeakOrder {
  readonly mode: 'memory' | 'disk' | 'deaths';
  readonly rounds: number;
  /** Open/close cycles or deaths in a round. */
  readonly perRound: number;
  readonly dataDir: string;
}

/** What the process holds after a round. */
export interface Sample {
  readonly count: number;
  /** Threads of the process, as the kernel counts them. */
  readonly threads: number;
  /** Open files, sockets and pipes. */
  readonly files: number;
  /** Timers, ports and the like that keep or may keep the loop alive. */
  readonly resources: number;
  /** Heap in use after a collection, bytes. */
  readonly heapBytes: number;
  /** All memory of the process, bytes. */
  readonly rssBytes: number;
}

const order = JSON.parse(process.argv[2] ?? '') as LeakOrder;
const actors = new URL('../crash/tally.js', import.meta.url);
const collect =
  (globalThis as { gc?: () => void }).gc ??
  ((): never => {
    throw new Error('start with --expose-gc');
  });

const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

async function sample(count: number): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await breath(); // threads that were told to end need a moment to be gone
    collect();
  }
  const said: Sample = {
    count,
    threads: Number(/Threads:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]),
    files: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().length,
    heapBytes: process.memoryUsage().heapUsed,
    rssBytes: process.memoryUsage().rss,
  };
  writeSync(1, `${JSON.stringify(said)}\n`);
}

const options: SystemOptions = {
  actors,
  lanes: 1,
  shards: 4,
  laneHeapMb: 32, // soon full
  ...(order.mode === 'disk' ? { dataDir: order.dataDir } : {}),
};

async function cycle(n: number): Promise<void> {
  const system = await createSystem(options);
  await system.ref(tally, 'ada', 'one').take(n);
  await system.close();
}

if (order.mode === 'deaths') {
  const system = await createSystem(options);
  let deaths = 0;
  system.on('lane-died', () => {
    deaths += 1;
  });
  for (let round = 1; round <= order.rounds; round++) {
    // One such command kills its lane three times, and is then set aside.
    while (deaths < round * order.perRound)
      await system
        .ref(tally, 'ada', 'killer')
        .die()
        .catch(() => undefined);
    await system.ref(tally, 'ada', 'one').take(round);
    await sample(deaths);
  }
  await system.close();
} else {
  for (let round = 1; round <= order.rounds; round++) {
    for (let i = 0; i < order.perRound; i++) await cycle(round * order.perRound + i);
    await sample(round * order.perRound);
  }
}
// The process must end by itself now: nothing may keep its loop alive.
