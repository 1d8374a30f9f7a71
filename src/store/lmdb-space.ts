/**
 * Space for LMDB's writes, found before LMDB writes.
 *
 * When a page write fails inside lmdb 3.5.6 it prints the reason into a buffer that is too short and may
 * end the process (docs/adr/0003). So where space is short, or a file size limit is set, the data file
 * is first made as long as the commit could need by writing zeros behind its end: a full disk then fails
 * here, as an error with a code, and LMDB only writes where blocks are. Where space is plenty nothing is
 * written twice. Never touches a byte of what LMDB wrote.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import type { Writes } from './key-value.ts';

/** The shape of an environment, of which lmdb's getStats() gives more. */
export interface EnvironmentShape {
  readonly pageSize: number;
  readonly treeDepth: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly lastPageNumber: number;
  readonly free: { readonly treeLeafPageCount: number; readonly overflowPages: number };
}

/** Free space from which on a commit is not expected to run out: other writers would need to take this much within it. */
const PLENTY_BYTES = 256 << 20;

/**
 * A look at the disk holds this long, ms, where twice as much is free: nobody writes `PLENTY_BYTES` in that time. A look
 * is a system call, up to 18 of the 500 µs of a call that has the store for itself.
 */
const LOOK_MS = 10;

/** Zeros written at a time. */
const CHUNK_BYTES = 1 << 20;

/** Bytes LMDB keeps beside key and value in a node, generously. */
const NODE_HEAD_BYTES = 16;

/** A page id in the free list. */
const PAGE_ID_BYTES = 8;

/** Pages of LMDB's own bookkeeping in a commit: paths of the two trees and a free-list record, generously. */
const SPARE_PAGES = 16;

/** Secures space for the commits of one environment. */
export class SpaceGuard {
  readonly #dir: string;
  readonly #path: string;
  readonly #limited: boolean;
  readonly #nowMs: () => number;
  /** Until when the last look holds, and what commits may take meanwhile. */
  #looksAgainMs = Number.NEGATIVE_INFINITY;
  #budgetBytes = 0;

  constructor(dir: string, path: string, nowMs: () => number = () => performance.now()) {
    this.#dir = dir;
    this.#path = path;
    this.#nowMs = nowMs;
    this.#limited = hasFileSizeLimit();
  }

  /** Returns when `writes` cannot run out of space, or throws the file system's error with nothing changed. */
  secure(writes: Writes, shapeOf: () => EnvironmentShape): void {
    let payload = 0;
    for (const [key, value] of writes) payload += key.length + (value?.length ?? 0);
    if (!this.#limited && this.#isPlenty(8 * payload + writes.length * 65_536)) return;
    const shape = shapeOf();
    extend(this.#path, (shape.lastPageNumber + 1 + pagesAtMost(writes, shape)) * shape.pageSize);
  }

  /** True while so much is free that a commit of `sizeBytes` at the most leaves plenty to everybody else. */
  #isPlenty(sizeBytes: number): boolean {
    const nowMs = this.#nowMs();
    if (nowMs < this.#looksAgainMs && sizeBytes <= this.#budgetBytes) {
      this.#budgetBytes -= sizeBytes;
      return true;
    }
    const spareBytes = freeBytes(this.#dir) - PLENTY_BYTES - sizeBytes;
    this.#budgetBytes = spareBytes - PLENTY_BYTES;
    this.#looksAgainMs = nowMs + LOOK_MS;
    return spareBytes > 0;
  }
}

/** More pages than a commit of `writes` can take: none of the free ones is counted on. */
export function pagesAtMost(writes: Writes, shape: EnvironmentShape): number {
  const { pageSize, treeDepth, treeBranchPageCount, treeLeafPageCount, free } = shape;
  const count = writes.length;
  let overflow = 0;
  for (const [key, value] of writes) {
    const size = NODE_HEAD_BYTES + key.length + (value?.length ?? 0);
    if (size > pageSize / 4) overflow += Math.ceil(size / pageSize);
  }
  const leaves = Math.min(count, treeLeafPageCount) + count; // copied ones, and a split for every write
  const branches = Math.min(count * treeDepth, treeBranchPageCount) + Math.ceil(count / 4) + treeDepth;
  // Freed ids: the copied pages, and up to a batch's 65 pages for every row that is deleted or replaced.
  const freed = Math.ceil(((leaves + branches + count * 65) * PAGE_ID_BYTES) / pageSize);
  return overflow + leaves + branches + freed + 2 * (free.treeLeafPageCount + free.overflowPages) + SPARE_PAGES;
}

/** Makes the file at least `sizeBytes` long, every byte of it allocated; on failure as long as it was. */
function extend(path: string, sizeBytes: number): void {
  const file = openSync(path, 'r+');
  try {
    const before = fstatSync(file).size;
    const zeros = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(0, sizeBytes - before)));
    try {
      for (let at = before; at < sizeBytes;)
        at += writeSync(file, zeros, 0, Math.min(zeros.length, sizeBytes - at), at);
    } catch (error) {
      ftruncateSync(file, before);
      throw error;
    }
  } finally {
    closeSync(file);
  }
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

/** True where `ulimit -f` limits files (Linux; elsewhere unknown and taken for no). */
function hasFileSizeLimit(): boolean {
  if (!existsSync('/proc/self/limits')) return false;
  const line = readFileSync('/proc/self/limits', 'latin1')
    .split('\n')
    .find((one) => one.startsWith('Max file size'));
  return line !== undefined && !/^Max file size\s+unlimited/.test(line);
}
