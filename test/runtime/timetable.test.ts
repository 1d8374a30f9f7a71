/** The caller's timers: none early, none lost, and the longest that may be asked for is not the shortest. */
import { expect, test } from 'vitest';
import { Timetable } from '../../src/runtime/timetable.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

test('a timer ends after its time, unless it is taken back', async () => {
  const table = new Timetable();
  const madeMs = performance.now();
  const ended: number[] = [];
  table.after(30, () => ended.push(performance.now() - madeMs));
  table.after(20, () => ended.push(-1))();
  await pause(80);
  expect(ended).toHaveLength(1);
  expect(ended[0]).toBeGreaterThan(28);
  table.stop();
});

test('the longest time-out does not end at once', async () => {
  const table = new Timetable();
  let hasEnded = false;
  table.after(2 ** 31 - 1, () => {
    hasEnded = true;
  });
  await pause(30);
  expect(hasEnded).toBe(false);
  table.stop();
});
