/** The bench of draining runs small here, so that it never rots: it checks its own result. No figure of such a run means anything. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** The built bench: this file runs as `dist/test/bench/drain.test.js`. */
const BENCH = fileURLToPath(new URL('../../bench/drain.js', import.meta.url));

it('the bench of draining finds that every microtask has run', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, '1000']);
  expect(stdout.match(/ ns$/gm)).toHaveLength(3);
});
