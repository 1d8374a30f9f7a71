/**
 * `simulate`: a whole host under simulated clocks, disk and network, in one thread. Kernel, lanes, store,
 * recovery and client are the ones that run in production; a seed decides what moves next and what goes
 * wrong, and gives the same run every time. Checks look at what came of it.
 *
 * @example
 * const result = await simulate({ seed: 7, actors: new URL('./account.js', import.meta.url), workload });
 * assert.deepEqual(result.violations, []);
 */
import type { ActorType } from '../actor/actor-type.ts';
import { type ResolvedActor, resolveActor } from '../actor/definition.ts';
import { Registry } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import type { EffectStub } from '../host/effect-local.ts';
import { loadRegistry } from '../host/modules.ts';
import { SNAPSHOT_PART_BYTES } from '../host/snapshot-sending.ts';
import { type Grant, admitter, resolveOptions } from '../host/options.ts';
import { Chance } from './chance.ts';
import { shrinkList } from './shrink.ts';
import { bookFaults } from './sim-book-check.ts';
import { type Fault, type FaultRates, planFaults, resolveRates } from './sim-fault.ts';
import type { FinalActor, SimulatedEvent, SimulatedOperation, Violation } from './sim-operation.ts';
import { checkRun } from './check-run.ts';
import { type HostLimits, isOnceForAll } from './sim-host-setup.ts';
import { reportOf } from './sim-report.ts';
import { type RunSetup, SimulationRun } from './sim-run.ts';
import {
  WORKLOAD_ACTORS,
  WORKLOAD_PREVIOUS,
  WORKLOAD_EFFECTS,
  WORKLOAD_GRANTS,
  defaultWorkload,
} from './sim-workload.ts';

export type { FaultRates } from './sim-fault.ts';
export type { FinalActor, SimulatedEvent, SimulatedOperation, Violation } from './sim-operation.ts';

export { Chance } from './chance.ts';

/** A check of one's own: what it returns are faults, in words. */
export type SimulationCheck = (result: SimulationResult) => readonly string[];

/** Options of `simulate`. Only `seed` is required. */
export interface SimulateOptions {
  /** Decides everything: an integer of 0 to 2^53 - 1. */
  readonly seed: number;
  /** A module or several, as of `createSystem`, or actor types. Left out: the simulator's own actors and workload. */
  readonly actors?: URL | string | readonly (URL | string | ActorType)[];
  /** Earlier versions with which the run begins, as `previous` of `createSystem`; the fault `upgrade` brings `actors`. */
  readonly previous?: readonly (URL | string | ActorType)[];
  /** Hosts; 1 is all there is. */
  readonly hosts?: 1;
  /** Lanes of the host. Default 2. */
  readonly lanes?: number;
  /** Default 4. */
  readonly shards?: number;
  /** `'default'`, `'none'`, or rates of one's own. */
  readonly faults?: 'none' | 'default' | Partial<FaultRates>;
  /** What users do. Required with `actors`. */
  readonly workload?: (random: Chance) => readonly SimulatedOperation[];
  /** Operations of the simulator's own workload. Default 60. */
  readonly operations?: number;
  /** Whether a failing run is cut down for its report, by running it again and again. Default true. */
  readonly shrink?: boolean;
  /** Checks beside the simulator's own. */
  readonly checks?: readonly SimulationCheck[];
  /** Stand-ins by effect name, as of `testSystem`. */
  readonly effects?: Readonly<Record<string, EffectStub>>;
  readonly grants?: readonly Grant[];
  readonly callTimeoutMs?: number;
  readonly idempotencyTermMs?: number;
  readonly idempotencyLimit?: number;
  readonly maxActiveActors?: number;
  readonly snapshotEverySteps?: number;
}

/** What came of a run. */
export interface SimulationResult {
  readonly seed: number;
  /** 64 hex digits over every decision, message and commit: equal hashes, equal runs. */
  readonly traceHash: string;
  /** The last events of the trace, oldest first. */
  readonly events: readonly string[];
  /** What users asked and were told, in its order. */
  readonly history: readonly SimulatedEvent[];
  readonly operations: readonly SimulatedOperation[];
  readonly violations: readonly Violation[];
  /** By tenant, 64 hex digits. */
  readonly stateRoots: Readonly<Record<string, string>>;
  /** Recorded steps by tenant. */
  readonly steps: Readonly<Record<string, number>>;
  /** All actors when all was quiet. None where the run broke a promise before. */
  readonly actors: readonly FinalActor[];
  /** For people: what was found, and a run as short as it gets that still shows it. Empty where nothing was. */
  readonly report: string;
}

/** Runs one seed. `INVALID_ARGUMENT` names the option. */
export async function simulate(options: SimulateOptions): Promise<SimulationResult> {
  const setup = await setupOf(options);
  const checks = options.checks ?? [];
  const result = await runOnce(setup, checks);
  return result.violations.length === 0 || options.shrink === false ? result : shrunk(setup, checks, result);
}

async function setupOf(options: SimulateOptions): Promise<RunSetup> {
  const { seed, actors, workload, hosts = 1 } = options;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new SynapseError('INVALID_ARGUMENT', `seed must be an integer of at least 0, got ${String(seed)}`, {
      option: 'seed',
    });
  }
  if (hosts !== 1) throw new SynapseError('INVALID_ARGUMENT', 'hosts must be 1', { option: 'hosts' });
  if (actors !== undefined && workload === undefined) {
    throw new SynapseError('INVALID_ARGUMENT', 'workload must be given with actors', { option: 'workload' });
  }
  const isOwn = actors === undefined;
  const previous = options.previous ?? (isOwn ? WORKLOAD_PREVIOUS : []);
  const newest = await typesOf(actors ?? WORKLOAD_ACTORS);
  const older = await typesOf(previous);
  const replaced = new Set(older.map(({ name }) => name));
  const firstRegistry = new Registry([...newest.filter(({ name }) => !replaced.has(name)), ...older]);
  const registry = new Registry(newest, older);
  const rates = resolveRates(options.faults ?? 'default');
  const operations =
    workload === undefined
      ? defaultWorkload(new Chance(seed, 6), options.operations ?? 60)
      : workload(new Chance(seed, 6));
  const limits = limitsOf(options, isOwn ? new Chance(seed, 9) : undefined);
  const faults: readonly Fault[] = planFaults(rates, operations.length, new Chance(seed, 7));
  return {
    seed,
    firstRegistry,
    registry,
    limits,
    admit: admitter(options.grants ?? (isOwn ? WORKLOAD_GRANTS : [])),
    stubs: options.effects ?? (isOwn ? WORKLOAD_EFFECTS : {}),
    rates,
    operations,
    faults,
    judgesBooks: isOwn && workload === undefined && isOnceForAll(limits),
  };
}

/** Limits as they were given; of the simulator's own workload what was not given is drawn, so that every limit is met. */
function limitsOf(options: SimulateOptions, chance: Chance | undefined): HostLimits {
  const draw = <T>(standard: T, ...others: readonly T[]): T => chance?.one([standard, standard, ...others]) ?? standard;
  const drawn: HostLimits = {
    lanes: draw(2, 1, 3),
    shards: draw(4, 1, 8),
    callTimeoutMs: draw(30_000, 2_000),
    maxTurnsPerInput: 100_000,
    idempotencyTermMs: draw(DAY_MS, DAY_MS, DAY_MS, 20_000),
    idempotencyLimit: draw(250_000, 250_000, 250_000, 4),
    maxActiveActors: draw(1_000_000, 3),
    snapshotEverySteps: draw(50, 3, 10),
    snapshotPartBytes: draw(SNAPSHOT_PART_BYTES, 500),
  };
  const given = Object.entries(options).filter(([name, value]) => name in drawn && value !== undefined);
  return { ...drawn, ...Object.fromEntries(given) };
}

const DAY_MS = 86_400_000;

async function typesOf(actors: NonNullable<SimulateOptions['actors']>): Promise<readonly ResolvedActor[]> {
  const list = (Array.isArray(actors) ? actors : [actors]) as readonly (URL | string | ActorType)[];
  const isModule = (one: URL | string | ActorType): one is URL | string =>
    typeof one === 'string' || one instanceof URL;
  const modules = list.filter(isModule);
  const given = list.flatMap((one) => (isModule(one) ? [] : [resolveActor(one)]));
  if (modules.length === 0) return given;
  const loaded = await loadRegistry(resolveOptions({ actors: modules }).actors, []);
  return [...given, ...Object.keys(loaded.versions()).flatMap((name) => loaded.newest(name) ?? [])];
}

/** Captured before any turn runs: inside turns the name throws. */
const laterMacrotask = setImmediate;

/** Runs of a failing seed at most, until it is as short as it gets: some seconds. */
const SHRINK_TRIES = 150;

/** One run, in a macrotask of its own: within a microtask nothing can be drained. */
function runOnce(setup: RunSetup, checks: readonly SimulationCheck[]): Promise<SimulationResult> {
  return new Promise((resolve, reject) => {
    laterMacrotask(() => {
      try {
        resolve(judge(setup, checks));
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

function judge(setup: RunSetup, checks: readonly SimulationCheck[]): SimulationResult {
  const run = new SimulationRun(setup);
  run.run();
  checkRun(run);
  const { seed, operations, faults } = setup;
  const { violations } = run;
  const { history, attempts } = run.users;
  if (setup.judgesBooks)
    violations.push(...bookFaults({ operations, history, attempts, notices: run.notices, journal: run.journal }));
  const result = {
    seed,
    traceHash: run.trace.digest(),
    events: run.trace.lines,
    history,
    operations,
    violations,
    stateRoots: Object.fromEntries(run.roots.map(({ tenant, stateRoot }) => [tenant, stateRoot])),
    steps: Object.fromEntries(run.journal.tenants.map((tenant) => [tenant, run.journal.seq(tenant)])),
    actors: run.actors,
    report: '',
  };
  for (const check of checks) for (const text of check(result)) run.report('own', text);
  return { ...result, report: reportOf({ seed, violations, operations, faults }) };
}

/** The same finding with fewer operations and faults, told in `report`. The result stays that of the whole run. */
async function shrunk(
  setup: RunSetup,
  checks: readonly SimulationCheck[],
  whole: SimulationResult,
): Promise<SimulationResult> {
  const wanted = new Set(whole.violations.map(({ check }) => check));
  const shortest = { setup, report: whole.report };
  const fails = async (shorter: RunSetup): Promise<boolean> => {
    const { violations, report } = await runOnce(shorter, checks).catch(() => NOTHING);
    if (!violations.some(({ check }) => wanted.has(check))) return false;
    shortest.setup = shorter;
    shortest.report = report;
    return true;
  };
  let tries = SHRINK_TRIES;
  const { faults } = setup;
  tries =
    (await shrinkList(faults, (list) => fails({ ...shortest.setup, faults: list }), tries / 3)).tries + (tries * 2) / 3;
  const { operations } = setup;
  tries = (await shrinkList(operations, (list) => fails({ ...shortest.setup, operations: list }), tries)).tries;
  await shrinkList(shortest.setup.faults, (list) => fails({ ...shortest.setup, faults: list }), tries);
  return { ...whole, report: shortest.report };
}

const NOTHING = { violations: [] as readonly Violation[], report: '' };
