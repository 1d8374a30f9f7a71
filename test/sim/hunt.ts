/**
 * Runs seed after seed of the simulator until one shows something, and prints one line of JSON: the seed,
 * the check that saw it and its words, or that nothing was found. Run in the copy of the tree that holds a
 * mutant: `node dist/test/sim/hunt.js TO [FROM]`.
 */
import { simulate } from '../../src/testing/simulation.ts';

/** What a hunt ends with. */
export interface Catch {
  /** Nothing where no seed showed anything. */
  readonly seed: number | undefined;
  readonly check: string;
  readonly text: string;
}

let seed = Number(process.argv[3] ?? 1);

function tell(found: Catch): never {
  process.stdout.write(`${JSON.stringify(found)}\n`);
  process.exit(0);
}

/** An assertion that fails, or an error that nobody catches, is a finding as well. */
function tellBreak(error: unknown): never {
  const text = String(error instanceof Error ? error.stack : error)
    .split('\n')
    .slice(0, 2)
    .map((line) => line.trim())
    .join(' ');
  return tell({ seed, check: 'broke off', text });
}

const most = Number(process.argv[2]);
if (!Number.isSafeInteger(most) || most < 1) throw new TypeError('say how far: node dist/test/sim/hunt.js 1000');
process.on('unhandledRejection', tellBreak);
for (; seed <= most; seed++) {
  const result = await simulate({ seed, shrink: false }).catch(tellBreak);
  const [first] = result.violations;
  if (first !== undefined) tell({ seed, check: first.check, text: first.text.split('\n')[0] ?? '' });
}
tell({ seed: undefined, check: '', text: '' });
