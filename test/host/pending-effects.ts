/** Effects that lanes of the harness want run, and their results; by name, so that a repeat is one effect. */
import { SynapseError } from '../../src/base/error.ts';
import { decodeValue, encodeValue } from '../../src/frame/codec.ts';
import { FRAME_KIND, type Frame, encodeError } from '../../src/frame/frame.ts';
import type { Sender } from './sender.ts';

interface PendingEffect {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

export type EffectAnswer = (name: string, input: unknown, tenant: string) => unknown;

export class PendingEffects {
  readonly #pending: Map<string, PendingEffect> = new Map();
  readonly #sender: Sender;
  readonly #answer: EffectAnswer | undefined;

  constructor(sender: Sender, answer: EffectAnswer | undefined) {
    this.#sender = sender;
    this.#answer = answer;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** In a fixed order: by tenant, then in the order of their turns. */
  get names(): string[] {
    return [...this.#pending.keys()].sort();
  }

  /** True when the frame was for effects. */
  receive(frame: Frame): boolean {
    const { tenant } = frame.target;
    if (frame.kind === FRAME_KIND.cancel) {
      this.#pending.delete(nameOf(tenant, frame.handler));
      return true;
    }
    if (frame.kind !== FRAME_KIND.effect) return false;
    const [id, , input] = decodeValue(frame.payload) as [string, number, Uint8Array];
    const name = nameOf(tenant, id);
    if (!this.#pending.has(name)) {
      this.#pending.set(name, { tenant, id, name: frame.handler, input: decodeValue(input) });
    }
    return true;
  }

  finishFirst(): void {
    for (const name of this.#pending.keys()) {
      this.finish(name);
      return;
    }
  }

  /** Runs one and sends what came of it. */
  finish(name: string): void {
    const effect = this.#pending.get(name);
    if (effect === undefined) return;
    this.#pending.delete(name);
    const { tenant, id } = effect;
    try {
      const value = this.#answer?.(effect.name, effect.input, tenant);
      this.#sender.deliver('effectResult', tenant, id, true, encodeValue(value));
    } catch (error) {
      const failure = error instanceof SynapseError ? error : new SynapseError('EFFECT_FAILED', String(error));
      this.#sender.deliver('effectResult', tenant, id, false, encodeError(failure));
    }
  }

  clear(): void {
    this.#pending.clear();
  }
}

function nameOf(tenant: string, id: string): string {
  const [turn = '', call = ''] = id.split('.');
  return `${tenant} ${turn.padStart(8)}.${call.padStart(4)}`;
}
