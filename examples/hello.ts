/**
 * The README's first example, line for line: a counter that remembers. Run it twice, and it goes on
 * counting. It leaves its state in `./hello-data`.
 *
 *   node dist/examples/hello.js
 */
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';

const system = await createSystem({
  actors: import.meta.resolve('synapse-actors/actors/counter'), // where the lanes find the code
  dataDir: './hello-data', // left out: in memory, gone with the process
});
const visits = system.ref(counter, 'acme', 'front-door'); // tenant and key; made by its first message
console.log(`visit number ${await visits.increment()}`); // answers once it is on disk
await system.close();
