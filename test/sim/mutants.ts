/**
 * `npm run mutants [-- NAME …] [--seeds N]`: plants each bug of `test/sim/mutants/` in a copy of the tree, one at
 * a time, and lets the simulator look for it in up to N seeds (1,000). Prints a table. A seed counts that shows
 * something with the bug and nothing without. Exit status: 0 all found, 1 one was not, or does not apply or build, 2 it could not run.
 */
import { execFileSync, spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Catch } from './hunt.ts';
import { applyFault, type Mutant, MutantTree, readMutants, TOP } from './mutant-tree.ts';

/** What the issue of the simulator allows. */
const SEEDS = 1_000;

/** Seeds in which the tree as it is must show nothing before anything is planted: more than most mutants need. */
const CLEAN_SEEDS = 100;

/** A hunt that takes longer has gone round in circles: a thousand seeds take two minutes. */
const HUNT_MS = 600_000;

interface Row {
  readonly name: string;
  readonly bug: string;
  readonly found: string;
  readonly how: string;
  readonly isFine: boolean;
}

/** Ends what runs when somebody ends the campaign, so that nothing is left behind. */
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => ending.abort(new Error(`ended by ${signal}`)));

/** Runs the simulator of a built tree over seeds from `from` to `to`. */
function hunt(dir: string, to: number, from = 1): Promise<Catch> {
  return new Promise((resolve, reject) => {
    const options = { cwd: dir, timeout: HUNT_MS, signal: ending.signal };
    const child = spawn(process.execPath, ['dist/test/sim/hunt.js', String(to), String(from)], options);
    let text = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const line = text.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line) as Catch);
      else reject(new Error(`the hunt ended without a word (${signal ?? String(code)}): ${errors.slice(-500)}`));
    });
  });
}

/** The first seed that shows something with the mutant, and nothing without. */
async function foundIn(tree: MutantTree, clean: MutantTree, seeds: number): Promise<Catch> {
  for (let from = 1; ;) {
    const found = await hunt(tree.dir, seeds, from);
    if (found.seed === undefined) return found;
    const without = await hunt(clean.dir, found.seed, found.seed);
    if (without.seed === undefined) return found;
    process.stderr.write(`seed ${found.seed} shows ${without.check} without a mutant too\n`);
    from = found.seed + 1;
    if (from > seeds) return { seed: undefined, check: '', text: '' };
  }
}

async function rowOf(tree: MutantTree, clean: MutantTree, mutant: Mutant, seeds: number): Promise<Row> {
  const { name, bug } = mutant;
  const fault = applyFault(mutant);
  if (fault !== undefined) return { name, bug, found: 'does not apply', how: fault, isFine: false };
  try {
    tree.build(mutant);
    const { seed, check, text } = await foundIn(tree, clean, seeds);
    if (seed === undefined) return { name, bug, found: `not in ${seeds} seeds`, how: '', isFine: false };
    return { name, bug, found: `seed ${seed}`, how: `${check}: ${text}`, isFine: true };
  } catch (error) {
    ending.signal.throwIfAborted();
    return { name, bug, found: 'failed', how: String(error), isFine: false };
  }
}

function cell(text: string, width: number): string {
  return text.replaceAll('|', '/').slice(0, width).padEnd(width);
}

function print(rows: readonly Row[]): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: TOP }).toString().trim();
  const width = Math.max(...rows.map(({ name }) => name.length));
  process.stdout.write(`\nNode ${process.version}, commit ${commit}\n\n`);
  process.stdout.write(`| ${cell('mutant', width)} | ${cell('found at', 16)} | what showed it\n`);
  process.stdout.write(`| ${'-'.repeat(width)} | ${'-'.repeat(16)} | --------------\n`);
  for (const { name, found, how } of rows)
    process.stdout.write(`| ${cell(name, width)} | ${cell(found, 16)} | ${how.slice(0, 150)}\n`);
  const fine = rows.filter(({ isFine }) => isFine).length;
  process.stdout.write(`\n${fine} of ${rows.length} mutants found\n`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: { seeds: { type: 'string', default: String(SEEDS) } },
  });
  const seeds = Number(values.seeds);
  const mutants = readMutants();
  const unknown = positionals.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (unknown !== undefined)
    throw new TypeError(`there is no mutant '${unknown}': ${mutants.map(({ name }) => name).join(', ')}`);
  const chosen = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const clean = new MutantTree();
  const tree = new MutantTree();
  try {
    clean.build(undefined);
    const { seed, check, text } = await hunt(clean.dir, Math.min(seeds, CLEAN_SEEDS));
    if (seed !== undefined) throw new Error(`without a mutant seed ${seed} shows ${check}: ${text}`);
    const rows: Row[] = [];
    for (const mutant of chosen) {
      const row = await rowOf(tree, clean, mutant, seeds);
      rows.push(row);
      process.stderr.write(`${rows.length} of ${chosen.length}  ${row.name}: ${row.found}\n`);
    }
    print(rows);
    return rows.every(({ isFine }) => isFine) ? 0 : 1;
  } finally {
    clean.remove();
    tree.remove();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 2;
}
