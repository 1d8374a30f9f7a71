/** The bounded channel behind dead letters and supervision: one reader a value, the oldest gives way. */
import { expect, test } from 'vitest';
import { Channel } from '../../src/host/channel.ts';

test('values that came before the reader are read in order', async () => {
  const channel = new Channel<number>(10);
  for (const value of [1, 2, 3]) channel.push(value);
  channel.close();
  const seen: number[] = [];
  for await (const value of channel) seen.push(value);
  expect(seen).toEqual([1, 2, 3]);
});

test('each value goes to one of several readers', async () => {
  const channel = new Channel<number>(10);
  const [a, b] = [channel[Symbol.asyncIterator](), channel[Symbol.asyncIterator]()];
  const reads = [a.next(), b.next(), a.next()];
  for (const value of [1, 2, 3]) channel.push(value);
  expect(await Promise.all(reads)).toEqual([1, 2, 3].map((value) => ({ done: false, value })));
});

test('over the limit the oldest gives way and is counted', async () => {
  const channel = new Channel<number>(2);
  for (const value of [1, 2, 3, 4]) channel.push(value);
  channel.close();
  const seen: number[] = [];
  for await (const value of channel) seen.push(value);
  expect(seen).toEqual([3, 4]);
  expect([channel.droppedCount, channel.totalCount]).toEqual([2, 4]);
});

test('closing ends readers that wait, and takes nothing more', async () => {
  const channel = new Channel<number>(2);
  const waiting = channel[Symbol.asyncIterator]().next();
  channel.close();
  channel.push(1);
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(channel.totalCount).toBe(0);
});

test('a reader that leaves does not swallow the next value', async () => {
  const channel = new Channel<number>(2);
  const leaving = channel[Symbol.asyncIterator]();
  const waiting = leaving.next();
  await leaving.return?.();
  expect(await waiting).toEqual({ done: true, value: undefined });
  channel.push(7);
  expect(await channel[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 7 });
});
