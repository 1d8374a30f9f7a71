/** The inbox of a seat: first in first out, with the count and size of what waits for each actor. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Outbox } from '../../src/actor/outbox.ts';
import { actorIdOf } from '../../src/actor/message.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { FRAME_KIND, Frame, encodeFrame } from '../../src/frame/frame.ts';
import { Inbox, Seat } from '../../src/host/seat.ts';

function frame(key: string, messageId: number): Frame {
  const payload = encodeArguments(['x'.repeat(messageId % 7)]);
  return new Frame(
    encodeFrame({
      kind: FRAME_KIND.call,
      shard: 0,
      messageId,
      timeMs: 0,
      target: { tenant: 'acme', type: 'unit', key },
      handler: 'add',
      payload,
    }),
  );
}

test('an inbox gives frames in their order and counts what waits for each actor', () => {
  const moveArb = fc.oneof(fc.constantFrom('a', 'b'), fc.constantFrom('shift', 'back', 'drain'));
  fc.assert(
    fc.property(fc.array(moveArb, { maxLength: 400 }), (moves) => {
      const inbox = new Inbox();
      let model: Frame[] = [];
      moves.forEach((move, at) => {
        if (move === 'shift') expect(inbox.shift()).toBe(model.shift());
        else if (move === 'back') {
          const taken = inbox.shift();
          if (taken !== undefined) inbox.unshift(taken);
        } else if (move === 'drain' && at % 10 === 0) {
          expect(inbox.drain()).toEqual(model);
          model = [];
        } else if (move !== 'drain') {
          const made = frame(move, at);
          inbox.push(made);
          model.push(made);
        }
        expect(inbox.length).toBe(model.length);
        expect(inbox.peek()).toBe(model[0]);
        for (const key of ['a', 'b']) {
          const mine = model.filter(({ target }) => target.key === key);
          const waiting = inbox.waitingFor(actorIdOf('unit', key));
          expect(waiting?.count ?? 0).toBe(mine.length);
          expect(waiting?.sizeBytes ?? 0).toBe(mine.reduce((sum, { bytes }) => sum + bytes.length, 0));
        }
      });
      expect(inbox.items()).toEqual(model);
    }),
    { numRuns: 50 },
  );
});

test('an acknowledgement that comes in later is not in a list that was taken before', () => {
  const seat = new Seat('acme', 0);
  const taken = seat.takeAcks();
  const outbox = new Outbox();
  const posting = { tenant: 'umbrella', type: 'unit', key: 'b', handler: 'add', args: new Uint8Array(1), chain: [] };
  const options = { principal: undefined, idempotencyKey: undefined, tell: true, turnId: 0, callIndex: 0 };
  seat.acks.add(outbox.add({ ...posting, ...options }, { type: 'unit', key: 'a' }, 1, 5));
  expect(taken).toEqual([]);
  expect(seat.takeAcks()).toHaveLength(1);
  expect(seat.acks.size).toBe(0);
});
