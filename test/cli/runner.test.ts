/** The runner between a double of the system and a list of results. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assert } from '../../src/base/assert.ts';
import { SynapseError } from '../../src/base/error.ts';
import type { CommandRecord } from '../../src/cli/command-record.ts';
import { readLines, type Line } from '../../src/cli/line-reader.ts';
import { Runner, type CommandPort, type ResultSink, type RunnerOptions } from '../../src/cli/runner.ts';
import { failByName, PretendSystem } from './pretend-system.ts';

class Results implements ResultSink {
  readonly lines: { id?: string; ok?: unknown; error?: { code: string; message: string } }[] = [];
  write(line: string): void {
    assert(line.endsWith('\n'), 'a result is a whole line');
    this.lines.push(JSON.parse(line));
  }
  pressure(): undefined {
    return undefined;
  }
}

/** Sleeps that are over at the next turn of the event loop, however long they should have been. */
const NO_SLEEP: RunnerOptions = { sleep: () => new Promise((resolve) => setImmediate(resolve)) };

function lineOf(record: Partial<CommandRecord>): string {
  return JSON.stringify({ tenant: 'acme', actor: 'a', key: 'k', call: 'do', args: [], ...record });
}

function inputOf(lines: readonly string[]): AsyncIterable<readonly Line[]> {
  return readLines(chunksOf(lines));
}

async function* chunksOf(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield Buffer.from(`${line}\n`);
}

async function runLines(
  lines: readonly string[],
  port: CommandPort,
  options: RunnerOptions = {},
): Promise<{ runner: Runner; results: Results }> {
  const results = new Results();
  const runner = new Runner(port, results, { ...NO_SLEEP, ...options });
  await runner.run(inputOf(lines));
  return { runner, results };
}

/** A repeatable sequence from 0 (included) to 1, as in Numerical Recipes. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Input of up to 4 tenants with up to 3 actors each; each command carries its place. */
const someCommands = fc
  .array(fc.record({ tenant: fc.constantFrom('t1', 't2', 't3', '__proto__'), key: fc.constantFrom('x', 'y', 'z') }), {
    maxLength: 120,
  })
  .map((commands) => commands.map((command, place) => lineOf({ ...command, id: `${place}`, args: [place] })));

function placesByTenant(records: readonly Pick<CommandRecord, 'tenant' | 'args'>[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const record of records)
    places.set(record.tenant, [...(places.get(record.tenant) ?? []), Number(record.args[0])]);
  return places;
}

function isAscending(places: readonly number[]): boolean {
  return places.every((place, index) => index === 0 || place > (places[index - 1] as number));
}

describe('the runner', () => {
  it('applies and answers in input order per tenant, each command once, within every bound', async () => {
    await fc.assert(
      fc.asyncProperty(
        someCommands,
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        async (lines, seed, limit, maxInFlight) => {
          const system = new PretendSystem({
            random: randomOf(seed),
            mailbox: { limit, limitBytes: 1 << 20 },
            answer: failByName,
          });
          const { runner, results } = await runLines(lines, system, { maxInFlight });
          expect(system.fullCount).toBe(0);
          expect(system.mostWaiting).toBeLessThanOrEqual(maxInFlight);
          expect(runner.counts).toMatchObject({ commands: lines.length, refused: 0, failed: 0, badLines: 0 });
          for (const places of placesByTenant(system.applied).values()) expect(isAscending(places)).toBe(true);
          const tenantOf = lines.map((line) => (JSON.parse(line) as CommandRecord).tenant);
          const answered = results.lines.map((line) => ({ tenant: tenantOf[Number(line.id)] ?? '', args: [line.ok] }));
          for (const places of placesByTenant(answered).values()) expect(isAscending(places)).toBe(true);
          expect(new Set(results.lines.map((line) => line.ok))).toEqual(new Set(lines.keys()));
          expect(runner.counts.doneBytes).toBe(Buffer.byteLength(lines.map((line) => `${line}\n`).join('')));
        },
      ),
    );
  });

  it('sends a command again after MAILBOX_FULL, and answers each in input order', async () => {
    await fc.assert(
      fc.asyncProperty(someCommands, fc.nat(), fc.integer({ min: 1, max: 3 }), async (lines, seed, limit) => {
        // The system's mailboxes are smaller than it says: as if other actors filled them too.
        const saidMailbox = { limit: 10, limitBytes: 1 << 20 };
        const system = new PretendSystem({
          random: randomOf(seed),
          mailbox: { limit, limitBytes: 1 << 20 },
          saidMailbox,
          answer: failByName,
        });
        const { runner, results } = await runLines(lines, system);
        expect(runner.counts).toMatchObject({ commands: lines.length, failed: 0 });
        expect(system.applied).toHaveLength(lines.length);
        const tenantOf = lines.map((line) => (JSON.parse(line) as CommandRecord).tenant);
        const answered = results.lines.map((line) => ({ tenant: tenantOf[Number(line.id)] ?? '', args: [line.ok] }));
        for (const places of placesByTenant(answered).values()) expect(isAscending(places)).toBe(true);
      }),
    );
  });

  it('holds a tenant back until its refused commands went through, in their order, and no other tenant', async () => {
    const sent: string[] = [];
    const answers = new Map<string, (code?: 'MAILBOX_FULL') => void>();
    const port: CommandPort = {
      mailboxOf: () => ({ limit: 2, limitBytes: 1 << 20 }),
      call: (record) => {
        sent.push(`${record.tenant}${String(record.id)}`);
        return new Promise((resolve, reject) => {
          answers.set(`${record.tenant}${String(record.id)}`, (code) =>
            code === undefined ? resolve(1) : reject(new SynapseError(code, 'full')),
          );
        });
      },
    };
    const results = new Results();
    const runner = new Runner(port, results, NO_SLEEP);
    const done = runner.run(
      inputOf(['a1', 'a2', 'a3', 'b1'].map((name) => lineOf({ tenant: name[0] as string, id: name[1] as string }))),
    );
    await until(() => sent.length === 3);
    expect(sent).toEqual(['a1', 'a2', 'b1']);
    answers.get('a2')?.('MAILBOX_FULL');
    answers.get('b1')?.();
    await until(() => results.lines.length === 1);
    expect(sent).toEqual(['a1', 'a2', 'b1']); // a1 is under way: nothing of a goes yet
    answers.get('a1')?.('MAILBOX_FULL');
    await until(() => sent.length === 4);
    expect(sent.at(-1)).toBe('a1');
    answers.get('a1')?.();
    await until(() => sent.length === 5);
    expect(sent.at(-1)).toBe('a2');
    answers.get('a2')?.();
    await until(() => sent.length === 6);
    expect(sent.at(-1)).toBe('a3');
    answers.get('a3')?.();
    await done;
    expect(results.lines.map((line) => line.id)).toEqual(['1', '1', '2', '3']);
  });

  it('takes a command that is read while its tenant is held back only after the refused one', async () => {
    const sent: string[] = [];
    let refuse = (): void => {};
    const port: CommandPort = {
      mailboxOf: () => ({ limit: 10, limitBytes: 1 << 20 }),
      call: (record) => {
        sent.push(String(record.id));
        if (sent.length > 2) return Promise.resolve(1);
        return sent.length === 1
          ? new Promise((_, reject) => {
              refuse = () => reject(new SynapseError('MAILBOX_FULL', 'full'));
            })
          : Promise.reject(new SynapseError('MAILBOX_FULL', 'full'));
      },
    };
    async function* input(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${lineOf({ id: '1' })}\n${lineOf({ id: '2' })}\n`);
      await until(() => sent.length === 2);
      await new Promise((resolve) => setImmediate(resolve)); // the refusal of 2 has arrived, 1 is under way
      yield Buffer.from(`${lineOf({ id: '3' })}\n`);
      refuse();
    }
    const runner = new Runner(port, new Results(), NO_SLEEP);
    await runner.run(readLines(input()));
    expect(sent).toEqual(['1', '2', '1', '2', '3']);
  });

  it('gives up on a mailbox that stays full and goes on with the next command', async () => {
    const pauses: number[] = [];
    const port: CommandPort = {
      mailboxOf: () => ({ limit: 1, limitBytes: 1 << 20 }),
      call: (record) =>
        record.id === 'stuck' ? Promise.reject(new SynapseError('MAILBOX_FULL', 'full')) : Promise.resolve(1),
    };
    const sleep = (durationMs: number): Promise<void> => (pauses.push(durationMs), Promise.resolve());
    const { runner, results } = await runLines([lineOf({ id: 'stuck' }), lineOf({ id: 'next' })], port, { sleep });
    expect(results.lines).toEqual([
      { id: 'stuck', error: { code: 'MAILBOX_FULL', message: 'full' } },
      { id: 'next', ok: 1 },
    ]);
    expect(runner.counts).toMatchObject({ commands: 2, failed: 1 });
    expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8]);
    expect(Math.max(...pauses)).toBe(1_000);
    expect(pauses).toHaveLength(40);
  });

  it('sends a command that no mailbox could hold with others alone, and keeps bytes within the mailbox', async () => {
    const waiting: number[] = [];
    const system = new PretendSystem({
      mailbox: { limit: 100, limitBytes: 10_000 },
      answer: () => waiting.push(system.waiting),
    });
    const big = lineOf({ args: ['x'.repeat(20_000)] });
    await runLines([big, big, lineOf({}), lineOf({})], system);
    expect(system.applied).toHaveLength(4);
    expect(waiting).toEqual([0, 0, 1, 0]);
  });

  it('stops reading when the held lines are too many bytes', async () => {
    const system = new PretendSystem();
    const line = lineOf({ args: ['x'.repeat(1_000)] });
    await runLines(
      Array.from({ length: 20 }, () => line),
      system,
      { maxInFlightBytes: 3 * line.length },
    );
    expect(system.mostWaiting).toBe(3);
  });

  it('stops reading while the results are not read', async () => {
    const system = new PretendSystem();
    const results = new Results();
    let relieve = (): void => {};
    let pressure: Promise<void> | undefined = new Promise((resolve) => {
      relieve = () => {
        pressure = undefined;
        resolve();
      };
    });
    const runner = new Runner(system, { write: (line) => results.write(line), pressure: () => pressure }, NO_SLEEP);
    const done = runner.run(inputOf([lineOf({}), lineOf({})]));
    await new Promise((resolve) => setImmediate(resolve));
    expect(system.waiting + system.applied.length).toBe(0);
    relieve();
    await done;
    expect(results.lines).toHaveLength(2);
  });

  it('counts refusals, failures, faults of the store and bad lines apart, and goes on', async () => {
    const bad: [number, string][] = [];
    const calls = ['do', 'REFUSED', 'HANDLER_FAILED', 'STORE_CORRUPT', 'DIVERGED', 'do'];
    const lines = [
      ...calls.slice(0, 3).map((call) => lineOf({ call })),
      'nonsense',
      '',
      '{}',
      ...calls.slice(3).map((call) => lineOf({ call })),
    ];
    const { runner, results } = await runLines(lines, new PretendSystem({ answer: failByName }), {
      onBadLine: (line, fault) => bad.push([line, fault]),
    });
    expect(runner.counts).toMatchObject({ commands: 6, refused: 1, failed: 3, badLines: 2, faults: 2 });
    expect(bad).toEqual([
      [4, 'not JSON'],
      [6, '"tenant" must be a string, got nothing'],
    ]);
    expect(results.lines.map((line) => line.error?.code ?? 'ok')).toEqual([
      'ok',
      'REFUSED',
      'HANDLER_FAILED',
      'STORE_CORRUPT',
      'DIVERGED',
      'ok',
    ]);
    expect(results.lines[1]).toEqual({ error: { code: 'REFUSED', message: 'asked for REFUSED' } });
    expect(runner.acknowledgements.count).toBe(6);
  });

  it('stops at STORE_UNAVAILABLE: answers what was sent, forgets what was only read', async () => {
    const system = new PretendSystem({ mailbox: { limit: 1, limitBytes: 1 << 20 }, answer: failByName });
    const { runner, results } = await runLines([lineOf({ call: 'STORE_UNAVAILABLE' }), lineOf({}), lineOf({})], system);
    expect(runner.stopped).toBe('store unavailable');
    expect(results.lines.map((line) => line.error?.code)).toEqual(['STORE_UNAVAILABLE']);
    expect(system.applied).toEqual([]);
  });

  it('finishes what is under way when it is told to stop, and reads no further', async () => {
    const system = new PretendSystem();
    let reads = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        reads++;
        yield Buffer.from(`${lineOf({})}\n`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const results = new Results();
    const reasons: string[] = [];
    const runner = new Runner(system, results, { ...NO_SLEEP, onStop: (reason) => reasons.push(reason) });
    const done = runner.run(readLines(endless()));
    await until(() => results.lines.length >= 5);
    runner.stop('SIGTERM');
    runner.stop('SIGINT');
    const readsAtStop = reads;
    await done;
    expect(reads).toBeLessThanOrEqual(readsAtStop + 1);
    expect(reasons).toEqual(['SIGTERM']);
    expect(runner.stopped).toBe('SIGTERM');
    expect(results.lines.length).toBe(system.applied.length);
    expect(system.waiting).toBe(0);
  });

  it('answers what was sent before the input failed, then rejects with the input error', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${lineOf({})}\n`);
      throw new Error('disk gone');
    }
    const results = new Results();
    const runner = new Runner(new PretendSystem(), results, NO_SLEEP);
    await expect(runner.run(readLines(failing()))).rejects.toThrow('disk gone');
    expect(runner.stopped).toBe('input failed');
    expect(results.lines).toHaveLength(1);
  });

  it('rejects with an error of the system that is no answer, instead of hiding it in a result', async () => {
    const port: CommandPort = {
      mailboxOf: () => ({ limit: 1, limitBytes: 1 }),
      call: () => Promise.reject(new TypeError('a bug')),
    };
    const results = new Results();
    await expect(new Runner(port, results, NO_SLEEP).run(inputOf([lineOf({})]))).rejects.toThrow('a bug');
    expect(results.lines).toEqual([]);
  });
});

/** Waits, turn by turn of the event loop, until `isSo`; the test's own time limit ends it otherwise. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
