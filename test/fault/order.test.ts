/**
 * Messages from one tenant to another keep their order, and come once, while the receiver's shard moves
 * from lane to lane, while the sender's does, and while lanes die: what was on its way is sent again, and
 * what has overtaken it has to wait.
 */
import { type System, createSystem } from 'synapse-actors';
import { afterEach, expect, test } from 'vitest';
import { tally } from '../crash/tally.ts';

const SHARDS = 8;
const SENDERS = 6;
/** Commands of each sender under way at a time. */
const IN_FLIGHT = 16;

let system: System | undefined;
afterEach(async () => {
  await system?.close();
});

async function open(): Promise<System> {
  system = await createSystem({
    actors: new URL('../crash/tally.js', import.meta.url),
    lanes: 2,
    laneHeapMb: 48, // soon full
    bufferMb: 64,
    shards: SHARDS,
    snapshotEverySteps: 500,
    grants: [{ from: '*', to: '*', actor: 'tally', handlers: ['take'] }],
  });
  return system;
}

/**
 * Commands of a pump between two looks at the receiver. A look stands behind all that is on its way there: without it
 * senders run ahead of a receiver whose lane is dead, by 20,000 messages on a loaded machine, and its next command waits
 * for all of them.
 */
const LOOK_EVERY = 16;

/** Between two commands, so that what has to be replayed stays small. */
const breath = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

const sender = (s: number): string => `sender-${s}`;

/** Every sender forwards numbers until `isOver`; returns how many each has sent. */
function load(system: System, isOver: () => boolean): Promise<number[]> {
  return Promise.all(
    Array.from({ length: SENDERS }, async (_, s) => {
      let next = 0;
      const pump = async (): Promise<void> => {
        for (let count = 1; !isOver(); count++) {
          await system.ref(tally, sender(s), 'one').forward(next++, 'receiver', `from-${s}`);
          if (count % LOOK_EVERY === 0) await system.ref(tally, 'receiver', `from-${s}`).size('seen');
          await breath();
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, pump));
      return next;
    }),
  );
}

/** What did not arrive, came twice or out of order. */
async function faultsOf(system: System, sent: readonly number[]): Promise<string[]> {
  const faults: string[] = [];
  for (const [s, count] of sent.entries()) {
    const sink = system.ref(tally, 'receiver', `from-${s}`);
    while ((await sink.size('seen')) < count) await new Promise((resolve) => setTimeout(resolve, 5));
    const page = await sink.page('seen', '', count + 1);
    const wrong = page.findIndex((value, at) => value !== (at % 2 === 0 ? at / 2 : 1));
    if (wrong >= 0 || page.length !== 2 * count || count === 0)
      faults.push(`${sender(s)}: wrong at ${wrong} of ${count}`);
    const swaps = await sink.swaps();
    if (swaps > 0) faults.push(`${sender(s)}: ${swaps} swaps`);
  }
  return faults;
}

test('messages between tenants keep their order while every shard moves from lane to lane', async () => {
  const opened = await open();
  let isOver = false;
  const loading = load(opened, () => isOver);
  for (let turn = 0; turn < 60; turn++) await opened.moveShard(turn % SHARDS, (turn >> 3) % 2);
  isOver = true;
  expect(await faultsOf(opened, await loading)).toEqual([]);
}, 120_000);

test('messages between tenants keep their order while lanes die', async () => {
  const opened = await open();
  let isOver = false;
  const loading = load(opened, () => isOver);
  for (let death = 0; death < 3; death++) {
    const died = new Promise<void>((resolve) => {
      const off = opened.on('lane-died', () => {
        off();
        resolve();
      });
    });
    const tenant = ['receiver', sender(death % SENDERS)][death % 2] ?? '';
    await expect(opened.ref(tally, tenant, 'killer').die()).rejects.toMatchObject({ code: 'POISONED' });
    await died;
  }
  isOver = true;
  expect(await faultsOf(opened, await loading)).toEqual([]);
}, 120_000);
