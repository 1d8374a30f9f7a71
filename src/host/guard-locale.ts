/**
 * The default locale is en-US and the default zone UTC, whatever LANG and TZ the process has.
 *
 * The constructors of `Intl` and the `toLocale…` methods take a locale and fall back to the host's
 * when they are given none, or none that they know; so en-US is appended to what they are given. A
 * formatter of dates that is given no date takes the recorded time.
 */
import { type AnyFunction, disguise, type Members, type Placement, placeConstructor } from './guard-seal.ts';

const LOCALE = 'en-US';
const ZONE = 'UTC';

/** Every constructor of `Intl` that takes locales first; those a Node version lacks are passed over. */
const SERVICES = [
  'Collator',
  'DateTimeFormat',
  'DisplayNames',
  'DurationFormat',
  'ListFormat',
  'NumberFormat',
  'PluralRules',
  'RelativeTimeFormat',
  'Segmenter',
];

/** Replaces the locale and zone defaults of the realm. */
export function guardLocale(nowMs: () => number, place: Placement): void {
  for (const name of SERVICES) guardService(name, place);
  guardFormatter(nowMs, place);
  for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'])
    guardMethod(place, Date.prototype, name, 0, zoned);
  guardMethod(place, Number.prototype, 'toLocaleString', 0);
  guardMethod(place, BigInt.prototype, 'toLocaleString', 0);
  guardMethod(place, String.prototype, 'localeCompare', 1);
  guardMethod(place, String.prototype, 'toLocaleLowerCase', 0);
  guardMethod(place, String.prototype, 'toLocaleUpperCase', 0);
  place.freeze(Intl);
  const navigator = (globalThis as unknown as Members)['navigator']; // since Node 21
  if (typeof navigator === 'object' && navigator !== null) {
    const prototype = Object.getPrototypeOf(navigator) as object;
    place.getter(prototype, 'language', () => LOCALE);
    place.getter(prototype, 'languages', () => Object.freeze([LOCALE]));
  }
}

const canonical = Intl.getCanonicalLocales;

/** What was asked for, then en-US: never the host's own. */
function localesOf(locales: unknown): string | string[] {
  return locales === undefined ? LOCALE : [...canonical(locales as string[]), LOCALE];
}

/** The options with a zone; null and what else is no option stays, for the engine to refuse. */
function zoned(options: unknown): unknown {
  if (options === undefined) return { timeZone: ZONE };
  if (typeof options !== 'object' || options === null) return options;
  if ((options as { timeZone?: unknown }).timeZone !== undefined) return options;
  return Object.create(options, { timeZone: { value: ZONE, enumerable: true } }) as object;
}

function guardService(name: string, place: Placement): void {
  const Real = (Intl as unknown as Members)[name] as
    | (AnyFunction & { prototype: object; supportedLocalesOf?: unknown })
    | undefined;
  if (Real === undefined) return;
  const optionsOf = name === 'DateTimeFormat' ? zoned : (options: unknown): unknown => options;
  function Stand(this: unknown, locales: unknown, options: unknown): unknown {
    const args = [localesOf(locales), optionsOf(options)];
    if (new.target === undefined) return Reflect.apply(Real as (...args: unknown[]) => unknown, this, args);
    return Reflect.construct(
      Real as AnyFunction,
      args,
      (new.target as unknown) === Stand ? (Real as AnyFunction) : (new.target as AnyFunction),
    );
  }
  Object.defineProperty(Stand, 'supportedLocalesOf', { value: Real.supportedLocalesOf });
  placeConstructor(place, Intl, name, Stand, Real as unknown as { prototype: object; length: number });
  Object.freeze(Stand);
}

/** `new Intl.DateTimeFormat().format()` formats the present. */
function guardFormatter(nowMs: () => number, place: Placement): void {
  const prototype = Intl.DateTimeFormat.prototype;
  const bound = Object.getOwnPropertyDescriptor(prototype, 'format')?.get as (
    this: unknown,
  ) => (date: unknown) => string;
  const known = new WeakMap<object, (date?: unknown) => string>();
  place.getter(prototype, 'format', function format(this: unknown) {
    const real = bound.call(this);
    let stand = known.get(real);
    if (stand === undefined) {
      stand = disguise((date?: unknown) => real(date === undefined ? Math.floor(nowMs()) : date), '', 1);
      known.set(real, stand);
    }
    return stand;
  });
  const parts = prototype.formatToParts as (this: unknown, date: unknown) => unknown;
  place.value(
    prototype,
    'formatToParts',
    disguise(
      function (this: unknown, date?: unknown): unknown {
        return parts.call(this, date === undefined ? Math.floor(nowMs()) : date);
      },
      'formatToParts',
      1,
    ),
  );
}

/** Gives a method whose locales stand at `at`, options behind them, the default locale. */
function guardMethod(
  place: Placement,
  prototype: object,
  name: string,
  at: 0 | 1,
  optionsOf: (options: unknown) => unknown = (options) => options,
): void {
  const real = (prototype as Members)[name] as (this: unknown, ...args: unknown[]) => unknown;
  const stand =
    at === 0
      ? {
          [name](this: unknown, locales?: unknown, options?: unknown): unknown {
            return real.call(this, localesOf(locales), optionsOf(options));
          },
        }
      : {
          [name](this: unknown, that?: unknown, locales?: unknown, options?: unknown): unknown {
            return real.call(this, that, localesOf(locales), options);
          },
        };
  place.value(prototype, name, disguise(stand[name] as AnyFunction, name, at));
}
