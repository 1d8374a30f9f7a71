/** The value codec: what travels, in which bytes, how deep and how large. */
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { hexOf } from '../../src/base/hash.ts';
import { decodeArguments, decodeFrozen, decodeValue, encodeArguments, encodeValue } from '../../src/frame/codec.ts';
import { DEPTH_MAX } from '../../src/frame/value-tag.ts';
import { failureOf } from './failure-of.ts';
import { sameValue } from './same-value.ts';

function nested(depth: number, leaf: unknown = 0): unknown {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

function bytesOf(...bytes: number[]): Uint8Array {
  return Uint8Array.from(bytes);
}

describe('values that travel', () => {
  const samples: readonly (readonly [string, unknown])[] = [
    ['null', null],
    ['undefined', undefined],
    ['booleans', [true, false]],
    ['minus zero', -0],
    ['numbers that are not finite', [NaN, Infinity, -Infinity]],
    [
      'integers at the borders of their forms',
      [
        0,
        1,
        127,
        128,
        255,
        256,
        65535,
        65536,
        2 ** 31,
        2 ** 32 - 1,
        2 ** 32,
        2 ** 53 - 1,
        2 ** 53,
        -1,
        -32,
        -33,
        -256,
        -257,
        -65536,
        -65537,
        -(2 ** 31),
        -(2 ** 32),
        -(2 ** 32) - 1,
        -(2 ** 53),
      ],
    ],
    ['fractions', [0.1, -1.5, 5e-324, Number.MAX_VALUE]],
    ['bigints', [0n, 1n, -1n, 255n, 256n, -(2n ** 64n), 2n ** 64n - 1n, 2n ** 4096n + 17n]],
    [
      'strings',
      ['', 'a', 'é', '日本', '😀', '\u0000', '\ufeff', '\ufffd', 'x'.repeat(31), 'x'.repeat(32), 'é'.repeat(5000)],
    ],
    ['strings with lone surrogates', ['\ud800', 'a\udc00b', '\udc00\ud800'.repeat(300)]],
    ['dates', [new Date(0), new Date(-1), new Date(8.64e15), new Date(-8.64e15), new Date(NaN)]],
    [
      'maps with any key',
      new Map<unknown, unknown>([
        ['a', 1],
        [1, 'b'],
        [null, [1]],
        [{ a: 1 }, new Map()],
        [NaN, 1],
      ]),
    ],
    ['sets', new Set<unknown>(['a', 1, [2], undefined, new Set([3])])],
    ['arrays', [[], [undefined], [1, 'a', null], Array.from({ length: 1000 }, (_, i) => i)]],
    ['objects', { a: 1, b: { c: undefined }, '': 2, ключ: 3, '\ud800': 4 }],
    ['objects with many keys', Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]))],
    ['objects with index keys', { 10: 'b', 2: 'a', x: 1, '01': 2, 4294967294: 3, 4294967295: 4, '-1': 5 }],
    ['objects without a prototype', Object.assign(Object.create(null) as object, { a: 1, toString: 2, __proto__: 3 })],
    ['names that Object.prototype has', { toString: 1, constructor: 2, hasOwnProperty: undefined, valueOf: null }],
    ['byte arrays', [new Uint8Array(0), bytesOf(1, 2, 255), new Uint8Array(10_000).fill(7)]],
    ['array buffers', [new ArrayBuffer(0), bytesOf(1, 2, 3).buffer]],
  ];

  test.each(samples)('%s come back equal, and encode to the same bytes again', (_, value) => {
    const bytes = encodeValue(value);
    const copy = decodeValue(bytes);
    expect(sameValue(copy, value)).toBe(true);
    expect(hexOf(encodeValue(copy))).toBe(hexOf(bytes));
    const frozen = decodeFrozen(bytes);
    expect(sameValue(frozen, value)).toBe(true);
    expect(hexOf(encodeValue(frozen))).toBe(hexOf(bytes));
  });

  test('the bytes of well-known values never change, since journals hold them', () => {
    const golden: readonly (readonly [unknown, string])[] = [
      [0, '00'],
      [127, '7f'],
      [128, 'c480'],
      [256, 'c50001'],
      [65536, 'c600000100'],
      [-1, 'ff'],
      [-32, 'e0'],
      [-33, 'c720'],
      [-257, 'c80001'],
      [-65537, 'c900000100'],
      [1.5, 'ca000000000000f83f'],
      [-0, 'ca0000000000000080'],
      [NaN, 'ca000000000000f87f'],
      [2 ** 32, 'ca000000000000f041'],
      [null, 'c0'],
      [undefined, 'c1'],
      [false, 'c2'],
      [true, 'c3'],
      [0n, 'cb00'],
      [258n, 'cb020201'],
      [-1n, 'cc0101'],
      ['', '80'],
      ['ab', '826162'],
      ['é', '82c3a9'],
      ['\ud800', 'ce0100d8'],
      ['a'.repeat(32), `cd20${'61'.repeat(32)}`],
      [new Date(1), 'cf000000000000f03f'],
      [[], 'a0'],
      [[1, [2]], 'a201a102'],
      [{}, 'b0'],
      [{ a: 1 }, 'b1816101'],
      [Array.from({ length: 16 }, () => 0), `d210${'00'.repeat(16)}`],
      [Object.create(null), 'd400'],
      [new Map([['a', 1]]), 'd001816101'],
      [new Set([1]), 'd10101'],
      [bytesOf(1, 2), 'd5020102'],
      [bytesOf(3).buffer, 'd60103'],
    ];
    for (const [value, hex] of golden) expect(hexOf(encodeValue(value))).toBe(hex);
  });

  test('a Buffer comes back as a Uint8Array', () => {
    const copy = decodeValue(encodeValue(Buffer.from([1, 2])));
    expect(Buffer.isBuffer(copy)).toBe(false);
    expect(copy).toStrictEqual(bytesOf(1, 2));
  });

  test('bytes that come back have a buffer of their own', () => {
    const [copy] = decodeValue(encodeValue([bytesOf(1, 2)])) as [Uint8Array];
    expect(copy.buffer.byteLength).toBe(2);
  });

  test('values of another realm come back as ours', () => {
    const foreign: unknown = runInNewContext(
      '({ a: [1, new Map([[1, new Set([2])]])], d: new Date(5), b: new Uint8Array([1]), c: new ArrayBuffer(1) })',
    );
    const copy = decodeValue(encodeValue(foreign));
    expect(copy).toStrictEqual({
      a: [1, new Map([[1, new Set([2])]])],
      d: new Date(5),
      b: bytesOf(1),
      c: new ArrayBuffer(1),
    });
  });

  test('a key named __proto__ is a key, and never a prototype', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') as object;
    for (const decode of [decodeValue, decodeFrozen]) {
      const copy = decode(encodeValue(value)) as Record<string, unknown>;
      expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
      expect(Object.keys(copy)).toEqual(['__proto__', 'a']);
      expect(copy['polluted']).toBeUndefined();
    }
  });

  test('a proxy of a plain object travels as what it shows, in the order an object has', () => {
    const proxy = new Proxy({ b: 1, 1: 2 } as Record<string, number>, { ownKeys: () => ['b', '1'] });
    const bytes = encodeValue(proxy);
    expect(hexOf(bytes)).toBe(hexOf(encodeValue({ 1: 2, b: 1 })));
  });

  test('a getter that encodes another value does not disturb the one under way', () => {
    const value = {
      before: 'x'.repeat(100),
      get inner() {
        return encodeValue({ deep: 'y'.repeat(200) });
      },
      after: 1,
    };
    const copy = decodeValue(encodeValue(value)) as { inner: Uint8Array; after: number };
    expect(decodeValue(copy.inner)).toEqual({ deep: 'y'.repeat(200) });
    expect(copy.after).toBe(1);
  });

  test('earlier results stay as they were while later ones are made', () => {
    const values = Array.from({ length: 2000 }, (_, i) => ({ i, text: 'z'.repeat((i * 37) % 900) }));
    const encoded = values.map((value) => encodeValue(value));
    expect(encoded.map((bytes) => decodeValue(bytes))).toEqual(values);
  });
});

describe('depth', () => {
  test('64 levels travel, 65 are refused both ways', () => {
    expect(decodeValue(encodeValue(nested(DEPTH_MAX)))).toEqual(nested(DEPTH_MAX));
    const failure = failureOf(() => encodeValue(nested(DEPTH_MAX + 1)));
    expect(failure.code).toBe('UNSERIALIZABLE');
    expect(failure.details['path']).toBe(`$${'[0]'.repeat(DEPTH_MAX)}`);
    const tooDeep = encodeValue(nested(DEPTH_MAX + 1), undefined, '$', DEPTH_MAX + 1);
    expect(failureOf(() => decodeValue(tooDeep)).code).toBe('UNSERIALIZABLE');
    expect(failureOf(() => decodeFrozen(tooDeep)).code).toBe('UNSERIALIZABLE');
  });

  test.each([
    ['objects', (value: unknown) => ({ a: value })],
    ['maps', (value: unknown) => new Map([['a', value]])],
    ['keys of maps', (value: unknown) => new Map([[value, 1]])],
    ['sets', (value: unknown) => new Set([value])],
  ])('%s count like arrays', (_, wrap) => {
    let value: unknown = 1;
    for (let i = 0; i < DEPTH_MAX; i++) value = wrap(value);
    expect(hexOf(encodeValue(decodeValue(encodeValue(value))))).toBe(hexOf(encodeValue(value)));
    expect(failureOf(() => encodeValue(wrap(value))).code).toBe('UNSERIALIZABLE');
  });

  test('an argument list takes no level from its arguments', () => {
    const args = [nested(DEPTH_MAX), 1];
    expect(decodeArguments(encodeArguments(args))).toEqual(args);
    expect(failureOf(() => encodeArguments([nested(DEPTH_MAX + 1)])).code).toBe('UNSERIALIZABLE');
    expect(hexOf(encodeArguments([1, 'a', { b: 2 }]))).toBe(hexOf(encodeValue([1, 'a', { b: 2 }])));
    expect(failureOf(() => decodeArguments(encodeValue({ length: 0 }))).code).toBe('UNSERIALIZABLE');
  });
});

describe('size', () => {
  test.each([
    ['a string', 'x'.repeat(500)],
    ['a string that is not ASCII', 'é'.repeat(250)],
    ['a string with a lone surrogate', '\ud800'.repeat(240)],
    ['numbers', Array.from({ length: 100 }, (_, i) => i + 0.5)],
    ['bytes', new Uint8Array(600)],
    ['a bigint', 2n ** 5000n],
    ['keys', Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, i]))],
  ])('%s is held to the limit to the byte', (_, value) => {
    const size = encodeValue(value).length;
    expect(encodeValue(value, size).length).toBe(size);
    for (const limit of [size - 1, Math.floor(size / 2), 1, 0]) {
      const failure = failureOf(() => encodeValue(value, limit));
      expect(failure.code).toBe('TOO_LARGE');
      expect(failure.details).toMatchObject({ limit, unit: 'bytes' });
    }
  });

  test('a value that shares its parts 2^64 times is stopped at the limit', () => {
    let bomb: unknown = ['x'];
    for (let i = 0; i < DEPTH_MAX - 1; i++) bomb = [bomb, bomb];
    expect(failureOf(() => encodeValue(bomb, 100_000)).code).toBe('TOO_LARGE');
  });

  test('no memory is taken for what is over the limit', () => {
    const big = 'x'.repeat(50_000_000);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) {
      expect(failureOf(() => encodeValue([big, 2n ** 100_000n], 1000)).code).toBe('TOO_LARGE');
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
  });

  test('a value of many megabytes travels', () => {
    const value = Array.from({ length: 300 }, (_, i) => 'y'.repeat(10_000 + i));
    expect(decodeValue(encodeValue(value))).toEqual(value);
  });
});
