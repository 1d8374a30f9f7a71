/**
 * The planted bugs: every patch still applies to the tree as it is, plants one line, says what it plants;
 * and the way from patch to finding works. `npm run mutants` looks for all of them.
 */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Catch } from './hunt.ts';
import { applyFault, linesOf, MutantTree, readMutants } from './mutant-tree.ts';

const MUTANTS = readMutants();

/** Those that must be among them: the simulator was asked to find them. */
const ASKED_FOR = [
  'reply-before-flush',
  'dedup-outside-transaction',
  'timer-of-old-incarnation',
  'snapshot-mid-turn',
  'rollback-forgets-table',
  'outbox-one-batch-early',
];

describe('the planted bugs', () => {
  it('are more than a dozen, and those that were asked for are among them', () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(16);
    expect(names).toEqual(expect.arrayContaining(ASKED_FOR));
  });

  describe.each(MUTANTS)('$name', (mutant) => {
    it('says in its first line what is planted', () => {
      expect(mutant.patch.split('\n')[0]).toMatch(/^# [A-Z].{20,}\.$/);
    });

    it('changes one line of the system', () => {
      const lines = linesOf(mutant.patch);
      expect(lines.out).toBe(1);
      expect(lines.in).toBeLessThanOrEqual(1);
      expect([...mutant.patch.matchAll(/^\+\+\+ b\/(.+)$/gm)].map(([, path = '']) => path)).toEqual([
        expect.stringMatching(/^src\/(actor|host|store)\//),
      ]);
    });

    it('applies to the tree as it is', () => {
      expect(applyFault(mutant)).toBeUndefined();
    });
  });

  it('would be told where one does not apply', () => {
    const [mutant] = MUTANTS;
    if (mutant === undefined) throw new TypeError('there are mutants');
    expect(applyFault({ ...mutant, path: `${mutant.path}.absent` })).toMatch(/absent/);
  });
});

describe('a mutant in a copy of the tree', () => {
  let tree: MutantTree;
  beforeAll(() => {
    tree = new MutantTree();
  });
  afterAll(() => tree.remove());

  /** What the simulator finds in so many seeds. */
  const hunt = (name: string | undefined, seeds: number): Catch => {
    tree.build(MUTANTS.find((mutant) => mutant.name === name));
    const run = execFileSync(process.execPath, ['dist/test/sim/hunt.js', String(seeds)], { cwd: tree.dir });
    return JSON.parse(run.toString()) as Catch;
  };

  it('is found by the simulator, and the tree without it shows nothing', () => {
    expect(hunt('reply-before-flush', 20)).toMatchObject({ check: 'durable' });
    expect(hunt('deleted-row-returns', 20).seed).toBeGreaterThan(0);
    expect(hunt(undefined, 5)).toEqual({ check: '', text: '' });
  }, 300_000);
});
