/**
 * A thread's code with what the engine made of it when the package was built: of some 400 KB of text a start runs a
 * part, and reading it, finding its functions and compiling those that run took 8 to 12 ms of each thread.
 *
 *   lane-entry.cjs     what the thread is started with: this module
 *   lane-code.cjs      the code, all of it in one file
 *   lane-code.V.cache  SHA-256 of the code, of how this Node was built and of what follows, then the engine's own form of
 *                      the code; V names engine and machine
 *
 * The engine does not look whether its form and the text belong together, so that is told by the hash. Where there is no
 * such file, where it is of something else, or where flags make the engine refuse it, the code is compiled as always.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

const HASH_BYTES = 32;

/**
 * What stands around the code in its file, much as Node wraps a CommonJS module. Scripts from a cache have no `import()`
 * of their own: `importModule` does it for them.
 */
export const WRAPPER: readonly [string, string] = [
  '(function (exports, require, module, __filename, __dirname, importModule) {',
  '})',
];

type Wrapped = (
  exports: object,
  require: NodeJS.Require,
  module: { readonly exports: object },
  file: string,
  directory: string,
  importModule: (specifier: string) => Promise<unknown>,
) => void;

/** Where the engine's form of the code in `file` lies, for the engine that runs. */
export function cacheFile(file: string): string {
  return file.replace(/cjs$/, `${process.versions.v8}-${process.platform}-${process.arch}.cache`);
}

/** What is written there. */
export function sealedCache(code: Uint8Array, made: Uint8Array): Uint8Array {
  return Buffer.concat([hashOf(code, made), made]);
}

function hashOf(code: Uint8Array, made: Uint8Array): Buffer {
  // Two builds of one version may have different built-in objects, which the engine's form counts on.
  return createHash('sha256').update(code).update(JSON.stringify(process.config)).update(made).digest();
}

/** The engine's form of the code in `file`, where it is there and was made of it. */
export function cachedFor(file: string, code: Buffer): Buffer | undefined {
  let sealed: Buffer;
  try {
    sealed = readFileSync(cacheFile(file));
  } catch {
    return undefined;
  }
  const made = sealed.subarray(HASH_BYTES);
  return hashOf(code, made).equals(sealed.subarray(0, HASH_BYTES)) ? made : undefined;
}

/** Runs the wrapped CommonJS module in `file`, which the build made of ASCII alone; returns its exports. */
export function runCached(file: string, require: NodeJS.Require): object {
  const code = readFileSync(file);
  const cachedData = cachedFor(file, code);
  const script = new Script(code.toString('latin1'), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const module = { exports: {} };
  const run = script.runInThisContext() as Wrapped;
  run(module.exports, require, module, file, dirname(file), (specifier) => import(specifier));
  return module.exports;
}
