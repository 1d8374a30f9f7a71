/**
 * The order in which JavaScript lists an object's keys: array indices ascending, then the other
 * strings as they were inserted. The codec writes and demands this order, since another one could
 * not survive a round trip.
 */

/** Largest array index (ECMA-262, 6.1.7): such keys come first, ascending. */
const INDEX_MAX = 2 ** 32 - 2;

/** The array index that `name` spells, or -1. */
export function indexOfName(name: string): number {
  const first = name.charCodeAt(0);
  if (!(first >= 0x30 && first <= 0x39) || name.length > 10) return -1;
  const index = Number(name);
  return index <= INDEX_MAX && String(index) === name ? index : -1;
}

/** False for key lists that only a proxy gives: array indices behind other keys, or not ascending. */
export function inOrder(names: readonly string[]): boolean {
  let last = -1;
  for (let i = 0; i < names.length; i++) {
    const index = indexOfName(names[i]!);
    if (index < 0) last = Infinity;
    else if (index <= last) return false;
    else last = index;
  }
  return true;
}

/** The same keys in the order an ordinary object lists them. */
export function ordered(names: readonly string[]): string[] {
  const object: Record<string, true> = Object.create(null) as Record<string, true>;
  for (const name of names) object[name] = true;
  return Object.keys(object);
}
