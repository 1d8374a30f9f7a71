/**
 * The last step of a build: what a thread loads becomes one file, in the place of the entry that the compiler wrote.
 *
 * A thread's start was mostly the loader's time: a lane's graph of 110 modules took 85 ms of processor time to load,
 * and as one file 20, in each lane at once on the same cores (docs/adr/0036). Nothing depends on this step: without it
 * the entries import what the compiler wrote, and do the same.
 *
 * What actors import by way of `synapse-actors` stays in files of its own, so that a lane and its actors share one
 * `SynapseError`.
 */
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const SRC = fileURLToPath(new URL('./src/', import.meta.url));

/** What threads start with, and what an embedder's thread loads when it opens a system. */
const ENTRIES = [
  'runtime/lane-entry.js',
  'runtime/store-entry.js',
  'runtime/effect-entry.js',
  'replay/replay-entry.js',
  'runtime/system-opening.js',
];

/** Packages that are found and loaded at run time: native, with threads of their own, optional, or seldom wanted. */
const LOADED_WHEN_NEEDED = ['lmdb', 'piscina', 'node-cron', 'ses'];

/** All files that are loaded with `entry`, by static imports. */
function loadedWith(entry: string, found: Set<string> = new Set()): ReadonlySet<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const [, specifier = ''] of readFileSync(entry, 'utf8').matchAll(/^(?:import|export)\b.*? from '(\..+?)';$/gm))
    loadedWith(resolve(dirname(entry), specifier), found);
  return found;
}

const shared = loadedWith(resolve(SRC, 'index.js'));

for (const entry of ENTRIES) {
  const file = resolve(SRC, entry);
  const keepShared: Plugin = {
    name: 'keep-shared',
    setup(bundler) {
      bundler.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const target = resolve(resolveDir, path);
        if (!shared.has(target)) return undefined;
        const specifier = relative(dirname(file), target);
        return { path: specifier.startsWith('.') ? specifier : `./${specifier}`, external: true };
      });
    },
  };
  await build({
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: LOADED_WHEN_NEEDED,
    plugins: [keepShared],
    logLevel: 'warning',
  });
}
