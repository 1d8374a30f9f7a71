/**
 * What `synapse run` is given, opened and checked before a system is: the input, the actor modules, the
 * grants, the output. Every failure here is a `CannotRun` that names the path.
 */
import { existsSync, type Stats } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { CannotRun, failureText } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** Bytes read at once: some thousand lines, so that a chunk costs nothing beside its commands. */
const CHUNK_BYTES = 256 << 10;

/** An open input. */
export interface RunInput {
  readonly stream: Readable;
  /** Missing where the end is not known: a pipe. */
  readonly totalBytes?: number;
}

/** Opens the commands: a file, or standard input for `-`. */
export async function openInput(path: string, terminal: Terminal): Promise<RunInput> {
  if (path === '-') return { stream: terminal.stdin };
  const absolute = resolve(terminal.workDir, path);
  const handle = await open(absolute, 'r').catch((error: unknown) => cannot(`read ${absolute}`, error));
  const stats = await handle.stat();
  if (stats.isDirectory()) {
    await handle.close();
    throw new CannotRun(`cannot read ${absolute}: it is a directory`);
  }
  const stream = handle.createReadStream({ highWaterMark: CHUNK_BYTES });
  return stats.isFile() ? { stream, totalBytes: stats.size } : { stream };
}

/** Opens the results' file, emptied; never the file that the commands come from. */
export async function openOutput(path: string, inputPath: string, terminal: Terminal): Promise<Writable> {
  const absolute = resolve(terminal.workDir, path);
  const existing = await statOrNothing(absolute);
  const input = inputPath === '-' ? undefined : await statOrNothing(resolve(terminal.workDir, inputPath));
  if (existing !== undefined && existing.ino === input?.ino && existing.dev === input.dev) {
    throw new CannotRun(`--output ${absolute} is the input itself; it would be emptied before it is read`);
  }
  const handle = await open(absolute, 'w').catch((error: unknown) => cannot(`write ${absolute}`, error));
  return handle.createWriteStream();
}

/** The URL of a module: a path from the working directory, a `file:` URL, or the name of an installed package's module. */
export function actorUrl(name: string, workDir: string): URL {
  if (name.startsWith('file:')) return new URL(name);
  const path = resolve(workDir, name);
  if (existsSync(path)) return pathToFileURL(path);
  try {
    return pathToFileURL(createRequire(pathToFileURL(resolve(workDir, 'here.js'))).resolve(name));
  } catch {
    throw new CannotRun(`cannot find the actors: no file ${path} and no package ${JSON.stringify(name)}`);
  }
}

/** The grants of a file, a JSON array; what stands in it is the system's to check. */
export async function readGrants(path: string, workDir: string): Promise<readonly unknown[]> {
  const absolute = resolve(workDir, path);
  const text = await readFile(absolute, 'utf8').catch((error: unknown) => cannot(`read ${absolute}`, error));
  let grants: unknown;
  try {
    grants = JSON.parse(text);
  } catch (error) {
    return cannot(`read the grants in ${absolute}`, error);
  }
  if (!Array.isArray(grants)) throw new CannotRun(`cannot read the grants in ${absolute}: expected a JSON array`);
  return grants;
}

async function statOrNothing(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}

function cannot(what: string, error: unknown): never {
  throw new CannotRun(`cannot ${what}: ${failureText(error)}`);
}
