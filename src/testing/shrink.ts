/**
 * Cuts a failing list down to one that is short and still fails: delta debugging (Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002), with a bound on the number of tries.
 */

/** A shorter list that still fails; `fails` is asked at most `tries` times. Gives the tries that are left, too. */
export async function shrinkList<T>(
  list: readonly T[],
  fails: (shorter: readonly T[]) => Promise<boolean>,
  tries: number,
): Promise<{ readonly list: readonly T[]; readonly tries: number }> {
  let current = list;
  let left = tries;
  let parts = 2;
  while (current.length > 0 && left > 0) {
    const size = Math.ceil(current.length / parts);
    let hasShrunk = false;
    for (let at = 0; at < current.length && left > 0; at += size) {
      const shorter = [...current.slice(0, at), ...current.slice(at + size)];
      left -= 1;
      if (!(await fails(shorter))) continue;
      current = shorter;
      hasShrunk = true;
      at -= size; // what has moved here is tried next
    }
    if (hasShrunk) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(current.length, parts * 2);
  }
  return { list: current, tries: left };
}
