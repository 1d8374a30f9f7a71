/**
 * Seeded chance: xoshiro128** over a 16-byte seed that the journal keeps, so that a replay draws the
 * same numbers. Not for secrets. Source: Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators" (2018).
 */

/** Bytes of a step's seed. */
export const SEED_BYTES = 16;

const MIX = 0x9e3779b9; // 2^32 divided by the golden ratio: spreads neighbouring stream numbers apart

export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `stream` separates the turns of one step, which share its seed. */
  constructor(seed: Uint8Array, stream = 0) {
    const word = (at: number): number =>
      (seed[at] ?? 0) | ((seed[at + 1] ?? 0) << 8) | ((seed[at + 2] ?? 0) << 16) | ((seed[at + 3] ?? 0) << 24) | 0;
    this.#a = word(0) ^ Math.imul(stream + 1, MIX);
    this.#b = word(4) ^ Math.imul(stream ^ 0x85ebca6b, 0xc2b2ae35);
    this.#c = word(8) | 0;
    this.#d = word(12) | 1; // never the all-zero state, from which the generator could not leave
    for (let i = 0; i < 8; i++) this.#next32(); // lets the stream number reach all words
  }

  #next32(): number {
    const scrambled = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9);
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotate(this.#d, 11);
    return scrambled >>> 0;
  }

  /** A number in [0, 1) with 53 random bits. */
  random(): number {
    return ((this.#next32() >>> 5) * 67_108_864 + (this.#next32() >>> 6)) / 9_007_199_254_740_992;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 4) {
      const word = this.#next32();
      for (let k = 0; k < 4 && i + k < bytes.length; k++) bytes[i + k] = (word >>> (8 * k)) & 0xff;
    }
  }

  /** A version 4 UUID (RFC 9562). */
  uuid(): string {
    const bytes = new Uint8Array(16);
    this.fill(bytes);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
