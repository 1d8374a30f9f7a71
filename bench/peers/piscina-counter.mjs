/** A counter in each thread of a Piscina pool: what a task has to do. */
let total = 0;

export function increment(by) {
  total += by;
  return total;
}
