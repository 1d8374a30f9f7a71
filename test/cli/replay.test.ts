/** `synapse replay`, `verify` and `diff` as processes, over a directory that `synapse run` left. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLmdb } from '../../src/store/lmdb.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { KIND } from '../../src/store/schema.ts';
import { synapse, TILL } from './synapse-process.ts';

let dir: string;

const line = (fields: object): string =>
  `${JSON.stringify({ tenant: 'acme', actor: 'till', key: 'one', call: 'add', args: [1], ...fields })}\n`;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'synapse-replay-cli-'));
  const input = [
    line({ args: [5], id: 'a' }),
    line({ args: [-1], id: 'b' }),
    line({ args: [7], id: 'c' }),
    line({ call: 'fail', args: [] }),
    line({ tenant: 'zoo', args: [1] }),
  ].join('');
  await synapse(['run', TILL, '--input', '-', '--quiet', '--shards', '4', '--data', 'books'], dir, input);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A copy of the books with one byte of a record of `acme` changed. */
function damaged(name: string): string {
  cpSync(join(dir, 'books'), join(dir, name), { recursive: true });
  const driver = openLmdb(join(dir, name));
  for (const [key, value] of driver.range(Uint8Array.of(KIND.batch), Uint8Array.of(KIND.batch + 1))) {
    const batch = Buffer.from(value);
    const at = batch.indexOf('till');
    if (at < 0 || !batch.includes('acme')) continue;
    batch[at] = (batch[at] as number) ^ 1;
    driver.commit([[key, batch]]);
    break;
  }
  driver.close();
  return name;
}

describe('synapse replay', () => {
  it('replays with the modules that the store remembers, and prints the last step and the roots', async () => {
    const ended = await synapse(['replay', 'acme', '--data', 'books', '--json'], dir);
    expect([ended.status, ended.err]).toEqual([0, '']);
    const whole = JSON.parse(ended.out) as Record<string, unknown>;
    expect(whole).toEqual({
      tenant: 'acme',
      seq: 4,
      from: 1,
      auditRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
      stateRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const early = await synapse(['replay', 'acme', '--data', 'books', '--until', '1', '--json'], dir);
    expect(JSON.parse(early.out)).toMatchObject({ seq: 1 });
    expect((JSON.parse(early.out) as Record<string, unknown>)['stateRoot']).not.toBe(whole['stateRoot']);
  });

  it('shows progress on standard error and a table on standard output', async () => {
    const ended = await synapse(['replay', 'acme', '--data', 'books'], dir);
    expect(ended.status).toBe(0);
    expect(ended.out).toMatch(/^replayed +steps 1 to 4$/m);
    expect(ended.err).toMatch(/100 % .*steps/);
  });

  it('explains a step: what came in, what it changed, what it sent', async () => {
    const { status, out } = await synapse(['replay', 'acme', '--data', 'books', '--explain', '3', '--quiet'], dir);
    expect(status).toBe(0);
    expect(out).toMatch(/^input +call acme\/till\/one add\(7\) with key "c"$/m);
    expect(out).toMatch(/^from +the embedding process.*idempotency key "c"$/m);
    expect(out).toMatch(/^outcome +ok: 12$/m);
    expect(out).toContain('acme/till/one state.sum: 5 → 12');
    expect(out).toContain('acme/till/one state.amounts: [ 5 ] → [ 5, 7 ]');
    expect(out).toMatch(/reply to message \d+: 12/);
  });

  it('explains why a step was refused or failed', async () => {
    const refused = await synapse(['replay', 'acme', '--data', 'books', '--explain', '2', '--json'], dir);
    expect(JSON.parse(refused.out)).toMatchObject({
      tenant: 'acme',
      seq: 2,
      input: { kind: 'call', handler: 'add', args: [-1], idempotencyKey: 'b' },
      outcome: { result: 'refused', error: { code: 'REFUSED', message: 'amount must not be negative' } },
      changes: [],
    });
    const failed = await synapse(['replay', 'acme', '--data', 'books', '--explain', '4', '--quiet'], dir);
    expect(failed.out).toMatch(/^outcome +failed: HANDLER_FAILED: .*broken on purpose/m);
  });

  it('ends with status 1 where the code does something else, or a record was altered', async () => {
    writeFileSync(
      join(dir, 'changed.js'),
      `import { actor } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
       export const till = actor('till', {
         state: () => ({ sum: 0, amounts: [] }),
         commands: { add: (ctx, n) => (ctx.state.sum += n), fail() {} },
       });`,
    );
    const changed = await synapse(['replay', 'acme', '--data', 'books', '--actors', 'changed.js', '--quiet'], dir);
    expect([changed.status, changed.out]).toEqual([1, '']);
    expect(changed.err).toMatch(/^synapse: DIVERGED: tenant acme: step 1 does not do what was recorded/);
    expect(changed.err).toContain('call acme/till/one add(5)');
    const altered = await synapse(['replay', 'acme', '--data', damaged('altered'), '--quiet'], dir);
    expect([altered.status, altered.out]).toEqual([1, '']);
    expect(altered.err).toMatch(/^synapse: DIVERGED: tenant acme: step 1: its record was altered/);
  });

  it.each([
    [['replay', 'nobody', '--data', 'books'], /no tenant "nobody"/],
    [['replay', 'acme', '--data', 'books', '--until', '0'], /number of a step/],
    [['replay', 'acme', '--data', 'books', '--explain', '9'], /has no step 9/],
    [['replay', 'acme', '--data', 'nowhere'], /nowhere/],
    [['replay', 'acme', '--data', 'books', '--actors', 'missing.js'], /missing\.js/],
  ])('could not run, status 2: %j', async (args, message) => {
    const ended = await synapse(args, dir);
    expect([ended.status, ended.out]).toEqual([2, '']);
    expect(ended.err).toMatch(message);
    expect(ended.err).not.toMatch(/^ +at /m);
  });
});

describe('synapse verify', () => {
  it('finds a sound directory sound, outcomes included', async () => {
    const ended = await synapse(['verify', '--data', 'books'], dir);
    expect(ended.status).toBe(0);
    expect(ended.out).toMatch(/^outcomes +5 replayed$/m);
    expect(ended.out).toMatch(/^verdict +sound$/m);
    const json = await synapse(['verify', '--data', 'books', '--json'], dir);
    expect([json.status, json.err]).toEqual([0, '']);
    expect(JSON.parse(json.out)).toMatchObject({ isSound: true, faults: [], replayed: 5, tenants: 2 });
  });

  it('names tenant, step, row and byte of the first fault, with status 1', async () => {
    const ended = await synapse(['verify', '--data', damaged('faulty'), '--quiet'], dir);
    expect(ended.status).toBe(1);
    expect(ended.out).toMatch(/^first fault +tenant acme, step 1, row batch [0-9a-f]+, byte \d+$/m);
    expect(ended.err).toMatch(/^fault: tenant acme: the record of step 1 is damaged at byte \d+/m);
    expect(ended.err).toContain('OUTCOMES WERE NOT REPLAYED: tenant acme: its rows are damaged');
  });

  it('says loudly that outcomes were not replayed, unless that was not asked for', async () => {
    writeFileSync(join(dir, 'empty.js'), '');
    const without = await synapse(['verify', '--data', 'books', '--actors', 'empty.js', '--quiet'], dir);
    expect(without.status).toBe(1);
    expect(without.err).toContain('OUTCOMES WERE NOT REPLAYED');
    expect(without.out).toMatch(/^verdict +outcomes were not replayed$/m);
    const skipped = await synapse(['verify', '--data', 'books', '--no-replay', '--quiet'], dir);
    expect([skipped.status, skipped.err]).toEqual([0, '']);
  });

  it('is refused while a system has the directory', async () => {
    const lock = acquireLock(join(dir, 'books'));
    for (const args of [
      ['verify', '--data', 'books'],
      ['replay', 'acme', '--data', 'books'],
      ['diff', '--data', 'books', '--data', 'books'],
    ]) {
      const ended = await synapse(args, dir);
      expect([ended.status, ended.out]).toEqual([2, '']);
      expect(ended.err).toMatch(/^synapse: STORE_LOCKED/);
    }
    lock.release();
  });
});

describe('synapse diff', () => {
  it('tells equal directories from others, and where they part', async () => {
    cpSync(join(dir, 'books'), join(dir, 'copy'), { recursive: true });
    expect(await synapse(['diff', '--data', 'books', '--data', 'copy'], dir)).toMatchObject({
      status: 0,
      out: 'equal\n',
    });
    await synapse(
      ['run', TILL, '--input', '-', '--quiet', '--shards', '4', '--data', 'copy'],
      dir,
      line({ args: [9], id: 'z' }),
    );
    const ended = await synapse(['diff', '--data', 'books', '--data', 'copy'], dir);
    expect(ended.status).toBe(1);
    expect(ended.out).toMatch(/^first difference +step 5: only one store has the step$/m);
    expect(ended.out).toContain('call acme/till/one add(9) with key "z"');
    const json = await synapse(['diff', '--data', 'books', '--data', 'copy', '--json'], dir);
    expect(JSON.parse(json.out)).toMatchObject({ equal: false, tenant: 'acme', seq: 5 });
  });

  it('needs two directories', async () => {
    const ended = await synapse(['diff', '--data', 'books'], dir);
    expect([ended.status, ended.err]).toEqual([2, expect.stringContaining('given twice')]);
  });
});
