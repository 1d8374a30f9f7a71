/**
 * Equality of values that travel, stricter than a test runner's: -0 is not 0, undefined is not missing,
 * the order of keys and members counts, an invalid Date equals itself, prototypes must match.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof ArrayBuffer) return sameList([...new Uint8Array(a)], [...new Uint8Array(b as ArrayBuffer)]);
  if (a instanceof Uint8Array) return sameList([...a], [...(b as Uint8Array)]);
  if (a instanceof Map) return sameList([...a].flat(1), [...(b as Map<unknown, unknown>)].flat(1));
  if (a instanceof Set) return sameList([...a], [...(b as Set<unknown>)]);
  if (Array.isArray(a)) return sameList(a, b as unknown[]);
  return sameList(Object.keys(a), Object.keys(b)) && sameList(Object.values(a), Object.values(b));
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => sameValue(value, b[i]));
}
