/**
 * Kills aimed at one moment: inside an async turn, inside an effect, inside a guarded turn, inside a
 * migration, and inside the replay of an earlier version's turns. Each moment leaves a line in a file,
 * and lasts while another file exists: no test here depends on time.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type System, createSystem } from 'synapse-actors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallOrder } from './call-process.ts';
import { Child, killAll } from './child.ts';
import { stage as one } from './stage-one.ts';
import { stage as two } from './stage-two.ts';

const ONE = new URL('./stage-one.js', import.meta.url).href;
const TWO = new URL('./stage-two.js', import.meta.url).href;

let folder = '';
let file = '';
let dataDir = '';
let system: System | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-stage.'));
  file = join(folder, 'at');
  dataDir = join(folder, 'store');
});
afterEach(async () => {
  for (const name of ['effect', 'slow', 'migrate']) release(name);
  await killAll();
  await system?.close();
  system = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const hold = (name: string): void => writeFileSync(`${file}.${name}.hold`, '');
const release = (name: string): void => rmSync(`${file}.${name}.hold`, { force: true });
const linesOf = (name: string): string[] =>
  existsSync(`${file}.${name}`) ? readFileSync(`${file}.${name}`, 'utf8').trimEnd().split('\n') : [];

/** Waits until the moment `name` was reached `count` times; the bound of the test ends a wait in vain. */
async function reached(name: string, count: number): Promise<void> {
  while (linesOf(name).length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}

function start(calls: CallOrder['calls'], rest: Partial<CallOrder> = {}): Child {
  const order: CallOrder = { actors: ONE, type: 'stage', dataDir, calls, ...rest };
  return new Child(new URL('./call-process.js', import.meta.url), order);
}

async function open(actors: string, previous: readonly string[] = []): Promise<System> {
  system = await createSystem({ actors, previous, dataDir, lanes: 1, shards: 4 });
  return system;
}

test('a kill inside an async turn and its effect: the turn goes on with what it knew, the effect with its key', async () => {
  hold('effect');
  for (let kills = 1; kills <= 3; kills++) {
    const child = start(kills === 1 ? [['acme', 'a', 'play', file]] : [], { id: 'once' });
    await reached('effect', kills);
    await child.kill();
  }
  release('effect');
  const { ref } = await open(ONE).then((opened) => ({ ref: opened.ref(one, 'acme', 'a') }));
  // The same key joins the turn that was suspended all the while.
  expect(await ref.with({ idempotencyKey: 'once' }).play(file)).toBe('worked');
  expect(await ref.all()).toEqual({ count: 1, log: ['worked'] });
  expect(await system?.ref(one, 'acme', 'other').all()).toEqual({ count: 1, log: [] });
  expect(new Set(linesOf('effect')).size).toBe(1);
  // Time, chance and ids of the turn that was run again in every process are those of its first run.
  expect(linesOf('turn').length).toBeGreaterThanOrEqual(4);
  expect(new Set(linesOf('turn')).size).toBe(1);
});

test("a kill inside an effect with afterCrash 'fail': it never runs again, and its turn learns that", async () => {
  hold('effect');
  const child = start([['acme', 'a', 'playOnce', file]], { id: 'once' });
  await reached('effect', 1);
  await child.kill();
  release('effect');
  await open(ONE);
  const ref = (system as System).ref(one, 'acme', 'a');
  expect(await ref.with({ idempotencyKey: 'once' }).playOnce(file)).toBe('EFFECT_FAILED unknown');
  expect(await ref.all()).toEqual({ count: 0, log: ['EFFECT_FAILED unknown'] });
  expect(linesOf('effect').length).toBe(1);
});

test('a kill inside a migration: it is done once, before anything else of the new version', async () => {
  await open(ONE);
  expect(await (system as System).ref(one, 'acme', 'a').slow(file)).toBe(1);
  await (system as System).close();

  hold('migrate');
  const during = start([['acme', 'a', 'bump']], { actors: TWO, previous: [ONE], id: 'b' });
  await reached('migrate', 1);
  await during.kill();
  release('migrate');
  const after = start([['acme', 'a', 'bump']], { actors: TWO, previous: [ONE], id: 'b' });
  expect(await after.line('ok')).toBe('ok 20');
  await after.kill(); // migrated and acknowledged, in no snapshot yet

  await open(TWO, [ONE]);
  const ref = (system as System).ref(two, 'acme', 'a');
  expect(await ref.with({ idempotencyKey: 'b' }).bump()).toBe(20);
  expect(await ref.all()).toEqual({ tens: 20, migrations: 1 });
});

test('a kill inside the replay of turns of an earlier version: the next process replays them, and migrates once', async () => {
  const before = start([
    ['acme', 'a', 'slow', file],
    ['acme', 'a', 'slow', file],
  ]);
  await before.lineNumber('ok', 2);
  await before.kill(); // both turns are in the journal only
  expect(linesOf('slow').length).toBe(2);

  hold('slow');
  const during = start([['acme', 'a', 'bump']], { actors: TWO, previous: [ONE] });
  await reached('slow', 3); // replayed by version 1
  await during.kill();
  release('slow');

  await open(TWO, [ONE]);
  const ref = (system as System).ref(two, 'acme', 'a');
  expect(await ref.bump()).toBe(30);
  expect(await ref.all()).toEqual({ tens: 30, migrations: 1 });
});
