/** api.md, "Versions": migrate once, replay by the version that ran, DIVERGED where the code does something else. */
import { describe, expect, it } from 'vitest';
import { ageing as changed } from './fixtures/version-changed.ts';
import { ageing as one } from './fixtures/version-one.ts';
import { ageing as two } from './fixtures/version-two.ts';
import { codeOf, fixture, folder, open, rootOf, same, seqOf, startChild, type Step } from './harness.ts';

const rename = (tenant: string, key: string, name: string): Step => ({ tenant, key, handler: 'rename', args: [name] });

/** A dataDir whose journal has a tail that no snapshot covers: the process that wrote it was killed. */
async function killedAfter(fixtureName: string, calls: readonly Step[], dataDir = folder()): Promise<string> {
  const child = startChild({ fixture: fixtureName, type: 'ageing', dataDir, calls });
  for (const answer of await child.ready()) expect(answer.error).toBeUndefined();
  await child.kill();
  return dataDir;
}

describe('migrate', () => {
  it('brings the state of version 1 forward, once', async () => {
    const dataDir = folder();
    const old = await open('version-one', { dataDir });
    await old.ref(one, 'acme', 'a').rename('Ada Lovelace');
    await old.close();
    for (let round = 0; round < 3; round++) {
      const system = await open('version-two', { dataDir, previous: [fixture('version-one')] });
      const ref = system.ref(two, 'acme', 'a');
      if (round === 1) same(await ref.rename('Grace Hopper'), 'v2 Grace Hopper');
      // A query may see the state before the recorded migration; a command may not.
      if (round === 2) await ref.rename('Alan Turing');
      const expected = [
        ['Ada', 'Lovelace', 1],
        ['Grace', 'Hopper', 2],
        ['Alan', 'Turing', 3],
      ][round]!;
      same(await ref.all(), { first: expected[0], last: expected[1], changes: expected[2], migrations: 1 });
      await system.close();
    }
  });

  it('is a recorded input', async () => {
    const dataDir = folder();
    const old = await open('version-one', { dataDir });
    await old.ref(one, 'acme', 'a').rename('Ada Lovelace');
    const seq = await seqOf(old, 'acme');
    await old.close();
    const system = await open('version-two', { dataDir, previous: [fixture('version-one')] });
    await system.ref(two, 'acme', 'a').rename('Grace Hopper');
    // The command, and the migration before it.
    same((await seqOf(system, 'acme')) - seq, 2);
  });

  it('does not touch what version 2 itself created', async () => {
    const system = await open('version-two', { dataDir: folder() });
    await system.ref(two, 'acme', 'new').rename('Grace Hopper');
    same(await system.ref(two, 'acme', 'new').all(), { first: 'Grace', last: 'Hopper', changes: 1, migrations: 0 });
  });

  it('is not lost and not repeated by kill -9', async () => {
    const dataDir = folder();
    const old = await open('version-one', { dataDir });
    await old.ref(one, 'acme', 'a').rename('Ada Lovelace');
    await old.close();
    await killedAfter('version-two', [rename('acme', 'a', 'Grace Hopper')], dataDir);
    const system = await open('version-two', { dataDir });
    same(await system.ref(two, 'acme', 'a').all(), { first: 'Grace', last: 'Hopper', changes: 2, migrations: 1 });
  });
});

describe('inputs that no snapshot covers', () => {
  it('are replayed by the version that ran them, and then migrated', async () => {
    const dataDir = await killedAfter('version-one', [
      rename('acme', 'a', 'Ada Lovelace'),
      rename('acme', 'a', 'Grace Hopper'),
    ]);
    const system = await open('version-two', { dataDir, previous: [fixture('version-one')] });
    await system.ref(two, 'acme', 'a').rename('Alan Turing');
    same(await system.ref(two, 'acme', 'a').all(), { first: 'Alan', last: 'Turing', changes: 3, migrations: 1 });
  });

  it('are not replayed by another version: without `previous` the tenant is refused and nothing is lost', async () => {
    const dataDir = await killedAfter('version-one', [rename('acme', 'a', 'Ada Lovelace')]);
    const outcome = await open('version-two', { dataDir }).then(
      async (system) => {
        const code = await system
          .ref(two, 'acme', 'a')
          .rename('Grace Hopper')
          .then(
            () => 'accepted',
            (error: { code: string }) => error.code,
          );
        await system.close();
        return code;
      },
      (error: { code: string }) => error.code,
    );
    expect(outcome).not.toBe('accepted');
    const system = await open('version-two', { dataDir, previous: [fixture('version-one')] });
    await system.ref(two, 'acme', 'a').rename('Alan Turing');
    same(await system.ref(two, 'acme', 'a').all(), { first: 'Alan', last: 'Turing', changes: 2, migrations: 1 });
  });

  it('are refused with DIVERGED where the code changed, for that tenant only, and nothing is overwritten', async () => {
    const dataDir = await killedAfter('version-one', [rename('acme', 'a', 'Ada'), rename('fine', 'a', 'ADA')]);
    for (let round = 0; round < 2; round++) {
      const system = await open('version-changed', { dataDir });
      same(await codeOf(system.ref(changed, 'acme', 'a').rename('Grace')), 'DIVERGED');
      same(await codeOf(system.ref(changed, 'acme', 'other').all()), 'DIVERGED');
      // The same inputs give this tenant the same digests: it is served.
      same(await system.ref(changed, 'fine', 'a').all(), { name: 'ADA', changes: 1 + round });
      await system.ref(changed, 'fine', 'a').rename('ADA');
      await system.close();
    }
    const system = await open('version-one', { dataDir });
    same(await system.ref(one, 'acme', 'a').all(), { name: 'Ada', changes: 1 });
    same(await system.ref(one, 'acme', 'a').rename('Grace'), 'v1 Grace');
  });
});

describe('a store', () => {
  it('gives the same roots after kill -9 as it had before, whatever version of the lane count opens it', async () => {
    const names = ['a b', 'c d', 'e f', 'g h'];
    const dataDir = await killedAfter(
      'version-one',
      names.flatMap((name, i) => [rename(`t${i}`, 'a', name), rename(`t${i}`, 'b', name)]),
    );
    const first = await open('version-one', { dataDir, lanes: 1 });
    const roots: string[] = [];
    for (const i of names.keys()) roots.push(await rootOf(first, `t${i}`));
    await first.close();
    const second = await open('version-one', { dataDir, lanes: 2 });
    for (const [i, root] of roots.entries()) same(await rootOf(second, `t${i}`), root);
    same(new Set(roots).size, roots.length);
  });
});
