/** Time-outs of calls: one timer for those of one millisecond, none that nobody needs. */
import { beforeEach, expect, test } from 'vitest';
import { type Deadline, Deadlines } from '../../src/host/deadlines.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

let clock: VirtualClock;
let made: number;
let stopped: number;
let ended: Deadline[];
let deadlines: Deadlines;

beforeEach(() => {
  clock = new VirtualClock(0);
  [made, stopped, ended] = [0, 0, []];
  const after = (ms: number, callback: () => void): (() => void) => {
    made += 1;
    const stop = clock.after(ms, callback);
    return () => {
      stopped += 1;
      stop();
    };
  };
  deadlines = new Deadlines({ after }, (deadline) => ended.push(deadline));
});

test('calls of one millisecond with one time-out share a timer, others have their own', () => {
  const first = deadlines.open(0, 100, 1);
  expect(deadlines.open(0, 100, 2)).toBe(first);
  expect(deadlines.open(0, 50, 3)).not.toBe(first);
  expect(deadlines.open(1, 100, 4)).not.toBe(first);
  expect(made).toBe(3);
  clock.setTo(101);
  clock.fire();
  expect(ended.map(({ firstId }) => firstId)).toEqual([3, 1, 4]);
  expect(first.openCount).toBe(2);
});

test('a timer is taken back with the last of its calls, and the next call has a new one', () => {
  const first = deadlines.open(0, 100, 1);
  deadlines.open(0, 100, 2);
  deadlines.close(first);
  expect(stopped).toBe(0);
  deadlines.close(first);
  expect(stopped).toBe(1);
  expect(deadlines.open(0, 100, 3)).not.toBe(first);
});

test('a call that is made while the time of the latest is over waits its whole time', () => {
  const first = deadlines.open(0, 100, 1);
  clock.setTo(100);
  clock.fire();
  expect(ended).toEqual([first]);
  expect(deadlines.open(0, 100, 2)).not.toBe(first); // the clock was set back
});
