/** The output gate: nothing before its position is durable, everything in order, given up by owner or whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputGate } from '../../src/host/gate.ts';

const me = {};

test('what is durable already leaves at once, unless something waits before it', () => {
  const gate = new OutputGate();
  const seen: string[] = [];
  gate.advance(5);
  gate.hold(me, 5, () => seen.push('a'));
  gate.hold(me, 6, () => seen.push('b'));
  gate.hold(me, 5, () => seen.push('c'));
  expect(seen).toEqual(['a']);
  gate.advance(6);
  expect(seen).toEqual(['a', 'b', 'c']);
});

test('outputs leave in the order of their positions and never early', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 3 })), { maxLength: 200 }), (moves) => {
      const gate = new OutputGate();
      const seen: number[] = [];
      let position = 0;
      let durable = 0;
      const held: number[] = [];
      for (const [isHold, step] of moves) {
        if (isHold) {
          position += step;
          const mine = position;
          held.push(mine);
          gate.hold(me, mine, () => seen.push(mine));
        } else {
          durable = Math.min(position, durable + step);
          gate.advance(durable);
        }
        expect(seen).toEqual(held.filter((one) => one <= durable));
        expect(gate.length).toBe(held.length - seen.length);
      }
    }),
  );
});

test('a watermark that comes late takes nothing back', () => {
  const gate = new OutputGate();
  gate.advance(9);
  gate.advance(3);
  expect(gate.durable).toBe(9);
});

test('counts what somebody waits for, whatever becomes of it', () => {
  const gate = new OutputGate();
  const keep = (owner: object, position: number, isQuiet: boolean): void =>
    gate.keep({ owner, position, isQuiet, release: () => undefined, abandon: () => undefined });
  const other = {};
  keep(me, 1, true);
  keep(me, 2, false);
  keep(other, 3, false);
  keep(other, 4, true);
  keep(me, 5, false);
  expect([gate.length, gate.awaitedCount]).toEqual([5, 3]);
  gate.advance(2);
  expect([gate.length, gate.awaitedCount]).toEqual([3, 2]);
  gate.abandonOf(other);
  expect([gate.length, gate.awaitedCount]).toEqual([1, 1]);
  gate.abandon();
  expect([gate.length, gate.awaitedCount]).toEqual([0, 0]);
});

test('many thousands that wait are released without loss', () => {
  const gate = new OutputGate();
  let count = 0;
  for (let position = 1; position <= 20_000; position++) gate.hold(me, position, () => (count += 1));
  for (let position = 7; position < 20_007; position += 7) gate.advance(position);
  expect(count).toBe(20_000);
});

test('giving up calls those who can be told, and releases nobody', () => {
  const gate = new OutputGate();
  const seen: string[] = [];
  gate.hold(
    me,
    1,
    () => seen.push('released'),
    () => seen.push('given up'),
  );
  gate.hold(me, 2, () => seen.push('released'));
  gate.abandon();
  gate.advance(5);
  expect(seen).toEqual(['given up']);
});

test('giving up what one owner has leaves the others in their order', () => {
  const gate = new OutputGate();
  const other = {};
  const seen: string[] = [];
  gate.hold(
    me,
    1,
    () => seen.push('mine 1'),
    () => seen.push('mine given up'),
  );
  gate.hold(other, 2, () => seen.push('other 2'));
  gate.hold(me, 3, () => seen.push('mine 3'));
  gate.hold(other, 4, () => seen.push('other 4'));
  gate.abandonOf(me);
  gate.advance(9);
  expect(seen).toEqual(['mine given up', 'other 2', 'other 4']);
});
