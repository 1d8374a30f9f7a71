/** The histogram against sorting all samples. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurationHistogram } from '../../src/cli/histogram.ts';

const HOUR_US = 3_600_000_000;

describe('the duration histogram', () => {
  it('answers 0 while it is empty', () => {
    expect(new DurationHistogram().quantileMs(0.5)).toBe(0);
  });

  it('is exact below 128 microseconds', () => {
    for (let us = 0; us < 128; us++) {
      const histogram = new DurationHistogram();
      histogram.record(us / 1000);
      expect(histogram.quantileMs(1)).toBe(us / 1000);
    }
  });

  it('gives a quantile that is never below the true one and at most 1/64 above it', () => {
    const samples = fc.array(fc.oneof(fc.nat(200), fc.nat(100_000), fc.nat(HOUR_US)), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (us, quantile) => {
        const histogram = new DurationHistogram();
        for (const sample of us) histogram.record(sample / 1000);
        const sorted = [...us].sort((a, b) => a - b);
        const truth = sorted[Math.max(1, Math.ceil(quantile * us.length)) - 1] ?? 0;
        const answer = Math.round(histogram.quantileMs(quantile) * 1000);
        expect(answer).toBeGreaterThanOrEqual(truth);
        expect(answer).toBeLessThanOrEqual(truth * (1 + 1 / 64));
      }),
    );
  });

  it('counts what is longer than its range as its longest, and a clock set back as 0', () => {
    const histogram = new DurationHistogram();
    histogram.record(1e12);
    expect(histogram.quantileMs(1)).toBe((2 ** 36 - 1) / 1000);
    histogram.record(-5);
    expect(histogram.quantileMs(0.5)).toBe(0);
    expect(histogram.count).toBe(2);
  });
});
