/**
 * What crosses between the effect pool and its threads. Everything is plain and cloned; values travel
 * as codec bytes and errors as frames, since cloning loses an error's class and code.
 *
 *   pool ── describeEffect { type, version, effect } ──▶ thread   answers EffectDescription
 *   pool ── attemptEffect  { …, input, port } ─────────▶ thread   answers AttemptResult
 *            port: thread ── { kind: 'begun', thread } ─▶ pool    the user's function is called now
 *            port: pool ──── { kind: 'abort' } ─────────▶ thread  time-out or cancel
 *   pool ◀── { kind: 'effect-fault', message } ── thread          beside any task: an unhandled rejection
 */
import type { MessagePort } from 'node:worker_threads';
import type { ResolvedEffectOptions } from '../actor/effect-definition.ts';

/** Modules that an effect thread loads, as URLs; its `workerData`. */
export interface EffectModules {
  readonly actors: readonly string[];
  readonly previous: readonly string[];
}

/** Which effect. */
export interface EffectName {
  readonly type: string;
  readonly version: number;
  readonly effect: string;
}

/** Its options, or why there are none. */
export type EffectDescription = { readonly options: ResolvedEffectOptions } | { readonly fault: string };

/** One attempt at an effect. */
export interface AttemptTask extends EffectName {
  readonly input: Uint8Array;
  readonly idempotencyKey: string;
  readonly attempt: number;
  /** Of this attempt alone. */
  readonly port: MessagePort;
}

/** From the thread, over the task's port. */
export interface BegunMessage {
  readonly kind: 'begun';
  /** `threadId`, to end the thread when it does not answer an abort. */
  readonly thread: number;
}

/** To the thread, over the task's port. */
export interface AbortMessage {
  readonly kind: 'abort';
}

/** From the thread, of no task: what user code let go wrong unseen. */
export interface FaultMessage {
  readonly kind: 'effect-fault';
  readonly message: string;
}

export function isFault(message: unknown): message is FaultMessage {
  return typeof message === 'object' && message !== null && (message as FaultMessage).kind === 'effect-fault';
}
