/** The bench of hardened actors runs, small. */
import { expect, test } from 'vitest';
import { runHardened } from '../../bench/hardened.ts';

test('every row of the bench of hardened actors works', async () => {
  const rows = await runHardened(true);
  expect(rows.map(({ name }) => name)).toEqual(['add', 'compute']);
  for (const { plainUs, besideUs, hardenedUs } of rows) {
    for (const us of [plainUs, besideUs, hardenedUs]) expect(us).toBeGreaterThan(0);
  }
}, 60_000);
