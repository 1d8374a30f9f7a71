/**
 * Effects between lanes and pool: a lane asks, the pool runs, the outcome goes back as an input that
 * is sent until it is durable. A lane that was replaced asks again for what is open: what runs, or
 * has come out and is on its way, is left alone.
 */
import type { Frame } from '../frame/frame.ts';
import type { Client } from '../host/client.ts';
import { cancelledEffect, effectParts, requestedEffect } from '../host/effect-frame.ts';
import { EffectPool } from './effect-pool.ts';

export interface EffectDeskOptions {
  readonly actors: readonly string[];
  readonly previous: readonly string[];
  readonly threads: number;
  readonly client: Client;
}

export class EffectDesk {
  readonly #pool: EffectPool;
  readonly #client: Client;
  /** Outcomes that are not durable yet. */
  readonly #settling: Set<string> = new Set();

  constructor({ actors, previous, threads, client }: EffectDeskOptions) {
    this.#client = client;
    this.#pool = new EffectPool({
      actors,
      previous,
      threads,
      onOutcome: (id, outcome) => this.#deliver(id, outcome.ok, outcome.ok ? outcome.value : outcome.error),
    });
  }

  /** A lane asks for an effect. */
  start(frame: Frame): void {
    const request = requestedEffect(frame);
    if (!this.#settling.has(request.id)) this.#pool.start(request);
  }

  /** A lane takes an effect back. */
  cancel(frame: Frame): void {
    this.#pool.cancel(cancelledEffect(frame));
  }

  #deliver(id: string, ok: boolean, payload: Uint8Array): void {
    const [tenant, effectId] = effectParts(id);
    this.#settling.add(id);
    this.#client
      .deliver('effectResult', tenant, effectId, ok, payload)
      .catch(() => undefined) // the system closed: the effect is open in the store and runs again
      .finally(() => this.#settling.delete(id));
  }

  drain(timeoutMs: number): Promise<void> {
    return this.#pool.drain(timeoutMs);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
