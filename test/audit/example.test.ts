/** The receipt that docs/audit.md shows is real, and stays valid: version 1 of the format does not change. */
import { readFileSync } from 'node:fs';
import { verifyReceipt } from 'synapse-actors/audit';
import { expect, test } from 'vitest';

/** From dist/test/audit/. */
const page = readFileSync(new URL('../../../docs/audit.md', import.meta.url), 'utf8');
const receipt = /^```receipt\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? '';
const key = /^`(synapse-[^`]+)`\.$/m.exec(page)?.[1] ?? '';

test('the example of the documentation verifies against the key beside it', () => {
  expect(verifyReceipt(receipt, key)).toMatchObject({ ok: true, tenant: 'acme', seq: 2, size: 3 });
});

test('and with its first line for people changed it does not', () => {
  expect(verifyReceipt(receipt.replace('| tenant     "acme"', '| tenant     "zoo"'), key).ok).toBe(false);
});
