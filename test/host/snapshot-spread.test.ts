/** First snapshots of tenants that are called in turn do not come at the same step, and none comes late. */
import { expect, test } from 'vitest';
import { actor } from 'synapse-actors';
import { World } from './world.ts';

const unit = actor('unit', {
  state: () => ({ n: 0 }),
  commands: { add: (ctx, n: number): number => (ctx.state.n += n) },
});

const TENANTS = Array.from({ length: 8 }, (_, at) => `tenant-${at}`);

/** Seq of each tenant's last snapshot after `steps` calls of each. */
async function snapshotsAfter(steps: number, snapshotEverySteps: number): Promise<number[]> {
  const world = new World([unit], { snapshotEverySteps });
  for (let n = 0; n < steps; n++) {
    for (const tenant of TENANTS) world.send('unit/a', 'add', [1], { tenant });
    if (n % 50 === 0) await world.cluster.settle();
  }
  await world.cluster.settle();
  return TENANTS.map((tenant) => world.cluster.store.loadDomain(tenant)?.snapshotSeq ?? 0);
}

test('with the usual number of steps they are spread over the whole way', async () => {
  const first = await snapshotsAfter(1_000, 1_000);
  for (const seq of first) {
    expect(seq).toBeGreaterThan(0);
    expect(seq).toBeLessThanOrEqual(1_000);
  }
  expect(Math.min(...first)).toBeLessThan(500); // the code of snapshots is known early
  expect(Math.max(...first)).toBeGreaterThan(500);
  expect(new Set(first).size).toBeGreaterThan(TENANTS.length / 2);
});

test('with few steps they come when they were asked for', async () => {
  expect(await snapshotsAfter(120, 100)).toEqual(TENANTS.map(() => 100));
});
