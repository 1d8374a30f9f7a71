/**
 * Benches run small here, so that they never rot: each checks its own result and ends with status 0.
 * What they measure is not looked at.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

/** The built benches: this file runs as `dist/test/bench.test.js`. */
const BENCHES = fileURLToPath(new URL('../bench/', import.meta.url));

/** Arguments that make a bench small. */
const SMALL: Readonly<Record<string, readonly string[]>> = { 'drain.js': ['1000'] };

const names = existsSync(BENCHES) ? readdirSync(BENCHES).filter((name) => name in SMALL) : [];

it.each(names)('bench/%s runs and finds its own result right', async (name) => {
  const { stdout } = await run(process.execPath, [join(BENCHES, name), ...(SMALL[name] ?? [])]);
  expect(stdout).toContain('Node v');
});
