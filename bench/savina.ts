/**
 * Question: how does Synapse, in one tenant, in memory and durable, do the programs of the Savina suite beside
 * Erlang/OTP and nact? Ping-pong, counting, fork-join and creation, thread ring, chameneos, big, dictionary, bounded buffer,
 * philosophers, bank and barber, with Savina's default parameters and verified results.
 *
 * Estimate before measuring: OTP passes 1.5 to 7 million messages a second, nact 0.5 million, a turn of Synapse takes
 * 2 to 4 µs: 0.1 to 0.3 of OTP where only messages count, more where work does. A program is one step of
 * its tenant, so that durable costs one commit more than in memory: within some percent.
 *
 *   npm run bench -- savina [--quick] [--json]
 */
import { createSystem, type ActorType, type System } from 'synapse-actors';
import type { Arm, Bench, Measure, Round } from './rig/bench.ts';
import { check, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';
import { importPeer, runOtp } from './rig/peers.ts';
import * as micro from './savina/micro-actors.ts';
import { type Program, PROGRAMS, warmUpOf } from './savina/programs.ts';
import * as shared from './savina/shared-actors.ts';

interface Parameters {
  /** Which of a program's parameters. */
  readonly size: 'full' | 'quick';
}

/** The part that runs every program in one process: a trial needs no more. */
const ALL = 'all programs';
const MODULES = ['micro', 'shared'].map((name) => new URL(`./savina/${name}-actors.js`, import.meta.url));
/** A program is one call. */
const CALL_TIMEOUT_MS = 500_000;

const MAINS: ReadonlyMap<string, { readonly name: string }> = new Map(
  [...Object.values(micro), ...Object.values(shared)].map((type) => [type.name, type]),
);

/** What the actor that starts a program has, whatever its parameters. */
interface Main {
  with(options: { readonly timeoutMs: number }): {
    start(...given: readonly number[]): Promise<void>;
    sum(accounts: number): Promise<number>;
    result(): Promise<number>;
  };
}

async function runSynapse(
  system: System,
  { name, expected }: Program,
  given: readonly number[],
  tenant: string,
): Promise<number> {
  const type = MAINS.get(name) as ActorType | undefined;
  if (type === undefined) throw new Error(`there is no actor '${name}'`);
  const ref = (system.ref(type, tenant, 'main') as unknown as Main).with({ timeoutMs: CALL_TIMEOUT_MS });
  // Answered at the end of the step, when nothing of the program is left to run.
  const { seconds } = await timed(() => ref.start(...given));
  if (name === 'bank') await ref.sum(given[0] ?? 0);
  check(name, await ref.result(), expected(given));
  return seconds;
}

/** Runs the programs of a part, each once to warm up and once measured. */
async function eachProgram(
  { size }: Parameters,
  part: string,
  run: (program: Program, given: readonly number[], isWarmUp: boolean) => Promise<number>,
  isKnown: (name: string) => boolean = () => true,
): Promise<readonly Measure[]> {
  const measures: Measure[] = [];
  for (const program of PROGRAMS) {
    if ((part !== ALL && part !== program.name) || !isKnown(program.name)) continue;
    const given = program[size];
    if (size === 'full') await run(program, warmUpOf(program), true);
    const seconds = await run(program, given, false);
    measures.push({ row: program.name, unit: 'operations/s', value: program.operations(given) / seconds });
  }
  return measures;
}

async function onSystem(
  parameters: Parameters,
  part: string,
  where: { readonly dataDir?: string },
): Promise<readonly Measure[]> {
  // The heap holds a million waiting messages of 'counting'; a program is one step of up to ten million turns.
  const system = await createSystem({ actors: MODULES, lanes: 1, laneHeapMb: 4_096, bufferMb: 4_096, ...where });
  const measures = await eachProgram(parameters, part, (program, given, isWarmUp) =>
    runSynapse(system, program, given, `${program.name}-${isWarmUp ? 'before' : 'measured'}`),
  );
  await system.close();
  return measures;
}

const inMemory: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'in memory; survives the death of a lane',
  run: (parameters, part) => onSystem(parameters, part, {}),
};

const durable: Arm<Parameters> = {
  name: 'synapse durable',
  keeps: 'durable, audited, replayable',
  run: (parameters, part) => withScratch((dataDir) => onSystem(parameters, part, { dataDir })),
};

const otp: Arm<Parameters> = {
  name: 'otp',
  keeps: 'volatile',
  needs: 'otp',
  run: (parameters, part) =>
    eachProgram(parameters, part, async ({ name, expected }, given) => {
      const result = runOtp('bench_savina', [name, ...given]);
      check(name, result['result'], expected(given));
      return (result['elapsed_us'] ?? 0) / 1e6;
    }),
};

interface NactPeer {
  readonly programs: readonly string[];
  runProgram(name: string, given: readonly number[]): Promise<number>;
}

const nact: Arm<Parameters> = {
  name: 'nact',
  keeps: 'volatile',
  needs: 'peers',
  // They wait inside a turn, or only compute.
  without: ['bounded-buffer', 'bank', 'barber'],
  run: async (parameters, part) => {
    const { runProgram, programs } = await importPeer<NactPeer>('savina');
    const run = async ({ name, expected }: Program, given: readonly number[]): Promise<number> => {
      const { seconds, given: result } = await timed(() => runProgram(name, given));
      check(name, result, expected(given));
      return seconds;
    };
    return eachProgram(parameters, part, run, (name) => programs.includes(name));
  },
};

/** The geometric mean of an arm that ran every program: its ratios are the geometric means of the ratios. */
function geometricMeans(round: Round): readonly (Measure & { readonly arm: string })[] {
  return [...round].flatMap(([arm, measures]) => {
    if (measures.length < PROGRAMS.length) return [];
    const logarithms = measures.reduce((sum, { value }) => sum + Math.log(value), 0);
    return [{ arm, row: 'geometric mean', unit: 'operations/s', value: Math.exp(logarithms / measures.length) }];
  });
}

const bench: Bench<Parameters> = {
  name: 'savina',
  question: 'how does Synapse, in one tenant, do the programs of the Savina suite beside OTP and nact?',
  estimate:
    '0.1 to 0.3 of OTP where only messages count, more where work does; durable within some percent of in memory',
  full: { size: 'full' },
  quick: { size: 'quick' },
  parts: ({ size }) => (size === 'quick' ? [ALL] : PROGRAMS.map(({ name }) => name)),
  armTimeoutMs: 600_000,
  arms: [inMemory, durable, otp, nact],
  derive: geometricMeans,
  aims: [
    { row: 'geometric mean', arm: 'synapse', over: 'otp', atLeast: 1 },
    { row: 'geometric mean', arm: 'synapse durable', over: 'synapse', atLeast: 0.85 },
  ],
};

await main(import.meta.url, bench);
