/**
 * Effects: the only way out of a turn into the world (HTTP, mail, a model).
 *
 * An effect is a function with options. It runs outside the lanes, unguarded, at least once (with
 * `afterCrash: 'fail'` at most once), and its result comes back to the domain as a recorded input.
 * This file holds the definition and its types; running effects is the runtime's business.
 */
import {
  checkBackoff,
  checkFields,
  checkFunction,
  checkInteger,
  checkOneOf,
  MAX_SAFE,
  MAX_TIMER_MS,
} from './definition-check.ts';

/** Brand of an effect; from the global registry, so that two copies of the package agree. */
const EFFECT: unique symbol = Symbol.for('synapse-actors.effect') as never;

/** What an effect's function gets beside its input: `(input, context) => result`. */
export interface EffectContext {
  /** The same for every attempt at one effect, after a crash too. Hand it to the service that is called. */
  readonly idempotencyKey: string;
  /** Aborted on timeout, on cancellation and when the system closes. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/** How often, how long, and what after a crash. Times in ms of the host's clock; out of range is `INVALID_ARGUMENT`. */
export interface EffectOptions {
  /** Attempts after a failed first one; 0 when left out. */
  readonly retries?: number;
  /** First and longest pause between attempts, in ms; it doubles. `[100, 5_000]` when left out. */
  readonly backoffMs?: readonly [first: number, longest: number];
  /** Longest time of one attempt, in ms, from the call of the function; 30,000 when left out. */
  readonly timeoutMs?: number;
  /**
   * What becomes of an effect that was under way when the process died: `'retry'` (when left out)
   * runs it again with the same idempotency key; `'fail'` never does, it ends with `EFFECT_FAILED`
   * and `details.outcome: 'unknown'`.
   */
  readonly afterCrash?: 'retry' | 'fail';
}

/**
 * An effect by its input and result, as `effect()` returns it. Both are values that travel; a result that
 * cannot is `EFFECT_FAILED` and not tried again, since the effect has happened.
 */
export interface EffectDefinition<Input = never, Result = unknown> {
  readonly [EFFECT]: true;
  readonly run: (input: Input, context: EffectContext) => Result | Promise<Result>;
  readonly options: EffectOptions;
}

/** Effects by name, as a definition gives them; `ctx.effect(name, input)` finds them here. */
export type EffectMap = Readonly<Record<string, EffectDefinition>>;

/**
 * Loads a module that exports the effects, where they run and nowhere else: lanes never load what it imports.
 *
 * @example
 * effects: () => import('./mail.js')
 */
export type EffectLoader = () => Promise<object>;

/**
 * The effects by name, whatever way they were given: only what is an effect counts, so a module may
 * export other things too. No effects at all gives no names.
 */
export type EffectsOf<Effects> = Effects extends () => Promise<infer Module>
  ? OnlyEffects<Module>
  : string extends keyof Effects
    ? Record<never, never>
    : OnlyEffects<Effects>;

type OnlyEffects<Exports> = {
  readonly [Name in keyof Exports as Exports[Name] extends EffectDefinition ? Name & string : never]: Exports[Name];
};

/** Names of the effects. */
export type EffectName<Effects> = keyof EffectsOf<Effects> & string;

/** What `ctx.effect` takes after the name: one input, which may be left out where it may be undefined. */
export type EffectArguments<Definition> =
  Definition extends EffectDefinition<infer Input, unknown>
    ? [Input] extends [never]
      ? [input?: undefined]
      : undefined extends Input
        ? [input?: Input]
        : [input: Input]
    : never;

/** What `ctx.effect` resolves to. */
export type EffectResult<Definition> = Definition extends EffectDefinition<never, infer Result> ? Result : never;

/**
 * Defines an effect: work in the world, run outside the lanes at least once (with `afterCrash: 'fail'` at
 * most once). A `Refusal` that it throws is its answer (`REFUSED`); anything else is tried again as the
 * options say and ends with `EFFECT_FAILED`.
 *
 * @param run the work; gets the input, and an idempotency key that all attempts share
 * @throws SynapseError `INVALID_ARGUMENT` when the options are out of range
 *
 * @example
 * const mail = effect(async (input: { to: string }, { idempotencyKey, signal }) => send(input, idempotencyKey, signal),
 *   { retries: 3, timeoutMs: 10_000 });
 */
export function effect<Input, Result>(
  run: (input: Input, context: EffectContext) => Result,
  options: EffectOptions = {},
): EffectDefinition<Input, Awaited<Result>> {
  checkFunction('effect', 'run', run);
  resolveEffectOptions('effect', 'options', options);
  return Object.freeze({
    [EFFECT]: true as const,
    run: run as EffectDefinition<Input, Awaited<Result>>['run'],
    options: Object.freeze({ ...options }),
  });
}

/** Options with every default filled in. */
export interface ResolvedEffectOptions {
  readonly retries: number;
  readonly backoffMs: readonly [number, number];
  readonly timeoutMs: number;
  readonly afterCrash: 'retry' | 'fail';
}

/** Fills in the defaults; throws `INVALID_ARGUMENT` naming the option that is out of range. */
export function resolveEffectOptions(subject: string, field: string, options: EffectOptions): ResolvedEffectOptions {
  checkFields(subject, field, options, ['retries', 'backoffMs', 'timeoutMs', 'afterCrash']);
  const { retries = 0, backoffMs = [100, 5_000], timeoutMs = 30_000, afterCrash = 'retry' } = options;
  checkInteger(subject, `${field}.retries`, retries, 0, MAX_SAFE);
  checkBackoff(subject, `${field}.backoffMs`, backoffMs);
  checkInteger(subject, `${field}.timeoutMs`, timeoutMs, 1, MAX_TIMER_MS);
  checkOneOf(subject, `${field}.afterCrash`, afterCrash, ['retry', 'fail']);
  return Object.freeze({
    retries,
    backoffMs: Object.freeze([backoffMs[0], backoffMs[1]] as const),
    timeoutMs,
    afterCrash,
  });
}

/** True for what `effect()` of this or of another copy of the package returned. */
export function isEffect(value: unknown): value is EffectDefinition {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, EFFECT);
}
