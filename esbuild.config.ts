/**
 * The last step of a build: what a thread loads becomes one file, in the place of the entry that the compiler wrote.
 *
 * A thread's start was mostly the loader's time: a lane's graph of 110 modules took 85 ms of processor time to load,
 * and as one file 20, in each lane at once on the same cores (docs/adr/0036). Nothing depends on this step: without it
 * the entries import what the compiler wrote, and do the same.
 *
 * Lanes and the store's thread start with CommonJS, and with what the engine made of it (docs/adr/0043): the threads of a
 * small system are run once, at the end. What actors import by way of `synapse-actors` stays beside the entries, in one
 * file for all of it, so that a lane and its actors share one `SynapseError`; the modules that the compiler wrote become
 * doors to it. The store's thread runs no actors: it has all of its own.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';
import { cacheFile, WRAPPER } from './src/runtime/code-cache.ts';
import { warmUp } from './warm-up.ts';

const SRC = fileURLToPath(new URL('./src/', import.meta.url));

/** What actors import. */
const FACE = resolve(SRC, 'index.js');

/** What the face loads, in one file; a lane requires it, and others import the door to it. */
const SHARED = resolve(SRC, 'shared.cjs');
const SHARED_DOOR = resolve(SRC, 'shared.js');

/** What an effect's and a replay's thread start with, and what an embedder's thread loads when it opens a system. */
const ENTRIES = ['runtime/effect-entry.js', 'replay/replay-entry.js', 'runtime/system-opening.js'];

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

/** Folders of packages of which something stands in a file that was made. */
const packages: Set<string> = new Set();

/** Makes a file, and remembers whose code is in it. */
async function make(options: BuildOptions): Promise<Metafile> {
  const { metafile } = await build({ ...OPTIONS, ...options, metafile: true });
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
      if (folder !== undefined && bytesInOutput > 0) packages.add(resolve(folder));
    }
  }
  return metafile;
}

/** The licences of those packages, which ask that they go along: beside the files, in one. */
function writeLicences(): void {
  const texts = [...packages].toSorted().map((folder) => {
    const about = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8')) as Record<string, string>;
    const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license']
      .map((name) => resolve(folder, name))
      .find(existsSync);
    const text = file === undefined ? '' : `\n\n${readFileSync(file, 'utf8').trim()}`;
    return `${about['name']} ${about['version']}: ${about['license'] ?? 'no licence is stated'}${text}\n`;
  });
  writeFileSync(resolve(SRC, 'third-party.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`));
}

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

/** Takes names out of `SHARED` once: where each use asked the exports for its name, hot code would. */
function sharing({ files, names }: Shared): Plugin {
  return {
    name: 'sharing',
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir }) =>
        files.has(resolve(resolveDir, path)) ? { path: SHARED, namespace: 'shared' } : undefined,
      );
      bundler.onLoad({ filter: /./, namespace: 'shared' }, () => ({
        contents: `export const { ${names.join(', ')} } = require('../shared.cjs');`,
      }));
      bundler.onResolve({ filter: /^\.\.\/shared\.cjs$/, namespace: 'shared' }, ({ path }) => ({
        path,
        external: true,
      }));
    },
  };
}

/** Replaces what stands in the compiler's or a package's file; it must stand there. */
function rewriting(file: RegExp, from: string, to: string): Plugin {
  return {
    name: 'rewriting',
    setup(bundler) {
      bundler.onLoad({ filter: file }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        if (!text.includes(from)) throw new Error(`${path} has no '${from}' any more`);
        return { contents: text.replaceAll(from, to) };
      });
    },
  };
}

/** A script from the engine's cache has no `import()`: it is given one by another name (src/runtime/code-cache.ts). */
const IMPORTING = rewriting(/host\/(modules|lockdown)\.js$/, 'await import(', 'await importModule(');

/**
 * lmdb's JavaScript, in the file of the store's thread: it loads ten modules for 20 ms, of which a sixth is its native
 * part. That is found from where the package lies; where another version lies there, that is taken as it is.
 */
const LMDB: readonly Plugin[] = [
  rewriting(/store\/lmdb\.js$/, "createRequire(import.meta.url)('lmdb')", "require('lmdb-inside')"),
  rewriting(
    /lmdb\/dist\/index\.cjs$/,
    '__filename',
    "require('node:module').createRequire(__filename).resolve('lmdb')",
  ),
  {
    name: 'lmdb',
    setup(bundler) {
      const outer = createRequire(import.meta.url);
      const { version } = outer('../node_modules/lmdb/package.json') as { version: string };
      const virtual = (name: string, contents: string): void => {
        bundler.onLoad({ filter: /./, namespace: name }, () => ({ contents, resolveDir: SRC }));
      };
      bundler.onResolve({ filter: /^lmdb-inside$/ }, ({ path }) => ({ path, namespace: 'lmdb' }));
      virtual(
        'lmdb',
        `const outer = require('node:module').createRequire(__filename);
         const { version } = outer(require('node:path').resolve(outer.resolve('lmdb'), '../../package.json'));
         module.exports = version === '${version}' ? require('lmdb') : outer('lmdb');`,
      );
      // Wanted only where nothing simpler tells which C library there is; loading it takes 3 ms.
      bundler.onResolve({ filter: /^child_process$/ }, ({ path }) => ({ path, namespace: 'later' }));
      virtual('later', `module.exports = new Proxy({}, { get: (_, name) => require('node:child_process')[name] });`);
    },
  },
];

/** Makes the code of a thread that starts with CommonJS, and what it is started with. */
async function writeThread(name: string, options: BuildOptions): Promise<string> {
  const entry = resolve(SRC, `runtime/${name}-entry.js`);
  const outfile = resolve(SRC, `runtime/${name}-code.cjs`);
  rmSync(cacheFile(outfile), { force: true });
  const metafile = await make({
    ...options,
    entryPoints: [entry],
    outfile,
    format: 'cjs',
    banner: { js: WRAPPER[0] },
    footer: { js: WRAPPER[1] },
    define: { 'import.meta.url': '__filename' },
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  if (imports.some(({ kind }) => kind === 'dynamic-import')) throw new Error(`${outfile} has an import() of its own`);
  if (/[^\0-\x7f]/.test(readFileSync(outfile, 'utf8'))) throw new Error(`${outfile} has more than ASCII`);
  await make({
    stdin: {
      contents: `import { runCached } from './code-cache.js'; module.exports = runCached(__dirname + '/${name}-code.cjs', require);`,
      resolveDir: dirname(entry),
    },
    outfile: entry.replace(/js$/, 'cjs'),
    format: 'cjs',
  });
  return outfile;
}

interface Shared {
  readonly files: ReadonlySet<string>;
  readonly names: readonly string[];
}

/** A module that exports what `SHARED` has: as Node would find them, it would first go through the text for them. */
function door(file: string, names: readonly string[]): string {
  const load = `createRequire(import.meta.url)('${pathTo(file, SHARED)}')`;
  return `import { createRequire } from 'node:module';\nexport const { ${names.join(', ')} } = ${load};\n`;
}

async function writeShared(): Promise<Shared> {
  const files = loadedWith(FACE);
  const inner = [...files].filter((file) => file !== FACE);
  const doors = new Map<string, readonly string[]>();
  for (const file of files) doors.set(file, await namesOf(file));
  const names = inner.flatMap((file) => doors.get(file) ?? []);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new Error(`two of the modules that actors load export '${twice}'`);
  await make({
    stdin: { contents: inner.map((file) => `export * from '${pathTo(SHARED, file)}';`).join('\n'), resolveDir: SRC },
    outfile: SHARED,
    format: 'cjs',
    plugins: [keeping((file) => !files.has(file), SHARED)], // the engine, which is loaded when a system is opened
  });
  writeFileSync(SHARED_DOOR, door(SHARED_DOOR, names));
  for (const [file, own] of doors) if (own.length > 0) writeFileSync(file, door(file, own));
  return { files, names };
}

if (readFileSync(FACE, 'utf8').includes('shared.cjs')) throw new Error('the compiler has to run first');

// First, from what the compiler wrote: behind the doors there is more than it needs.
const store = await writeThread('store', { plugins: [...LMDB], external: [] });
const shared = await writeShared();
const lane = await writeThread('lane', { plugins: [sharing(shared), IMPORTING] });

for (const entry of ENTRIES) {
  const file = resolve(SRC, entry);
  await make({
    entryPoints: [file],
    outfile: file,
    define: { STORE_THREAD: '"./store-entry.cjs"', LANE_THREAD: '"./lane-entry.cjs"' },
    plugins: [keeping((target) => shared.files.has(target), file, SHARED_DOOR)],
  });
}

writeLicences();
await warmUp([store, lane]);
