/**
 * Writes the sample that `npm start` runs: 100,000 commands for the accounts of 64 tenants.
 *
 * The same seed always writes the same file. One command in fifty asks for more than any account
 * holds and is refused; others are refused as they come. One in a hundred repeats an earlier command
 * of its tenant, id included, and changes nothing. Every command has an id, so that the whole file may
 * be run again.
 *
 *   node dist/examples/sample.js sample/commands.jsonl [--seed 1] [--commands 100000] [--tenants 64]
 */
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** One line of a commands file. */
export interface Command {
  readonly tenant: string;
  readonly actor: string;
  readonly key: string;
  readonly call: string;
  readonly args: readonly unknown[];
  /** The idempotency key. */
  readonly id?: string;
}

/** What the sample is made of. */
export interface SampleOptions {
  /** Any 32-bit integer. */
  readonly seed?: number;
  readonly commands?: number;
  readonly tenants?: number;
}

const KEYS: readonly string[] = ['alice', 'bob', 'carla', 'dmitri', 'esra', 'fatou', 'goran', 'hana', 'ines', 'jun'];

/** Most that an account of the sample can come to hold is far below: asking for it is refused. */
const TOO_MUCH = 1_000_000_000;

/** Lines that are written at once: large enough to be fast, small enough to hold in memory. */
const LINES_PER_WRITE = 4_096;

/** mulberry32 by Tommy Ettinger: 32 bits of state, and the same numbers on every machine. */
function chanceFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function pick<T>(chance: (below: number) => number, list: readonly T[]): T {
  const chosen = list[chance(list.length)];
  if (chosen === undefined) throw new Error('expected a list with something in it');
  return chosen;
}

/** A deposit, a withdrawal, a transfer or something far too large, by chance. */
function draw(chance: (below: number) => number): Pick<Command, 'key' | 'call' | 'args'> {
  const key = pick(chance, KEYS);
  const amount = 1 + chance(10_000);
  const kind = chance(100);
  if (kind < 2) return { key, call: 'withdraw', args: [TOO_MUCH] };
  if (kind < 55) return { key, call: 'deposit', args: [amount] };
  if (kind < 75) return { key, call: 'withdraw', args: [amount] };
  return {
    key,
    call: 'transfer',
    args: [
      pick(
        chance,
        KEYS.filter((other) => other !== key),
      ),
      amount,
    ],
  };
}

/** The commands of the sample, in the order of the file. */
export function* sampleCommands({
  seed = 1,
  commands = 100_000,
  tenants = 64,
}: SampleOptions = {}): Generator<Command> {
  const chance = chanceFrom(seed);
  const earlier = new Map<string, Command>();
  for (let i = 0; i < commands; i++) {
    // The first round gives each tenant a command, whatever chance says.
    const tenant = `tenant-${String(i < tenants ? i : chance(tenants)).padStart(2, '0')}`;
    const repeated = earlier.get(tenant);
    if (repeated !== undefined && chance(100) === 0) {
      yield repeated;
      continue;
    }
    const command: Command = { tenant, actor: 'account', ...draw(chance), id: `s${seed}-${i}` };
    // One in eight is remembered as the one to repeat, so that repeats come near and far behind.
    if (repeated === undefined || chance(8) === 0) earlier.set(tenant, command);
    yield command;
  }
}

/** Writes commands as JSON Lines. The file appears whole or not at all; returns the number of lines. */
export async function writeCommands(
  file: string,
  commands: Iterable<Command> | AsyncIterable<Command>,
): Promise<number> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.part`;
  const handle = await open(unfinished, 'w');
  let count = 0;
  try {
    let lines: string[] = [];
    for await (const command of commands) {
      lines.push(JSON.stringify(command), '\n');
      count++;
      if (lines.length < 2 * LINES_PER_WRITE) continue;
      await handle.write(lines.join(''));
      lines = [];
    }
    await handle.write(lines.join(''));
  } finally {
    await handle.close();
  }
  await rename(unfinished, file);
  return count;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string' }, commands: { type: 'string' }, tenants: { type: 'string' } },
  });
  const whole = (name: string, text: string | undefined, otherwise: number): number => {
    const number = text === undefined ? otherwise : Number(text);
    if (!Number.isSafeInteger(number) || number < 1)
      throw new Error(`--${name} must be a positive integer, got ${text}`);
    return number;
  };
  const file = positionals[0] ?? 'sample/commands.jsonl';
  const count = await writeCommands(
    file,
    sampleCommands({
      seed: whole('seed', values.seed, 1),
      commands: whole('commands', values.commands, 100_000),
      tenants: whole('tenants', values.tenants, 64),
    }),
  );
  console.error(`${count} commands in ${file}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
