/**
 * Seeded chance for the simulator and for workloads: everything that a run decides comes from here, so
 * one number repeats it. Streams of one seed are independent of each other: drawing more from one
 * changes nothing in the others.
 */
import { SEED_BYTES, SeededRandom } from '../base/seeded.ts';

/** Chance with a seed; the same seed and stream draw the same. */
export class Chance {
  readonly #random: SeededRandom;

  /** `stream` separates the users of one seed. Both are taken as 32-bit integers. */
  constructor(seed: number, stream = 0) {
    const bytes = new Uint8Array(SEED_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, seed >>> 0);
    view.setUint32(4, Math.floor(seed / 2 ** 32) >>> 0);
    this.#random = new SeededRandom(bytes, stream);
  }

  /** A number in [0, 1). */
  random(): number {
    return this.#random.random();
  }

  /** An integer from 0 to `count` - 1; 0 for a count of 0. */
  below(count: number): number {
    return Math.floor(this.#random.random() * count);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True with the probability `rate`, 0 to 1. */
  happens(rate: number): boolean {
    return this.#random.random() < rate;
  }

  /** One of `values`, which must not be empty. */
  one<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** Fills `bytes` with chance. */
  fill(bytes: Uint8Array): void {
    this.#random.fill(bytes);
  }
}
