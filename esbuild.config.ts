/**
 * The last step of a build: what a thread loads becomes one file, in the place of the entry that the compiler wrote.
 *
 * A thread's start was mostly the loader's time: a lane's graph of 110 modules took 85 ms of processor time to load,
 * and as one file 20, in each lane at once on the same cores (docs/adr/0036). Nothing depends on this step: without it
 * the entries import what the compiler wrote, and do the same.
 *
 * What actors import by way of `synapse-actors` stays beside the entries, in one file for all of it, so that a lane and
 * its actors share one `SynapseError`; the modules that the compiler wrote become doors to it. The store's thread runs no
 * actors: it has all of its own, as CommonJS, which Node starts with sooner.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const SRC = fileURLToPath(new URL('./src/', import.meta.url));

/** What actors import. */
const FACE = resolve(SRC, 'index.js');

/** What the face loads, in one file. */
const SHARED = resolve(SRC, 'shared.js');

/** What threads start with, and what an embedder's thread loads when it opens a system. */
const ENTRIES = [
  'runtime/lane-entry.js',
  'runtime/effect-entry.js',
  'replay/replay-entry.js',
  'runtime/system-opening.js',
];

const OPTIONS = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Packages that are found and loaded at run time: native, with threads of their own, optional, or seldom wanted.
  external: ['lmdb', 'piscina', 'node-cron', 'ses'],
  allowOverwrite: true,
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** All files that are loaded with `entry`, by static imports. */
function loadedWith(entry: string, found: Set<string> = new Set()): ReadonlySet<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const [, specifier = ''] of readFileSync(entry, 'utf8').matchAll(/^(?:import|export)\b.*? from '(\..+?)';$/gm))
    loadedWith(resolve(dirname(entry), specifier), found);
  return found;
}

/** How the file at `from` names the one at `to`. */
function pathTo(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** The names that a module exports. */
async function namesOf(file: string): Promise<readonly string[]> {
  const { metafile } = await build({ ...OPTIONS, entryPoints: [file], write: false, metafile: true, outdir: SRC });
  return Object.values(metafile.outputs).flatMap((output) => output.exports);
}

/** Leaves imports of `kept` where they are, by the name of `instead`. */
function keeping(kept: (file: string) => boolean, outfile: string, instead?: string): Plugin {
  return {
    name: 'keeping',
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const target = resolve(resolveDir, path);
        return kept(target) ? { path: pathTo(outfile, instead ?? target), external: true } : undefined;
      });
    },
  };
}

async function writeShared(): Promise<ReadonlySet<string>> {
  const shared = loadedWith(FACE);
  if (shared.has(SHARED)) throw new Error('the compiler has to run first');
  const inner = [...shared].filter((file) => file !== FACE);
  const doors = new Map<string, readonly string[]>();
  for (const file of shared) doors.set(file, await namesOf(file));
  const names = inner.flatMap((file) => doors.get(file) ?? []);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two of the modules that actors load export '${twice}'`);
  await build({
    ...OPTIONS,
    stdin: { contents: inner.map((file) => `export * from '${pathTo(SHARED, file)}';`).join('\n'), resolveDir: SRC },
    outfile: SHARED,
    plugins: [keeping((file) => !shared.has(file), SHARED)], // the engine, which is loaded when a system is opened
  });
  for (const [file, own] of doors) {
    if (own.length > 0) writeFileSync(file, `export { ${own.join(', ')} } from '${pathTo(file, SHARED)}';\n`);
  }
  return shared;
}

// First, from what the compiler wrote: behind the doors there is more than it needs.
const store = resolve(SRC, 'runtime/store-entry.js');
await build({
  ...OPTIONS,
  entryPoints: [store],
  outfile: store.replace(/js$/, 'cjs'),
  format: 'cjs',
  define: { 'import.meta.url': '__filename' },
});

const shared = await writeShared();

for (const entry of ENTRIES) {
  const file = resolve(SRC, entry);
  const plugins = [keeping((target) => shared.has(target), file, SHARED)];
  await build({
    ...OPTIONS,
    entryPoints: [file],
    outfile: file,
    define: { STORE_BUNDLE: '"./store-entry.cjs"' },
    plugins,
  });
}
