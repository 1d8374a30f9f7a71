/** The bench of encryption runs small here, so that it never rots: it checks its own result. No figure of such a run means anything. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** The built bench: this file runs as `dist/test/bench/encryption.test.js`. */
const BENCH = fileURLToPath(new URL('../../bench/encryption.js', import.meta.url));

it('the bench of encryption finds the same state roots with and without', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, '100', '1']);
  expect(stdout.match(/ same roots$/gm)).toHaveLength(3);
}, 60_000);
