/**
 * The inputs under `examples/`: the sample of `npm start` and the adapter for real traces.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Command, sampleCommands, writeCommands } from '../../examples/sample.ts';
import { tenantOf, traceCommands } from '../../examples/trace.ts';
import { account } from '../../actors/account.ts';
import { meter } from '../../actors/meter.ts';
import { resolveActor } from '../../src/actor/definition.ts';

const scratch = mkdtempSync(join(tmpdir(), 'synapse-examples-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function collect(commands: AsyncIterable<Command>): Promise<Command[]> {
  const all: Command[] = [];
  for await (const command of commands) all.push(command);
  return all;
}

describe('the sample', () => {
  const commands = [...sampleCommands()];

  test('has 100,000 commands for at least 50 tenants, all of them known to the account', () => {
    expect(commands).toHaveLength(100_000);
    expect(new Set(commands.map(({ tenant }) => tenant)).size).toBeGreaterThanOrEqual(50);
    const known = resolveActor(account).commands;
    expect(commands.filter(({ actor, call }) => actor !== 'account' || !known.has(call))).toEqual([]);
  });

  test('has commands to be refused', () => {
    expect(
      commands.filter(({ call, args }) => call === 'withdraw' && args[0] === 1_000_000_000).length,
    ).toBeGreaterThan(1_000);
  });

  test('repeats ids only with the same command', () => {
    const first = new Map<string, string>();
    let repeats = 0;
    for (const command of commands) {
      const id = JSON.stringify([command.tenant, command.id]);
      const text = JSON.stringify(command);
      if (first.has(id)) repeats++;
      expect(first.get(id) ?? text).toBe(text);
      first.set(id, text);
    }
    expect(repeats).toBeGreaterThan(500);
  });

  test('is the same for the same seed and another for another', () => {
    const small = { commands: 500, tenants: 5 };
    expect([...sampleCommands({ ...small, seed: 7 })]).toEqual([...sampleCommands({ ...small, seed: 7 })]);
    expect([...sampleCommands({ ...small, seed: 7 })]).not.toEqual([...sampleCommands({ ...small, seed: 8 })]);
  });

  test('is written one command a line, and leaves no unfinished file', async () => {
    const file = join(scratch, 'deep', 'commands.jsonl');
    const some = [...sampleCommands({ commands: 5_000 })];
    expect(await writeCommands(file, some)).toBe(5_000);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as Command)).toEqual(some);
    expect(readdirSync(join(scratch, 'deep'))).toEqual(['commands.jsonl']);
  });
});

describe('the trace adapter', () => {
  const header = 'TIMESTAMP,ContextTokens,GeneratedTokens';

  test('meters each row under the tenant of its number, after a budget without refill', async () => {
    const file = join(scratch, 'small.csv');
    const rows = Array.from({ length: 101 }, (_, row) => `2023-11-16 18:15:46.6805900,${row},${2 * row}`);
    writeFileSync(file, [header, ...rows].join('\r\n'));
    const commands = await collect(traceCommands('conv', file));
    expect(commands.filter(({ call }) => call === 'configure')).toHaveLength(100);
    expect(commands.at(-1)).toEqual({
      tenant: 'conv-00',
      actor: 'meter',
      key: 'conv',
      call: 'use',
      args: [100, 200],
      id: 'conv-100',
    });
    expect(commands[0]).toMatchObject({ tenant: 'conv-00', call: 'configure', args: [{ refillMs: 0 }] });
    expect(tenantOf('conv', 7)).toBe('conv-07');
    const known = resolveActor(meter).commands;
    expect(commands.filter(({ call }) => !known.has(call))).toEqual([]);
  });

  test.each([
    ['a foreign header', 'a,b,c', ':1: expected the header'],
    ['a row of words', `${header}\nnow,1,2\nnow,many,2`, ':3: expected a time'],
  ])('names the line of %s', async (_name, text, message) => {
    const file = join(scratch, 'wrong.csv');
    writeFileSync(file, text);
    await expect(collect(traceCommands('conv', file))).rejects.toThrow(message);
  });

  test.each(['conv', 'code'])('carries every token of the real trace %s', async (service) => {
    const file = new URL(`../../../../shared/data/AzureLLMInferenceTrace_${service}.csv`, import.meta.url).pathname;
    if (!existsSync(file)) {
      console.log(`skipped: no trace at ${file}`);
      return;
    }
    const rows = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
    let tokens = 0;
    for (const row of rows) tokens += Number(row.split(',')[1]) + Number(row.split(',')[2]);
    const uses = (await collect(traceCommands(service, file))).filter(({ call }) => call === 'use');
    expect(uses).toHaveLength(rows.length);
    expect(uses.reduce((sum, { args }) => sum + Number(args[0]) + Number(args[1]), 0)).toBe(tokens);
    expect(new Set(uses.map(({ tenant }) => tenant)).size).toBe(100);
    expect(new Set(uses.map(({ id }) => id)).size).toBe(rows.length);
  });
});
