/**
 * The effects that have no outcome yet, by id, and those who wait until there are none. Shared by the
 * pool and the tests' double.
 */
import type { EffectTimers } from './effect-attempt.ts';

export class EffectRegister {
  readonly #timers: EffectTimers;
  readonly #cancels: Map<string, () => void> = new Map();
  readonly #waiting: Set<() => void> = new Set();

  constructor(timers: EffectTimers) {
    this.#timers = timers;
  }

  get size(): number {
    return this.#cancels.size;
  }

  has(id: string): boolean {
    return this.#cancels.has(id);
  }

  /** `cancel` is replaced when the effect goes from one stage to the next. */
  set(id: string, cancel: () => void): void {
    this.#cancels.set(id, cancel);
  }

  /** False when it was cancelled meanwhile. */
  remove(id: string): boolean {
    const known = this.#cancels.delete(id);
    if (this.#cancels.size === 0) for (const wake of this.#waiting) wake();
    return known;
  }

  cancel(id: string): void {
    const cancel = this.#cancels.get(id);
    if (cancel === undefined) return;
    this.remove(id);
    cancel();
  }

  cancelAll(): void {
    for (const id of this.#cancels.keys()) this.cancel(id);
  }

  /** Resolves when nothing is left, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void> {
    if (this.#cancels.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        stop();
        resolve();
      };
      const stop = this.#timers.after(timeoutMs, wake);
      this.#waiting.add(wake);
    });
  }
}
