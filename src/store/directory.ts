/**
 * Directories made durable: a new file is only there after a crash when its directory was flushed too.
 * And a directory that appears whole or not at all.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { SynapseError } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';

/** Flushes a file, or the entries of a directory. */
export function flush(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes `dir` and its parents where they are missing, each flushed into the one above. */
export function makeDirectory(dir: string): void {
  const first = mkdirSync(dir, { recursive: true });
  if (first === undefined) return;
  const top = dirname(first);
  for (let at = resolve(dir); ; at = dirname(at)) {
    flush(at);
    if (at === top || at === dirname(at)) return;
  }
}

/**
 * Fills a directory beside `dir` and moves it there in one step. `dir` must be absent or empty,
 * else INVALID_ARGUMENT; when `fill` throws nothing stays behind.
 */
export function createWhole(dir: string, fill: (partial: string) => void): void {
  const target = resolve(dir);
  if (entriesOf(target).length > 0) {
    throw new SynapseError('INVALID_ARGUMENT', `the directory ${target} must be absent or empty`, { dir: target });
  }
  makeDirectory(dirname(target));
  const partial = `${target}.partial-${hexOf(randomBytes(6))}`;
  try {
    mkdirSync(partial);
    fill(partial);
    flush(partial);
    renameSync(partial, target);
    flush(dirname(target));
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (error instanceof SynapseError) throw error;
    throw new SynapseError('STORE_UNAVAILABLE', `cannot write ${target}: ${messageOf(error)}`, { dir: target }, error);
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function entriesOf(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new SynapseError('STORE_UNAVAILABLE', `cannot read ${dir}: ${messageOf(error)}`, { dir }, error);
  }
}
