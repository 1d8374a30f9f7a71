/**
 * 200 kills (SIGKILL) of a process under load, at times drawn from a printed seed: nothing that was
 * acknowledged is lost, nothing applied twice, no sender's order broken. One kill in five comes at some
 * moment of start and recovery, the others at some moment after the first acknowledgement; half of the
 * processes move shards between lanes and take snapshots meanwhile.
 *
 *   SEED=n repeats a run, KILLS=n changes the number of kills.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Campaign } from './campaign.ts';
import { chanceFrom, printedSeed } from './chance.ts';

const KILLS = Number(process.env['KILLS'] ?? 200);
/** Kills aimed at one kind of chore. */
const AIMED = Math.min(KILLS, 10);

/** Longest time under load before a kill, ms: several group commits, moves and snapshots. */
const LOAD_MAX_MS = 250;
/** Longest time from the start of the process before an early kill, ms: Node's start, the store's and the lanes'. */
const START_MAX_MS = 700;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let campaign: Campaign;
beforeEach(() => {
  campaign = new Campaign();
});
afterEach(() => campaign.end());

test(`after ${KILLS} kills under load nothing acknowledged is lost, repeated or out of order`, async () => {
  const chance = chanceFrom(printedSeed('crash/kill.test.js'));
  for (let round = 0; round < KILLS; round++) {
    const isEarly = chance(5) === 0;
    const delayMs = chance(isEarly ? START_MAX_MS : LOAD_MAX_MS);
    await campaign.round(
      { inFlight: 1 + chance(4), lanes: 1 + chance(2), chores: chance(2) === 0 ? [] : ['move', 'move', 'snapshot'] },
      async (child) => {
        if (!isEarly) await child.line('A ');
        await sleep(delayMs);
      },
    );
  }
  expect(await campaign.faults('kill.test')).toEqual([]);
}, 900_000);

test.each(['move', 'snapshot'] as const)(
  'kills in the middle of a %s lose, repeat and reorder nothing',
  async (chore) => {
    const chance = chanceFrom(printedSeed('crash/kill.test.js'));
    for (let round = 0; round < AIMED; round++) {
      const begun = 2 + chance(8); // the first ones find little to do
      const delayMs = chance(3);
      await campaign.round({ inFlight: 3, lanes: 2, chores: [chore] }, async (child) => {
        await child.lineNumber(`chore ${chore}`, begun);
        await sleep(delayMs);
      });
    }
    expect(await campaign.faults(`kill.test, ${chore}`)).toEqual([]);
    expect(campaign.choresKilled).toBeGreaterThan(0);
  },
  300_000,
);
