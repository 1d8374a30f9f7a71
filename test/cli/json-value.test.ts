/** The JSON mapping: nothing is lost, and what JSON can hold looks as everybody expects. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromJson, toJson, type Json } from '../../src/cli/json-value.ts';

const TAGS = ['undefined', 'bigint', 'number', 'date', 'map', 'set', 'bytes', 'buffer'];

const travelling = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(undefined, null, true, false, -0, Number.NaN, Infinity, -Infinity),
    fc.double(),
    fc.bigInt(),
    fc.string({ unit: 'binary' }),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
    fc.uint8Array().map((bytes) => new Uint8Array(bytes).buffer),
    fc.array(tie('value')),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
    fc.array(tie('value')).map((items) => new Set(items)),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom(...TAGS.flatMap((tag) => [`$${tag}`, `$$${tag}`]))),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value;

describe('values as JSON', () => {
  it('come back equal, tag-like objects of the user included', () => {
    fc.assert(
      fc.property(travelling, (value) => {
        const text = JSON.stringify(toJson(value));
        expect(fromJson(JSON.parse(text) as Json)).toStrictEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('stand as they are where JSON can hold them', () => {
    for (const text of ['null', 'true', '"a"', '[1,2.5,-3]', '{"a":{"b":[]},"$id":1}', '{"$date":1,"other":2}']) {
      expect(JSON.stringify(toJson(JSON.parse(text)))).toBe(text);
    }
  });

  it('have one documented form where JSON cannot', () => {
    const forms: [unknown, string][] = [
      [undefined, '{"$undefined":true}'],
      [12n, '{"$bigint":"12"}'],
      [Number.NaN, '{"$number":"NaN"}'],
      [-0, '{"$number":"-0"}'],
      [new Date(0), '{"$date":"1970-01-01T00:00:00.000Z"}'],
      [new Date(Number.NaN), '{"$date":null}'],
      [new Map([['a', 1n]]), '{"$map":[["a",{"$bigint":"1"}]]}'],
      [new Set([1]), '{"$set":[1]}'],
      [new Uint8Array([0, 1]), '{"$bytes":"AAE="}'],
      [new Uint8Array([0, 1]).buffer, '{"$buffer":"AAE="}'],
      [{ $date: 1 }, '{"$$date":1}'],
    ];
    for (const [value, text] of forms) expect(JSON.stringify(toJson(value))).toBe(text);
  });

  it('keep a key named __proto__ a key', () => {
    const value = fromJson(JSON.parse('{"__proto__":{"a":1},"b":{"$bigint":"1"}}') as Json) as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(JSON.stringify(toJson(value))).toBe('{"__proto__":{"a":1},"b":{"$bigint":"1"}}');
  });

  it('are not read from a tag that holds the wrong thing', () => {
    const wrongs = [
      '{"$undefined":1}',
      '{"$bigint":1}',
      '{"$bigint":"1.5"}',
      '{"$number":"1"}',
      '{"$date":"soon"}',
      '{"$date":5}',
      '{"$map":[1]}',
      '{"$map":{}}',
    ];
    for (const text of [...wrongs, '{"$set":{}}', '{"$bytes":"*"}', '{"$buffer":[]}']) {
      expect(() => fromJson(JSON.parse(text) as Json)).toThrow(/^\$\w+ must hold /);
    }
  });

  it('are left alone below the depth that any value may have, and do not exhaust the stack', () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as Json;
    expect(() => fromJson(deep)).not.toThrow();
  });
});
