/**
 * House rules about the tree as a whole: what may stand at its top, what a tracked file may never hold,
 * and what the manifest promises.
 */

/** Everything that may stand at the top of the repository. A new entry is a decision: add it here with its file. */
const TOP_ENTRIES: ReadonlySet<string> = new Set([
  '.ci',
  '.gitignore',
  '.npmrc',
  '.oxfmtrc.json',
  '.oxlintrc.json',
  'LICENSE',
  'README.md',
  'actors',
  'bench',
  'esbuild.config.ts',
  'docs',
  'examples',
  'knip.json',
  'package-lock.json',
  'package.json',
  'src',
  'test',
  'tsconfig.json',
  'vitest.config.ts',
  'warm-up.ts', // the build's last step, in processes of its own
]);

/** Folders of `test/` that mirror no room. */
const TEST_FOLDERS: ReadonlySet<string> = new Set([
  'acceptance',
  'actors',
  'bench',
  'contract',
  'crash',
  'examples',
  'determinism', // one workload, every Node, lane count and way to come to its state
  'fault',
  'fixtures',
  'leak',
  'property',
  'sim',
  'tidy',
  'types',
]);

/** Only the listed entries stand at the top. */
export function topFaults(paths: Iterable<string>): string[] {
  const faults = new Set<string>();
  for (const path of paths) {
    const top = path.split('/')[0] ?? '';
    if (!TOP_ENTRIES.has(top)) faults.add(`${top}: unexpected at the top of the repository`);
  }
  return [...faults];
}

/** `test/<room>/` mirrors `src/<room>/`; beside the rooms stand the folders listed here. */
export function testFolderFaults(paths: Iterable<string>, rooms: ReadonlySet<string>): string[] {
  const faults = new Set<string>();
  for (const path of paths) {
    const [top, folder, rest] = path.split('/');
    if (top !== 'test' || folder === undefined || rest === undefined) continue;
    if (!rooms.has(folder) && !TEST_FOLDERS.has(folder)) faults.add(`test/${folder}: mirrors no room of src`);
  }
  return [...faults];
}

/** No tracked file names a package registry or a place on the machine it was written on. */
export function machineFaults(files: ReadonlyMap<string, string>, machinePaths: readonly string[]): string[] {
  const registry = /"resolved": "https?:|https?:\/\/(deb|registry|packages)\./;
  const home = /(^|[\s"'`(=:])\/(home|root|Users|work)\/[\w.-]+/m;
  const faults: string[] = [];
  for (const [path, text] of files) {
    if (registry.test(text)) faults.push(`${path}: the host of a package registry`);
    if (home.test(text) || machinePaths.some((place) => text.includes(place)))
      faults.push(`${path}: a path of one machine`);
  }
  return faults;
}

/** The part of `package.json` that the rules look at. */
export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** Every dependency is pinned to one version, and every export with types names them before its code. */
export function manifestFaults(manifest: Manifest): string[] {
  const faults: string[] = [];
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) faults.push(`${name}: '${version}' is not one exact version`);
  }
  for (const [name, target] of Object.entries(manifest.exports ?? {})) {
    if (typeof target === 'string') {
      if (!target.endsWith('.json')) faults.push(`exports '${name}': no types`);
    } else if (Object.keys(target as object)[0] !== 'types') faults.push(`exports '${name}': types must come first`);
  }
  return faults;
}

/** The source files that the package is entered through; a `*` stands for every file that fits it. */
export function entriesOf(manifest: Manifest, paths: readonly string[]): string[] {
  const targets = Object.values(manifest.exports ?? {}).map((target) =>
    typeof target === 'string' ? target : String((target as { default?: unknown }).default),
  );
  const entries = [...targets, ...Object.values(manifest.bin ?? {})]
    .filter((target) => target.endsWith('.js'))
    .map((target) => target.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, '.ts'));
  return entries.flatMap((entry) => {
    if (!entry.includes('*')) return [entry];
    const [before = '', after = ''] = entry.split('*');
    return paths.filter((path) => path.startsWith(before) && path.endsWith(after));
  });
}
