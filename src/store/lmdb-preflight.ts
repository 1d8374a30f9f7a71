/**
 * What must be right before LMDB is let near a directory.
 *
 * An open that fails inside lmdb-js 3.5.6 kills the process (it frees the environment twice: segmentation
 * fault), and a full disk under its lock file does too (SIGBUS). So everything an open can fail on is
 * tried here first, in JavaScript, where it is an error with a code. Head of a meta page:
 *   0 [pgno u64][txnid u64]  16 [pad u16][flags u16]  24 [magic u32][version u32][address u64][mapsize u64]
 *   48 [page size u32] ...  88 [root of the free list u64]  136 [root of the tree u64]  152 [txnid u64]
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { SynapseError } from '../base/error.ts';

/** The environment's file. */
export const ENVIRONMENT_FILE = 'data.mdb';
/** LMDB's reader table and writer mutex; carries nothing over a restart. */
export const LOCK_FILE = 'lock.mdb';

/** LMDB's reader table for 126 readers fits in 8.5 KiB; the rest is slack. A larger file is legal. */
const LOCK_FILE_BYTES = 16 << 10;

/** Room a fresh environment needs at once: two meta pages and the first commit, with some to spare. */
const FRESH_BYTES = 64 << 10;
const PROBE_FILE = 'synapse.probe';

const META_BYTES = 160;
const META_FLAG = 0x08;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** The root of an empty tree. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const LITTLE = endianness() === 'LE';

/** Makes the directory fit for an open, or throws what is wrong: STORE_CORRUPT, or the file system's error. */
export function prepareDirectory(dir: string): void {
  allocateLockFile(join(dir, LOCK_FILE));
  const path = join(dir, ENVIRONMENT_FILE);
  if (!existsSync(path) || statSync(path).size === 0) {
    probeSpace(join(dir, PROBE_FILE));
    return;
  }
  const file = openSync(path, 'r+'); // for writing too: without the right LMDB would fail later
  try {
    checkMetas(file, path);
  } finally {
    closeSync(file);
  }
}

/** LMDB sizes its lock file with ftruncate and writes through a shared map; a write allocates it, or fails with ENOSPC. */
function allocateLockFile(path: string): void {
  const size = existsSync(path) ? statSync(path).size : 0;
  if (size < LOCK_FILE_BYTES) appendFileSync(path, new Uint8Array(LOCK_FILE_BYTES - size));
}

function probeSpace(path: string): void {
  try {
    writeFileSync(path, new Uint8Array(FRESH_BYTES));
  } finally {
    rmSync(path, { force: true });
  }
}

function checkMetas(file: number, path: string): void {
  const sizeBytes = fstatSync(file).size;
  const first = readMeta(file, 0, path);
  const pageBytes = first.getUint32(48, LITTLE);
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0)
    throw broken(path, `page size ${pageBytes}`);
  const second = readMeta(file, pageBytes, path);
  const newest = second.getBigUint64(152, LITTLE) > first.getBigUint64(152, LITTLE) ? second : first;
  for (const offset of [88, 136]) {
    const root = newest.getBigUint64(offset, LITTLE);
    // Behind the end of the file: reading that page through the map would end the process.
    if (root !== NO_PAGE && (root + 1n) * BigInt(pageBytes) > BigInt(sizeBytes))
      throw broken(path, 'the file is cut off');
  }
}

function readMeta(file: number, at: number, path: string): DataView {
  const bytes = new Uint8Array(META_BYTES);
  if (readSync(file, bytes, 0, META_BYTES, at) !== META_BYTES) throw broken(path, 'the file is cut off');
  const view = new DataView(bytes.buffer);
  if ((view.getUint16(18, LITTLE) & META_FLAG) === 0 || view.getUint32(24, LITTLE) !== MAGIC)
    throw broken(path, 'no LMDB meta page');
  const version = view.getUint32(28, LITTLE) & 0xffff;
  if (version !== DATA_VERSION) throw broken(path, `LMDB data version ${version}, expected ${DATA_VERSION}`);
  return view;
}

function broken(path: string, fault: string): SynapseError {
  return new SynapseError('STORE_CORRUPT', `${path} is no usable LMDB environment: ${fault}`, { path });
}
