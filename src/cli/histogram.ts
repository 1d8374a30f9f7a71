/**
 * Durations in fixed memory: a log-linear histogram, 64 buckets to the octave, so that a quantile is
 * at most 1/64 (1.6 %) above the true one, whatever the number of samples. 16 KiB, no allocation per sample.
 *
 *   microseconds   0 1 2 … 63 | 64 … 127 | 128, 130 … 254 | 256, 260 … 508 | … | 2^36 (19 h)
 *   bucket width        1     |    1     |       2        |       4        |
 */

const SUB_BITS = 6;
const SUB_COUNT = 1 << SUB_BITS;
/** Octaves up to 2^36 µs, 19 hours: longer than any call may wait. Longer ones count as that. */
const TOP_EXPONENT = 36;
const BUCKET_COUNT = SUB_COUNT * (TOP_EXPONENT - SUB_BITS + 1);
const LONGEST_US = 2 ** TOP_EXPONENT - 1;

/** Counts durations and answers quantiles of them. */
export class DurationHistogram {
  readonly #counts = new Float64Array(BUCKET_COUNT);
  #count = 0;

  /** Samples recorded so far. */
  get count(): number {
    return this.#count;
  }

  /** Counts one duration in milliseconds; a negative one (a clock set back) counts as 0. */
  record(durationMs: number): void {
    const us = Math.min(LONGEST_US, Math.max(0, Math.round(durationMs * 1000)));
    const index = bucketOf(us);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
  }

  /**
   * The duration in milliseconds that the fraction `quantile` (0 to 1) of all samples does not
   * exceed, rounded up to its bucket's end; 0 while there are no samples.
   */
  quantileMs(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (let index = 0; index < BUCKET_COUNT; index++) {
      seen += this.#counts[index] ?? 0;
      if (seen >= rank) return bucketEndUs(index) / 1000;
    }
    return 0;
  }
}

function bucketOf(us: number): number {
  if (us < SUB_COUNT) return us;
  const exponent = us < 2 ** 31 ? 31 - Math.clz32(us) : Math.floor(Math.log2(us));
  const shift = exponent - SUB_BITS;
  return SUB_COUNT * (shift + 1) + Math.floor(us / 2 ** shift) - SUB_COUNT;
}

function bucketEndUs(index: number): number {
  if (index < SUB_COUNT) return index;
  const shift = Math.floor(index / SUB_COUNT) - 1;
  const sub = index % SUB_COUNT;
  return (SUB_COUNT + sub + 1) * 2 ** shift - 1;
}
