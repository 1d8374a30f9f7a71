/**
 * Question: what does `encryption: true` cost? Acknowledged durable commands a second, and the processor time of all
 * threads for one, with and without: many under way to one tenant, whose commits are large; to 64, whose commits are
 * small; and one at a time, where the flush is most of it.
 *
 * Estimate before measuring: a record's leaf takes two HMACs (2 µs), a tenant's records of a commit one cipher call
 * (4 µs). In large commits some 3 µs a step on the store's thread, which has them to spare while lanes and embedder
 * take 8: 0.85 to 1. One at a time 10 µs of 400: 0.95 to 1.
 *
 *   npm run bench -- encryption [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import type { Arm, Bench } from './rig/bench.ts';
import { check, keepInFlight, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly commands: number;
  /** One at a time takes longer. */
  readonly aloneCommands: number;
  readonly inFlight: number;
  readonly warmUp: number;
}

const COUNTER = new URL('../actors/counter.js', import.meta.url);

/** How many tenants the commands go to, and whether they go one at a time. */
const PARTS: Readonly<Record<string, { readonly tenants: number; readonly isAlone: boolean }>> = {
  'one tenant': { tenants: 1, isAlone: false },
  '64 tenants': { tenants: 64, isAlone: false },
  'one at a time': { tenants: 1, isAlone: true },
};

function armOf(name: string, keeps: string, encryption: boolean): Arm<Parameters> {
  return {
    name,
    keeps,
    run: (parameters, part) =>
      withScratch(async (dataDir) => {
        const { tenants, isAlone } = PARTS[part]!;
        const commands = isAlone ? parameters.aloneCommands : parameters.commands;
        const inFlight = isAlone ? 1 : parameters.inFlight;
        const warmUp = isAlone ? Math.ceil(commands / 10) : parameters.warmUp;
        const system = await createSystem({ actors: COUNTER, dataDir, lanes: 1, encryption });
        const refs = Array.from({ length: tenants }, (_, at) => system.ref(counter, `tenant-${at}`, 'one'));
        const call = (at: number): Promise<number> => refs[at % tenants]!.increment();
        await keepInFlight(warmUp, inFlight, call);
        const before = process.cpuUsage();
        const { seconds } = await timed(() => keepInFlight(commands, inFlight, call));
        const { user, system: kernel } = process.cpuUsage(before);
        const counts = await Promise.all(refs.map((ref) => ref.count()));
        check(
          'commands counted',
          counts.reduce((sum, count) => sum + count, 0),
          warmUp + commands,
        );
        await system.close();
        return [
          { row: part, unit: 'commands/s', value: commands / seconds },
          { row: `${part}: processor time`, unit: 'µs', value: (user + kernel) / commands },
        ];
      }),
  };
}

const bench: Bench<Parameters> = {
  name: 'encryption',
  question: 'what does encryption: true cost?',
  estimate: '0.85 to 1 of the commands a second, 3 to 5 µs more of processor time a command',
  full: { commands: 40_000, aloneCommands: 1_000, inFlight: 4_096, warmUp: 10_000 },
  quick: { commands: 400, aloneCommands: 20, inFlight: 64, warmUp: 100 },
  parts: () => Object.keys(PARTS),
  arms: [
    armOf('plain', 'durable: fsynced, hashed into the audit log', false),
    armOf('encrypted', 'the same, sealed under a key per tenant', true),
  ],
  aims: [{ row: '64 tenants', arm: 'encrypted', over: 'plain', atLeast: 0.8 }],
};

await main(import.meta.url, bench);
