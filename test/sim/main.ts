/**
 * `npm run sim -- [--seeds N] [--from N] [--seed N] [--operations N] [--all]`: the simulator over its own
 * workload, seed after seed, with a bar on standard error. It stops at the first seed that breaks a
 * promise, cuts it down and prints it with the command that repeats it; `--all` goes on and counts.
 * Exit status: 0 nothing found, 1 something, 2 it could not run.
 */
import { parseArgs } from 'node:util';
import { type SimulationResult, simulate } from 'synapse-actors/testing';

interface Order {
  readonly from: number;
  readonly seeds: number;
  readonly operations: number | undefined;
  readonly goesOn: boolean;
}

const BAR_CELLS = 24;

/** Seeds of a run that names none: some minutes. */
const SEEDS_DEFAULT = 1_000;

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new TypeError(`--${name} takes a number, got ${text}`);
  return number;
}

function orderOf(args: readonly string[]): Order {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seeds: text, from: text, seed: text, operations: text, all: { type: 'boolean', default: false } },
  });
  const seed = numberOf('seed', values.seed);
  return {
    from: seed ?? numberOf('from', values.from) ?? 1,
    seeds: seed === undefined ? (numberOf('seeds', values.seeds) ?? SEEDS_DEFAULT) : 1,
    operations: numberOf('operations', values.operations),
    goesOn: values.all,
  };
}

/** One line that is drawn over itself on a terminal, and told at every tenth elsewhere. */
class Bar {
  readonly #total: number;
  readonly #startMs: number = performance.now();
  #tenths = 0;

  constructor(total: number) {
    this.#total = total;
  }

  show(done: number, found: number): void {
    const isTerminal = process.stderr.isTTY;
    const tenths = Math.floor((done * 10) / this.#total);
    if (!isTerminal && tenths === this.#tenths) return;
    this.#tenths = tenths;
    const seconds = (performance.now() - this.#startMs) / 1_000;
    const full = Math.round((done * BAR_CELLS) / this.#total);
    const left = Math.round((seconds / Math.max(1, done)) * (this.#total - done));
    const text = `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}] ${done} of ${this.#total} seeds, ${found} found, ${left} s left`;
    process.stderr.write(isTerminal ? `\r\u001b[2K${text}` : `${text}\n`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  }
}

async function main(): Promise<number> {
  const { from, seeds, operations, goesOn } = orderOf(process.argv.slice(2));
  const bar = new Bar(seeds);
  let found = 0;
  let last: SimulationResult | undefined;
  for (let done = 0; done < seeds; done++) {
    const seed = from + done;
    last = await simulate({ seed, ...(operations === undefined ? {} : { operations }) });
    if (last.violations.length > 0) {
      found += 1;
      bar.clear();
      process.stdout.write(`${last.report}\n`);
      if (!goesOn) return 1;
    }
    bar.show(done + 1, found);
  }
  bar.clear();
  const single = seeds === 1 ? `, trace ${last?.traceHash ?? ''}` : '';
  process.stdout.write(`${seeds} seeds from ${from}: ${found} found${single}\n`);
  return found > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 2;
}
