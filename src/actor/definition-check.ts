/**
 * Checks of what a user wrote in `actor()` and `effect()`. Each throws `INVALID_ARGUMENT` whose
 * message and `details.field` name the field, what was expected and what was found. They run at
 * definition time, so that a mistake shows when the module loads and not under load.
 */
import { SynapseError } from '../base/error.ts';

/** Longest time a JavaScript timer can wait: 2^31 - 1 ms, 24.8 days. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** Largest integer a number holds exactly; the bound where no smaller one has a reason. */
export const MAX_SAFE: number = Number.MAX_SAFE_INTEGER;

/** Throws: `subject` is whose definition, `field` which part of it. */
export function invalid(subject: string, field: string, expected: string, found: unknown): never {
  throw new SynapseError('INVALID_ARGUMENT', `${subject}: ${field} must be ${expected}, got ${shown(found)}`, {
    field,
  });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'function') return isAsync(value) ? 'an async function' : 'a function';
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
  return String(value);
}

/** True for async functions and for generators, which are no synchronous handlers either. */
export function isAsync(value: unknown): boolean {
  return typeof value === 'function' && /^(Async|Generator|AsyncGenerator)Function$/.test(value.constructor.name);
}

export function checkFunction(subject: string, field: string, value: unknown): void {
  if (typeof value !== 'function') invalid(subject, field, 'a function', value);
}

export function checkInteger(subject: string, field: string, value: unknown, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    invalid(
      subject,
      field,
      most === MAX_SAFE ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`,
      value,
    );
  }
}

export function checkOneOf(subject: string, field: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value !== 'string' || !allowed.includes(value))
    invalid(subject, field, `one of ${allowed.join(', ')}`, value);
}

export function checkBackoff(subject: string, field: string, value: unknown): void {
  if (!Array.isArray(value) || value.length !== 2) invalid(subject, field, 'a pair [first, longest] of ms', value);
  const [first, longest] = value as [unknown, unknown];
  checkInteger(subject, `${field}[0]`, first, 0, MAX_TIMER_MS);
  checkInteger(subject, `${field}[1]`, longest, first as number, MAX_TIMER_MS);
}

/** Any object but an array: literals, instances, module namespaces. */
export function checkRecord(
  subject: string,
  field: string,
  value: unknown,
): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) invalid(subject, field, 'an object', value);
}

/** A literal or `Object.create(null)`: what a state must be to travel. */
export function checkPlain(subject: string, field: string, value: unknown): asserts value is Record<string, unknown> {
  checkRecord(subject, field, value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) invalid(subject, field, 'a plain object', value);
}

/** Refuses fields that nobody reads: a misspelt one would be dropped in silence. */
export function checkFields(subject: string, field: string, value: unknown, known: readonly string[]): void {
  checkRecord(subject, field, value);
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw new SynapseError(
        'INVALID_ARGUMENT',
        `${subject}: ${field}.${name} is no known field (known: ${known.join(', ')})`,
        {
          field: `${field}.${name}`,
        },
      );
    }
  }
}
