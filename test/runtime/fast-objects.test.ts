/** What the guards redefine stays what the engine compiles for: no object that turns use all the time is a hash table. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROCESS = fileURLToPath(new URL('./fixtures/fast-process.js', import.meta.url));
const run = promisify(execFile);

async function slowObjects(...args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, ['--allow-natives-syntax', PROCESS, ...args]);
  return JSON.parse(stdout) as string[];
}

test('no object of the language is a hash table in a lane', async () => {
  expect(await slowObjects()).toEqual([]);
});

test('nor in a lane that is locked down', async () => {
  expect(await slowObjects('hardened')).toEqual([]);
});
