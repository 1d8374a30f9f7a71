/** api.md, promise 3: messages from one sender to one actor arrive in order; inputs of a tenant have one total order. */
import { describe, it } from 'vitest';
import { rogue } from './fixtures/rogue.ts';
import { witness } from './fixtures/witness.ts';
import { folder, open, same, seqOf, shardOf } from './harness.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('order', () => {
  it('calls of one sender to one actor are carried out in the order they were made', async () => {
    const system = await open('rogue');
    const ref = system.ref(rogue, 'acme', 'r');
    const lengths = await Promise.all(numbers(2_000).map((n) => ref.append(n)));
    same(
      lengths,
      numbers(2_000).map((n) => n + 1),
    );
    same(await ref.log(), numbers(2_000));
  });

  it('tells and calls of one sender share one order, through equal references', async () => {
    const system = await open('rogue', { dataDir: folder() });
    const pending: Promise<unknown>[] = [];
    for (const n of numbers(1_000)) {
      const ref = system.ref(rogue, 'acme', 'r');
      if (n % 3 === 0) ref.tell.append(n);
      else pending.push(ref.append(n));
    }
    await Promise.all(pending);
    same(await system.ref(rogue, 'acme', 'r').log(), numbers(1_000));
  });

  it('every input of a tenant has one seq, without gaps, over several actors', async () => {
    const system = await open('witness');
    const seen = await Promise.all(numbers(300).map((n) => system.ref(witness, 'acme', `w${n % 7}`).look()));
    const seqs = seen.map((look) => look.seq).sort((a, b) => a - b);
    same(
      seqs,
      numbers(300).map((n) => seqs[0]! + n),
    );
    same(await seqOf(system, 'acme'), seqs.at(-1));
  });

  it('answers to one actor come in order while other tenants of the lane are busy', async () => {
    const system = await open('rogue', { lanes: 2 });
    const done: Record<string, number[]> = {};
    const pending: Promise<unknown>[] = [];
    for (const n of numbers(200)) {
      for (const tenant of ['a', 'b', 'c', 'd', 'e']) {
        const order = (done[tenant] ??= []);
        pending.push(
          system
            .ref(rogue, tenant, 'r')
            .append(n)
            .then(() => order.push(n)),
        );
      }
    }
    await Promise.all(pending);
    for (const tenant of ['a', 'b', 'c', 'd', 'e']) {
      same(done[tenant], numbers(200));
      same(await system.ref(rogue, tenant, 'r').log(), numbers(200));
    }
  });

  it('survives a close and reopen in the middle', async () => {
    const dataDir = folder();
    for (let round = 0; round < 3; round++) {
      const system = await open('rogue', { dataDir });
      const ref = system.ref(rogue, 'acme', 'r');
      await Promise.all(numbers(50).map((n) => ref.append(round * 50 + n)));
      same(await ref.log(), numbers((round + 1) * 50));
      await system.close();
    }
  });

  it('holds across a move of the shard', async () => {
    const system = await open('rogue', { lanes: 2 });
    const ref = system.ref(rogue, 'acme', 'r');
    const pending: Promise<unknown>[] = [];
    const shard = shardOf('acme', 8);
    const moves: Promise<unknown>[] = [];
    for (const n of numbers(600)) {
      pending.push(ref.append(n));
      if (n % 200 === 100) {
        moves.push(system.moveShard(shard, (n / 100 - 1) % 4 === 0 ? 1 : 0));
        await moves.at(-1);
      }
    }
    await Promise.all([...pending, ...moves]);
    same(await ref.log(), numbers(600));
  });
});
