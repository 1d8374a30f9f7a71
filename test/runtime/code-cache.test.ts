/**
 * A thread's code with the engine's own form of it: what runs is what the file says, whatever lies beside it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cacheFile, runCached, sealedCache, WRAPPER } from '../../src/runtime/code-cache.ts';

const require = createRequire(import.meta.url);

let dir: string;
let file: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'synapse-code-cache-'));
  file = join(dir, 'some-code.cjs');
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const write = (result: string): void => {
  writeFileSync(
    file,
    `${WRAPPER[0]}\nexports.result = (() => ${result})();\nexports.file = __filename;\n${WRAPPER[1]}\n`,
  );
};

/** What the engine makes of the code in the file, once it has run. */
function made(): Buffer {
  const script = new Script(readFileSync(file, 'latin1'), { filename: file });
  (script.runInThisContext() as (exports: object) => void)({});
  return script.createCachedData();
}

const keep = (cache: Uint8Array): void => writeFileSync(cacheFile(file), cache);

const result = (): unknown => {
  const exported = runCached(file, require) as { readonly result: unknown; readonly file: string };
  expect(exported.file).toBe(file);
  return exported.result;
};

it('runs code that has no cache', () => {
  write("'as written'");
  expect(result()).toBe('as written');
});

it('runs code with its cache', () => {
  write("'as written'");
  keep(sealedCache(readFileSync(file), made()));
  expect(result()).toBe('as written');
});

it('runs what is written, not what another text of the same length was made into', () => {
  write("'the old one'");
  keep(sealedCache(readFileSync(file), made()));
  write("'the new one'");
  expect(result()).toBe('the new one');
});

it('leaves out a cache of which a bit has flipped, or a part is missing', () => {
  write("'as written'");
  const cache = sealedCache(readFileSync(file), made());
  for (const at of [0, 40, cache.length >> 1, cache.length - 1]) {
    const flipped = Uint8Array.from(cache);
    flipped[at] = (flipped[at] as number) ^ 1;
    keep(flipped);
    expect(result()).toBe('as written');
  }
  for (const length of [0, 31, 32, cache.length - 1]) {
    keep(cache.subarray(0, length));
    expect(result()).toBe('as written');
  }
});

it('compiles the code where the engine refuses its cache', () => {
  write("'as written'");
  const foreign = made();
  foreign.writeUInt32LE(foreign.readUInt32LE(4) ^ 1, 4); // the engine's version
  keep(sealedCache(readFileSync(file), foreign));
  expect(result()).toBe('as written');
});

it('gives code an import() by another name', async () => {
  writeFileSync(file, `${WRAPPER[0]} exports.loaded = importModule('node:path'); ${WRAPPER[1]}`);
  const { loaded } = runCached(file, require) as { readonly loaded: Promise<{ readonly join: unknown }> };
  expect((await loaded).join).toBe(join);
});
