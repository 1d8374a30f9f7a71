/**
 * Values that travel, written as JSON without loss. What JSON has is written as it is; the rest is an
 * object with one tagged key:
 *
 *   undefined   {"$undefined":true}          Map          {"$map":[[key,value],…]}
 *   1n          {"$bigint":"1"}              Set          {"$set":[value,…]}
 *   NaN, ±∞, −0 {"$number":"NaN"}            Uint8Array   {"$bytes":"base64"}
 *   Date        {"$date":"2026-01-01T00:00:00.000Z"}, invalid: null     ArrayBuffer  {"$buffer":"base64"}
 *
 * An object of the user that looks like that (its only key is one of the tags behind one or more `$`)
 * gets one `$` more, so `{"$date":1}` is written `{"$$date":1}`. Both directions: `fromJson(toJson(x))`
 * equals x. Arguments are read with the same rules, so what one run wrote another can send.
 */
import { SynapseError } from '../base/error.ts';

/**
 * Levels that {@link fromJson} descends. Values travel nested to depth 64 and a tag adds two levels;
 * what lies deeper is left as it is and refused by the system with `UNSERIALIZABLE`.
 */
const MAX_JSON_DEPTH = 200;

const TAGGED = /^\$+(undefined|bigint|number|date|map|set|bytes|buffer)$/;

/** A value of JSON, what `JSON.parse` gives. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** `value`, one of those that travel, as a value of JSON; parts that JSON can hold are shared, not copied. */
export function toJson(value: unknown): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) };
    case 'bigint':
      return { $bigint: String(value) };
    case 'object':
      return value === null ? null : objectToJson(value);
    default:
      return { $undefined: true };
  }
}

function objectToJson(value: object): Json {
  if (Array.isArray(value)) return Array.from(value, toJson);
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() };
  if (value instanceof Map) return { $map: Array.from(value, ([key, entry]) => [toJson(key), toJson(entry)]) };
  if (value instanceof Set) return { $set: Array.from(value, toJson) };
  if (value instanceof ArrayBuffer) return { $buffer: Buffer.from(value).toString('base64') };
  if (value instanceof Uint8Array)
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  const entries = Object.entries(value).map(([key, entry]): [string, Json] => [key, toJson(entry)]);
  const only = entries.length === 1 ? entries[0] : undefined;
  if (only !== undefined && TAGGED.test(only[0])) return { [`$${only[0]}`]: only[1] };
  return Object.fromEntries(entries); // defines, so that a key named __proto__ stays a key
}

/** The inverse of {@link toJson}; `INVALID_ARGUMENT` names a tag that holds the wrong thing. */
export function fromJson(json: Json, depth = 0): unknown {
  if (typeof json !== 'object' || json === null || depth > MAX_JSON_DEPTH) return json;
  if (isArray(json)) return json.map((item) => fromJson(item, depth + 1));
  const keys = Object.keys(json);
  const only = keys.length === 1 ? keys[0] : undefined;
  if (only !== undefined && TAGGED.test(only)) {
    const held = json[only] as Json;
    return only.startsWith('$$') ? { [only.slice(1)]: fromJson(held, depth + 1) } : untag(only, held, depth + 1);
  }
  return Object.fromEntries(keys.map((key) => [key, fromJson(json[key] as Json, depth + 1)]));
}

function untag(tag: string, held: Json, depth: number): unknown {
  switch (tag) {
    case '$undefined':
      return expect(held === true, tag, 'true', undefined);
    case '$bigint':
      return typeof held === 'string' && /^-?\d+$/.test(held)
        ? BigInt(held)
        : wrong(tag, 'the digits of an integer in a string');
    case '$number':
      return typeof held === 'string' && /^(NaN|-?Infinity|-0)$/.test(held)
        ? Number(held)
        : wrong(tag, '"NaN", "Infinity", "-Infinity" or "-0"');
    case '$date':
      return untagDate(held);
    case '$map':
      if (!isArray(held) || !held.every((pair) => isArray(pair) && pair.length === 2))
        return wrong(tag, 'an array of [key, value]');
      return new Map(held.map((pair) => fromJson(pair, depth + 1) as [unknown, unknown]));
    case '$set':
      return isArray(held) ? new Set(held.map((item) => fromJson(item, depth + 1))) : wrong(tag, 'an array');
    case '$bytes':
      return new Uint8Array(untagBytes(tag, held));
    default:
      return new Uint8Array(untagBytes(tag, held)).buffer;
  }
}

function untagDate(held: Json): Date {
  if (held === null) return new Date(Number.NaN);
  const date = new Date(typeof held === 'string' ? held : Number.NaN);
  return expect(!Number.isNaN(date.getTime()), '$date', 'a date such as "2026-01-01T00:00:00.000Z", or null', date);
}

function untagBytes(tag: string, held: Json): Buffer {
  const text = typeof held === 'string' ? held : wrong(tag, 'base64 in a string');
  const bytes = Buffer.from(text, 'base64');
  // Buffer.from skips what is no base64 without a word; writing it back shows that.
  return expect(bytes.toString('base64') === text, tag, 'base64 in a string', bytes);
}

function isArray(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function expect<T>(condition: boolean, tag: string, shape: string, value: T): T {
  return condition ? value : wrong(tag, shape);
}

function wrong(tag: string, shape: string): never {
  throw new SynapseError('INVALID_ARGUMENT', `${tag} must hold ${shape}`, { tag });
}
