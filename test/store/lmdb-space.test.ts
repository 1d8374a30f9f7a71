/** When the space on disk is looked at: seldom while there is plenty, before each commit that could need it. */
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Write } from '../../src/store/key-value.ts';
import { type EnvironmentShape, SpaceGuard } from '../../src/store/lmdb-space.ts';

vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  statfsSync: vi.fn<typeof statfsSync>(),
}));

const BLOCK_BYTES = 4_096;
const MIB = 2 ** 20;
const write: readonly Write[] = [[Uint8Array.of(1), new Uint8Array(100)]];
const shape: EnvironmentShape = {
  pageSize: BLOCK_BYTES,
  treeDepth: 1,
  treeBranchPageCount: 0,
  treeLeafPageCount: 1,
  lastPageNumber: 2,
  free: { treeLeafPageCount: 0, overflowPages: 0 },
};

let dir = '';
let nowMs = 0;
let freeMib = 0;
let shapes = 0;
let guard: SpaceGuard;
const secure = (): void => guard.secure(write, () => ((shapes += 1), shape));
const looks = (): number => vi.mocked(statfsSync).mock.calls.length;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'space-'));
  writeFileSync(join(dir, 'data.mdb'), new Uint8Array(3 * BLOCK_BYTES));
  nowMs = 1_000;
  shapes = 0;
  vi.mocked(statfsSync).mockReset();
  vi.mocked(statfsSync).mockImplementation(
    () => ({ bavail: (freeMib * MIB) / BLOCK_BYTES, bsize: BLOCK_BYTES }) as ReturnType<typeof statfsSync>,
  );
  guard = new SpaceGuard(dir, join(dir, 'data.mdb'), () => nowMs);
});
afterEach(() => rmSync(dir, { recursive: true }));

test('with much space one look holds for some commits and a short time', () => {
  freeMib = 10_000;
  for (let n = 0; n < 20; n++) secure();
  expect([looks(), shapes]).toEqual([1, 0]);
  nowMs += 10;
  secure();
  expect(looks()).toBe(2);
});

test('a look holds no longer than for what it found to be spare', () => {
  freeMib = 513; // a MiB above twice the reserve: some sixteen commits of one row
  for (let n = 0; n < 100; n++) secure();
  expect(looks()).toBeGreaterThan(3);
  expect(shapes).toBe(0);
});

test('where less is spare, every commit looks, and below the reserve makes its room first', () => {
  freeMib = 400;
  for (let n = 0; n < 5; n++) secure();
  expect([looks(), shapes]).toEqual([5, 0]);
  freeMib = 200;
  for (let n = 0; n < 5; n++) secure();
  expect([looks(), shapes]).toEqual([10, 5]);
});
