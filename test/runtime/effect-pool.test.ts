/**
 * EffectPool: effects in real threads. Retries, time-outs, cancels that harm no neighbour, threads that
 * die, lazy loaders, and what may not run twice.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeValue, encodeValue } from '../../src/frame/codec.ts';
import { decodeError } from '../../src/frame/frame.ts';
import type { EffectOutcome, EffectRequest } from '../../src/host/effect-attempt.ts';
import { EffectPool, type EffectPoolOptions } from '../../src/runtime/effect-pool.ts';

const ACTORS = new URL('./fixtures/effect-actors.js', import.meta.url).href;
const PREVIOUS = new URL('./fixtures/effect-previous.js', import.meta.url).href;

let folder: string;
let file: string;
let pool: EffectPool;
let faults: string[];
/** Called at each outcome and fault. */
let wake: () => void = () => undefined;
let outcomes: Map<string, EffectOutcome>;
let ids = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-effect-'));
  file = join(folder, 'notes');
  faults = [];
  outcomes = new Map();
});
afterEach(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

function open(options: Partial<EffectPoolOptions> = {}): void {
  pool = new EffectPool({
    actors: [ACTORS],
    previous: [],
    threads: 1,
    onOutcome: (id, outcome) => {
      outcomes.set(id, outcome);
      wake();
    },
    onFault: (message) => {
      faults.push(message);
      wake();
    },
    ...options,
  });
}

function begin(effect: string, input: unknown = { file }, fields: Partial<EffectRequest> = {}): string {
  const id = `e${++ids}`;
  pool.start({
    id,
    tenant: 'acme',
    type: 'worker',
    key: 'k',
    version: 1,
    effect,
    input: encodeValue(input),
    idempotencyKey: `key-${id}`,
    afterRestart: false,
    ...fields,
  });
  return id;
}

/** Resolves once `seen` holds; looked at after each outcome and fault. */
function until(seen: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    wake = (): void => {
      if (seen()) resolve();
    };
    wake();
  });
}

async function outcomeOf(id: string): Promise<EffectOutcome> {
  await until(() => outcomes.has(id));
  return outcomes.get(id) as EffectOutcome;
}

async function valueOf(id: string): Promise<unknown> {
  const outcome = await outcomeOf(id);
  if (!outcome.ok) throw decodeError(outcome.error);
  return decodeValue(outcome.value);
}

async function errorOf(id: string): Promise<{ code: string; message: string; details: Record<string, unknown> }> {
  const outcome = await outcomeOf(id);
  if (outcome.ok) throw new Error(`unexpected ${JSON.stringify(decodeValue(outcome.value))}`);
  const { code, message, details } = decodeError(outcome.error);
  return { code, message, details };
}

/** What effects noted so far. */
function notes(): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}

/** Polls a file that other threads write: they have no event to give. */
async function noted(line: string): Promise<void> {
  for (;;) {
    if (notes().includes(line)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('an effect in the pool', () => {
  it('runs in another thread with its input, key and attempt', async () => {
    open();
    const input = { n: -0, map: new Map([['a', 1n]]), bytes: new Uint8Array([1, 2]) };
    const id = begin('echo', input);
    expect(pool.pending).toBe(1);
    expect(await valueOf(id)).toEqual({ input, idempotencyKey: `key-${id}`, attempt: 1, thread: true });
    expect(pool.pending).toBe(0);
  });

  it('is loaded by a lazy loader', async () => {
    open();
    expect(await valueOf(begin('double', 21, { type: 'lazy' }))).toBe(42);
    expect((await errorOf(begin('notAnEffect', 1, { type: 'lazy' }))).message).toContain(
      "actor 'lazy' has no effect 'notAnEffect'",
    );
  });

  it('is that of the version that asked for it, or of the newest where that is gone', async () => {
    open({ previous: [PREVIOUS] });
    expect(await valueOf(begin('which', null, { type: 'versioned', version: 1 }))).toBe('old');
    expect(await valueOf(begin('which', null, { type: 'versioned', version: 2 }))).toBe('new');
    await pool.close();
    open();
    expect(await valueOf(begin('which', null, { type: 'versioned', version: 1 }))).toBe('new');
  });

  it('is tried again as its retries allow, then fails with the original name and message and no stack', async () => {
    open();
    const { code, message, details } = await errorOf(begin('fails'));
    expect(code).toBe('EFFECT_FAILED');
    expect(message).toBe('effect worker.fails failed after 3 attempts: TypeError: no route (ECONNREFUSED)');
    expect(details).toEqual({
      effect: 'worker.fails',
      attempts: 3,
      name: 'TypeError',
      message: 'no route (ECONNREFUSED)',
    });
    expect(notes()).toEqual(['#1', '#2', '#3']);
  });

  it('succeeds at a later attempt', async () => {
    open();
    expect(await valueOf(begin('recovers'))).toBe(3);
    expect(notes()).toEqual(['#1', '#2', '#3']);
  });

  it('is not tried again when it refuses', async () => {
    open();
    expect(await errorOf(begin('refuses'))).toEqual({
      code: 'REFUSED',
      message: 'no such mailbox',
      details: { to: 'bob' },
    });
    expect(notes()).toEqual(['#1']);
  });

  it('is not tried again when its result cannot travel, and the path is named', async () => {
    open();
    const { code, message, details } = await errorOf(begin('unserializable'));
    expect(code).toBe('EFFECT_FAILED');
    expect(message).toContain('result.list[1].handle');
    expect(details).toMatchObject({ attempts: 1, reason: 'UNSERIALIZABLE', path: 'result.list[1].handle' });
    expect(notes()).toEqual(['#1']);
  });

  it('that is unknown fails without an attempt', async () => {
    open();
    expect((await errorOf(begin('nothing'))).details).toEqual({ effect: 'worker.nothing', attempts: 0 });
    expect((await errorOf(begin('echo', 1, { type: 'nobody' }))).message).toContain("no actor type 'nobody' is loaded");
  });

  it('runs once when it is started twice under one id', async () => {
    open();
    const id = begin('recovers', { file }, { id: 'same' });
    begin('recovers', { file }, { id: 'same' });
    expect(pool.pending).toBe(1);
    await outcomeOf(id === 'same' ? id : 'same');
    expect(notes()).toEqual(['#1', '#2', '#3']);
  });
});

describe('time-outs and cancels', () => {
  it('abort the signal, count as a failed attempt and end as a time-out', async () => {
    open();
    const { code, details } = await errorOf(begin('slow', { file, note: 's' }));
    expect(code).toBe('EFFECT_FAILED');
    expect(details).toEqual({ effect: 'worker.slow', attempts: 2, timeout: true });
    await noted('aborted s#1');
    await noted('aborted s#2');
    // Another thread may begin the second attempt before the first one's hears that it is over.
    const at = (note: string): number => notes().indexOf(note);
    expect(notes()).toHaveLength(4);
    expect(at('s#1')).toBe(0);
    expect(at('s#2')).toBeLessThan(at('aborted s#2'));
  });

  it('leave the other effects of the thread alone', async () => {
    open();
    const cancelled = begin('waits', { file, note: 'a' });
    const other = begin('waits', { file, note: 'b' });
    await noted('a#1');
    await noted('b#1');
    pool.cancel(cancelled);
    await noted('aborted a#1');
    expect(pool.pending).toBe(1);
    expect(await valueOf(begin('echo', 1))).toMatchObject({ input: 1 });
    expect(outcomes.has(cancelled) || outcomes.has(other)).toBe(false);
    expect(notes()).not.toContain('aborted b#1');
    await pool.close();
    await noted('aborted b#1');
  });

  it('give no outcome for a cancelled effect, begun or not', async () => {
    open();
    const early = begin('recovers');
    pool.cancel(early);
    pool.cancel(early);
    pool.cancel('never heard of');
    expect(pool.pending).toBe(0);
    await valueOf(begin('echo', 1));
    expect(outcomes.has(early)).toBe(false);
    expect(notes()).toEqual([]);
  });

  it('end a thread that does not answer the abort, and what else ran there is tried again', async () => {
    // Timers of the test: the grace of an abort passes at once.
    const timers: EffectPoolOptions['timers'] = {
      after(ms, run) {
        const timer = setTimeout(run, ms >= 1_000 && ms < 10_000 ? 1 : ms);
        return () => clearTimeout(timer);
      },
    };
    open({ timers });
    const other = begin('survives', { file, note: 'o' });
    await noted('o#1');
    expect((await errorOf(begin('spins', { file, note: 'x' }))).details).toMatchObject({ timeout: true, attempts: 1 });
    expect(await valueOf(other)).toBe('second time');
    expect(await valueOf(begin('echo', 'after'))).toMatchObject({ input: 'after' });
  });
});

describe('the death of an effect thread', () => {
  it('is a failed attempt, and an unknown outcome after the last', async () => {
    open();
    const { code, message, details } = await errorOf(begin('exits'));
    expect(code).toBe('EFFECT_FAILED');
    expect(message).toContain('its thread died');
    expect(details).toEqual({ effect: 'worker.exits', attempts: 2, outcome: 'unknown' });
    expect(notes()).toEqual(['#1', '#2']);
  });

  it('is survived by an effect with retries and by the pool', async () => {
    open();
    expect(await valueOf(begin('exitsOnce'))).toBe('second time');
    expect(await valueOf(begin('echo', 1))).toMatchObject({ input: 1 });
  });

  it('may come from an exhausted heap', async () => {
    open({ heapMb: 48 });
    expect((await errorOf(begin('hoards'))).details).toMatchObject({ attempts: 1, outcome: 'unknown' });
    expect(await valueOf(begin('echo', 1))).toMatchObject({ input: 1 });
  });

  it('does not follow from a rejection or an error beside the effect, which is reported', async () => {
    open();
    const waiting = begin('waits', { file, note: 'w' });
    await noted('w#1');
    expect(await valueOf(begin('litters', null))).toBe('done');
    await until(() => faults.length === 2);
    expect(faults.toSorted()).toEqual([
      'uncaught exception in an effect thread: Error: thrown aside',
      'unhandled rejection in an effect thread: Error: left behind',
    ]);
    expect(outcomes.has(waiting)).toBe(false);
    expect(pool.pending).toBe(1);
  });
});

describe('after a restart of the process', () => {
  it('an effect runs again, with the same key', async () => {
    open();
    const id = begin('echo', 1, { afterRestart: true, idempotencyKey: 'kept' });
    expect(await valueOf(id)).toMatchObject({ idempotencyKey: 'kept' });
  });

  it('an effect with afterCrash fail does not run again', async () => {
    open();
    const { code, details } = await errorOf(begin('once', { file }, { afterRestart: true }));
    expect(code).toBe('EFFECT_FAILED');
    expect(details).toEqual({ effect: 'worker.once', attempts: 0, outcome: 'unknown' });
    expect(notes()).toEqual([]);
    expect(await valueOf(begin('once'))).toBeUndefined();
    expect(notes()).toEqual(['#1']);
  });
});

describe('drain and close', () => {
  it('wait for what is pending, and no longer than they may', async () => {
    open();
    await pool.drain(1_000);
    const id = begin('recovers');
    await pool.drain(60_000);
    expect(outcomes.has(id)).toBe(true);
    begin('waits');
    await pool.drain(1);
    expect(pool.pending).toBe(1);
  });

  it('take no effect after the close, and close twice', async () => {
    open();
    begin('waits');
    const closing = pool.close();
    expect(pool.close()).toBe(closing);
    await closing;
    begin('echo', 1);
    expect(pool.pending).toBe(0);
    expect(outcomes.size).toBe(0);
  });
});

it('hundreds of effects at a time in one thread all get their own outcome', async () => {
  open();
  const sent = Array.from({ length: 600 }, (_, n) => ({ n, id: begin('echo', n) }));
  await until(() => outcomes.size === sent.length);
  for (const { n, id } of sent) expect(await valueOf(id)).toMatchObject({ input: n });
});
