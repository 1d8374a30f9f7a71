/**
 * Question: does a command cost the same however many tenants there are, and however much its actor holds? Commands a
 * second with 1 to 100,000 tenants, and with 64 whose actors hold 1 KiB to 1 MiB and change a number.
 *
 * Estimate before measuring: from 10 to 1,000 tenants flat; with 10,000 a commit touches as many tenants as it has
 * commands, so 20 to 40 % slower, and with 100,000 snapshots and the heap add to it. A state is one value: what is held
 * would cost by its size if it were encoded or hashed at each turn, and nothing if only what changed is.
 *
 *   npm run bench -- scale [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import { holder } from './actors/holder.ts';
import type { Arm, Bench, Measure, Round } from './rig/bench.ts';
import { check, keepInFlight, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly tenants: readonly number[];
  readonly heldBytes: readonly number[];
  /** Tenants whose actors hold much. */
  readonly holders: number;
  readonly commands: number;
  readonly warmUp: number;
  readonly inFlight: number;
  readonly lanes: number;
}

/** With many tenants a slow disk has much to do: what is slow should be measured, not fail. */
const CALL_TIMEOUT_MS = 280_000;
/** Bounds of what should be flat. */
const FLAT_TENANTS_MAX = 10_000;

function tenantsRow(tenants: number): string {
  return `${tenants.toLocaleString('en')} tenants`;
}

function heldRow(bytes: number): string {
  return `${(bytes / 1_024).toLocaleString('en')} KiB held`;
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'durable, audited, replayable',
  run: (parameters, part) =>
    withScratch(async (dataDir) => {
      const { commands, warmUp, inFlight, lanes, holders } = parameters;
      const [kind, sizeText] = part.split(' ');
      const size = Number(sizeText);
      const tenants = kind === 'tenants' ? size : holders;
      const system = await createSystem({ actors: new URL('./actors/holder.js', import.meta.url), dataDir, lanes });
      const refs = Array.from({ length: tenants }, (_, at) =>
        system.ref(holder, `tenant-${at}`, 'one').with({ timeoutMs: CALL_TIMEOUT_MS }),
      );
      const heldBytes = kind === 'held' ? size : 0;
      // A few at a time: together they may be more than what may be in flight.
      await keepInFlight(tenants, heldBytes === 0 ? inFlight : 8, (at) => refs[at]!.hold(heldBytes));
      const call = (at: number): Promise<number> => refs[at % tenants]!.increment();
      await keepInFlight(warmUp, inFlight, call);
      const { seconds } = await timed(() => keepInFlight(commands, inFlight, call));
      const total = await keepInFlight(tenants, inFlight, (at) => refs[at]!.count());
      check('commands counted', total, warmUp + commands);
      await system.close();
      const row = kind === 'tenants' ? tenantsRow(size) : heldRow(size);
      return [{ row, unit: 'commands/s', value: commands / seconds }];
    }),
};

/** The slowest row by the fastest, of those that should be alike. */
function flatness(round: Round): readonly (Measure & { readonly arm: string })[] {
  const measures = round.get(synapse.name) ?? [];
  const lowestByHighest = (row: string, isMeant: (row: string) => boolean): Measure & { readonly arm: string } => {
    const values = measures.filter((measure) => isMeant(measure.row)).map(({ value }) => value);
    return { arm: synapse.name, row, unit: '×', value: Math.min(...values) / Math.max(...values) };
  };
  const flat = new Set(bench.full.tenants.filter((tenants) => tenants <= FLAT_TENANTS_MAX).map(tenantsRow));
  for (const tenants of bench.quick.tenants) flat.add(tenantsRow(tenants));
  return [
    lowestByHighest(`slowest by fastest, to ${tenantsRow(FLAT_TENANTS_MAX)}`, (row) => flat.has(row)),
    lowestByHighest('slowest by fastest, whatever is held', (row) => row.endsWith('held')),
  ];
}

const bench: Bench<Parameters> = {
  name: 'scale',
  question: 'does a command cost the same however many tenants there are, and however much its actor holds?',
  estimate: 'flat from 10 to 1,000 tenants, 20 to 40 % slower with 10,000; what is held costs nothing',
  full: {
    tenants: [1, 10, 100, 1_000, 10_000, 100_000],
    heldBytes: [1 << 10, 16 << 10, 256 << 10, 1 << 20],
    holders: 64,
    commands: 300_000,
    warmUp: 100_000,
    inFlight: 4_096,
    lanes: 2,
  },
  quick: {
    tenants: [1, 50],
    heldBytes: [1 << 10, 64 << 10],
    holders: 4,
    commands: 300,
    warmUp: 50,
    inFlight: 64,
    lanes: 2,
  },
  parts: ({ tenants, heldBytes }) => [
    ...tenants.map((count) => `tenants ${count}`),
    ...heldBytes.map((size) => `held ${size}`),
  ],
  arms: [synapse],
  derive: flatness,
  aims: [
    { row: 'slowest by fastest, to 10,000 tenants', arm: 'synapse', atLeast: 0.75 },
    { row: 'slowest by fastest, whatever is held', arm: 'synapse', atLeast: 0.75 },
  ],
};

await main(import.meta.url, bench);
