/** A Piscina pool of counting threads: what a volatile task in another thread costs there, with its default options. */
import { Piscina } from 'piscina';

/** Starts a pool; `increment()` runs one task and returns what its thread has counted. */
export function openPool(threads) {
  const filename = new URL('./piscina-counter.mjs', import.meta.url).href;
  const pool = new Piscina({ filename, minThreads: threads, maxThreads: threads, idleTimeout: Infinity });
  return {
    increment: () => pool.run(1, { name: 'increment' }),
    completed: () => pool.completed,
    close: () => pool.destroy(),
  };
}
