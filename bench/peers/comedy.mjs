/** Threaded comedy actors, two counters: what a volatile call to another thread costs there. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Starts `threads` counters; `increment(at)` calls one of them, `total()` is what they have counted. */
export async function openCounters(threads) {
  const system = require('comedy')({ log: require('comedy').logger?.Silent?.(), loggerParams: { level: 'Error' } });
  const root = await system.rootActor();
  const actors = [];
  for (let i = 0; i < threads; i++)
    actors.push(await root.createChild('/comedy-counter.cjs', { mode: 'threaded', name: `counter${i}` }));
  return {
    increment: (at) => actors[at % threads].sendAndReceive('increment', 1),
    total: async () => {
      const counts = await Promise.all(actors.map((actor) => actor.sendAndReceive('count')));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    close: () => system.destroy(),
  };
}
