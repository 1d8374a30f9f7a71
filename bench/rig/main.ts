/**
 * Runs a bench: a warm-up round, then rounds in which every arm runs once, in alternation, a process
 * each; then what came out. `--quick` is one small round. Progress goes to standard error.
 *
 *   [--quick] [--json] [--rounds N] [--only ARM,ARM] [--save]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { obeyOrder, runArm } from './arm-process.ts';
import type { Arm, Bench, BenchOptions, HeadLine, Line, Measure, Round, SkippedLine } from './bench.ts';
import { linesOf } from './figures.ts';
import { commitText, machineText } from './machine.ts';
import { provide } from './peers.ts';
import { headText, tableText } from './print.ts';

/** Fewer say nothing of the spread. */
const ROUNDS = 5;
const ROUNDS_MAX = 100;

/** Where `--save` keeps lines, for `npm run bench -- report`. */
const SAVED = new URL('../../../docs/benchmarks/', import.meta.url);

/** Runs `bench` when its file is what this process was started with. */
export async function main<Parameters>(url: string, bench: Bench<Parameters>): Promise<void> {
  if (url !== pathToFileURL(process.argv[1] ?? '').href) return;
  const file = fileURLToPath(url);
  if (process.argv[2] === '--arm') return obeyOrder(bench, process.argv[3] ?? '');
  try {
    await runBench(bench, file, optionsOf(bench.name, process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(`${bench.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

function optionsOf(name: string, args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string' },
    },
  });
  const rounds = values.rounds === undefined ? (values.quick ? 1 : ROUNDS) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new Error(`--rounds must be an integer from 1 to ${ROUNDS_MAX}`);
  }
  return {
    isQuick: values.quick,
    isJson: values.json,
    rounds,
    only: values.only?.split(','),
    saveTo: values.save && !values.quick ? fileURLToPath(new URL(`${name}.jsonl`, SAVED)) : undefined,
  };
}

async function runBench<Parameters>(bench: Bench<Parameters>, file: string, options: BenchOptions): Promise<void> {
  const parameters = options.isQuick ? bench.quick : bench.full;
  const setting = {
    bench: bench.name,
    parameters,
    machine: machineText(),
    node: process.version,
    commit: commitText(),
  };
  if (!options.isJson) process.stdout.write(headText(bench, setting, options.rounds));
  const { arms, skipped } = provided(bench, options);
  const rounds: Round[] = [];
  // The warm-up round fills caches of disk and system; its figures are not used. A quick run has none to use anyway.
  for (let round = options.isQuick ? 1 : 0; round <= options.rounds; round++) {
    const title = round === 0 ? 'warm-up' : `round ${round} of ${options.rounds}`;
    const measured = await runRound(bench, arms, file, { title, round, isQuick: options.isQuick, parameters });
    if (round > 0) rounds.push(measured);
  }
  const lines = linesOf(setting, arms, rounds);
  if (options.isJson) for (const line of [...lines, ...skipped]) process.stdout.write(`${JSON.stringify(line)}\n`);
  else process.stdout.write(tableText(bench.aims ?? [], lines, skipped));
  if (options.saveTo !== undefined) save(options.saveTo, bench, [...lines, ...skipped]);
}

/** The arms whose peers are there, and a line for each of the others. */
function provided<Parameters>(
  bench: Bench<Parameters>,
  { only }: BenchOptions,
): { readonly arms: readonly Arm<Parameters>[]; readonly skipped: readonly SkippedLine[] } {
  const skipped: SkippedLine[] = [];
  const reasons = new Map<string, string | undefined>();
  const arms = bench.arms.filter(({ name, needs }) => {
    if (only !== undefined && !only.includes(name)) return false;
    if (needs === undefined) return true;
    if (!reasons.has(needs)) reasons.set(needs, provide(needs));
    const reason = reasons.get(needs);
    if (reason === undefined) return true;
    process.stderr.write(`SKIPPED: ${bench.name}, ${name}: ${reason}\n`);
    skipped.push({ bench: bench.name, arm: name, skipped: reason });
    return false;
  });
  if (arms.length === 0) throw new Error('no arm is left to run');
  return { arms, skipped };
}

interface RoundOrder<Parameters> {
  readonly title: string;
  readonly round: number;
  readonly isQuick: boolean;
  readonly parameters: Parameters;
}

async function runRound<Parameters>(
  bench: Bench<Parameters>,
  arms: readonly Arm<Parameters>[],
  file: string,
  { title, isQuick, parameters }: RoundOrder<Parameters>,
): Promise<Round> {
  const seen: Record<string, Measure[]> = {};
  for (const part of bench.parts?.(parameters) ?? ['']) {
    for (const arm of arms) {
      if (arm.without?.includes(part) === true) continue;
      const startMs = performance.now();
      const { armTimeoutMs: timeoutMs, nodeFlags } = bench;
      const measures = await runArm({ file, arm: arm.name, part, isQuick, seen, timeoutMs, nodeFlags });
      const tookMs = performance.now() - startMs;
      (seen[arm.name] ??= []).push(...measures);
      process.stderr.write(
        `${bench.name}: ${title}, ${[part, arm.name].join(' ').trim()}: ${(tookMs / 1e3).toFixed(1)} s\n`,
      );
    }
  }
  const round = new Map<string, readonly Measure[]>(Object.entries(seen));
  for (const { arm, ...measure } of bench.derive?.(round) ?? []) {
    round.set(arm, [...(round.get(arm) ?? []), measure]);
  }
  return round;
}

function save<Parameters>(
  path: string,
  { name, question, estimate, aims = [] }: Bench<Parameters>,
  lines: readonly (Line | SkippedLine)[],
): void {
  const head: HeadLine = { bench: name, question, estimate, aims };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(''));
}
