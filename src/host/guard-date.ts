/**
 * `Date` with the recorded time as "now" and UTC as the local zone.
 *
 * A lane is a worker thread: setting `process.env.TZ` there does not change the zone, so the methods
 * that read it are replaced by their UTC twins. The prototype stays the engine's own object: dates
 * that the engine makes itself (`structuredClone`, `fs.Stats`) are guarded too and `instanceof`,
 * subclasses and `Object.prototype.toString` keep their meaning. The real constructor stays hidden.
 */
import { types } from 'node:util';
import { dayText, parseInUtc, timeText } from './guard-date-text.ts';
import { type AnyFunction, disguise, type Placement, placeConstructor } from './guard-seal.ts';

/** Local methods and the UTC methods that stand in for them. */
const FIELDS = ['Date', 'Day', 'FullYear', 'Hours', 'Milliseconds', 'Minutes', 'Month', 'Seconds'] as const;

/** Replaces `Date`. `nowMs` is the recorded time, in ms since 1970. */
export function guardDate(nowMs: () => number, place: Placement): void {
  const Real = globalThis.Date;
  const parse = Real.parse;
  const timeOf = (args: readonly unknown[]): number | Date => {
    if (args.length === 0) return Math.floor(nowMs());
    if (args.length > 1) return Real.UTC(...(args as [number, number]));
    const value = args[0];
    if (types.isDate(value)) return value;
    const primitive = primitiveOf(value);
    return typeof primitive === 'string' ? parseInUtc(primitive, parse) : Number(primitive as number);
  };
  function Stand(...args: unknown[]): unknown {
    if (new.target === undefined) return new Real(Math.floor(nowMs())).toString();
    const time = timeOf(args);
    return new.target === Stand ? new Real(time) : Reflect.construct(Real, [time], new.target as AnyFunction);
  }
  for (const [name, value] of Object.entries({
    now: () => Math.floor(nowMs()),
    parse: disguise((text: unknown) => parseInUtc(String(text), parse), 'parse', 1),
    UTC: Real.UTC,
  })) {
    Object.defineProperty(Stand, name, { value });
  }
  guardMethods(Real.prototype, place);
  placeConstructor(place, globalThis, 'Date', Stand, Real as unknown as { prototype: object; length: number });
  Object.freeze(Stand);
}

function guardMethods(prototype: Date, place: Placement): void {
  const methods = prototype as unknown as Record<string, (this: Date, ...args: number[]) => number>;
  for (const field of FIELDS) {
    place.value(prototype, `get${field}`, methods[`getUTC${field}`]);
    if (field !== 'Day') place.value(prototype, `set${field}`, methods[`setUTC${field}`]);
  }
  const { getTime, getUTCFullYear, setUTCFullYear, setTime } = prototype;
  const text = (of: (date: Date) => string) =>
    function toText(this: Date): string {
      return Number.isNaN(getTime.call(this)) ? 'Invalid Date' : of(this);
    };
  const stands = {
    getTimezoneOffset: function (this: Date): number {
      return Number.isNaN(getTime.call(this)) ? Number.NaN : 0;
    },
    getYear: function (this: Date): number {
      return getUTCFullYear.call(this) - 1900;
    },
    setYear: function (this: Date, value: unknown): number {
      getTime.call(this); // throws for anything but a Date, before the argument is looked at
      const year = Number(value);
      if (Number.isNaN(year)) return setTime.call(this, Number.NaN);
      const whole = Math.trunc(year);
      return setUTCFullYear.call(this, whole >= 0 && whole <= 99 ? 1900 + whole : year);
    },
    toString: text((date) => `${dayText(date)} ${timeText(date)}`),
    toDateString: text(dayText),
    toTimeString: text(timeText),
  };
  for (const [name, stand] of Object.entries(stands))
    place.value(prototype, name, disguise(stand, name, name === 'setYear' ? 1 : 0));
}

/** ToPrimitive of the standard, without a hint (ECMA-262, 7.1.1). */
function primitiveOf(value: unknown): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  const members = value as { [Symbol.toPrimitive]?: unknown; valueOf?: unknown; toString?: unknown };
  const exotic = members[Symbol.toPrimitive];
  if (exotic !== undefined && exotic !== null) {
    const primitive: unknown = (exotic as (hint: string) => unknown).call(value, 'default');
    if (!isObject(primitive)) return primitive;
    throw new TypeError('Cannot convert object to primitive value');
  }
  for (const method of ['valueOf', 'toString'] as const) {
    const convert = members[method];
    if (typeof convert !== 'function') continue;
    const primitive: unknown = Reflect.apply(convert as (this: unknown) => unknown, value, []);
    if (!isObject(primitive)) return primitive;
  }
  throw new TypeError('Cannot convert object to primitive value');
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
