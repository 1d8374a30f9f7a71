/**
 * Every bench, and what it asks: `bench/NAME.ts`. What is missing here cannot be run by name and is not tried by
 * the tests.
 */

/** Benches by name, those that matter most first. */
export const BENCHES: Readonly<Record<string, string>> = {
  durable: 'what does a durable, audited command cost beside a volatile message elsewhere?',
  micro: 'where do a command’s nanoseconds go?',
  drain: 'what does draining the microtasks of a turn cost?',
  replay: 'is a replay at least as fast as the live run that it repeats?',
  audit: 'what do a leaf and a proof of the audit log cost at a million entries?',
};
