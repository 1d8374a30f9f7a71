/**
 * The main job on real input: both production traces through `synapse run`, token totals against a direct
 * sum over the CSV, and once more with a SIGKILL half way: the same totals, answers and state roots.
 * The traces lie beside the repository, never in it; where they are absent this test says so and is skipped.
 */
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createSystem } from 'synapse-actors';
import { afterAll, expect, test } from 'vitest';
import { meter } from '../../actors/meter.ts';
import { writeCommands } from '../../examples/sample.ts';
import { tenantOf, traceCommands } from '../../examples/trace.ts';
import { Child, killAll } from './child.ts';

const MAIN = new URL('../../src/cli/main.js', import.meta.url);
const METER = new URL('../../actors/meter.js', import.meta.url);
/** From dist/test/crash/ to the folder beside the repository. */
const TRACES = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const SERVICES = ['conv', 'code'] as const;
const fileOf = (service: string): string => join(TRACES, `AzureLLMInferenceTrace_${service}.csv`);

const folder = mkdtempSync(join(tmpdir(), 'synapse-traces.'));
afterAll(async () => {
  await killAll();
  rmSync(folder, { recursive: true, force: true });
});

interface Totals {
  requests: number;
  contextTokens: number;
  generatedTokens: number;
  tokens: number;
}

/** Tokens by tenant, summed straight from the CSV files. */
function directSums(): Map<string, Totals> {
  const sums = new Map<string, Totals>();
  for (const service of SERVICES) {
    const rows = readFileSync(fileOf(service), 'utf8')
      .split(/\r?\n/)
      .slice(1)
      .filter((row) => row !== '');
    for (const [number, row] of rows.entries()) {
      const [, context = '', generated = ''] = row.split(',');
      const tenant = tenantOf(service, number);
      const sum = sums.get(tenant) ?? { requests: 0, contextTokens: 0, generatedTokens: 0, tokens: 0 };
      sum.requests += 1;
      sum.contextTokens += Number(context);
      sum.generatedTokens += Number(generated);
      sum.tokens += Number(context) + Number(generated);
      sums.set(tenant, sum);
    }
  }
  return sums;
}

function run(input: string, name: string): Child {
  const words = ['run', fileURLToPath(METER), '--input', input, '--data', join(folder, name), '--json'];
  return new Child(MAIN, undefined, {
    words: name === 'killed' ? words : [...words, '--output', join(folder, `${name}.jsonl`)],
  });
}

/** What a run left: totals and roots by tenant. */
async function lookAt(name: string): Promise<{ totals: Map<string, Totals>; roots: string[] }> {
  const system = await createSystem({ actors: METER, dataDir: join(folder, name), lanes: 1 });
  try {
    const tenants = await system.tenants();
    const totals = new Map<string, Totals>();
    for (const { tenant } of tenants) {
      totals.set(tenant, await system.ref(meter, tenant, tenant.slice(0, 4)).totals());
    }
    return {
      totals,
      roots: tenants.map(({ tenant, stateRoot }) => `${tenant} ${Buffer.from(stateRoot).toString('hex')}`),
    };
  } finally {
    await system.close();
  }
}

async function answersIn(path: string): Promise<Map<string, string>> {
  const answers = new Map<string, string>();
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    number += 1;
    const { id, ok } = JSON.parse(line) as { id: string; ok?: unknown };
    if (ok === undefined) throw new Error(`line ${number} of ${path}: ${line}`);
    // Every tenant of a service has a `configure` of its own.
    if (!id.endsWith('configure')) answers.set(id, line);
  }
  return answers;
}

test('both traces give the sums of the CSV, and after a kill half way the same answers and roots', async (context) => {
  if (!existsSync(TRACES)) {
    console.log('SKIPPED: ../shared is absent');
    context.skip('../shared is absent');
  }
  const input = join(folder, 'commands.jsonl');
  const count = await writeCommands(
    input,
    (async function* () {
      for (const service of SERVICES) yield* traceCommands(service, fileOf(service));
    })(),
  );
  const sums = directSums();
  expect([...sums.values()].reduce((all, { requests }) => all + requests, 0)).toBe(count - sums.size);

  const undisturbed = run(input, 'undisturbed');
  await undisturbed.end();
  expect(undisturbed.status, undisturbed.errors).toBe(0);
  const sound = await lookAt('undisturbed');
  expect(sound.totals).toEqual(sums);

  const killed = run(input, 'killed');
  await killed.lineNumber('{', Math.floor(count / 2));
  await killed.kill();
  expect(killed.status).toBe('SIGKILL');
  expect(killed.lines.length).toBeLessThan(count);

  const words = ['run', fileURLToPath(METER), '--input', input, '--data', join(folder, 'killed'), '--json'];
  const again = new Child(MAIN, undefined, { words: [...words, '--output', join(folder, 'again.jsonl')] });
  await again.end();
  expect(again.status, again.errors).toBe(0);
  const summary = JSON.parse(again.errors.trim().split('\n').at(-1) ?? '') as { repeated: number; stateRoot: string };
  const first = JSON.parse(undisturbed.errors.trim().split('\n').at(-1) ?? '') as { stateRoot: string };
  console.log(
    `traces.test: ${count} commands, killed after ${killed.lines.length} answers; the second run found ${summary.repeated} done`,
  );
  expect(summary.repeated).toBeGreaterThanOrEqual(killed.lines.length); // what was acknowledged was there
  expect(summary.stateRoot).toBe(first.stateRoot);
  expect(await lookAt('killed')).toEqual(sound);
  expect(await answersIn(join(folder, 'again.jsonl'))).toEqual(await answersIn(join(folder, 'undisturbed.jsonl')));
}, 300_000);
