/**
 * Every bench runs small here, so that none rots: each arm does its work, which the arm itself checks, and
 * every line is whole. No figure of such a run means anything.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Line, SkippedLine } from '../../bench/rig/bench.ts';
import { BENCHES } from '../../bench/rig/catalogue.ts';

/** Installing peers, the first time, and all arms one after the other on a busy machine. */
const BENCH_TIMEOUT_MS = 240_000;

for (const name of Object.keys(BENCHES)) {
  it(`the bench '${name}' runs, and all its arms do what they should`, { timeout: BENCH_TIMEOUT_MS }, async () => {
    const file = fileURLToPath(new URL(`../../bench/${name}.js`, import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [file, '--quick', '--json']);
    const lines = stdout.trimEnd().split('\n');
    const given = lines.map((line) => JSON.parse(line) as Line | SkippedLine);
    const measured = given.filter((line) => 'median' in line);
    for (const line of given) if ('skipped' in line) console.log(`SKIPPED: ${line.skipped}`);
    expect(measured.length).toBeGreaterThan(0);
    for (const line of measured) {
      expect(line).toMatchObject({ bench: name, rounds: 1, node: process.version });
      expect(line.median).toBeGreaterThan(0);
      expect([line.min, line.max]).toEqual([line.median, line.median]);
      expect(line.keeps).not.toBe('');
      expect(line.ratio).not.toHaveProperty([line.arm]);
    }
  });
}
