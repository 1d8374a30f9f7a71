/**
 * The world that effects reach in a simulation: the stubs, each answering after a while of simulated
 * time, and a note of every attempt that got there. An effect that leaves too early is seen here.
 */
import { type EffectContext, isEffect, effect as makeEffect } from '../actor/effect-definition.ts';
import type { EffectStub } from '../host/effect-local.ts';
import type { Chance } from './chance.ts';
import type { SimulatedClock } from './sim-clock.ts';

/** One attempt at an effect, as the world saw it. */
export interface EffectAttempt {
  readonly effect: string;
  readonly input: unknown;
  readonly idempotencyKey: string;
  readonly atMs: number;
}

/** Longest latency of an effect, ms: longer than a back-off, so that some come late. */
const LATENCY_MAX_MS = 400;

/** The stubs with latencies, and an ear at each. */
export function observedEffects(
  stubs: Readonly<Record<string, EffectStub>>,
  clock: SimulatedClock,
  chance: Chance,
  onAttempt: (attempt: EffectAttempt) => void,
): Record<string, EffectStub> {
  const observed: Record<string, EffectStub> = {};
  for (const [name, stub] of Object.entries(stubs)) {
    const run = isEffect(stub) ? stub.run : stub;
    const slow = async (input: never, context: EffectContext): Promise<unknown> => {
      onAttempt({ effect: name, input, idempotencyKey: context.idempotencyKey, atMs: clock.wallMs });
      const ms = chance.happens(0.3) ? 0 : chance.below(LATENCY_MAX_MS);
      await new Promise<void>((resolve) => void clock.steady.after(ms, resolve));
      return run(input, context);
    };
    observed[name] = isEffect(stub) ? makeEffect(slow, stub.options) : slow;
  }
  return observed;
}
