/**
 * Question: what does a durable, audited command cost beside a volatile message elsewhere? Acknowledged commands
 * a second of 64 tenants on 2 lanes with the product's default options (fsync, audit on), 4,096 and 256 in flight.
 *
 * Estimate before measuring: 200,000 to 400,000 a second with 4,096 in flight, bound by the caller's promises and
 * by four threads on two cores; OTP 750,000 to 900,000; comedy 30,000; piscina 90,000; LMDB alone with the same
 * batches 500,000 to 1,000,000.
 *
 *   npm run bench -- durable [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import type { Write } from '../src/store/key-value.ts';
import { openLmdb } from '../src/store/lmdb.ts';
import { MemoryKeyValue } from '../src/store/memory.ts';
import { readHead } from '../src/store/store-head.ts';
import { Store, type StepRecord } from '../src/store/store.ts';
import type { Arm, Bench, Measure, Seen } from './rig/bench.ts';
import { check, keepInFlight, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';
import { importPeer, runOtp } from './rig/peers.ts';

interface Parameters {
  readonly tenants: number;
  readonly lanes: number;
  readonly inFlight: readonly number[];
  readonly commands: number;
  readonly warmUp: number;
  /** Of comedy and piscina, which are slower. */
  readonly slowCommands: number;
  readonly otpClients: number;
  readonly otpServers: number;
  readonly otpCalls: number;
}

const COUNTER = new URL('../actors/counter.js', import.meta.url);

/** Bytes of a step's record: those of the counter's, with its frame. */
const BODY_BYTES = 220;
const COMMIT_ROW = 'commands in a commit';

function rowOf(part: string): string {
  return `${Number(part).toLocaleString('en')} in flight`;
}

function inFlightOf(part: string): number {
  return Number(part);
}

function rate(part: string, commands: number, seconds: number): Measure {
  return { row: rowOf(part), unit: 'commands/s', value: commands / seconds };
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'durable: every command fsynced, hashed into the audit log, replayable',
  run: (parameters, part) =>
    withScratch(async (dataDir) => {
      const { tenants, lanes, commands, warmUp } = parameters;
      const system = await createSystem({ actors: COUNTER, dataDir, lanes });
      const refs = Array.from({ length: tenants }, (_, at) => system.ref(counter, `tenant-${at}`, 'one'));
      const call = (at: number): Promise<number> => refs[at % tenants]!.increment();
      await keepInFlight(warmUp, inFlightOf(part), call);
      const before = process.cpuUsage();
      const { seconds } = await timed(() => keepInFlight(commands, inFlightOf(part), call));
      const spent = process.cpuUsage(before);
      const counts = await Promise.all(refs.map((ref) => ref.count()));
      const total = counts.reduce((sum, count) => sum + count, 0);
      check('commands counted', total, warmUp + commands);
      const sizes = await Promise.all(refs.map((_, at) => system.audit(`tenant-${at}`).size()));
      const leaves = sizes.reduce((sum, size) => sum + size, 0);
      if (leaves < total) throw new Error(`${leaves} leaves for ${total} commands`);
      await system.close();
      const driver = openLmdb(dataDir, { create: false });
      const { commitNo } = readHead(driver);
      driver.close();
      const commit = { row: `${rowOf(part)}: ${COMMIT_ROW}`, unit: 'commands', value: (warmUp + commands) / commitNo };
      const processor = {
        row: `${rowOf(part)}: processor time of a command, all threads`,
        unit: 'µs',
        value: (spent.user + spent.system) / commands,
      };
      return [rate(part, commands, seconds), commit, processor];
    }),
};

/** What the store would write for each of a number of commits: rows of real shape, made before the clock runs. */
function batchesOf(tenants: number, commits: number, commandsInCommit: number): Write[][] {
  const batches: Write[][] = [];
  const driver = new (class extends MemoryKeyValue {
    override commit(writes: readonly Write[]): void {
      batches.push([...writes]);
      super.commit(writes);
    }
  })();
  const store = Store.open({ driver, shards: 64 });
  const seqs = Array.from({ length: tenants }, () => 0);
  for (let commit = 0, at = 0; commit < commits; commit++) {
    const steps: StepRecord[] = [];
    for (let i = 0; i < commandsInCommit; i++, at++) {
      const tenant = at % tenants;
      const body = new Uint8Array(BODY_BYTES);
      new DataView(body.buffer).setFloat64(0, at);
      steps.push({ shard: tenant % 64, tenant: `tenant-${tenant}`, seq: (seqs[tenant]! += 1), body, events: [] });
    }
    steps.sort((a, b) => a.shard - b.shard || a.tenant.localeCompare(b.tenant) || a.seq - b.seq);
    store.commit(steps, []);
  }
  store.close();
  return batches;
}

function commitSize(seen: Seen, part: string): number {
  const measure = seen['synapse']?.find(({ row }) => row === `${rowOf(part)}: ${COMMIT_ROW}`);
  return Math.max(1, Math.round(measure?.value ?? inFlightOf(part) / 2));
}

const lmdb: Arm<Parameters> = {
  name: 'lmdb alone',
  keeps: 'durable: every batch fsynced; nothing executed, hashed or answered',
  run: ({ tenants, commands }, part, seen) =>
    withScratch(async (dir) => {
      const size = commitSize(seen, part);
      // Rows are made beforehand: a quarter of the commands is enough for a rate and fits into memory.
      const commits = Math.max(1, Math.ceil(commands / 4 / size));
      const batches = batchesOf(tenants, commits, size);
      const driver = openLmdb(dir);
      const { seconds } = await timed(() => {
        for (const writes of batches) driver.commit(writes);
      });
      check('commits on disk', readHead(driver).commitNo, commits);
      driver.close();
      return [rate(part, commits * size, seconds)];
    }),
};

const otp: Arm<Parameters> = {
  name: 'otp',
  keeps: 'volatile',
  needs: 'otp',
  run: async ({ otpClients, otpServers, otpCalls, warmUp }, part) => {
    const result = runOtp('bench_call', [otpClients, otpServers, otpCalls, warmUp]);
    return [rate(part, result['calls'] ?? 0, (result['elapsed_us'] ?? 0) / 1e6)];
  },
};

interface ComedyPeer {
  openCounters(threads: number): Promise<{
    increment(at: number): Promise<number>;
    total(): Promise<number>;
    close(): Promise<void>;
  }>;
}

const comedy: Arm<Parameters> = {
  name: 'comedy',
  keeps: 'volatile',
  needs: 'peers',
  run: async ({ lanes, slowCommands }, part) => {
    const counters = await (await importPeer<ComedyPeer>('comedy')).openCounters(lanes);
    const warmUp = Math.ceil(slowCommands / 10);
    const call = (at: number): Promise<number> => counters.increment(at);
    await keepInFlight(warmUp, inFlightOf(part), call);
    const { seconds } = await timed(() => keepInFlight(slowCommands, inFlightOf(part), call));
    check('calls counted', await counters.total(), warmUp + slowCommands);
    await counters.close();
    return [rate(part, slowCommands, seconds)];
  },
};

interface PiscinaPeer {
  openPool(threads: number): { increment(): Promise<number>; completed(): number; close(): Promise<void> };
}

const piscina: Arm<Parameters> = {
  name: 'piscina',
  keeps: 'volatile',
  needs: 'peers',
  run: async ({ lanes, slowCommands }, part) => {
    const pool = (await importPeer<PiscinaPeer>('piscina')).openPool(lanes);
    const warmUp = Math.ceil(slowCommands / 10);
    await keepInFlight(warmUp, inFlightOf(part), () => pool.increment());
    const { seconds } = await timed(() => keepInFlight(slowCommands, inFlightOf(part), () => pool.increment()));
    check('tasks completed', pool.completed(), warmUp + slowCommands);
    await pool.close();
    return [rate(part, slowCommands, seconds)];
  },
};

const bench: Bench<Parameters> = {
  name: 'durable',
  question: 'what does a durable, audited command cost beside a volatile message elsewhere?',
  estimate:
    '200,000 to 400,000 commands/s with 4,096 in flight; OTP 750,000 to 900,000, comedy 30,000, piscina 90,000, LMDB alone 500,000 to 1,000,000',
  full: {
    tenants: 64,
    lanes: 2,
    inFlight: [4_096, 256],
    commands: 500_000,
    warmUp: 100_000,
    slowCommands: 100_000,
    otpClients: 200,
    otpServers: 2,
    otpCalls: 2_000_000,
  },
  quick: {
    tenants: 8,
    lanes: 2,
    inFlight: [64],
    commands: 2_000,
    warmUp: 500,
    slowCommands: 500,
    otpClients: 20,
    otpServers: 2,
    otpCalls: 2_000,
  },
  parts: ({ inFlight }) => inFlight.map(String),
  arms: [synapse, otp, comedy, piscina, lmdb],
  aims: ['4,096 in flight', '256 in flight'].flatMap((row) => [
    { row, arm: 'synapse', over: 'otp', atLeast: 1 },
    { row, arm: 'synapse', over: 'comedy', atLeast: 15 },
    { row, arm: 'synapse', over: 'lmdb alone', atLeast: 0.5 },
  ]),
};

await main(import.meta.url, bench);
