/**
 * The process that the bench of recovery kills: fills a store with commands, says on standard output how many a second
 * it managed, and waits for its end. It never closes its system, so that nothing is tidied up for a restart.
 *
 *   node fill.js DIR TENANTS COMMANDS LANES
 */
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import { keepInFlight, timed } from '../rig/load.ts';

const IN_FLIGHT = 4_096;
/** What is slow should be measured, not fail. */
const CALL_TIMEOUT_MS = 280_000;

const [dataDir = '', ...counts] = process.argv.slice(2);
const [tenants = 1, commands = 1, lanes = 1] = counts.map(Number);

const system = await createSystem({ actors: new URL('../../actors/counter.js', import.meta.url), dataDir, lanes });
const refs = Array.from({ length: tenants }, (_, at) =>
  system.ref(counter, `tenant-${at}`, 'one').with({ timeoutMs: CALL_TIMEOUT_MS }),
);
const { seconds } = await timed(() => keepInFlight(commands, IN_FLIGHT, (at) => refs[at % tenants]!.increment()));
process.stdout.write(`${commands / seconds}\n`);
// Its parent kills it; where the parent itself has died, this pipe ends.
process.stdin.on('end', () => process.exit(1)).resume();
