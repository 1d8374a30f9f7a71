/** Arguments arrive as they were given, have the bytes of the codec, and nobody shares what can be changed. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arguments } from '../../src/actor/arguments.ts';
import { decodeArguments, encodeArguments } from '../../src/frame/codec.ts';

const shortArb = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, Number.NaN, 0x80, 0xffff_ffff),
);
const listArb = fc.array(fc.oneof({ weight: 5, arbitrary: shortArb }, fc.array(fc.integer())), { maxLength: 10 });

test('have the bytes and the values of the codec, in whatever order they are asked for', () => {
  fc.assert(
    fc.property(listArb, fc.boolean(), (list, bytesFirst) => {
      const expected = encodeArguments(list);
      const args = Arguments.of([...list]);
      if (bytesFirst) expect(args.bytes).toEqual(expected);
      expect(args.values()).toEqual(decodeArguments(expected));
      expect(args.bytes).toEqual(expected);
      expect(args.values()).toEqual(decodeArguments(expected));
      expect(Arguments.read(expected).values()).toEqual(decodeArguments(expected));
    }),
  );
});

test('what can be changed is copied when it is given and each time it is handed out', () => {
  const given = { cents: 1 };
  const args = Arguments.of([given, 2]);
  given.cents = 9;
  const [first] = args.values() as [{ cents: number }, number];
  expect(first).toEqual({ cents: 1 });
  first.cents = 5;
  expect(args.values()).toEqual([{ cents: 1 }, 2]);
});

test('what cannot travel is refused when it is given', () => {
  expect(() => Arguments.of([1, () => 1])).toThrow(expect.objectContaining({ code: 'UNSERIALIZABLE' }));
  expect(() => Arguments.of([Symbol('x')])).toThrow(expect.objectContaining({ code: 'UNSERIALIZABLE' }));
});
