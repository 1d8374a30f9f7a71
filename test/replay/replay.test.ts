/** Replay against what was live: roots, outcomes, time travel, changed code, and a store that stays as it was. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SynapseError } from 'synapse-actors';
import { replay, type ReplayOptions, type ReplayStep } from 'synapse-actors/replay';
import { testSystem, type TestSystem } from 'synapse-actors/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CompactRange, leafHash } from '../../src/merkle/log.ts';
import { NOTE_TAGS } from '../../src/replay/step-notes.ts';
import { readRecords } from '../../src/store/journal.ts';
import { openStoreView } from '../../src/store/store-view.ts';
import { purse } from './fixtures/purse.ts';
import { feud, openWorkload, richRound, WORKLOAD_ACTORS } from './rich-workload.ts';

function fixture(name: string): URL {
  return new URL(`./fixtures/${name}.js`, import.meta.url);
}

let root: string;
let dataDir: string;
let live: Awaited<ReturnType<TestSystem['tenants']>>;
/** Roots of acme in between, by seq. */
const between = new Map<number, Uint8Array>();

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'synapse-replay-'));
  dataDir = join(root, 'store');
  const system = await openWorkload();
  for (let round = 0; round < 3; round++) {
    await richRound(system, round);
    const acme = (await system.tenants()).find(({ tenant }) => tenant === 'acme');
    between.set(acme?.seq ?? 0, acme?.stateRoot ?? new Uint8Array());
    if (round === 1) {
      await system.crash();
      await system.reopen();
    }
  }
  await feud(system);
  live = await system.tenants();
  await system.backup(dataDir);
  await system.close();
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

async function all(options: Partial<ReplayOptions> = {}): Promise<ReplayStep[]> {
  const steps: ReplayStep[] = [];
  for await (const step of replay({ dataDir, tenant: 'acme', actors: WORKLOAD_ACTORS, ...options })) steps.push(step);
  return steps;
}

async function failureOf(options: Partial<ReplayOptions>): Promise<SynapseError> {
  const error: unknown = await all(options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SynapseError);
  return error as SynapseError;
}

describe('replay', () => {
  it('comes to the state root that was live, of every tenant', async () => {
    for (const { tenant, seq, stateRoot } of live) {
      let last: { seq: number; stateRoot: Uint8Array } | undefined;
      for await (const step of replay({ dataDir, tenant, actors: WORKLOAD_ACTORS }))
        if (step.seq === seq) last = { seq: step.seq, stateRoot: step.stateRoot() };
      expect(last).toEqual({ seq, stateRoot });
    }
  });

  it('travels to any step that had a root live', async () => {
    for (const [until, stateRoot] of between) {
      let last: ReplayStep | undefined;
      for await (const step of replay({ dataDir, tenant: 'acme', actors: WORKLOAD_ACTORS, until, from: until })) {
        last = step;
        expect(step.stateRoot()).toEqual(stateRoot);
      }
      expect(last?.seq).toBe(until);
    }
  });

  it('gives every step once, in order, from `from` to `until`', async () => {
    const whole = await all();
    expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, at) => at + 1));
    expect((await all({ from: 5, until: 9 })).map(({ seq }) => seq)).toEqual([5, 6, 7, 8, 9]);
    expect(await all({ until: 0 })).toEqual([]);
    expect((await all({ from: whole.length + 1 })).length).toBe(0);
  });

  it('has the audit root of RFC 6962 over the records, whenever it is asked for', async () => {
    const steps = await all({ until: 40 });
    const log = CompactRange.empty();
    const view = openStoreView(dataDir);
    const tenant = view.directory.get('acme');
    const records = tenant === undefined ? [] : [...readRecords(view.driver, tenant, 1)].slice(0, 40);
    view.close();
    const roots = records.map(({ body }) => {
      log.append(leafHash(body));
      return log.root();
    });
    expect(steps.map(({ auditRoot }) => auditRoot)).toEqual(roots);
  });

  it('says what came in and what came of it, also of a step that is over', async () => {
    const steps = await all({ until: 12 });
    const refused = steps.find(({ input }) => input.handler === 'refuse');
    expect(refused?.input).toMatchObject({
      kind: 'call',
      target: { tenant: 'acme', type: 'unit', key: 'a' },
      args: [3],
    });
    expect(refused?.outcome).toMatchObject({
      result: 'refused',
      error: { code: 'REFUSED', message: 'not today' },
      changes: [],
    });
    const added = steps.find(({ input }) => input.handler === 'add');
    expect(added?.outcome).toMatchObject({ result: 'ok', value: 1 });
    expect(added?.outcome.changes).toEqual(
      [
        ['n', 1],
        ['started', 1],
      ].map(([key, value]) => ({
        actor: { tenant: 'acme', type: 'unit', key: 'a' },
        table: undefined,
        key,
        value,
        isGone: false,
      })),
    );
    const failed = steps.find(({ input }) => input.handler === 'fail');
    expect(failed?.outcome).toMatchObject({ result: 'failed', error: { code: 'HANDLER_FAILED' } });
  });

  it('names sender, principal, key, timers, effects, events and other tenants', async () => {
    const steps = await all();
    const inputs = steps.map(({ input }) => input);
    expect(inputs).toContainEqual(
      expect.objectContaining({ principal: 'user:7', idempotencyKey: 'key-0', handler: 'add' }),
    );
    expect(inputs).toContainEqual(
      expect.objectContaining({
        kind: 'timer',
        handler: 'add',
        args: [7],
        target: { tenant: 'acme', type: 'unit', key: 'a' },
      }),
    );
    expect(inputs).toContainEqual(expect.objectContaining({ kind: 'effect-result', handler: 'ask', ok: false }));
    expect(inputs).toContainEqual(
      expect.objectContaining({ kind: 'call', sender: { tenant: 'umbrella', type: 'unit', key: 'b' }, handler: 'ask' }),
    );
    const outcomes = steps.map(({ outcome }) => outcome);
    expect(outcomes.flatMap(({ events }) => events)).toContainEqual(
      expect.objectContaining({ topic: 'news', offset: 0, value: { value: 0, n: expect.any(Number) } }),
    );
    expect(outcomes.flatMap(({ sends }) => sends)).toContainEqual(
      expect.objectContaining({
        kind: 'tell',
        to: { tenant: 'umbrella', type: 'unit', key: 'c' },
        handler: 'add',
        args: [6],
      }),
    );
    expect(outcomes.flatMap(({ effects }) => effects)).toContainEqual(expect.objectContaining({ name: 'ask' }));
    expect(outcomes.flatMap(({ timers }) => timers)).toContainEqual(
      expect.objectContaining({ command: 'add', args: [7] }),
    );
  });

  it('gives the state root until the next step is pulled, and says so afterwards', async () => {
    const steps = replay({ dataDir, tenant: 'acme', actors: WORKLOAD_ACTORS });
    const first = await steps.next();
    const second = await steps.next();
    expect(() => (first.value as ReplayStep).stateRoot()).toThrow(/until the next step is pulled/);
    expect((second.value as ReplayStep).stateRoot()).toHaveLength(32);
    await steps.return();
  });

  it('leaves the store as it was, and locks it only while it runs', async () => {
    const before = readFileSync(join(dataDir, 'data.mdb'));
    const steps = replay({ dataDir, tenant: 'acme', actors: WORKLOAD_ACTORS });
    await steps.next();
    expect((await failureOf({})).code).toBe('STORE_LOCKED');
    await steps.return();
    expect((await all({ until: 3 })).length).toBe(3);
    expect(readFileSync(join(dataDir, 'data.mdb')).equals(before)).toBe(true);
  });

  it('leaves the thread as it was between two steps', async () => {
    const before = [Date, setTimeout, Math.random, process.listeners('unhandledRejection').length];
    for await (const step of replay({ dataDir, tenant: 'acme', actors: WORKLOAD_ACTORS, until: 5 })) {
      expect(step.seq).toBeGreaterThan(0);
      expect([Date, setTimeout, Math.random, process.listeners('unhandledRejection').length]).toEqual(before);
    }
  });

  it.each([
    [{ tenant: 'nobody' }, /no tenant "nobody"/],
    [{ until: -1 }, /until must be/],
    [{ from: 1.5 }, /from must be/],
    [{ actors: [] }, /actors must be/],
    [{ dataDir: '/nowhere' }, /no directory/],
  ])('refuses %j with INVALID_ARGUMENT', async (options, message) => {
    const error = await failureOf(options);
    expect([error.code, error.message]).toEqual(['INVALID_ARGUMENT', expect.stringMatching(message)]);
  });
});

describe('replay with code that was changed', () => {
  it('ends with DIVERGED at the first step that differs, and says what it does now', async () => {
    const system = await testSystem({ actors: fixture('purse'), shards: 4 });
    for (const amount of [5, 50, -1, 200, 7])
      await system
        .ref(purse, 'acme', 'p')
        .add(amount)
        .catch(() => undefined);
    const dir = join(root, 'purse');
    await system.backup(dir);
    await system.close();
    const done: number[] = [];
    const error = await (async () => {
      for await (const { seq } of replay({ dataDir: dir, tenant: 'acme', actors: fixture('purse-changed') }))
        done.push(seq);
      return undefined;
    })().catch((thrown: unknown) => thrown as SynapseError);
    expect(done).toEqual([1, 2, 3]);
    expect(error).toMatchObject({ code: 'DIVERGED', details: { tenant: 'acme', seq: 4 } });
    const { recorded, computed } = error?.details ?? {};
    expect([recorded, computed]).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
    expect(recorded).not.toBe(computed);
    expect(error?.message).toContain('call acme/purse/p add(200)');
    expect(error?.message).toContain('acme/purse/p state.sum = 235');
  });
});

describe('the lines of a digest', () => {
  it('are known by their tags, every one that the kernel writes', () => {
    const written = new Set<string>();
    const folder = new URL('../../../src/actor/', import.meta.url);
    for (const name of readdirSync(folder)) {
      const text = readFileSync(new URL(name, folder), 'utf8');
      for (const [, tag = ''] of text.matchAll(/\.note\('([a-z-]+)'/g)) written.add(tag);
    }
    expect([...written].toSorted()).toEqual([...NOTE_TAGS].toSorted());
  });
});
