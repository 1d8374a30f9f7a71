/**
 * Question: what does `hardened: true` cost? The same handlers run plain in a plain lane, plain in a lane
 * that is locked down (it has hardened neighbours), and hardened; and a lane's start with and without SES.
 *
 * Estimate before measuring: a turn that uses ctx alone costs the same; a loop over names of the language
 * up to twice as much, since each is looked up in the Compartment; a lane starts 0.1 s later.
 *
 *   npm run bench -- hardened [--quick] [--json]
 */
import { createSystem } from 'synapse-actors';
import type { Arm, Bench } from './rig/bench.ts';
import { check, keepInFlight, timed } from './rig/load.ts';
import { main } from './rig/main.ts';

interface Parameters {
  /** Calls of the one-line command. */
  readonly adds: number;
  /** Calls of the command that loops, and how often it does: enough to outweigh the turn around it. */
  readonly computes: number;
  readonly loop: number;
  readonly inFlight: number;
}

const BOTH = new URL('./actors/hardened-actors.js', import.meta.url);
const PLAIN = new URL('./actors/plain-actors.js', import.meta.url);
const KEEPS = 'in memory; survives the death of a lane';

/** What both kinds of actor have. */
interface Handlers {
  add(by: number): Promise<number>;
  compute(loop: number): Promise<number>;
}

function armOf(name: string, actors: URL, type: 'plain' | 'hardened'): Arm<Parameters> {
  return {
    name,
    keeps: KEEPS,
    run: async ({ adds, computes, loop, inFlight }) => {
      const { seconds: startSeconds, given: system } = await timed(() => createSystem({ actors, lanes: 1 }));
      const ref = system.ref(type, 'acme', 'a') as unknown as Handlers;
      const warmUp = Math.ceil(adds / 5);
      await keepInFlight(warmUp, inFlight, () => ref.add(1));
      const { seconds: addSeconds } = await timed(() => keepInFlight(adds, inFlight, () => ref.add(1)));
      check('commands counted', await ref.add(0), warmUp + adds);
      const [expected] = await Promise.all([ref.compute(loop), ref.compute(loop)]);
      const { seconds: computeSeconds, given: sum } = await timed(() =>
        keepInFlight(computes, inFlight, () => ref.compute(loop)),
      );
      check('what was computed', sum, expected * computes);
      await system.close();
      return [
        { row: 'a command of one line', unit: 'µs', value: (addSeconds * 1e6) / adds },
        { row: `a loop of ${loop.toLocaleString('en')}`, unit: 'µs', value: (computeSeconds * 1e6) / computes },
        { row: 'start of a system', unit: 'ms', value: startSeconds * 1e3 },
      ];
    },
  };
}

const bench: Bench<Parameters> = {
  name: 'hardened',
  question: 'what does running an actor under SES cost?',
  estimate:
    'a turn that uses ctx alone the same; a loop over names of the language up to twice as much; a start 0.1 s more',
  full: { adds: 20_000, computes: 300, loop: 20_000, inFlight: 1_024 },
  quick: { adds: 20, computes: 2, loop: 1_000, inFlight: 16 },
  arms: [
    armOf('plain', PLAIN, 'plain'),
    armOf('plain beside hardened', BOTH, 'plain'),
    armOf('hardened', BOTH, 'hardened'),
  ],
};

await main(import.meta.url, bench);
