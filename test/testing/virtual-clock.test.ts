/** The virtual clock: order of what is due, taking back, and times that never run backwards. */
import { expect, test } from 'vitest';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

test('what is due is called in the order of its time, then of its setting', () => {
  const clock = new VirtualClock(100);
  const seen: string[] = [];
  clock.after(30, () => seen.push('c'));
  clock.after(10, () => seen.push('a'));
  clock.after(10, () => seen.push('b'));
  clock.after(31, () => seen.push('not yet'));
  expect(clock.nextDueMs).toBe(110);
  clock.setTo(130);
  clock.fire();
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(clock.nextDueMs).toBe(131);
});

test('what was taken back is not called, not even by what is called before it', () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  const stops: (() => void)[] = [];
  clock.after(1, () => stops[0]?.());
  stops.push(clock.after(1, () => seen.push('never')));
  clock.setTo(1);
  clock.fire();
  clock.fire();
  expect(seen).toEqual([]);
  expect(clock.nextDueMs).toBe(Number.POSITIVE_INFINITY);
});

test('a callback may set another, which waits for the next firing', () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.after(0, () => {
    seen.push('first');
    clock.after(0, () => seen.push('second'));
  });
  clock.fire();
  expect(seen).toEqual(['first']);
  clock.fire();
  expect(seen).toEqual(['first', 'second']);
});

test('time never runs backwards', () => {
  const clock = new VirtualClock(50);
  clock.setTo(10);
  expect(clock.nowMs).toBe(50);
});
