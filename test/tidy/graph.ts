/**
 * House rules about the import graph: floors, sideways imports, cycles, dead files, barrels and which
 * room a technology belongs to. Types-only imports count like any other.
 *
 * ```
 *  7 cli | 6 index.ts testing.ts system.ts | 5 bridge mesh replay | 4 runtime testing | 3 store audit
 *  2 actor | 1 frame mailbox merkle | 0 base          a room imports only from LOWER floors
 * ```
 */
import { posix } from 'node:path';
import type { Edge, Source } from './source.ts';

/** Every room of `src/` and its floor; `root` stands for `src/index.ts` and `src/system.ts`. */
export const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  frame: 1,
  mailbox: 1,
  merkle: 1,
  actor: 2,
  store: 3,
  audit: 3,
  host: 3,
  runtime: 4,
  replay: 5,
  testing: 4,
  bridge: 5,
  mesh: 5,
  root: 6,
  cli: 7,
};

/** The files that may stand directly in `src/`. */
const ROOT_FILES: ReadonlySet<string> = new Set(['src/index.ts', 'src/system.ts', 'src/offline.ts', 'src/testing.ts']);

/** A dependency is loaded from these rooms only, so that replacing it touches one place. */
const TECHNOLOGY_HOMES: Readonly<Record<string, readonly string[]>> = {
  lmdb: ['store'],
  piscina: ['runtime'],
  comlink: ['runtime'],
  commander: ['cli'],
  croner: ['actor'],
  'node-cron': ['runtime', 'root'],
  '@noble/hashes': ['merkle', 'audit'],
};

/** The rooms below the store: no disk, no network, no processes of their own. */
const PURE_FLOOR_MAX = 2;

/** What a pure room would do its own input and output with. */
const IMPURE_MODULES = /^(node:)?(fs|net|tls|http|https|http2|dgram|dns|child_process|cluster)(\/|$)/;

/** The kernel starts no threads either; rooms below it may mark memory for them. */
const THREAD_MODULES = /^(node:)?worker_threads$/;

/** The room of a file below `src/`, `root` for the public face, undefined elsewhere. */
export function roomOf(path: string): string | undefined {
  if (!path.startsWith('src/')) return undefined;
  const parts = path.split('/');
  return parts.length === 2 ? 'root' : parts[1];
}

/** The path an edge leads to, `.js` of an emitted file brought back to its `.ts`; undefined for packages. */
export function targetOf(source: Source, edge: Edge): string | undefined {
  if (!edge.specifier.startsWith('.')) return undefined;
  const path = posix.normalize(posix.join(posix.dirname(source.path), edge.specifier));
  return edge.kind === 'url' ? path.replace(/\.js$/, '.ts') : path;
}

/** No import leads up, sideways, out of `src/`, or to the package by its own name. */
export function floorFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    const room = roomOf(source.path);
    if (room === undefined) continue;
    const floor = FLOORS[room];
    if (floor === undefined) {
      faults.push(`${source.path}: there is no room '${room}' in the house`);
      continue;
    }
    if (room === 'root' && !ROOT_FILES.has(source.path)) faults.push(`${source.path}: stands in no room`);
    for (const edge of source.edges) {
      const fault = edgeFault(source, edge, room, floor);
      if (fault !== undefined) faults.push(`${source.path}:${edge.line}: ${fault}`);
    }
  }
  return faults;
}

function edgeFault(source: Source, edge: Edge, room: string, floor: number): string | undefined {
  if (/^synapse-actors(\/|$)/.test(edge.specifier)) return 'src imports the package by its own name, past the floors';
  const target = targetOf(source, edge);
  if (target === undefined) return undefined;
  if (edge.kind === 'url' && !target.endsWith('.ts')) return undefined;
  const targetRoom = roomOf(target);
  if (targetRoom === undefined) return `leads out of src to ${target}`;
  const targetFloor = FLOORS[targetRoom];
  if (targetRoom === room || (targetFloor !== undefined && targetFloor < floor)) return undefined;
  const direction = targetFloor === floor ? 'sideways' : 'up';
  return `'${room}' (floor ${floor}) imports ${direction} from '${targetRoom}' (floor ${targetFloor})`;
}

/** Actors and examples use the package as a user does: by its name, never by a path into `src/`. */
export function userFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (!/^(actors|examples)\//.test(source.path)) continue;
    for (const edge of source.edges) {
      const target = targetOf(source, edge);
      if (target?.startsWith('src/')) faults.push(`${source.path}:${edge.line}: reaches into ${target}`);
    }
  }
  return faults;
}

/** Relative imports are written with the extension of the file on disk, URLs with the emitted one. */
export function specifierFaults(sources: readonly Source[]): string[] {
  const known = new Set(sources.map((source) => source.path));
  const faults: string[] = [];
  for (const source of sources) {
    for (const edge of source.edges) {
      const target = targetOf(source, edge);
      if (target === undefined) continue;
      const place = `${source.path}:${edge.line}`;
      if (edge.kind === 'url') {
        if (edge.specifier.endsWith('.ts'))
          faults.push(`${place}: URL names '${edge.specifier}', the emitted file ends in .js`);
        else if (edge.specifier.endsWith('.js') && source.path.startsWith('src/') && !known.has(target)) {
          faults.push(`${place}: URL names '${edge.specifier}', which has no source`);
        }
      } else if (!known.has(target)) faults.push(`${place}: '${edge.specifier}' names no file`);
    }
  }
  return faults;
}

/** Each dependency stays in its room, and the rooms below the store do no input or output. */
export function technologyFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    const room = roomOf(source.path);
    if (room === undefined) continue;
    for (const edge of source.edges) {
      const name = /^(@[^/]+\/[^/]+|[^/]+)/.exec(edge.specifier)?.[0] ?? '';
      const homes = TECHNOLOGY_HOMES[name];
      if (homes !== undefined && !homes.includes(room)) {
        faults.push(`${source.path}:${edge.line}: '${name}' belongs to ${homes.join(', ')}`);
      }
      const impure = (FLOORS[room] ?? 0) <= PURE_FLOOR_MAX && IMPURE_MODULES.test(edge.specifier);
      if (impure || (room === 'actor' && THREAD_MODULES.test(edge.specifier))) {
        faults.push(`${source.path}:${edge.line}: a pure room imports '${edge.specifier}'`);
      }
    }
  }
  return faults;
}

/** The verifiers run in browsers: they import one another and `@noble/hashes`, and nothing else at all. */
export function verifierFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (roomOf(source.path) !== 'audit') continue;
    for (const edge of source.edges) {
      const target = targetOf(source, edge);
      const isOwn = target === undefined ? edge.specifier.startsWith('@noble/hashes/') : roomOf(target) === 'audit';
      if (!isOwn) faults.push(`${source.path}:${edge.line}: a verifier imports '${edge.specifier}'`);
    }
  }
  return faults;
}

/** No file imports itself through others. Every circle is told once, by its files in order. */
export function cycleFaults(sources: readonly Source[]): string[] {
  const bySource = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const faults = new Set<string>();
  const visit = (path: string, chain: readonly string[]): void => {
    const at = chain.indexOf(path);
    if (at !== -1) {
      faults.add(`circle: ${rotate(chain.slice(at)).join(' -> ')}`);
      return;
    }
    const source = bySource.get(path);
    if (source === undefined || done.has(path)) return;
    for (const edge of source.edges) {
      const target = targetOf(source, edge);
      // A URL starts a thread with a module graph of its own: it closes no circle.
      if (target !== undefined && edge.kind !== 'url') visit(target, [...chain, path]);
    }
    done.add(path);
  };
  for (const source of sources) visit(source.path, []);
  return [...faults];
}

function rotate(circle: readonly string[]): readonly string[] {
  const first = circle.toSorted()[0] ?? '';
  const at = circle.indexOf(first);
  return [...circle.slice(at), ...circle.slice(0, at)];
}

/** Every file of `src/` is reached from an entry of the package, through imports or a thread's URL. */
export function deadFaults(sources: readonly Source[], entries: readonly string[]): string[] {
  const bySource = new Map(sources.map((source) => [source.path, source]));
  const faults = entries.filter((entry) => !bySource.has(entry)).map((entry) => `entry ${entry} has no source`);
  const reached = new Set<string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const source = bySource.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    for (const edge of source.edges) {
      const target = targetOf(source, edge);
      if (target !== undefined) open.push(target);
    }
  }
  for (const source of sources) {
    if (source.path.startsWith('src/') && !reached.has(source.path)) faults.push(`${source.path}: nothing reaches it`);
  }
  return faults;
}

/** The faces of the package's entries: they may consist of nothing but names handed on. */
const FACES: ReadonlySet<string> = new Set(['src/index.ts', 'src/testing.ts']);

/** Only a face of the package may consist of nothing but names handed on. */
export function barrelFaults(sources: readonly Source[]): string[] {
  return sources
    .filter((source) => source.path.startsWith('src/') && !FACES.has(source.path))
    .filter((source) => source.path.endsWith('/index.ts') || source.ownStatements === 0)
    .map((source) => `${source.path}: a barrel`);
}
