/** Bytes and texts of the verifiers beside Node's own, and where they have to be stricter. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  base64Bytes,
  base64Text,
  copyOfBytes,
  hexBytes,
  hexText,
  sameBytes,
  utf8Bytes,
  utf8Text,
} from '../../src/audit/bytes.ts';

const bytesArb = fc.uint8Array({ maxLength: 300 });

describe('base 64', () => {
  test('is that of Node, of any length, and reads back', () => {
    fc.assert(
      fc.property(bytesArb, (bytes) => {
        const text = base64Text(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(base64Bytes(text)).toEqual(bytes);
      }),
    );
    const long = Uint8Array.from({ length: 20_000 }, (_, n) => n * 7);
    for (const end of [6_143, 6_144, 6_145, 12_288, 20_000]) {
      const bytes = long.subarray(0, end);
      expect(base64Text(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(sameBytes(base64Bytes(base64Text(bytes)) ?? long, bytes)).toBe(true);
    }
  });

  test('has one text for each: no other text is read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^[A-Za-z0-9+/=]{0,12}$/)), (text) => {
        const bytes = base64Bytes(text);
        if (bytes !== undefined) expect(base64Text(bytes)).toBe(text);
        const isCanonical = Buffer.from(text, 'base64').toString('base64') === text;
        expect(bytes !== undefined).toBe(isCanonical);
      }),
      { numRuns: 5_000 },
    );
    for (const text of ['A', 'AA', 'AAA', 'AA=', 'A===', '====', 'AB==', 'AAB=', 'AA==\n', ' AA==', 'AA-_', 'AAé=']) {
      expect([text, base64Bytes(text)]).toEqual([text, undefined]);
    }
  });
});

test('hex is that of Node, upper case is read, anything else is not', () => {
  fc.assert(
    fc.property(bytesArb, (bytes) => {
      expect(hexText(bytes)).toBe(Buffer.from(bytes).toString('hex'));
      expect(hexBytes(hexText(bytes).toUpperCase())).toEqual(bytes);
    }),
  );
  for (const text of ['0', '0g', '0x', ' 00', '00\n']) expect(hexBytes(text)).toBeUndefined();
});

test('UTF-8 is strict both ways, and a byte order mark is a character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      const bytes = utf8Bytes(text);
      expect(bytes === undefined).toBe(!text.isWellFormed());
      if (bytes !== undefined) expect(utf8Text(bytes)).toBe(text);
    }),
  );
  expect(utf8Text(Uint8Array.of(0xff))).toBeUndefined();
  expect(utf8Text(Uint8Array.of(0xed, 0xa0, 0x80))).toBeUndefined(); // a lone surrogate
  expect(utf8Text(Uint8Array.of(0xc0, 0x80))).toBeUndefined(); // a zero in two bytes
  expect(utf8Text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
});

test('only real bytes are copied, without running anything of theirs', () => {
  class Loud extends Uint8Array {
    override get length(): number {
      throw new TypeError('caught you looking');
    }
    static get [Symbol.species](): Uint8ArrayConstructor {
      throw new TypeError('caught you making');
    }
  }
  expect(copyOfBytes(new Loud(3), 3)).toEqual(new Uint8Array(3));
  expect(copyOfBytes(Buffer.from('abc').subarray(1), 3)).toEqual(Uint8Array.of(98, 99));
  const strange = [new Uint16Array(1), new Uint8ClampedArray(1), new ArrayBuffer(1), [1], { length: 1 }, 'a', null, 1];
  for (const one of [...strange, new Proxy(new Uint8Array(1), {}), Object.create(Uint8Array.prototype)]) {
    expect(copyOfBytes(one, 10)).toBeUndefined();
  }
  expect(copyOfBytes(new Uint8Array(4), 3)).toBeUndefined();
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  expect(copyOfBytes(shared, 3)?.buffer).toBeInstanceOf(ArrayBuffer);
});
