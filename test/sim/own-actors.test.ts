/** The simulator in a user's hands: own actors, own workload, own checks, and a report that can be read. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Chance, type SimulatedOperation, type SimulationResult, simulate } from 'synapse-actors/testing';

const run = promisify(execFile);

/** The repository: this file runs as `dist/test/sim/own-actors.test.js`. */
const TOP = fileURLToPath(new URL('../../../', import.meta.url));

const actors = new URL('./fixtures/leaky.js', import.meta.url);

const workload = (random: Chance): SimulatedOperation[] =>
  Array.from({ length: 40 }, (_, at) => ({
    process: at % 2,
    tenant: 'acme',
    type: 'purse',
    key: random.one(['a', 'b']),
    ...(random.happens(0.5)
      ? { handler: 'put', args: [random.between(1, 40)] }
      : { handler: 'hand', args: [random.one(['a', 'b']), random.between(1, 40)] }),
    idempotencyKey: `key ${at}`,
  }));

function noCoinFromNowhere({ history, operations, actors: all }: SimulationResult): string[] {
  const put = history.filter(({ type, op }) => type === 'ok' && op === 'put');
  const wanted = put.reduce((sum, { operation }) => sum + Number(operations[operation]?.args[0]), 0);
  const held = all.reduce((sum, { state }) => sum + Number(state['coins']), 0);
  return held === wanted ? [] : [`${wanted} coins were put in, ${held} are there`];
}

describe('a check of one’s own', () => {
  test('finds the bug of an actor, in a run cut down to what is needed and the same each time', async () => {
    const first = await simulate({ seed: 3, actors, workload, checks: [noCoinFromNowhere] });
    expect(first.violations.map(({ check }) => check)).toEqual(['own']);
    expect(first.report).toContain('npm run sim -- --seed 3');
    const shown = first.report.split('\n').filter((line) => line.includes(' calls acme/purse/'));
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.length).toBeLessThan(6);
    expect(first.report).toContain('and 0 faults');
    const again = await simulate({ seed: 3, actors, workload, checks: [noCoinFromNowhere] });
    expect([again.traceHash, again.report]).toEqual([first.traceHash, first.report]);
  });

  test('is content with an actor that keeps its word, and sees its state in the end', async () => {
    const puts = (random: Chance): SimulatedOperation[] =>
      workload(random).map((operation) => ({ ...operation, handler: 'put', args: [1] }));
    const result = await simulate({ seed: 4, actors, workload: puts, checks: [noCoinFromNowhere], faults: 'none' });
    expect(result.violations).toEqual([]);
    expect(result.report).toBe('');
    expect(result.actors.reduce((sum, { state }) => sum + Number(state['coins']), 0)).toBe(40);
    expect(result.history.filter(({ type }) => type === 'ok').length).toBe(40);
  });

  test('asks for a workload, since only its user knows what the actors are for', async () => {
    await expect(simulate({ seed: 1, actors })).rejects.toMatchObject({ details: { option: 'workload' } });
  });
});

test('the example of the documentation stands in examples/, and loses no cent', async () => {
  const example = readFileSync(`${TOP}examples/simulate.ts`, 'utf8');
  const docs = readFileSync(`${TOP}docs/testing.md`, 'utf8');
  expect(docs).toContain(example.slice(example.indexOf('*/\n') + 3).trimEnd());
  const { stdout } = await run(process.execPath, [`${TOP}dist/examples/simulate.js`]);
  expect(stdout).toBe('20 seeds, not a cent lost\n');
});
