/** What the codec refuses: values that do not travel, with their path, and bytes that no encoder made. */
import { describe, expect, test } from 'vitest';
import { decodeFrozen, decodeValue, encodeArguments, encodeValue } from '../../src/frame/codec.ts';
import { failureOf } from './failure-of.ts';

function bytesOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

describe('values that are refused', () => {
  class Point {
    x = 1;
  }
  class SpecialMap extends Map {}
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  const circle: Record<string, unknown> = { a: {} };
  (circle['a'] as Record<string, unknown>)['back'] = circle;
  const shrinking: unknown[] = [
    {
      get now() {
        return (shrinking.length = 1);
      },
    },
    2,
  ];
  const growing = new Map<unknown, unknown>([
    [
      'a',
      {
        get now() {
          growing.set('b', 1);
          return 1;
        },
      },
    ],
  ]);
  const shared = new SharedArrayBuffer(8);

  const refused: readonly (readonly [string, unknown, string])[] = [
    ['a function', () => 1, '$'],
    ['a symbol', Symbol('s'), '$'],
    ['a function in an array of an object', { a: [1, 2, { b: () => 1 }] }, '$.a[2].b'],
    ['a function under an odd key', { 'odd key': { '': () => 1 } }, '$["odd key"][""]'],
    ['a function as a value of a Map', { m: new Map([['k', () => 1]]) }, '$.m.get("k")'],
    [
      'a function as a key of a Map',
      new Map<unknown, unknown>([
        [1, 2],
        [() => 1, 2],
      ]),
      '$.keys()[1]',
    ],
    ['a function in a Set', new Set([1, [() => 1]]), '$.values()[1][0]'],
    ['a class instance', [new Point()], '$[0]'],
    ['a subclass of Map', { m: new SpecialMap() }, '$.m'],
    ['an object with a prototype of its own', Object.create({ a: 1 }), '$'],
    ['an object that inherits from one without prototype', Object.create(Object.create(null) as object), '$'],
    ['a boxed number', [Object(1)], '$[0]'],
    ['a boxed string', [Object('s')], '$[0]'],
    ['a promise', { p: Promise.resolve(1) }, '$.p'],
    ['a regular expression', /x/, '$'],
    ['an error', new Error('x'), '$'],
    ['a WeakMap', new WeakMap(), '$'],
    ['another typed array', { f: new Float64Array(2) }, '$.f'],
    ['a DataView', new DataView(new ArrayBuffer(1)), '$'],
    ['a SharedArrayBuffer', { s: shared }, '$.s'],
    ['a symbol key', { a: { [Symbol('s')]: 1 } }, '$.a'],
    // oxlint-disable-next-line no-sparse-arrays -- the point
    ['a hole', [1, , 3], '$[1]'],
    ['an array with an extra property', Object.assign([1], { extra: 1 }), '$'],
    ['an array with a symbol key', Object.assign([1], { [Symbol('s')]: 1 }), '$'],
    ['a match of a regular expression', /a/.exec('a'), '$'],
    ['a Map with an extra property', Object.assign(new Map(), { extra: 1 }), '$'],
    ['a Date with an extra property', Object.assign(new Date(0), { extra: 1 }), '$'],
    ['an object that claims to be a Map', Object.create(Map.prototype), '$'],
    ['a proxy of a Map', new Proxy(new Map(), {}), '$'],
    ['a proxy that lies about its length', new Proxy([1, 2, 3, 4], { get: () => 3.5 }), '$'],
    ['a proxy whose length is no number', new Proxy([1, 2], { get: () => NaN }), '$'],
    ['a revoked proxy', [revoked], '$[0]'],
    [
      'a proxy whose keys throw',
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
      '$',
    ],
    [
      'a proxy whose properties throw',
      {
        p: new Proxy(
          { a: 1 },
          {
            get: () => {
              throw new Error('no');
            },
          },
        ),
      },
      '$.p.a',
    ],
    [
      'a getter that throws',
      {
        a: {
          get b() {
            throw new TypeError('no');
          },
        },
      },
      '$.a.b',
    ],
    ['an array that shrinks while it is read', shrinking, '$[1]'],
    ['a Map that grows while it is read', growing, '$'],
    ['Math', Math, '$'],
    [
      'arguments',
      (function () {
        return arguments;
      })(),
      '$',
    ],
  ];

  test.each(refused)('%s', (_, value, path) => {
    const failure = failureOf(() => encodeValue(value));
    expect(failure.code).toBe('UNSERIALIZABLE');
    expect(failure.details['path']).toBe(path);
    expect(failure.message).toContain(path);
    // The next value is none the worse for it.
    expect(decodeValue(encodeValue({ ok: [1] }))).toEqual({ ok: [1] });
  });

  test('a circle is refused and named', () => {
    const failure = failureOf(() => encodeValue({ circle }));
    expect(failure.code).toBe('UNSERIALIZABLE');
    expect(failure.message).toContain('circle');
    const self: unknown[] = [];
    self.push(self);
    expect(failureOf(() => encodeValue(self)).message).toContain('(a circle through $)');
  });

  test('the cause of a refusal by a getter is kept for the log', () => {
    const cause = new Error('inner');
    const failure = failureOf(() =>
      encodeValue({
        get a() {
          throw cause;
        },
      }),
    );
    expect(failure.cause).toBe(cause);
  });

  test('paths begin with the name the caller gives', () => {
    expect(failureOf(() => encodeValue([() => 1], undefined, 'args')).details['path']).toBe('args[0]');
    expect(failureOf(() => encodeArguments([1, { a: () => 1 }])).details['path']).toBe('args[1].a');
    expect(failureOf(() => encodeValue({ b: () => 1 }, undefined, 'args[0]')).details['path']).toBe('args[0].b');
  });

  test('bytes that lie about their length give away nothing that lies behind them', () => {
    encodeValue('secret'.repeat(50));
    const lying = Object.defineProperty(bytesOf(1, 2, 3), 'length', { value: 500 });
    expect(decodeValue(encodeValue(lying))).toStrictEqual(bytesOf(1, 2, 3));
  });
});

describe('hostile bytes', () => {
  const malformed: readonly (readonly [string, number[]])[] = [
    ['no bytes', []],
    ['bytes behind the value', [0x01, 0x02]],
    ['a tag that means nothing', [0xd7]],
    ['an integer that would fit a shorter form', [0xc4, 0x7f]],
    ['a 16-bit integer below 256', [0xc5, 0xff, 0x00]],
    ['a 32-bit integer below 65536', [0xc6, 0xff, 0xff, 0x00, 0x00]],
    ['a negative integer that would fit its tag', [0xc7, 0x1f]],
    ['an integer as a double', [0xca, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
    ['zero as a double', [0xca, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['a NaN with a payload', [0xca, 1, 0, 0, 0, 0, 0, 0xf8, 0x7f]],
    ['a negative NaN', [0xca, 0, 0, 0, 0, 0, 0, 0xf8, 0xff]],
    ['half a double', [0xca, 0, 0, 0]],
    ['a Date beyond its range', [0xcf, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f]],
    ['a Date with a fraction', [0xcf, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]],
    ['a Date of minus zero', [0xcf, 0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['a length in more bytes than it needs', [0xd5, 0x80, 0x00]],
    ['a length beyond 32 bits', [0xd5, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['a length that never ends', [0xd5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ['a length beyond the bytes', [0xd5, 0x05, 1, 2]],
    ['a huge array of nothing', [0xd2, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a huge map of nothing', [0xd0, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ['a long array with a short count', [0xd2, 0x01, 0x00]],
    ['a long object with a short count', [0xd3, 0x00]],
    ['a long string with a short length', [0xcd, 0x01, 0x61]],
    ['a truncated string', [0x83, 0x61]],
    ['a lone continuation byte', [0x81, 0x80]],
    ['an overlong sequence', [0x82, 0xc0, 0xaf]],
    ['an encoded surrogate', [0x83, 0xed, 0xa0, 0x80]],
    ['a code point beyond Unicode', [0x84, 0xf4, 0x90, 0x80, 0x80]],
    ['a well-formed string as UTF-16', [0xce, 0x01, 0x61, 0x00]],
    ['a key that is a number', [0xb1, 0x01, 0x01]],
    ['a key twice', [0xb2, 0x81, 0x61, 0x01, 0x81, 0x61, 0x02]],
    ['a key twice, first undefined', [0xb2, 0x81, 0x61, 0xc1, 0x81, 0x61, 0xc1]],
    ['__proto__ twice', [0xb2, 0x89, ...Buffer.from('__proto__'), 0xc1, 0x89, ...Buffer.from('__proto__'), 0x01]],
    ['index keys descending', [0xb2, 0x81, 0x32, 0x01, 0x81, 0x31, 0x01]],
    ['an index key behind a name', [0xb2, 0x81, 0x61, 0x01, 0x81, 0x31, 0x01]],
    ['a Map key twice', [0xd0, 0x02, 0x01, 0x01, 0x01, 0x02]],
    ['a Set member twice', [0xd1, 0x02, 0x01, 0x01]],
    ['a Set member of minus zero', [0xd1, 0x01, 0xca, 0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['a bigint with leading zeros', [0xcb, 0x02, 0x01, 0x00]],
    ['a bigint of minus zero', [0xcc, 0x00]],
    ['a bigint beyond the bytes', [0xcb, 0xff, 0xff, 0xff, 0x7f, 0x01]],
    ['65 levels', [...Array.from({ length: 65 }, () => 0xa1), 0x00]],
    ['100,000 levels', Array.from({ length: 100_000 }, () => 0xa1)],
  ];

  test.each(malformed)('%s', (_, bytes) => {
    for (const decode of [decodeValue, decodeFrozen]) {
      const failure = failureOf(() => decode(Uint8Array.from(bytes)));
      expect(failure.code).toBe('UNSERIALIZABLE');
      expect(failure.message).toMatch(/^malformed/);
    }
  });

  test('keys cut short by a name cache full of lookalikes are still told apart', () => {
    // Same length, first, middle and last byte: one slot of the cache for all of them.
    const names = Array.from({ length: 26 }, (_, i) => `a${String.fromCharCode(97 + i)}xcd`);
    const values = names.map((name) => ({ [name]: name }));
    expect(decodeValue(encodeValue([values, values]))).toEqual([values, values]);
  });
});
