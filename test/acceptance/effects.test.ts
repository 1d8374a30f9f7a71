/** api.md, effects: retries, timeouts, what happens after a crash, lazy loading, and that they run unguarded. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doer } from './fixtures/doer.ts';
import { lazy } from './fixtures/lazy.ts';
import { codeOf, errorOf, folder, gate, lines, open, same, seqOf, startChild, until } from './harness.ts';

function file(): string {
  return join(folder(), 'attempts');
}

function attempts(path: string): { attempt: number; key: string }[] {
  return lines(path).map((line) => ({ attempt: Number(line.split(' ')[0]), key: line.slice(line.indexOf(' ') + 1) }));
}

describe('an effect', () => {
  it('gives its result to the turn, and the options may be left out', async () => {
    const system = await open('doer');
    const path = file();
    same(await system.ref(doer, 'acme', 'd').run({ file: path, result: { a: [1n, new Date(0)] } }), {
      a: [1n, new Date(0)],
    });
    same(await system.ref(doer, 'acme', 'd').runPlain({ file: path }), 'done');
    same(attempts(path).length, 2);
  });

  it('is tried again as often as it says, with one idempotency key', async () => {
    const system = await open('doer');
    const path = file();
    same(await system.ref(doer, 'acme', 'd').run({ file: path, failures: 2 }), 'done');
    const made = attempts(path);
    same(
      made.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    same(new Set(made.map(({ key }) => key)).size, 1);
    expect(made[0]!.key.length).toBeGreaterThan(0);
  });

  it('ends with EFFECT_FAILED after the last attempt; the turn may catch it', async () => {
    const system = await open('doer');
    const path = file();
    const answer = await system.ref(doer, 'acme', 'd').runCaught({ file: path, failures: 99 });
    expect(answer).toMatch(/^EFFECT_FAILED: .*attempt 2 failed/s);
    same(attempts(path).length, 3);
    same(await system.ref(doer, 'acme', 'd').results(), ['EFFECT_FAILED']);
    same(await codeOf(system.ref(doer, 'acme', 'd').run({ file: path, failures: 99 })), 'EFFECT_FAILED');
    same(await system.ref(doer, 'acme', 'd').results(), ['EFFECT_FAILED']);
  });

  it('has a key of its own each time it is made', async () => {
    const system = await open('doer');
    const path = file();
    await system.ref(doer, 'acme', 'd').runTwice({ file: path });
    await system.ref(doer, 'other', 'd').run({ file: path });
    const keys = attempts(path).map(({ key }) => key);
    same([keys.length, new Set(keys).size], [3, 3]);
  });

  it('is aborted by its signal when its time is over, and tried again', async () => {
    const system = await open('doer');
    const path = file();
    const error = await errorOf(system.ref(doer, 'acme', 'd').runHasty({ file: path, gate: join(folder(), 'never') }));
    expect(['EFFECT_FAILED', 'HANDLER_FAILED']).toContain(error.code);
    await until(() => lines(`${path}.aborted`).length === 2, 'both attempts to see the signal');
    same(attempts(path).length, 2);
  });

  it('runs unguarded: time passes, timers run, chance is chance', async () => {
    const system = await open('doer');
    same(await system.ref(doer, 'acme', 'd').runAmbient(), {
      now: true,
      timers: true,
      random: true,
      fetch: 'function',
    });
  });

  it('whose result does not travel fails', async () => {
    const system = await open('doer');
    expect(['EFFECT_FAILED', 'UNSERIALIZABLE', 'HANDLER_FAILED']).toContain(
      await codeOf(system.ref(doer, 'acme', 'd').runStrange()),
    );
  });

  it('that is not defined fails its turn', async () => {
    const system = await open('doer');
    expect(await codeOf(system.ref(doer, 'acme', 'd').runUnknown())).toMatch(
      /INVALID_ARGUMENT|HANDLER_FAILED|EFFECT_FAILED/,
    );
  });

  it('made by a turn that throws runs all the same', async () => {
    const system = await open('doer');
    const path = file();
    same(await codeOf(system.ref(doer, 'acme', 'd').runThenFail({ file: path })), 'HANDLER_FAILED');
    await until(() => attempts(path).length === 1, 'the effect');
  });

  it('is an input: its result has a seq of its own', async () => {
    const system = await open('doer');
    await system.ref(doer, 'acme', 'd').run({ file: file() });
    const before = await seqOf(system, 'acme');
    await system.ref(doer, 'acme', 'd').run({ file: file() });
    same((await seqOf(system, 'acme')) - before, 2);
  });
});

describe('an effect that was under way when the process died', () => {
  const call = (
    handler: string,
    job: object,
  ): { tenant: string; key: string; handler: string; args: unknown[]; detached: boolean } => ({
    tenant: 'acme',
    key: 'd',
    handler,
    args: [job],
    detached: true,
  });

  it('runs again with the same idempotency key, and its result is recorded once', async () => {
    const [dataDir, path, door] = [folder(), file(), gate()];
    const child = startChild({
      fixture: 'doer',
      type: 'doer',
      dataDir,
      calls: [call('run', { file: path, gate: door.path })],
    });
    await until(() => attempts(path).length === 1, 'the effect');
    await child.kill();
    door.open();
    const system = await open('doer', { dataDir });
    await until(async () => (await system.ref(doer, 'acme', 'd').results()).length > 0, 'the result');
    await system.close();
    const again = await open('doer', { dataDir });
    same(await again.ref(doer, 'acme', 'd').results(), ['done']);
    const made = attempts(path);
    same([made.length, new Set(made.map(({ key }) => key)).size], [2, 1]);
  });

  it("never does with afterCrash: 'fail': EFFECT_FAILED, outcome unknown", async () => {
    const [dataDir, path, door] = [folder(), file(), gate()];
    const child = startChild({
      fixture: 'doer',
      type: 'doer',
      dataDir,
      calls: [call('runFragile', { file: path, gate: door.path })],
    });
    await until(() => attempts(path).length === 1, 'the effect');
    await child.kill();
    door.open();
    const system = await open('doer', { dataDir });
    await until(async () => (await system.ref(doer, 'acme', 'd').results()).length > 0, 'the outcome');
    const [outcome] = (await system.ref(doer, 'acme', 'd').results()) as {
      code: string;
      details: { outcome: string };
    }[];
    same([outcome!.code, outcome!.details.outcome], ['EFFECT_FAILED', 'unknown']);
    same(attempts(path).length, 1);
  });

  it('does not run again once its result was recorded', async () => {
    const [dataDir, path] = [folder(), file()];
    const child = startChild({
      fixture: 'doer',
      type: 'doer',
      dataDir,
      calls: [{ ...call('run', { file: path }), detached: false }],
    });
    same(await child.ready(), [{ ok: 'done' }]);
    await child.kill();
    const system = await open('doer', { dataDir });
    same(await system.ref(doer, 'acme', 'd').results(), ['done']);
    await system.ref(doer, 'acme', 'other').run({ file: file() });
    same(attempts(path).length, 1);
  });
});

describe('effects that are loaded lazily', () => {
  it('run, and their module is never loaded by a lane', async () => {
    const system = await open('lazy');
    same(await system.ref(lazy, 'acme', 'l').send('you'), 'sent to you');
    same(await system.ref(lazy, 'acme', 'l').loadedHere(), false);
    same(await system.ref(lazy, 'acme', 'l').sent(), 1);
  });
});
