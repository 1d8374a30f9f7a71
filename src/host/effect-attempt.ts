/**
 * One effect from its first attempt to its outcome: retries, back-off, time-outs, cancellation. The
 * pool of threads and the local double of the tests both run effects through this file, so they agree.
 *
 *   start ──▶ attempt n ──▶ value ─────────────────────▶ outcome ok
 *                │  └─────▶ refused, cannot travel ────▶ outcome error (never tried again)
 *                ├ failed, timed out, thread died ─┬ n > retries ▶ outcome error
 *                └◀──── back-off ◀─────────────────┘ n ≤ retries
 *
 * It promises one outcome, or none after a cancel. It holds no thread and no clock: both are ports.
 */
import { Refusal, SynapseError } from '../base/error.ts';
import type { EffectContext, EffectDefinition, ResolvedEffectOptions } from '../actor/effect-definition.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { encodeError } from '../frame/frame.ts';

/** An effect that a domain wants run. */
export interface EffectRequest {
  /** Names it for `cancel` and `onOutcome`; unique in the process. */
  readonly id: string;
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  /** Version of the actor type that asked for it. */
  readonly version: number;
  /** Its name in the definition. */
  readonly effect: string;
  /** `encodeValue` bytes. */
  readonly input: Uint8Array;
  /** The same for every attempt, after a crash too. */
  readonly idempotencyKey: string;
  /** It may already have run before the process died. */
  readonly afterRestart: boolean;
}

/** How an effect came out: `encodeValue` bytes, or `encodeError` bytes of `EFFECT_FAILED` or `REFUSED`. */
export type EffectOutcome =
  | { readonly ok: true; readonly value: Uint8Array }
  | { readonly ok: false; readonly error: Uint8Array };

/** What runs effects: the pool of threads, or the double of the tests. */
export interface EffectRunner {
  /** Runs the effect; one that is pending already is left alone. */
  start(request: EffectRequest): void;
  /** Ends the effect without an outcome and aborts its signal; an id that is not pending is passed over. */
  cancel(id: string): void;
  /** Effects without an outcome. */
  readonly pending: number;
  /** Resolves when nothing is pending, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
  /** Cancels all and frees what it holds. Idempotent. */
  close(): Promise<void>;
}

/** Timers as a port, real or virtual. */
export interface EffectTimers {
  /** Calls `run` after `ms` ms; the returned function prevents it. */
  after(ms: number, run: () => void): () => void;
}

/** How one attempt ended. */
export type AttemptResult =
  | { readonly kind: 'value'; readonly value: Uint8Array }
  /** Final: `encodeError` bytes. */
  | { readonly kind: 'refused'; readonly error: Uint8Array }
  /** What the effect threw. */
  | { readonly kind: 'thrown'; readonly name: string; readonly message: string }
  /** Ran into `timeoutMs`. */
  | { readonly kind: 'timeout' }
  /** Its thread died: it may have run, it may not. */
  | { readonly kind: 'died'; readonly message: string };

/** An attempt under way. */
export interface RunningAttempt {
  /** Never rejects. */
  readonly result: Promise<AttemptResult>;
  /** Aborts the signal of the attempt; nobody waits for its result any more. */
  abort(): void;
}

/** What an effect's run needs from its surroundings. */
export interface AttemptPorts {
  readonly timers: EffectTimers;
  /** Begins attempt `number` (the first is 1) and calls `begun` when the user's function is called. */
  attempt(number: number, begun: () => void): RunningAttempt;
  onOutcome(outcome: EffectOutcome): void;
}

/** One effect on its way. */
export class EffectRun {
  readonly #request: EffectRequest;
  readonly #options: ResolvedEffectOptions;
  readonly #ports: AttemptPorts;
  #number = 0;
  #running: RunningAttempt | undefined;
  #stopTimer: (() => void) | undefined;
  #ended = false;

  constructor(request: EffectRequest, options: ResolvedEffectOptions, ports: AttemptPorts) {
    this.#request = request;
    this.#options = options;
    this.#ports = ports;
  }

  start(): void {
    if (this.#request.afterRestart && this.#options.afterCrash === 'fail') {
      const reason = "it may have run before the process died, and its afterCrash is 'fail'";
      this.#end({ ok: false, error: failureBytes(this.#request, 0, reason, { outcome: 'unknown' }) });
      return;
    }
    this.#begin();
  }

  /** No outcome follows. */
  cancel(): void {
    this.#ended = true;
    this.#stopTimer?.();
    this.#running?.abort();
  }

  #begin(): void {
    this.#number += 1;
    // What an attempt says after its end must not be taken for the next one's word.
    let settled = false;
    const settle = (result: AttemptResult): void => {
      if (settled || this.#ended) return;
      settled = true;
      this.#stopTimer?.();
      this.#running = undefined;
      this.#settle(result);
    };
    const begun = (): void => {
      if (settled || this.#ended) return;
      this.#stopTimer = this.#ports.timers.after(this.#options.timeoutMs, () => {
        this.#running?.abort();
        settle({ kind: 'timeout' });
      });
    };
    this.#stopTimer = undefined;
    this.#running = this.#ports.attempt(this.#number, begun);
    void this.#running.result.then(settle);
  }

  #settle(result: AttemptResult): void {
    if (result.kind === 'value') this.#end({ ok: true, value: result.value });
    else if (result.kind === 'refused') this.#end({ ok: false, error: result.error });
    else if (this.#number > this.#options.retries) this.#end({ ok: false, error: this.#failure(result) });
    else
      this.#stopTimer = this.#ports.timers.after(backoffMs(this.#options.backoffMs, this.#number), () => this.#begin());
  }

  #failure(result: Exclude<AttemptResult, { kind: 'value' | 'refused' }>): Uint8Array {
    const { timeoutMs } = this.#options;
    if (result.kind === 'timeout')
      return failureBytes(this.#request, this.#number, `no result within ${timeoutMs} ms`, { timeout: true });
    if (result.kind === 'died')
      return failureBytes(this.#request, this.#number, `its thread died: ${result.message}`, { outcome: 'unknown' });
    return failureBytes(this.#request, this.#number, `${result.name}: ${result.message}`, {
      name: result.name,
      message: result.message,
    });
  }

  #end(outcome: EffectOutcome): void {
    this.#ended = true;
    this.#ports.onOutcome(outcome);
  }
}

/** The pause after failed attempt `number`: the first one doubled each time, up to the longest. */
export function backoffMs([firstMs, longestMs]: readonly [number, number], number: number): number {
  return Math.min(longestMs, firstMs * 2 ** (number - 1));
}

/** `encodeError` bytes of `EFFECT_FAILED`; `attempts` 0 says that it was not run. */
export function failureBytes(
  of: { type: string; effect: string },
  attempts: number,
  reason: string,
  details: Record<string, unknown> = {},
): Uint8Array {
  const name = `${of.type}.${of.effect}`;
  const count = attempts === 0 ? '' : ` after ${attempts} attempt${attempts === 1 ? '' : 's'}`;
  return encodeError(
    new SynapseError('EFFECT_FAILED', `effect ${name} failed${count}: ${reason}`, {
      effect: name,
      attempts,
      ...details,
    }),
  );
}

/** Calls the user's function once and encodes what comes of it. Never rejects. */
export async function runAttempt(
  of: { type: string; effect: string; input: Uint8Array },
  run: EffectDefinition['run'],
  context: EffectContext,
): Promise<AttemptResult> {
  let value: unknown;
  try {
    value = await run(decodeValue(of.input) as never, context);
  } catch (error) {
    return isRefusal(error)
      ? { kind: 'refused', error: encodeError(new SynapseError('REFUSED', error.message, error.details)) }
      : thrown(error);
  }
  try {
    return { kind: 'value', value: encodeValue(value, undefined, 'result') };
  } catch (error) {
    // The effect has happened: another attempt would do it twice and end here again.
    const { message, code, details } = error as SynapseError;
    return {
      kind: 'refused',
      error: failureBytes(of, context.attempt, `its result cannot travel: ${message}`, { ...details, reason: code }),
    };
  }
}

/** Refusals of another copy of the package count too. */
function isRefusal(error: unknown): error is Refusal {
  return error instanceof Refusal || (error instanceof Error && error.name === 'Refusal' && 'details' in error);
}

/** Name and message of whatever was thrown, without its stack. */
export function thrown(error: unknown): AttemptResult & { kind: 'thrown' } {
  try {
    if (!(error instanceof Error)) return { kind: 'thrown', name: 'Error', message: String(error) };
    // "fetch failed" alone says nothing: Node puts the reason into the cause.
    const cause = error.cause instanceof Error && error.cause.message !== '' ? ` (${error.cause.message})` : '';
    return { kind: 'thrown', name: String(error.name), message: `${error.message}${cause}` };
  } catch {
    return { kind: 'thrown', name: 'Error', message: 'what it threw cannot be read' };
  }
}
