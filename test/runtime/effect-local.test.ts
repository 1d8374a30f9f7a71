/**
 * LocalEffects: stubs under a virtual clock behave as effects in the pool do: retries, back-off, time-outs,
 * cancels, and one outcome each.
 */
import { describe, expect, it } from 'vitest';
import { actor, resolveActor } from '../../src/actor/definition.ts';
import { effect, type EffectContext } from '../../src/actor/effect-definition.ts';
import { Registry } from '../../src/actor/kernel-config.ts';
import { Refusal } from '../../src/base/error.ts';
import { decodeValue, encodeValue } from '../../src/frame/codec.ts';
import { decodeError } from '../../src/frame/frame.ts';
import { backoffMs, type EffectRequest, type EffectTimers } from '../../src/host/effect-attempt.ts';
import { type EffectStub, LocalEffects } from '../../src/host/effect-local.ts';

/** A clock that stands until it is told to go on. */
class VirtualTimers implements EffectTimers {
  nowMs = 0;
  #due: { atMs: number; run: () => void }[] = [];

  get count(): number {
    return this.#due.length;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + ms, run };
    this.#due.push(timer);
    return () => {
      this.#due = this.#due.filter((other) => other !== timer);
    };
  }

  /** Goes on by `ms`, letting promises settle after each timer. */
  async advance(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    await settled();
    for (;;) {
      const next = this.#due.filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.nowMs = next.atMs;
      next.run();
      await settled();
    }
    this.nowMs = end;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const courier = actor('courier', {
  state: () => ({}),
  commands: { noop: () => undefined },
  effects: {
    mail: effect((_input: unknown): string => 'the real one', { retries: 3, backoffMs: [100, 350], timeoutMs: 1_000 }),
    charge: effect((_input: unknown): string => 'the real one', { afterCrash: 'fail' }),
  },
});
const registry = new Registry([resolveActor(courier)]);

function open(stubs: Record<string, EffectStub>): {
  effects: LocalEffects;
  timers: VirtualTimers;
  log: unknown[];
  start: (effect: string, fields?: Partial<EffectRequest>) => void;
} {
  const timers = new VirtualTimers();
  const log: unknown[] = [];
  const effects = new LocalEffects({
    registry,
    stubs,
    timers,
    onOutcome(id, outcome) {
      const error = outcome.ok ? undefined : decodeError(outcome.error);
      log.push(
        outcome.ok
          ? [timers.nowMs, id, decodeValue(outcome.value)]
          : [timers.nowMs, id, error?.code, error?.message, error?.details],
      );
    },
  });
  const start = (name: string, fields: Partial<EffectRequest> = {}): void => {
    effects.start({
      id: 'e',
      tenant: 'acme',
      type: 'courier',
      key: 'k',
      version: 1,
      effect: name,
      input: encodeValue({ to: 'bob' }),
      idempotencyKey: 'key',
      afterRestart: false,
      ...fields,
    });
  };
  return { effects, timers, log, start };
}

describe('a local effect', () => {
  it('runs the stub with a copy of the input and the context of an effect', async () => {
    const seen: unknown[] = [];
    const { start, timers, log, effects } = open({
      mail: (input: unknown, { idempotencyKey, attempt, signal }: EffectContext) => {
        seen.push(input, idempotencyKey, attempt, signal.aborted);
        return 'sent';
      },
    });
    start('mail');
    expect(effects.pending).toBe(1);
    await timers.advance(0);
    expect(seen).toEqual([{ to: 'bob' }, 'key', 1, false]);
    expect(log).toEqual([[0, 'e', 'sent']]);
    expect([effects.pending, timers.count]).toEqual([0, 0]);
  });

  it('backs off exponentially up to the cap, as its definition says', async () => {
    const at: number[] = [];
    const { start, timers, log } = open({
      mail: () => {
        at.push(timers.nowMs);
        throw new RangeError('full');
      },
    });
    start('mail');
    await timers.advance(10_000);
    expect(at).toEqual([0, 100, 300, 650]);
    expect(log).toEqual([
      [
        650,
        'e',
        'EFFECT_FAILED',
        'effect courier.mail failed after 4 attempts: RangeError: full',
        { effect: 'courier.mail', attempts: 4, name: 'RangeError', message: 'full' },
      ],
    ]);
  });

  it('times out by the virtual clock, aborts the signal and takes no late answer', async () => {
    const aborted: number[] = [];
    const late: (() => void)[] = [];
    const { start, timers, log } = open({
      mail: (_input: unknown, { signal, attempt }: EffectContext) => {
        signal.addEventListener('abort', () => aborted.push(timers.nowMs));
        return attempt < 3 ? new Promise((resolve) => late.push(() => resolve('late'))) : 'third';
      },
    });
    start('mail');
    await timers.advance(999);
    expect(aborted).toEqual([]);
    await timers.advance(1);
    for (const answer of late) answer();
    await timers.advance(5_000);
    expect(aborted).toEqual([1_000, 2_100]);
    expect(log).toEqual([[2_300, 'e', 'third']]);
    expect(timers.count).toBe(0);
  });

  it('cancelled in an attempt or in a pause never comes out', async () => {
    let calls = 0;
    let signal: AbortSignal | undefined;
    const { start, timers, log, effects } = open({
      mail: (_input: unknown, context: EffectContext) => {
        calls += 1;
        signal = context.signal;
        if (calls === 1) throw new Error('once more');
        return new Promise(() => undefined);
      },
    });
    start('mail', { id: 'in a pause' });
    await timers.advance(50);
    effects.cancel('in a pause');
    start('mail', { id: 'in an attempt' });
    await timers.advance(50);
    effects.cancel('in an attempt');
    expect(signal?.aborted).toBe(true);
    await timers.advance(100_000);
    expect([calls, log, effects.pending, timers.count]).toEqual([2, [], 0, 0]);
  });

  it('refuses without another attempt', async () => {
    let calls = 0;
    const { start, timers, log } = open({
      mail: () => {
        calls += 1;
        throw new Refusal('closed', { until: 9 });
      },
    });
    start('mail');
    await timers.advance(10_000);
    expect(calls).toBe(1);
    expect(log).toEqual([[0, 'e', 'REFUSED', 'closed', { until: 9 }]]);
  });

  it('without a stub fails instead of reaching the world', async () => {
    const { start, timers, log } = open({});
    start('mail');
    await timers.advance(0);
    expect(log).toEqual([
      [0, 'e', 'EFFECT_FAILED', expect.stringContaining('no stub for it'), { effect: 'courier.mail', attempts: 0 }],
    ]);
  });

  it('takes the stub named with its actor first, and the options of a stub made by effect()', async () => {
    let calls = 0;
    const failing = effect(
      (_input: unknown): never => {
        calls += 1;
        throw new Error('no');
      },
      { retries: 1, backoffMs: [5, 5] },
    );
    const { start, timers, log } = open({ mail: () => 'for all', 'courier.mail': failing });
    start('mail');
    await timers.advance(5);
    expect(calls).toBe(2);
    expect(log).toMatchObject([[5, 'e', 'EFFECT_FAILED', expect.anything(), { attempts: 2 }]]);
  });

  it('with afterCrash fail is not run after a restart', async () => {
    let calls = 0;
    const { start, timers, log } = open({ charge: () => (calls += 1) });
    start('charge', { afterRestart: true });
    await timers.advance(0);
    expect(calls).toBe(0);
    expect(log).toMatchObject([[0, 'e', 'EFFECT_FAILED', expect.anything(), { outcome: 'unknown', attempts: 0 }]]);
  });

  it('drains by the virtual clock and closes', async () => {
    const { start, timers, effects } = open({ mail: () => new Promise(() => undefined) });
    start('mail');
    let drained = false;
    void effects.drain(500).then(() => (drained = true));
    await timers.advance(499);
    expect(drained).toBe(false);
    await timers.advance(1);
    expect([drained, effects.pending]).toEqual([true, 1]);
    await effects.close();
    expect([effects.pending, timers.count]).toEqual([0, 0]);
  });
});

it('the pause doubles from the first to the longest', () => {
  expect([1, 2, 3, 4, 5, 2_000].map((number) => backoffMs([100, 1_000], number))).toEqual([
    100, 200, 400, 800, 1_000, 1_000,
  ]);
});
