/**
 * The README's example: a counter that remembers. Run it twice, and it goes on counting.
 *
 *   node dist/examples/hello.js
 */
import { createSystem } from 'synapse-actors';
import { counter } from '../actors/counter.ts';

const system = await createSystem({
  actors: new URL('../actors/counter.js', import.meta.url), // where the lanes find the code
  dataDir: './hello-data',
});
const visits = system.ref(counter, 'acme', 'front-door'); // tenant, key: made by its first message
console.log(`visit number ${await visits.increment()}`); // resolves once it is on disk
await system.close();
