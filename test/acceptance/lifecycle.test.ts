/** api.md, "ctx further" and "Lifecycle": spawn, stop, watch and the hooks. */
import { addressOf } from 'synapse-actors';
import { describe, expect, it } from 'vitest';
import { child, parent } from './fixtures/family.ts';
import { resumer } from './fixtures/tree.ts';
import { codeOf, folder, open, same } from './harness.ts';

describe('started', () => {
  it('runs at the first activation ever, before the first command, and never again', async () => {
    const dataDir = folder();
    const first = await open('family', { dataDir });
    await first.ref(child, 'acme', 'c').add(1);
    same(await first.ref(child, 'acme', 'c').diary(), ['started']);
    await first.close();
    const second = await open('family', { dataDir });
    await second.ref(child, 'acme', 'c').add(1);
    same([await second.ref(child, 'acme', 'c').diary(), await second.ref(child, 'acme', 'c').n()], [['started'], 2]);
  });

  it('is not run by a query', async () => {
    const system = await open('family');
    same(await system.ref(child, 'acme', 'c').diary(), []);
    await system.ref(child, 'acme', 'c').add(1);
    same(await system.ref(child, 'acme', 'c').diary(), ['started']);
  });
});

describe('spawn', () => {
  it('makes a child that can be called', async () => {
    const system = await open('family');
    const ref = system.ref(parent, 'acme', 'p');
    await ref.spawn('c');
    same(await system.ref(child, 'acme', 'c').diary(), ['started']);
    same(await system.ref(child, 'acme', 'c').add(2), 2);
  });

  it('of an existing address is INVALID_ARGUMENT, whoever made it', async () => {
    const system = await open('family');
    const ref = system.ref(parent, 'acme', 'p');
    await ref.spawn('c');
    same(await ref.spawnCaught('c'), 'INVALID_ARGUMENT');
    same(await system.ref(parent, 'acme', 'q').spawnCaught('c'), 'INVALID_ARGUMENT');
    await system.ref(child, 'acme', 'by message').add(1);
    same(await ref.spawnCaught('by message'), 'INVALID_ARGUMENT');
    same(await ref.spawnCaught('d'), 'spawned');
    // The same key in another tenant is another address.
    same(await system.ref(parent, 'other', 'p').spawnCaught('c'), 'spawned');
  });

  it('is undone with its turn', async () => {
    const system = await open('family');
    same(await codeOf(system.ref(parent, 'acme', 'p').spawnThenFail('c')), 'HANDLER_FAILED');
    same(await system.ref(child, 'acme', 'c').diary(), []);
    same(await system.ref(parent, 'acme', 'p').spawnCaught('c'), 'spawned');
  });

  it('is followed by tells to the child from the same turn', async () => {
    const system = await open('family');
    await system.ref(parent, 'acme', 'p').spawnAndTell('c');
    same(await system.ref(child, 'acme', 'c').n(), 3);
    same(await system.ref(child, 'acme', 'c').diary(), ['started']);
  });
});

describe('stop', () => {
  it('ends the actor at the end of its turn and erases its state; the next message starts afresh', async () => {
    const system = await open('family');
    const ref = system.ref(child, 'acme', 'c');
    await ref.add(5);
    same(await ref.end(), 'ended');
    same(await ref.n(), 0);
    same(await ref.add(1), 1);
  });

  it('is undone with a turn that throws', async () => {
    const system = await open('tree');
    const ref = system.ref(resumer, 'acme', 'r');
    await ref.add(5);
    same(await codeOf(ref.endThenFail()), 'HANDLER_FAILED');
    same(await ref.add(1), 6);
  });

  it('frees the address for a new spawn', async () => {
    const system = await open('family');
    const ref = system.ref(parent, 'acme', 'p');
    await ref.spawn('c');
    await system.ref(child, 'acme', 'c').end();
    same(await ref.spawnCaught('c'), 'spawned');
  });

  it('takes the children along, and theirs', async () => {
    const system = await open('family');
    const ref = system.ref(parent, 'acme', 'p');
    await ref.spawn('c');
    await system.ref(child, 'acme', 'c').spawnGrandchild('g');
    await system.ref(child, 'acme', 'c').add(1);
    await system.ref(child, 'acme', 'g').add(2);
    await system.ref(child, 'acme', 'unrelated').add(3);
    await ref.end();
    same([await system.ref(child, 'acme', 'c').n(), await system.ref(child, 'acme', 'g').n()], [0, 0]);
    same(await system.ref(child, 'acme', 'unrelated').n(), 3);
  });

  it('survives close and reopen: what was erased stays erased', async () => {
    const dataDir = folder();
    const first = await open('family', { dataDir });
    await first.ref(child, 'acme', 'c').add(5);
    await first.ref(child, 'acme', 'c').end();
    await first.close();
    const second = await open('family', { dataDir });
    same(await second.ref(child, 'acme', 'c').n(), 0);
  });
});

describe('watch', () => {
  it('tells of an end, once, with the reference of what ended', async () => {
    const system = await open('family');
    const ref = system.ref(parent, 'acme', 'p');
    const watched = system.ref(child, 'acme', 'c');
    await watched.add(1);
    await ref.watch('c');
    await watched.end();
    const diary = (await ref.diary()).filter((line) => line.startsWith('terminated'));
    same(diary.length, 1);
    await watched.add(1);
    await watched.end();
    // The second life of the address was not watched.
    same((await ref.diary()).filter((line) => line.startsWith('terminated')).length, 1);
    same({ ...addressOf(watched) }, { tenant: 'acme', type: 'child', key: 'c' });
  });

  it('tells of a failure that stops, and of the end of a parent', async () => {
    const system = await open('family');
    const ref = system.ref(parent, 'acme', 'p');
    await system.ref(child, 'acme', 'c').add(1);
    await ref.watch('c');
    same(await codeOf(system.ref(child, 'acme', 'c').fail('on purpose')), 'HANDLER_FAILED');
    expect((await ref.diary()).filter((line) => line.startsWith('terminated'))).toHaveLength(1);
    await system.ref(parent, 'acme', 'q').spawn('d');
    await ref.watch('d');
    await system.ref(parent, 'acme', 'q').end();
    expect((await ref.diary()).filter((line) => line.startsWith('terminated'))).toHaveLength(2);
  });

  it('survives close and reopen, and closing is no termination', async () => {
    const dataDir = folder();
    const first = await open('family', { dataDir });
    await first.ref(child, 'acme', 'c').add(1);
    await first.ref(parent, 'acme', 'p').watch('c');
    await first.close();
    const second = await open('family', { dataDir });
    same((await second.ref(parent, 'acme', 'p').diary()).filter((line) => line.startsWith('terminated')).length, 0);
    await second.ref(child, 'acme', 'c').end();
    same((await second.ref(parent, 'acme', 'p').diary()).filter((line) => line.startsWith('terminated')).length, 1);
  });
});
