/** The built command line as a process, on real stores. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandRecord } from '../../src/cli/command-record.ts';
import { startSynapse, synapse, TILL, type Ended } from './synapse-process.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'synapse-e2e-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface ResultLine {
  readonly id?: string;
  readonly ok?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

interface InspectReport {
  readonly tenants: readonly { readonly tenant: string; readonly seq: number; readonly stateRoot: string }[];
}

function line(record: Partial<CommandRecord>): string {
  return `${JSON.stringify({ tenant: 'acme', actor: 'till', key: 'main', call: 'add', args: [1], ...record })}\n`;
}

function resultsOf({ out }: Ended): ResultLine[] {
  return out
    .split('\n')
    .slice(0, -1)
    .map((text) => JSON.parse(text) as ResultLine);
}

function summaryOf({ err }: Ended): Record<string, unknown> {
  return JSON.parse(err.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

function run(input: string, ...options: string[]): Promise<Ended> {
  return synapse(['run', TILL, '--input', '-', '--json', '--lanes', '2', '--shards', '8', ...options], dir, input);
}

/** A hundred commands for each of five tenants over three actors, a tenth refused, each with an id. */
function busyInput(): string {
  let text = '';
  for (let place = 0; place < 500; place++) {
    const amount = place % 10 === 9 ? -1 : place;
    text += line({ tenant: `t${place % 5}`, key: `k${place % 3}`, args: [amount], id: `c-${place}` });
  }
  return text;
}

describe('synapse run, as a process', () => {
  it('keeps a key per tenant with --encryption, and refuses the directory without it', async () => {
    const input = line({ id: 'a', args: [5] });
    const first = await run(input, '--encryption');
    expect([first.status, resultsOf(first)]).toEqual([0, [{ id: 'a', ok: 5 }]]);
    const second = await run(input, '--encryption');
    expect(resultsOf(second)).toEqual(resultsOf(first));
    const without = await run(input);
    expect(without.status).toBe(2);
    expect(without.err).toContain('encryption: the store was made with encryption: true');
  });

  it('answers every kind of command with a line and ends with status 0', async () => {
    const calls: Partial<CommandRecord>[] = [
      { args: [5], id: 'a' },
      { args: [-1], id: 'b' },
      { call: 'fail', args: [] },
      { call: 'sum', args: [] },
      { call: 'missing', args: [] },
      { call: 'tell', args: [] },
      { actor: 'nobody' },
      { key: '' },
      { call: 'echo', args: [JSON.parse(`${'['.repeat(65)}${']'.repeat(65)}`)] },
      { call: 'nothing', args: [] },
    ];
    const ended = await run(calls.map(line).join(''));
    expect(ended.status).toBe(0);
    const results = resultsOf(ended);
    const codes = [
      'ok',
      'REFUSED',
      'HANDLER_FAILED',
      'ok',
      'UNKNOWN_HANDLER',
      'UNKNOWN_HANDLER',
      'UNKNOWN_ACTOR',
      'INVALID_ADDRESS',
      'UNSERIALIZABLE',
      'ok',
    ];
    expect(results.map((result) => result.error?.code ?? 'ok')).toEqual(codes);
    expect(results[0]).toEqual({ id: 'a', ok: 5 });
    expect(results[1]).toEqual({ id: 'b', error: { code: 'REFUSED', message: 'amount must not be negative' } });
    expect(results[2]?.error?.message).toContain('broken on purpose');
    expect(results[3]).toEqual({ ok: 5 });
    expect(results[9]).toEqual({ ok: { $undefined: true } });
    expect(summaryOf(ended)).toMatchObject({
      commands: 10,
      refused: 1,
      failed: 6,
      repeated: 0,
      badLines: 0,
      dataDir: join(dir, 'synapse-data'),
    });
  });

  it('carries values that JSON lacks out and in', async () => {
    const first = resultsOf(await run(line({ call: 'values', args: [] }), '--memory'))[0];
    const expected = [
      { $bigint: '1' },
      { $number: '-0' },
      { $map: [['a', { $set: [1] }]] },
      { $date: '1970-01-01T00:00:00.000Z' },
      { $bytes: 'AAE=' },
      { $undefined: true },
    ];
    expect(first?.ok).toEqual(expected);
    const second = resultsOf(await run(line({ call: 'echo', args: [expected] }), '--memory'))[0];
    expect(second?.ok).toEqual(expected);
  });

  it('applies nothing twice when it runs again, and shows the same roots', async () => {
    const input = busyInput();
    const first = await run(input);
    const before = JSON.parse(
      (await synapse(['inspect', '--data', 'synapse-data', '--json'], dir)).out,
    ) as InspectReport;
    const second = await run(input);
    const after = JSON.parse(
      (await synapse(['inspect', '--data', 'synapse-data', '--json'], dir)).out,
    ) as InspectReport;
    const byTenant = (ended: Ended): ResultLine[] =>
      resultsOf(ended).toSorted((a, b) => Number(a.id?.slice(2)) - Number(b.id?.slice(2)));
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(byTenant(second)).toEqual(byTenant(first));
    expect(summaryOf(first)).toMatchObject({ tenants: 5, commands: 500, refused: 50, repeated: 0 });
    expect(summaryOf(second)).toMatchObject({
      tenants: 5,
      commands: 500,
      refused: 50,
      repeated: 500,
      stateRoot: summaryOf(first)['stateRoot'],
    });
    expect(after.tenants.map(({ tenant, seq }) => [tenant, seq])).toEqual(
      before.tenants.map(({ tenant, seq }) => [tenant, seq]),
    );
  });

  it('counts an id that stands in the input twice', async () => {
    const ended = await run(line({ id: 'a' }) + line({ id: 'a' }) + line({ call: 'sum', args: [] }));
    expect(resultsOf(ended).map((result) => result.ok)).toEqual([1, 1, 1]);
    expect(summaryOf(ended)).toMatchObject({ commands: 3, repeated: 1 });
  });

  it('applies and answers in input order per tenant, also through a mailbox of one', async () => {
    const places = Array.from({ length: 200 }, (_, place) => place);
    const input = places.map((place) =>
      line({ tenant: `t${place % 2}`, actor: 'narrow', call: 'see', args: [place], id: `${place}` }),
    );
    const queries = ['t0', 't1'].map((tenant) => line({ tenant, actor: 'narrow', call: 'seen', args: [], id: tenant }));
    const results = resultsOf(await run([...input, ...queries].join('')));
    expect(results.filter((result) => result.error !== undefined)).toEqual([]);
    for (const parity of [0, 1]) {
      const own = places.filter((place) => place % 2 === parity);
      expect(
        results.filter(({ id }) => /^\d+$/.test(id ?? '') && Number(id) % 2 === parity).map(({ id }) => Number(id)),
      ).toEqual(own);
      expect(results.find(({ id }) => id === `t${parity}`)?.ok).toEqual(own);
    }
  });

  it('reports bad lines, goes on and ends with status 1', async () => {
    const ended = await run(`${line({ id: 'a' })}nonsense\n\n{"tenant":"acme"}\n${line({ id: 'b' })}`);
    expect(ended.status).toBe(1);
    expect(resultsOf(ended).map(({ id }) => id)).toEqual(['a', 'b']);
    expect(ended.err).toContain('{"line":2,"fault":"not JSON"}\n');
    expect(ended.err).toContain('{"line":4,');
    expect(summaryOf(ended)).toMatchObject({ commands: 2, badLines: 2 });
  });

  it('reads a file, writes a file and shows progress and a table', async () => {
    writeFileSync(join(dir, 'in.jsonl'), busyInput());
    const ended = await synapse(['run', TILL, '--input', 'in.jsonl', '--output', 'out.jsonl', '--data', 'books'], dir);
    expect([ended.status, ended.out]).toEqual([0, '']);
    expect(readFileSync(join(dir, 'out.jsonl'), 'utf8').split('\n')).toHaveLength(501);
    expect(ended.err).toMatch(/^commands +500$/m);
    expect(ended.err).toMatch(/^state root +[0-9a-f]{64}$/m);
    expect(ended.err).toContain(join(dir, 'books'));
  });

  it('leaves nothing with --memory, and has the same root as with a directory', async () => {
    const input = busyInput();
    const inMemory = summaryOf(await run(input, '--memory'));
    expect(inMemory['dataDir']).toBeUndefined();
    expect(inMemory['stateRoot']).toBe(summaryOf(await run(input))['stateRoot']);
  });

  it('comes to the same roots after kill -9 and a second run', async () => {
    const input = busyInput();
    const undisturbed = summaryOf(await run(input, '--data', 'whole'))['stateRoot'];
    const killed = startSynapse(['run', TILL, '--input', '-', '--quiet', '--shards', '8'], dir);
    killed.child.stdin.write(input.slice(0, input.indexOf('"c-300"')));
    await killed.saw('"c-100"');
    killed.child.kill('SIGKILL');
    const { out } = await killed.ended;
    const again = await run(input);
    expect(again.status).toBe(0);
    expect(summaryOf(again)['stateRoot']).toBe(undisturbed);
    const acknowledged = out.split('\n').length - 1;
    expect(acknowledged).toBeGreaterThan(0);
    expect(summaryOf(again)['repeated']).toBeGreaterThanOrEqual(acknowledged);
  });
});

describe('synapse, as a process that shares a directory', () => {
  it('locks others out while it runs, and ends in order at SIGTERM with status 143', async () => {
    const running = startSynapse(['run', TILL, '--input', '-', '--json', '--shards', '8'], dir);
    running.child.stdin.write(line({ id: 'a' }));
    await running.saw('"a"');
    for (const args of [
      ['run', TILL, '--input', '-'],
      ['inspect', '--data', 'synapse-data'],
      ['backup', '--data', 'synapse-data', '--to', 'copy'],
    ]) {
      const ended = await synapse(args, dir);
      expect([ended.status, ended.out]).toEqual([2, '']);
      expect(ended.err).toMatch(/^synapse: STORE_LOCKED: .*\n$/);
    }
    running.child.kill('SIGTERM');
    const ended = await running.ended;
    expect([ended.status, ended.signal]).toEqual([143, null]);
    expect(summaryOf(ended)).toMatchObject({ commands: 1, stopped: 'SIGTERM' });
    const report = JSON.parse(
      (await synapse(['inspect', '--data', 'synapse-data', '--json'], dir)).out,
    ) as InspectReport;
    expect(report.tenants.map(({ tenant, seq }) => [tenant, seq])).toEqual([['acme', 1]]);
  });

  it('copies a directory that opens with the same roots and remembers the ids', async () => {
    const input = busyInput();
    const { stateRoot } = summaryOf(await run(input));
    expect((await synapse(['backup', '--data', 'synapse-data', '--to', 'copy'], dir)).status).toBe(0);
    const inspected = await synapse(['inspect', '--data', 'copy'], dir);
    expect([inspected.status, inspected.err]).toEqual([0, '']);
    expect(inspected.out).toMatch(/^tenants +5$/m);
    expect(summaryOf(await run(input, '--data', 'copy'))).toMatchObject({ stateRoot, repeated: 500 });
  });

  it('ends without a word and with status 141 when the reader of its results leaves', async () => {
    const running = startSynapse(['run', TILL, '--input', '-', '--memory'], dir);
    running.child.stdin.write(line({ id: 'a' }));
    await running.saw('"a"');
    running.child.stdout.destroy();
    running.child.stdin.write(line({ id: 'b' }));
    expect(await running.ended).toMatchObject({ status: 141, err: '' });
  });
});

describe('synapse, as a process that cannot run', () => {
  it.each([
    [['run', 'missing.js', '--input', '-'], /cannot find the actors/],
    [['run', 'broken.js', '--input', '-', '--memory'], /broken at load/],
    [['run', TILL, '--input', 'missing.jsonl'], /cannot read .*missing\.jsonl/],
    [['run', TILL, '--input', '-', '--memory', '--lanes', '0'], /INVALID_ARGUMENT.*lanes/],
    [['inspect', '--data', 'nowhere'], /INVALID_ARGUMENT.*nowhere/],
  ])('says why in a line, without a stack, and ends with status 2: %j', async (args, message) => {
    writeFileSync(join(dir, 'broken.js'), "throw new Error('broken at load');");
    const ended = await synapse(args, dir);
    expect([ended.status, ended.out]).toEqual([2, '']);
    expect(ended.err).toMatch(message);
    expect(ended.err).not.toMatch(/^ +at /m);
  });

  it('refuses another number of shards', async () => {
    await run(line({}));
    const ended = await synapse(['run', TILL, '--input', '-', '--shards', '9'], dir);
    expect([ended.status, ended.err]).toEqual([2, expect.stringContaining('SHARD_COUNT_MISMATCH')]);
  });

  it('has help and a version, with status 0', async () => {
    expect(await synapse(['--help'], dir)).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringContaining('Exit statuses'),
    });
    expect(await synapse(['--version'], dir)).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});
