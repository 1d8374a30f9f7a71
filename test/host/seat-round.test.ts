/** Looks at many seats, some at a time: none is left out, none is seen twice in a round, and few are seen at once. */
import { expect, test } from 'vitest';
import { encodeArguments } from '../../src/frame/codec.ts';
import { FRAME_KIND, Frame, encodeFrame } from '../../src/frame/frame.ts';
import { Seat } from '../../src/host/seat.ts';
import { MailboxDepth, SeatRound } from '../../src/host/seat-round.ts';

function seatsOf(count: number): Map<string, Seat> {
  return new Map(Array.from({ length: count }, (_, at) => [`t${at}`, new Seat(`t${at}`, 0)]));
}

function frame(): Frame {
  const target = { tenant: 'acme', type: 'unit', key: 'a' };
  const fixed = { kind: FRAME_KIND.call, shard: 0, messageId: 1, timeMs: 0, target, handler: 'add' };
  return new Frame(encodeFrame({ ...fixed, payload: encodeArguments([]) }));
}

test.each([1, 9, 10, 11, 1_000])('a round over %d seats sees each once', (count) => {
  const seats = seatsOf(count);
  const round = new SeatRound(seats);
  for (let rounds = 0; rounds < 3; rounds++) {
    const seen: string[] = [];
    let slices = 0;
    do {
      const slice = [...round.share(8, 10)];
      expect(slice.length).toBeLessThanOrEqual(Math.max(10, Math.ceil(count / 8)));
      for (const { tenant } of slice) seen.push(tenant);
      slices += 1;
    } while (!round.isAtStart);
    expect(seen).toEqual([...seats.keys()]);
    expect(slices).toBeLessThanOrEqual(9);
  }
});

test('a seat that goes, and one that comes, does not keep a round from its end', () => {
  const seats = seatsOf(40);
  const round = new SeatRound(seats);
  const seen = new Set<string>();
  do {
    for (const { tenant } of round.share(8, 10)) {
      seen.add(tenant);
      seats.delete(tenant);
    }
    seats.set(`new ${seen.size}`, new Seat('new', 0));
  } while (!round.isAtStart && seen.size < 1_000);
  expect(seen.size).toBeGreaterThanOrEqual(40);
  expect(seen.size).toBeLessThan(60);
});

test.each([3, 1_000])('of %d tenants a busy lane knows within a second what waits, an idle one at once', (count) => {
  const seats = seatsOf(count);
  const depth = new MailboxDepth(seats);
  for (const seat of seats.values()) seat.inbox.push(frame());
  let known = 0;
  for (let ms = 0; ms < 1_050; ms += 50) known = depth.glance(ms, false);
  expect(known).toBe(count);
  for (const seat of seats.values()) seat.inbox.drain();
  expect(depth.glance(2_000, true)).toBe(0);
  expect(depth.whole()).toBe(0);
});
