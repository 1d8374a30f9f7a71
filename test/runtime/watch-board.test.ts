/** A board tells which stretch of code runs: each turn is one, also where turns follow each other without a pause. */
import { expect, test } from 'vitest';
import { ownFrame } from '../../src/host/lane-frame.ts';
import { WatchBoard } from '../../src/runtime/watch-board.ts';

const EMPTY = new Uint8Array(0);

test('each turn of a go is a stretch of its own, and after the go none runs', () => {
  const board = new WatchBoard();
  const seen = new WatchBoard(board.buffer);
  const frame = ownFrame('timer', 'acme', 0, 't', EMPTY, 1);
  expect(seen.stretch).toBeUndefined();
  board.blame(frame);
  const first = seen.stretch ?? 0;
  board.blame(frame);
  expect(seen.stretch).toBe(first + 1);
  expect(seen.suspect?.handler).toBe('t');
  board.blame(undefined);
  expect(seen.stretch).toBeUndefined();
  expect(seen.suspect).toBeUndefined();
  board.blame(ownFrame('timer', 'acme', 0, 'u', EMPTY, 1));
  expect(seen.stretch).toBe(first + 2);
  expect(seen.suspect?.handler).toBe('u');
});
