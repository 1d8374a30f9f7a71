/**
 * `actor()`, `effect()` and the kernel's resolved view: defaults, what is refused and how it is named.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isActorType } from '../../src/actor/actor-type.ts';
import { actor, resolveActor } from '../../src/actor/definition.ts';
import { effect } from '../../src/actor/effect-definition.ts';
import { SynapseError } from '../../src/base/error.ts';

const ping = (): string => 'pong';

/** Defines what the compiler would refuse, as plain JavaScript can. */
function define(definition: Readonly<Record<string, unknown>>, name: unknown = 'sample'): () => unknown {
  const loose = actor as unknown as (name: unknown, definition: unknown) => unknown;
  return () => loose(name, { state: () => ({}), commands: { ping }, ...definition });
}

/** The field that the refusal names, in its details and in its message. */
function refusedField(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (!(error instanceof SynapseError) || error.code !== 'INVALID_ARGUMENT') throw error;
    const field = String(error.details['field']);
    return error.message.includes(field) ? field : `a message without ${field}: ${error.message}`;
  }
  return 'nothing was refused';
}

describe('actor()', () => {
  test('fills in the defaults that the interface names', () => {
    const view = resolveActor(actor('sample', { state: () => ({ n: 1 }), commands: { ping } }));
    expect(view).toMatchObject({
      name: 'sample',
      version: 1,
      supervise: {
        strategy: 'one-for-one',
        onFailure: 'resume',
        intensity: 3,
        periodMs: 60_000,
        backoffMs: [50, 5_000],
      },
      mailbox: { limit: 10_000, limitBytes: 16 * 1024 * 1024 },
      idleAfterMs: 60_000,
    });
    expect(view.queries.size).toBe(0);
    expect(view.migrate.size).toBe(0);
    expect(view.started).toBeUndefined();
    expect(view.hasEffect('mail')).toBe(false);
    expect(Object.isFrozen(view)).toBe(true);
  });

  test('keeps what the definition states', () => {
    const started = (): void => undefined;
    const view = resolveActor(
      actor('sample', {
        version: 3,
        state: () => ({ n: 1 }),
        queries: { n: (ctx) => ctx.state.n },
        started,
        supervise: { strategy: 'rest-for-one', onFailure: 'restart', intensity: 0, periodMs: 1, backoffMs: [0, 0] },
        mailbox: { limit: 1, limitBytes: 1 },
        idleAfterMs: 0,
        migrate: { 1: (old) => ({ n: old['m'] }), 2: (old) => old },
      }),
    );
    expect(view.version).toBe(3);
    expect(view.started).toBe(started);
    expect(view.supervise).toEqual({
      strategy: 'rest-for-one',
      onFailure: 'restart',
      intensity: 0,
      periodMs: 1,
      backoffMs: [0, 0],
    });
    expect(view.mailbox).toEqual({ limit: 1, limitBytes: 1 });
    expect(view.idleAfterMs).toBe(0);
    expect([...view.migrate.keys()]).toEqual([1, 2]);
    expect(view.migrate.get(1)?.({ m: 7 })).toEqual({ n: 7 });
  });

  test('makes a fresh state each time and refuses one that is no plain object', () => {
    const view = resolveActor(actor('sample', { state: () => ({ list: [] }), commands: { ping } }));
    expect(view.initialState()).toEqual({ list: [] });
    expect(view.initialState()).not.toBe(view.initialState());
    for (const state of [[], new Map(), null, 1]) {
      const made = define({ state: () => state })();
      if (!isActorType(made)) throw new Error('expected an actor type');
      expect(refusedField(() => resolveActor(made).initialState())).toBe('state()');
    }
  });

  test('does not follow a definition that is changed afterwards', () => {
    const commands: Record<string, () => string> = { ping };
    const view = resolveActor(actor('sample', { state: () => ({}), commands }));
    commands['late'] = ping;
    expect([...view.commands.keys()]).toEqual(['ping']);
  });

  test.each(['', '1st', '-a', 'a b', 'a/b', 'ä', 'a'.repeat(65), 7, undefined, null])('refuses the name %j', (name) => {
    expect(refusedField(define({}, name === undefined ? null : name))).toBe('name');
  });

  test.each(['a', 'A.b-c_9', 'a'.repeat(64)])('takes the name %s', (name) => {
    expect(define({}, name)).not.toThrow();
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['version', { version: 0 }],
    ['version', { version: 1.5 }],
    ['version', { version: '1' }],
    ['state', { state: undefined }],
    ['state', { state: {} }],
    ['commands', { commands: undefined }],
    ['commands', { commands: {} }],
    ['commands', { commands: [ping] }],
    ['commands', { commands: { '': ping } }],
    ['commands', { commands: { 'a\nb': ping } }],
    ['commands', { commands: { ['x'.repeat(257)]: ping } }],
    ['commands.ping', { commands: { ping: 'pong' } }],
    ['queries.n', { queries: { n: 1 } }],
    ['queries.ping', { queries: { ping } }],
    ['queries.n', { queries: { n: async () => 1 } }],
    ['queries.n', { queries: { n: function* () {} } }],
    ['started', { started: true }],
    ['restarted', { restarted: 'yes' }],
    ['terminated', { terminated: {} }],
    ['supervise', { supervise: 'restart' }],
    ['supervise.strategy', { supervise: { strategy: 'all' } }],
    ['supervise.onFailure', { supervise: { onFailure: 'crash' } }],
    ['supervise.intensity', { supervise: { intensity: -1 } }],
    ['supervise.periodMs', { supervise: { periodMs: 0 } }],
    ['supervise.backoffMs', { supervise: { backoffMs: 50 } }],
    ['supervise.backoffMs', { supervise: { backoffMs: [1, 2, 3] } }],
    ['supervise.backoffMs[0]', { supervise: { backoffMs: [-1, 2] } }],
    ['supervise.backoffMs[1]', { supervise: { backoffMs: [10, 9] } }],
    ['supervise.retries', { supervise: { retries: 1 } }],
    ['mailbox.limit', { mailbox: { limit: 0 } }],
    ['mailbox.limitBytes', { mailbox: { limitBytes: 0.5 } }],
    ['mailbox.size', { mailbox: { size: 1 } }],
    ['idleAfterMs', { idleAfterMs: -1 }],
    ['idleAfterMs', { idleAfterMs: Number.NaN }],
    ['migrate.1', { migrate: { 1: (old: unknown) => old } }],
    ['migrate.0', { version: 2, migrate: { 0: (old: unknown) => old } }],
    ['migrate.01', { version: 2, migrate: { '01': (old: unknown) => old } }],
    ['migrate.1', { version: 2, migrate: { 1: {} } }],
    ['effects.mail', { effects: { mail: async () => 1 } }],
    ['effects', { effects: 1 }],
    ['definition.command', { command: { ping } }],
  ])('refuses a wrong %s and names it', (field, definition) => {
    expect(refusedField(define(definition))).toBe(field);
  });

  test.each(['tell', 'with', 'then', 'catch', 'finally', 'constructor', 'toString', 'toJSON', 'valueOf', '__proto__'])(
    'reserves the handler name %s',
    (name) => {
      expect(refusedField(define({ commands: { [name]: ping } }))).toBe(`commands.${name}`);
      expect(refusedField(define({ queries: { [name]: ping } }))).toBe(`queries.${name}`);
    },
  );

  test('refuses a migration that makes no state', () => {
    const made = define({ version: 2, migrate: { 1: () => 7 } })();
    if (!isActorType(made)) throw new Error('expected an actor type');
    expect(refusedField(() => resolveActor(made).migrate.get(1)?.({}))).toBe('the result of migrate.1');
  });
});

describe('effect()', () => {
  const run = async (): Promise<number> => 1;

  test('fills in the defaults', () => {
    const view = resolveActor(
      actor('sample', { state: () => ({}), commands: { ping }, effects: { mail: effect(run) } }),
    );
    expect(view.hasEffect('mail')).toBe(true);
    expect(view.hasEffect('toString')).toBe(false);
    expect(view.effectOptions('mail')).toEqual({
      retries: 0,
      backoffMs: [100, 5_000],
      timeoutMs: 30_000,
      afterCrash: 'retry',
    });
    expect(view.effectOptions('fax')).toBeUndefined();
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['options.retries', { retries: -1 }],
    ['options.retries', { retries: 0.5 }],
    ['options.backoffMs', { backoffMs: [1] }],
    ['options.timeoutMs', { timeoutMs: 0 }],
    ['options.timeoutMs', { timeoutMs: 2 ** 31 }],
    ['options.afterCrash', { afterCrash: 'again' }],
    ['options.retry', { retry: 1 }],
  ])('refuses wrong %s and names them', (field, options) => {
    expect(refusedField(() => effect(run, options))).toBe(field);
  });

  test('refuses what is no function', () => {
    expect(refusedField(() => effect('mail' as never))).toBe('run');
  });

  test('a loader is asked only by who runs effects, and only effects count among its exports', async () => {
    let asked = 0;
    const mail = effect(run, { retries: 2 });
    const loader = async (): Promise<object> => {
      asked++;
      return { mail, limit: 7, default: { mail } };
    };
    const view = resolveActor(actor('sample', { state: () => ({}), commands: { ping }, effects: loader }));
    expect(view.hasEffect('mail')).toBe('unknown');
    expect(view.effectOptions('mail')).toBeUndefined();
    expect(asked).toBe(0);
    expect(Object.entries(await view.effectLoader())).toEqual([['mail', mail]]);
    expect(asked).toBe(1);
  });
});

describe('a token', () => {
  test('is told from everything else', () => {
    const type = actor('sample', { state: () => ({}), commands: { ping } });
    expect(isActorType(type)).toBe(true);
    expect(Object.isFrozen(type)).toBe(true);
    for (const other of [
      undefined,
      null,
      'sample',
      7,
      {},
      { name: 'sample', version: 1 },
      () => type,
      Object.create(type),
    ]) {
      expect(isActorType(other)).toBe(false);
    }
    expect(refusedField(() => resolveActor({ name: 'sample' } as never))).toBe('type');
  });

  test('made by another copy of the package is understood', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'synapse-copy-'));
    try {
      const source = fileURLToPath(new URL('../../src/', import.meta.url));
      cpSync(source, scratch, { recursive: true });
      cpSync(join(source, '../../package.json'), join(scratch, 'package.json'));
      const copy = (await import(pathToFileURL(join(scratch, 'actor/definition.js')).href)) as {
        actor: typeof actor;
        resolveActor: typeof resolveActor;
      };
      expect(copy.actor).not.toBe(actor);
      const foreign = copy.actor('foreign', {
        version: 2,
        state: () => ({ n: 5 }),
        commands: { ping },
        effects: { mail: effect(async () => 1) },
      });
      expect(isActorType(foreign)).toBe(true);
      const view = resolveActor(foreign);
      expect(view).toBe(resolveActor(foreign));
      expect(view).toMatchObject({ name: 'foreign', version: 2 });
      expect(view.initialState()).toEqual({ n: 5 });
      expect(view.effectOptions('mail')?.timeoutMs).toBe(30_000);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });
});
