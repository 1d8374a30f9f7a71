/**
 * Effects for tests: stubs run in this thread, under a virtual clock, with the retries, back-off,
 * time-outs and cancellation that the pool has. It loads nothing and runs no effect that has no stub:
 * a test that reaches the world by accident fails with a message instead.
 */
import type { EffectDefinition, ResolvedEffectOptions } from '../actor/effect-definition.ts';
import { isEffect, resolveEffectOptions } from '../actor/effect-definition.ts';
import type { Registry } from '../actor/kernel-config.ts';
import {
  type EffectOutcome,
  type EffectRequest,
  EffectRun,
  type EffectRunner,
  type EffectTimers,
  failureBytes,
  runAttempt,
  type RunningAttempt,
} from './effect-attempt.ts';
import { EffectRegister } from './effect-register.ts';

/** Stands in for an effect: a function, or an `effect(…)` that brings options of its own. */
export type EffectStub = EffectDefinition['run'] | EffectDefinition;

export interface LocalEffectsOptions {
  /** The options of effects come from here; those behind a loader have the defaults. */
  readonly registry: Registry;
  /** By `actor.effect`, or by the effect's name alone. */
  readonly stubs: Readonly<Record<string, EffectStub>>;
  readonly timers: EffectTimers;
  onOutcome(id: string, outcome: EffectOutcome): void;
}

/** An {@link EffectRunner} in this thread. */
export class LocalEffects implements EffectRunner {
  readonly #options: LocalEffectsOptions;
  readonly #register: EffectRegister;

  constructor(options: LocalEffectsOptions) {
    this.#options = options;
    this.#register = new EffectRegister(options.timers);
  }

  get pending(): number {
    return this.#register.size;
  }

  start(request: EffectRequest): void {
    if (this.#register.has(request.id)) return;
    const stub = this.#stubOf(request);
    const run = new EffectRun(request, this.#optionsOf(request, stub), {
      timers: this.#options.timers,
      attempt: (number, begun) => this.#attempt(request, stub, number, begun),
      onOutcome: (outcome) => {
        if (this.#register.remove(request.id)) this.#options.onOutcome(request.id, outcome);
      },
    });
    this.#register.set(request.id, () => run.cancel());
    run.start();
  }

  cancel(id: string): void {
    this.#register.cancel(id);
  }

  drain(timeoutMs: number): Promise<void> {
    return this.#register.drain(timeoutMs);
  }

  close(): Promise<void> {
    this.#register.cancelAll();
    return Promise.resolve();
  }

  #attempt(request: EffectRequest, stub: EffectStub | undefined, number: number, begun: () => void): RunningAttempt {
    if (stub === undefined) {
      const reason = `no stub for it: testSystem({ effects: { ${JSON.stringify(request.effect)}: … } })`;
      return {
        result: Promise.resolve({ kind: 'refused', error: failureBytes(request, 0, reason) }),
        abort: () => undefined,
      };
    }
    const controller = new AbortController();
    begun();
    const { idempotencyKey } = request;
    const run = isEffect(stub) ? stub.run : stub;
    return {
      result: runAttempt(request, run, { idempotencyKey, attempt: number, signal: controller.signal }),
      abort: () => controller.abort(),
    };
  }

  #stubOf({ type, effect }: EffectRequest): EffectStub | undefined {
    const { stubs } = this.#options;
    const name = [`${type}.${effect}`, effect].find((known) => Object.hasOwn(stubs, known));
    return name === undefined ? undefined : stubs[name];
  }

  #optionsOf({ type, version, effect }: EffectRequest, stub: EffectStub | undefined): ResolvedEffectOptions {
    const { registry } = this.#options;
    const defined = registry.resolve(type, version) ?? registry.newest(type);
    const own =
      isEffect(stub) && Object.keys(stub.options).length > 0
        ? resolveEffectOptions('stub', effect, stub.options)
        : undefined;
    return own ?? defined?.effectOptions(effect) ?? resolveEffectOptions('effect', effect, {});
  }
}
