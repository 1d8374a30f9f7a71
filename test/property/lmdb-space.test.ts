/** The space reckoned for a commit against what LMDB really takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Write } from '../../src/store/key-value.ts';
import { pagesAtMost } from '../../src/store/lmdb-space.ts';
import type { EnvironmentShape } from '../../src/store/lmdb-space.ts';

/** A commit: rows of a random part of the key space, random sizes around the page size, some deletions. */
const writeArb: fc.Arbitrary<Write> = fc
  .record({
    key: fc.nat(4_000),
    long: fc.constantFrom(4, 4, 60, 500),
    size: fc.option(fc.constantFrom(0, 40, 500, 1_500, 2_030, 2_040, 4_070, 4_090, 20_000, 270_000), { freq: 4 }),
  })
  .map(({ key, long, size }): Write => {
    const bytes = new Uint8Array(long).fill(7);
    new DataView(bytes.buffer).setUint32(0, key * 1_000_003);
    return [bytes, size === null ? null : new Uint8Array(size).fill(key)];
  });

test('no commit takes more pages behind the end of the data file than were reckoned before it', () => {
  const lmdb = createRequire(import.meta.url)('lmdb') as typeof import('lmdb');
  const dir = mkdtempSync(join(tmpdir(), 'synapse-space.'));
  try {
    let run = 0;
    fc.assert(
      fc.property(fc.array(fc.array(writeArb, { minLength: 1, maxLength: 120 }), { maxLength: 12 }), (commits) => {
        const path = join(dir, `run.${(run += 1)}`);
        const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
        const database = lmdb.open<Uint8Array, Uint8Array>({
          path,
          noSubdir: false,
          overlappingSync: false,
          noSync: true,
          ...binary,
        });
        const shapeNow = (): EnvironmentShape => database.getStats() as EnvironmentShape;
        for (const writes of commits) {
          const before = shapeNow();
          database.transactionSync(() => {
            for (const [key, value] of writes) {
              if (value === null) void database.remove(key);
              else void database.put(key, value);
            }
          });
          expect(shapeNow().lastPageNumber - before.lastPageNumber).toBeLessThanOrEqual(pagesAtMost(writes, before));
        }
        void database.close();
        rmSync(path, { recursive: true, force: true });
      }),
      { numRuns: 40 },
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
