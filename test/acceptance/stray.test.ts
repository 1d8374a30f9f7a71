/** A promise that outlives its turn reaches nothing of it, and the error names actor and handler. */
import { testSystem } from 'synapse-actors/testing';
import { describe, expect, it } from 'vitest';
import { stray } from './fixtures/stray.ts';
import { fixture, keep, open, same } from './harness.ts';

const EIGHTEEN = 18;

describe('a promise that outlives its turn', () => {
  it('reaches nothing of it from another turn, not even of another tenant, and says whose it was', async () => {
    const system = await open('stray');
    await system.ref(stray, 'acme', 'a').leave();
    const other = system.ref(stray, 'other', 'z');
    await other.release();
    const met = await other.met();
    same(met.length, EIGHTEEN);
    for (const line of met) expect(line).toMatch(/^AMBIENT_AUTHORITY acme\/stray\/a leave: this turn is over, /);
    same([await system.ref(stray, 'acme', 'a').n(), await other.n()], [0, 0]);
  });

  it('reaches nothing of a query that is over', async () => {
    const system = await open('stray');
    await system.ref(stray, 'acme', 'a').late();
    await system.ref(stray, 'other', 'z').release();
    expect(await system.ref(stray, 'other', 'z').met()).toEqual([
      'AMBIENT_AUTHORITY acme/stray/a late: this query is over, state is out of its reach',
    ]);
  });

  it.each(['wait', 'outrun'] as const)(
    'reaches nothing of a turn that was thrown away and runs anew: %s',
    async (handler) => {
      let finish: (value: unknown) => void = () => undefined;
      const effects = { slow: () => new Promise((resolve) => (finish = resolve)) };
      const system = keep(await testSystem({ actors: fixture('stray'), effects }));
      const ref = system.ref(stray, 'acme', 'a');
      await ref.met();
      await ref.touch();
      const answer = ref[handler]();
      await system.advance(1);
      // What is on disk and idle leaves memory, though a turn waits there.
      await system.snapshot();
      await system.advance(1_000);
      await system.advance(1_000);
      finish(5);
      await system.advance(1);
      if (handler === 'wait') {
        same(await answer, 5);
        expect(await ref.met()).toEqual([
          'AMBIENT_AUTHORITY acme/stray/a wait: this turn was thrown away and runs anew, state is out of its reach',
        ]);
      } else same(await answer, 'from the effect');
    },
  );
});
