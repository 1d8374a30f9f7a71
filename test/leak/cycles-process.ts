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
  /** Array buffers, shared ones included, bytes. */
  readonly bufferBytes: number;
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
    bufferBytes: process.memoryUsage().arrayBuffers,
    rssBytes: process.memoryUsage().rss,
  };
  writeSync(1, `${JSON.stringify(said)}\n`);
}

const options: SystemOptions = {
  actors,
  lanes: 1,
  shards: 4,
  laneHeapMb: 32,
  bufferMb: 64,
  ...(order.mode === 'disk' ? { dataDir: order.dataDir } : {}),
};

async function cycle(n: number): Promise<void> {
  const system = await createSystem(options);
  await system.ref(tally, 'ada', 'one').take(n);
  await system.close();
}

let deaths = 0;

/** A system whose lane dies six times. More deaths in a row would be replaced after longer and longer pauses. */
async function die(n: number): Promise<void> {
  const system = await createSystem(options);
  system.on('lane-died', () => {
    deaths += 1;
  });
  const ref = system.ref(tally, 'ada', 'killer');
  // Such a command kills its lane three times, and is then set aside.
  for (let i = 0; i < 2; i++) await ref.die().catch(() => undefined);
  await system.ref(tally, 'ada', 'one').take(n);
  await system.close();
}

for (let round = 1; round <= order.rounds; round++) {
  const until = round * order.perRound;
  if (order.mode === 'deaths') while (deaths < until) await die(deaths);
  else for (let n = until - order.perRound; n < until; n++) await cycle(n);
  await sample(order.mode === 'deaths' ? deaths : until);
}
// The process must end by itself now: nothing may keep its loop alive.
