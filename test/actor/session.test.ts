/** Sessions: what is known of a message, and how the floor lets replies go. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../src/actor/message.ts';
import { SessionTable, sourceOf } from '../../src/actor/session.ts';

const ANSWER: Outcome = { ok: true, payload: new Uint8Array([1]) };
const CLIENT = sourceOf(undefined, 5);
const PEER = sourceOf('umbrella', 9);

test('a message is unknown, then pending, then answered', () => {
  const table = new SessionTable();
  expect(table.known(CLIENT, 1)).toBeUndefined();
  table.open(CLIENT, 1, 1);
  expect(table.known(CLIENT, 1)).toBe('pending');
  table.answer(CLIENT, 1, ANSWER);
  expect(table.known(CLIENT, 1)).toEqual(ANSWER);
});

test('below the floor everything is settled, and its replies are forgotten', () => {
  const table = new SessionTable();
  for (const id of [1, 2, 3]) {
    table.open(PEER, id, 1);
    table.answer(PEER, id, ANSWER);
  }
  table.open(PEER, 4, 3);
  expect([1, 2].map((id) => table.known(PEER, id))).toEqual(['settled', 'settled']);
  expect(table.known(PEER, 3)).toEqual(ANSWER);
  expect(table.image()[0]?.replies.map(([id]) => id)).toEqual([3, 4]);
});

test('a floor never falls: a frame that was sent again carries an old one', () => {
  const table = new SessionTable();
  table.open(PEER, 7, 7);
  table.open(PEER, 8, 2);
  expect(table.known(PEER, 3)).toBe('settled');
});

test('a message that came late, above the floor, is taken in', () => {
  const table = new SessionTable();
  table.open(PEER, 9, 2);
  expect(table.known(PEER, 3)).toBeUndefined();
});

test('the first reply stays', () => {
  const table = new SessionTable();
  table.open(CLIENT, 1, 1);
  table.answer(CLIENT, 1, ANSWER);
  table.answer(CLIENT, 1, { ok: false, payload: new Uint8Array() });
  expect(table.known(CLIENT, 1)).toEqual(ANSWER);
});

test('a new process ends the sessions of the one before, and no tenant’s', () => {
  const table = new SessionTable();
  table.open(CLIENT, 1, 1);
  table.open(PEER, 1, 1);
  table.open(sourceOf(undefined, 6), 1, 1);
  expect(table.known(CLIENT, 1)).toBeUndefined();
  expect(table.known(PEER, 1)).toBe('pending');
});

test('sources of different kinds never share a name', () => {
  const names = [sourceOf(undefined, 1), sourceOf('1', 1), sourceOf('c1', 1), sourceOf('1 x', 1), sourceOf('x', 11)];
  expect(new Set(names).size).toBe(names.length);
});

test('a table is what its image says', () => {
  const table = new SessionTable();
  table.open(CLIENT, 4, 2);
  table.open(PEER, 1, 1);
  table.answer(PEER, 1, ANSWER);
  const restored = SessionTable.fromImage(table.image());
  expect(restored.image()).toEqual(table.image());
  expect(restored.known(CLIENT, 4)).toBe('pending');
  expect(restored.known(CLIENT, 1)).toBe('settled');
});

test('a session knows what a list of all its messages knows', () => {
  const message = fc.record({
    id: fc.integer({ min: 1, max: 30 }),
    floor: fc.integer({ min: 1, max: 30 }),
    isAnswered: fc.boolean(),
    isLater: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 120 }), (messages) => {
      const table = new SessionTable();
      const model = new Map<number, 'pending' | Outcome>();
      let [latest, lowest] = [0, 0];
      for (const { id: drawn, floor, isAnswered, isLater } of messages) {
        const id = isLater ? latest + 1 : drawn; // mostly in order, as a sender numbers them
        if (table.known(CLIENT, id) !== undefined) continue; // no step begins with what is known
        const given = Math.min(floor, id); // what a sender calls settled is never the message itself
        table.open(CLIENT, id, given);
        latest = Math.max(latest, id);
        lowest = Math.max(lowest, given);
        model.set(id, 'pending');
        if (isAnswered) {
          table.answer(CLIENT, id, ANSWER);
          model.set(id, ANSWER);
        }
        for (const known of model.keys()) if (known < lowest) model.delete(known);
        const [image] = table.image();
        expect(image?.replies).toEqual([...model].map(([of, outcome]) => [of, outcome === 'pending' ? null : outcome]));
        for (let asked = lowest; asked <= latest + 1; asked++)
          expect(table.known(CLIENT, asked)).toEqual(model.get(asked));
      }
    }),
  );
});
