/**
 * Benches run small here, so that they never rot: every row completes and the result is checked by
 * the bench itself. No figure of such a run means anything.
 */
import { expect, it } from 'vitest';
import { runMicro } from '../../bench/micro.ts';

it('the micro bench completes every row', async () => {
  const rows = await runMicro(true);
  expect(rows.map(({ name }) => name)).toHaveLength(7);
  for (const { meanNs } of rows) expect(meanNs).toBeGreaterThan(0);
});
