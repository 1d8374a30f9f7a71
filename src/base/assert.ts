/**
 * Assertions that stay on in production. A failed one is a bug of ours: nothing of ours catches it,
 * the supervisor above decides.
 */

/** Throws when `condition` is false; `invariant` says in words what must always hold. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`bug: ${invariant}`);
}
