/** The audit bench runs small here, so that it never rots: every proof it makes is checked by itself. */
import { expect, it } from 'vitest';
import { runAudit } from '../../bench/audit.ts';

it('the audit bench proves a small log, and reads a few rows for a proof', () => {
  const { entries, proofUs, consistencyUs, rowsRead } = runAudit(true);
  expect(entries).toBe(5_000);
  expect(proofUs.p50).toBeGreaterThan(0);
  expect(consistencyUs.p50).toBeGreaterThan(0);
  expect(rowsRead).toBeLessThan(100);
});
