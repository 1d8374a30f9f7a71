/**
 * The guards of a lane, tried in real worker threads: clocks, chance, and what leads outside.
 */
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TurnAnswer } from './fixtures/guard-thread.ts';

const PROBE = new URL('./fixtures/guard-probe.js', import.meta.url).href;
const NOW = Date.UTC(2031, 4, 6, 7, 8, 9, 10);

const NODE_MAJOR = Number.parseInt(process.versions.node, 10);

let worker: Worker;
let output = '';

/** Runs one exported function of the probe as a turn of the guarded thread. */
function turn(name: string, args: readonly unknown[] = [], seed = 1, nowMs: number = NOW): Promise<TurnAnswer> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners('error').once('error', reject);
    worker.once('message', resolve);
    worker.postMessage({ module: PROBE, name, args, nowMs, seed });
  });
}

function start(): Worker {
  const thread = new Worker(new URL('./fixtures/guard-thread.js', import.meta.url), { stdout: true });
  thread.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return thread;
}

beforeAll(() => {
  worker = start();
});
afterAll(() => worker.terminate());

describe('clocks in a lane', () => {
  it('all show the recorded time of the turn', async () => {
    const { value } = (await turn('clocks')) as { value: Record<string, unknown> };
    const seconds = Math.floor(NOW / 1_000);
    expect(value).toMatchObject({
      now: NOW,
      date: new Date(NOW).toISOString(),
      text: 'Tue May 06 2031 07:08:09 GMT+0000 (Coordinated Universal Time)',
      getter: NOW,
      performance: NOW,
      origin: NOW,
      hrtime: [seconds, 10_000_000],
      elapsed: [0, 0],
      bigint: `${NOW}000000`,
      uptime: NOW / 1_000,
      event: NOW,
      mark: NOW,
      measure: 0,
      formatted: '06/05/2031, 07:08:09 UTC',
      parts: '5/6/2031',
    });
  });

  it('stand at 0 while modules are loaded, static fields included', async () => {
    const { value } = (await turn('load')) as { value: Record<string, unknown> };
    expect(value).toMatchObject({ now: 0, date: 0, performance: 0, static: 0 });
  });

  it('hold for a microtask that runs after the turn has returned', async () => {
    const { value } = await turn('afterTurn');
    expect(value).toMatchObject({ now: NOW, timer: 'AMBIENT_AUTHORITY' });
  });
});

describe('chance in a lane', () => {
  it('is the same for the same seed and another for another', async () => {
    const first = await turn('chance', [], 1);
    expect(await turn('chance', [], 1)).toEqual(first);
    const other = (await turn('chance', [], 2)).value as Record<string, unknown>;
    for (const [name, value] of Object.entries(first.value as Record<string, unknown>)) {
      if (name !== 'range') expect(other[name], name).not.toEqual(value);
    }
  });

  it('fills only what it was asked to fill, in range', async () => {
    const value = (await turn('chance')).value as {
      ints: number[];
      range: number;
      filled: number[];
      words16: number[];
      bytes: string;
    };
    expect(value.ints.every((int) => int >= 0 && int < 10)).toBe(true);
    expect([5, 6]).toContain(value.range);
    expect([value.filled[0], value.filled[1], value.filled[5]]).toEqual([0, 0, 0]);
    expect([value.words16[0], value.words16[3]]).toEqual([0, 0]);
    expect(value.bytes).toHaveLength(10);
  });

  it('is seeded while modules are loaded, the same in every thread', async () => {
    const mine = await turn('load');
    const before = worker;
    worker = start();
    const other = await turn('load');
    await worker.terminate();
    worker = before;
    expect(other).toEqual(mine);
  });

  it('refuses what Web Crypto refuses', async () => {
    expect((await turn('quota')).error?.name).toBe('QuotaExceededError');
    expect((await turn('floats')).error?.name).toBe('TypeMismatchError');
  });
});

describe('ambient authority in a lane', () => {
  it('throws for every way out, naming what, where and what to do instead', async () => {
    const names = (await turn('attemptNames')).value as string[];
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) {
      const { error } = await turn('attempt', [name]);
      expect(error, name).toMatchObject({ name: 'SynapseError', code: 'AMBIENT_AUTHORITY' });
      expect(error?.message).toContain(`${name} is not available in probe/attempt: `);
    }
    expect((await turn('attempt', ['setTimeout'])).error?.message).toContain('ctx.after');
    expect((await turn('attempt', ['fetch'])).error?.message).toContain('ctx.effect');
  });

  it.each(['importOwn', 'importOther', 'importNode', 'importMissing'])(
    'fails a turn for import(), loaded or not, awaited or not, caught or not: %s',
    async (name) => {
      // Node 20 tells of the first alone (src/host/guard-import.ts).
      for (let time = 0; time < (NODE_MAJOR < 22 ? 1 : 3); time++) {
        const { error } = await turn(name);
        expect(error).toMatchObject({ name: 'SynapseError', code: 'AMBIENT_AUTHORITY' });
        expect(error?.message).toContain(`is not available in probe/${name}: import at the top`);
      }
    },
  );

  it('is out of reach from wherever code runs without being called', async () => {
    const ambient = 'AMBIENT_AUTHORITY';
    expect((await turn('paths')).value).toEqual({
      trap: [ambient, NOW],
      has: true,
      keys: [ambient],
      getter: [ambient, NOW],
      coercion: NOW,
      generated: [[ambient, NOW], ambient],
      thenable: [ambient, NOW],
      sorted: [1, 2],
      json: `"${ambient}"`,
      replaced: ambient,
      finally: 1,
    });
  });

  it('tells no thread from another', async () => {
    expect((await turn('thread')).value).toEqual([null, null, 0, { timeOrigin: 0 }, 0]);
  });

  it('does not come back through util.promisify', async () => {
    expect((await turn('promisified')).error?.code).toBe('AMBIENT_AUTHORITY');
  });

  it('leaves the console working', async () => {
    const line = `printed ${NOW}`;
    const printed = new Promise<void>((resolve) => {
      worker.stdout.on('data', () => {
        if (output.includes(line)) resolve();
      });
    });
    expect(await turn('log', [line])).toEqual({});
    await printed;
    expect(output).toContain(`${line}\n`);
  });
});

describe('the collector', () => {
  it('is seen by nobody: a weak reference holds, a registry never calls', async () => {
    expect((await turn('weaken')).value).toEqual([true, true, 'WeakRef', true]);
    for (let round = 0; round < 3; round++) {
      await turn('collect');
      expect((await turn('recall')).value).toEqual([true, 0]);
    }
  });
});

describe('guards', () => {
  it('let an uncaught exception end the thread with its own error', async () => {
    const before = worker;
    worker = start();
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    await expect(turn('crash')).rejects.toThrow('uncaught in a turn');
    expect(await exited).toBe(1);
    worker = before;
  });

  it('cannot be undone by user code', async () => {
    const answers = (await turn('tampering')).value as Record<string, unknown>;
    for (const [name, answer] of Object.entries(answers)) expect(answer, name).toBe('TypeError');
    expect((await turn('clocks')).value).toMatchObject({ now: NOW, performance: NOW });
  });

  it('keep instanceof, subclasses and tags, and hide the real constructors', async () => {
    expect((await turn('hidden')).value).toEqual({
      real: NOW,
      clone: NOW,
      cloned: true,
      format: true,
      prototype: true,
      sub: [true, true, `sub ${NOW}`, '2020-01-01T00:00:00.000Z'],
      tag: '[object Date]',
      names: ['Date', 7, 'NumberFormat', 'toLocaleString'],
      copy: 7,
      boxed: Date.UTC(2020, 0, 1),
      primitive: 9,
      tick: 'AMBIENT_AUTHORITY',
      inspected: '1970-01-01T00:00:00.000Z',
    });
  });
});
