/**
 * Question: what does `encryption: true` cost? The same durable commands through two systems with a disk,
 * one plain and one encrypted, in turns, so that what else the machine does falls on both; and one command at
 * a time, where the flush is most of it. Beside the rate the processor time of all threads for a command, which
 * says the same on a machine that is busy with other things. Checked: both come to the same state root.
 *
 * Estimate before measuring: a record's leaf takes two HMACs (2 µs), a tenant's records and its row of a
 * commit a cipher each (4 µs). In large commits of one tenant some 3 µs a step on the store's thread, which
 * has them to spare while lanes and embedder take 8: 0.85 to 1. One at a time: 15 µs of 400, 0.95 to 1.
 *
 *   npm run build && node dist/bench/encryption.js [commands a round] [rounds]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystem, type System } from 'synapse-actors';
import { account } from 'synapse-actors/actors/account';

const COMMANDS = Number(process.argv[2] ?? 20_000);
const ROUNDS = Number(process.argv[3] ?? 5);

/** Calls under way at a time: enough that commits are large. */
const IN_FLIGHT = 4_096;

/** Tenants that the calls go to in turn: one whose commits are large, and many whose commits are small. */
const SPREADS = [1, 64];

const ACTORS = new URL('../actors/account.js', import.meta.url);

interface Side {
  readonly name: string;
  readonly system: System;
  readonly rounds: Figures[];
  at: number;
}

interface Figures {
  readonly perSecond: number;
  /** Processor time of a command, all threads of this process, µs. */
  readonly cpuUs: number;
}

async function open(dir: string, name: string, encryption: boolean): Promise<Side> {
  const system = await createSystem({ actors: ACTORS, dataDir: join(dir, name), lanes: 1, encryption });
  return { name, system, rounds: [], at: 0 };
}

/** One round of one side. */
async function round(side: Side, tenants: number, commands: number, inFlight: number): Promise<Figures> {
  const startNs = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (let sent = 0; sent < commands; sent += inFlight) {
    const batch: Promise<unknown>[] = [];
    for (let i = sent; i < Math.min(commands, sent + inFlight); i++) {
      const at = side.at++;
      batch.push(side.system.ref(account, `t${at % tenants}`, `a${at % 100}`).deposit(1 + (at % 7)));
    }
    await Promise.all(batch);
  }
  const { user, system } = process.cpuUsage(before);
  const perSecond = (commands * 1e9) / Number(process.hrtime.bigint() - startNs);
  return { perSecond, cpuUs: (user + system) / commands };
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
}

async function rootsOf({ system }: Side): Promise<string> {
  return (await system.tenants()).map(({ stateRoot }) => Buffer.from(stateRoot).toString('hex')).join(' ');
}

async function compare(title: string, tenants: number, commands: number, inFlight: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'synapse-bench-'));
  try {
    const sides = [await open(dir, 'plain', false), await open(dir, 'encrypted', true)];
    for (const side of sides) await round(side, tenants, Math.ceil(commands / 4), inFlight); // warm
    for (let at = 0; at < ROUNDS; at++) {
      // Who goes first takes turns too.
      for (const side of at % 2 === 0 ? sides : sides.toReversed())
        side.rounds.push(await round(side, tenants, commands, inFlight));
    }
    const roots = await Promise.all(sides.map(rootsOf));
    const isSame = roots[0] === roots[1] && roots[0] !== '';
    const rates = sides.map(({ rounds }) => median(rounds.map(({ perSecond }) => perSecond)));
    const costs = sides.map(({ rounds }) => median(rounds.map(({ cpuUs }) => cpuUs)));
    const cells = [...rates, ...costs].map((figure) => figure.toFixed(0).padStart(10)).join('');
    const ratios = [rates, costs].map(([plain = 0, encrypted = 0]) => (encrypted / plain).toFixed(2).padStart(8));
    process.stdout.write(`${title.padEnd(26)}${cells}${ratios.join('')}  ${isSame ? 'same roots' : 'ROOTS DIFFER'}\n`);
    if (!isSame) process.exitCode = 1;
    await Promise.all(sides.map(({ system }) => system.close()));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

process.stdout.write(`${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, `);
process.stdout.write(`median of ${ROUNDS} rounds of ${COMMANDS} commands, in turns\n`);
process.stdout.write('                            plain/s  sealed/s  plain µs sealed µs  rates    µs\n');
for (const tenants of SPREADS) {
  await compare(`${IN_FLIGHT} at a time, ${tenants} tenant${tenants === 1 ? '' : 's'}`, tenants, COMMANDS, IN_FLIGHT);
}
await compare('one at a time, 1 tenant', 1, Math.max(1, Math.ceil(COMMANDS / 50)), 1);
