/**
 * The codec against arbitrary values and arbitrary bytes: faithful, canonical, bounded, and never anything
 * but a value or UNSERIALIZABLE for bytes of strangers.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SynapseError } from '../../src/base/error.ts';
import { decodeFrozen, decodeValue, encodeValue } from '../../src/frame/codec.ts';
import { sameValue } from '../frame/same-value.ts';

/** Strings of every kind: ASCII, all planes, and units that are no text. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
);
const name = fc.oneof(
  text,
  fc.constantFrom('__proto__', 'constructor', 'toString', '0', '7', '10', '01', '4294967295', ''),
);
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 2 ** 32, 2 ** 32 - 1, -(2 ** 32), -(2 ** 32) - 1),
);
const bytes = fc.uint8Array({ maxLength: 100 });

const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    number,
    text,
    fc.constantFrom(null, undefined, true, false),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
    fc.date({ noInvalidDate: false }),
    bytes,
    bytes.map((array) => array.slice().buffer),
    fc.array(tie('any'), { maxLength: 20 }),
    fc.array(fc.tuple(name, tie('any')), { maxLength: 20 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(name, tie('any')), { maxLength: 5 }).map((entries) => {
      const object = Object.create(null) as Record<string, unknown>;
      for (const [key, member] of entries) object[key] = member;
      return object;
    }),
    fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 6 }).map((entries) => new Map(entries)),
    fc.array(tie('any'), { maxLength: 6 }).map((members) => new Set(members)),
  ),
})).any;

/** The value that `input` holds, or undefined inside nothing when it is refused; any other failure fails the test. */
function tryDecode(decode: (input: Uint8Array) => unknown, input: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: decode(input) };
  } catch (error) {
    if (error instanceof SynapseError && error.code === 'UNSERIALIZABLE') return undefined;
    throw error;
  }
}

/** Whatever is accepted must be exactly what the encoder makes of it. */
function checkAccepted(input: Uint8Array): void {
  const plain = tryDecode(decodeValue, input);
  const frozen = tryDecode(decodeFrozen, input);
  expect(frozen === undefined).toBe(plain === undefined);
  if (plain === undefined || frozen === undefined) return;
  expect(encodeValue(plain.value)).toEqual(input);
  expect(encodeValue(frozen.value)).toEqual(input);
}

test('every value comes back equal, plain and frozen, and encodes to the same bytes again', () => {
  fc.assert(
    fc.property(value, (sample) => {
      const encoded = encodeValue(sample);
      const plain = decodeValue(encoded);
      const frozen = decodeFrozen(encoded);
      expect(sameValue(plain, sample)).toBe(true);
      expect(sameValue(frozen, sample)).toBe(true);
      expect(encodeValue(plain)).toEqual(encoded);
      expect(encodeValue(frozen)).toEqual(encoded);
    }),
    { numRuns: 2000 },
  );
});

test('a limit is exact: the size of a value is enough, a byte less is TOO_LARGE', () => {
  fc.assert(
    fc.property(value, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (sample, part) => {
      const size = encodeValue(sample).length;
      expect(encodeValue(sample, size)).toHaveLength(size);
      const limit = Math.floor(size * part);
      expect(() => encodeValue(sample, limit)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
    }),
    { numRuns: 500 },
  );
});

test('random bytes are a value in its one form, or UNSERIALIZABLE', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), checkAccepted), { numRuns: 5000 });
});

test('random tags, which nest deeper than random bytes, are a value in its one form, or UNSERIALIZABLE', () => {
  const tagByte = fc.oneof(
    fc.integer({ min: 0x80, max: 0xd8 }),
    fc.integer({ min: 0, max: 8 }),
    fc.constantFrom(0xff, 0xe0),
  );
  const tags = fc.array(tagByte, { maxLength: 80 }).map((list) => Uint8Array.from(list));
  fc.assert(fc.property(tags, checkAccepted), { numRuns: 5000 });
});

test('a valid encoding that is cut is refused', () => {
  fc.assert(
    fc.property(value, fc.nat(), (sample, at) => {
      const encoded = encodeValue(sample);
      expect(tryDecode(decodeValue, encoded.slice(0, at % encoded.length))).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

test('a valid encoding with changed bits is another value in its one form, or UNSERIALIZABLE', () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(value, flips, (sample, changes) => {
      const changed = encodeValue(sample).slice();
      for (const [at, bits] of changes) changed[at % changed.length]! ^= bits;
      checkAccepted(changed);
    }),
    { numRuns: 4000 },
  );
});

test('hostile lengths allocate nothing in proportion to what they claim', () => {
  const claims = [0xcb, 0xcd, 0xce, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6];
  const before = process.memoryUsage();
  fc.assert(
    fc.property(
      fc.constantFrom(...claims),
      fc.integer({ min: 2 ** 24, max: 2 ** 32 - 1 }),
      bytes,
      (tag, claim, rest) => {
        const length = [0, 7, 14, 21].map((shift) => ((claim >>> shift) & 0x7f) | 0x80);
        const hostile = Uint8Array.from([tag, ...length, Math.max(1, claim >>> 28), ...rest]);
        expect(tryDecode(decodeValue, hostile)).toBeUndefined();
      },
    ),
    { numRuns: 1000 },
  );
  // 1000 claims of 16 MiB to 4 GiB: had one been believed, it would show.
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 2 ** 20);
  expect(after.rss - before.rss).toBeLessThan(512 * 2 ** 20);
});
