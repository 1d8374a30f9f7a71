/** The bench of replay runs small here, so that it never rots: it checks its own result. No figure of such a run means anything. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

/** The built bench: this file runs as `dist/test/bench/replay.test.js`. */
const BENCH = fileURLToPath(new URL('../../bench/replay.js', import.meta.url));

it('the bench of replay finds the root that was live', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [BENCH, '200']);
  expect(stdout.match(/ same root$/gm)).toHaveLength(2);
}, 60_000);
