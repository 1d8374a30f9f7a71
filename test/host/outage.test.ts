/**
 * Outages of the store as one lane and its callers live through them: what is acknowledged stays, what is refused
 * may be asked again, and a tenant comes back whole, whatever was on its way when the disk failed.
 */
import { expect, test } from 'vitest';
import { World } from './world.ts';
import { unit } from './workload-actors.ts';

/** The disk takes nothing until `comeBack`; settles until the store has noticed. */
async function fail(world: World): Promise<void> {
  world.cluster.driver.fill();
  await world.cluster.settle(() => world.cluster.storeHost.isDown);
}

async function comeBack(world: World): Promise<void> {
  world.cluster.driver.heal();
  expect(world.cluster.storeHost.recover()).toBe(true);
  await world.cluster.settle();
  world.cluster.sender.retry();
  await world.cluster.settle();
}

test('what the store says to a dead lane opens no gate of the one that replaces it', async () => {
  const world = new World([unit]);
  for (let n = 1; n <= 3; n++) world.send('unit/a', 'add', [1]);
  await world.cluster.settle(() => world.cluster.lane(0).figures.steps === 3);
  world.cluster.killLane(0); // its three steps are written now: three positions, and the next lane begins at none
  await world.cluster.settle();
  expect(world.cluster.lane(0).figures.durablePosition).toBe(0);
  expect(world.seq()).toBe(3);

  const refused = world.send('unit/a', 'add', [1]);
  await fail(world);
  expect(await world.answer(refused)).toBeUndefined();
  await comeBack(world);
  expect(await world.answer(refused)).toBe('ok 4');
  expect(world.seq()).toBe(4);
});

test('a lane that asked for a tenant before it heard of a failure reads the tenant once', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const world = new World([unit], { lanes: 2, seed });
    for (let n = 1; n <= 4; n++) expect(await world.ask('unit/a', 'add', 1)).toBe(`ok ${n}`);
    const home = [0, 1].findIndex((lane) => world.cluster.lane(lane).figures.actors > 0);
    const other = world.send('unit/b', 'add', [1], { tenant: 'initech' });
    await fail(world);
    world.cluster.killLane(home);
    const asked = world.send('unit/a', 'add', [1]);
    const from = world.cluster.actionCount;
    await world.cluster.settle(() => world.cluster.actionCount === from + (seed % 10));
    await comeBack(world);
    expect(await world.answer(other)).toBe('ok 1');
    expect(await world.answer(asked), `seed ${seed}`).toBe('ok 5');
    expect(world.seq()).toBe(5);
  }
});

test('a shard is not moved while the store is away, and the lane that has it goes on', async () => {
  const world = new World([unit], { lanes: 2 });
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 1');
  const refused = world.send('unit/a', 'add', [1]);
  await fail(world);
  await world.cluster.settle();
  for (const lane of [0, 1]) {
    await expect(world.cluster.lane(lane).moves.freeze(1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    world.cluster.lane(lane).moves.keep(1);
  }
  await comeBack(world);
  expect(await world.answer(refused)).toBe('ok 2');
});

test('a command whose failed commit became durable all the same ran once', async () => {
  const world = new World([unit]);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 1');
  const unsure = world.send('unit/a', 'add', [1]);
  world.cluster.driver.fill('durable');
  expect(await world.answer(unsure)).toBeUndefined();
  await comeBack(world);
  expect(await world.answer(unsure)).toBe('ok 2');
  expect(world.seq()).toBe(2);
  expect(await world.ask('unit/a', 'add', 1)).toBe('ok 3');
});
