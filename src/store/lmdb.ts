/**
 * The LMDB driver: one environment per directory, binary keys, default durability.
 *
 * Commits run in transactionSync without overlapping sync (docs/adr/0003): data pages are written,
 * fdatasync, then the meta page through O_DSYNC, each failure an exception, and a failed commit is
 * never visible. Never noSync, never a writable map. lmdb is loaded on the first open, not before.
 *
 *   dir/data.mdb   the environment      dir/lock.mdb   LMDB's reader table and writer mutex
 */
import { constants, copyFileSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import type { RootDatabase } from 'lmdb';
import { SynapseError } from '../base/error.ts';
import { compareBytes, copyOf } from './binary.ts';
import { createWhole, flush, makeDirectory, messageOf } from './directory.ts';
import { ENVIRONMENT_FILE, LOCK_FILE, prepareDirectory } from './lmdb-preflight.ts';
import { SpaceGuard } from './lmdb-space.ts';
import type { EnvironmentShape } from './lmdb-space.ts';
import type { KeyValue, RangeOptions, Row, Write, Writes } from './key-value.ts';

type Database = RootDatabase<Uint8Array, Uint8Array>;
type Lmdb = typeof import('lmdb');

/** Bytes of values kept for the next slice of them. */
const SLICED_MAX_BYTES = 8 << 20;
/** Keys of values that were sliced once, remembered at the most. */
const ASKED_MAX = 4_096;

/** Errors by which LMDB says that its own pages are broken (PAGE_NOTFOUND, CORRUPTED, VERSION_MISMATCH, INVALID). */
const CORRUPT_CODES: ReadonlySet<unknown> = new Set([-30797, -30796, -30794, -30793]);

/**
 * Opens the LMDB environment in `dir`.
 *
 * @param options.create make the directory and an empty environment where there is none (default true);
 *   else `INVALID_ARGUMENT` for a directory without one
 */
export function openLmdb(dir: string, options: { readonly create?: boolean } = {}): KeyValue {
  return new LmdbKeyValue(dir, options.create ?? true);
}

class LmdbKeyValue implements KeyValue {
  readonly #dir: string;
  readonly #space: SpaceGuard;
  #database: Database | undefined;
  /** Values that were sliced since the last commit. */
  readonly #sliced: Map<string, Uint8Array> = new Map();
  #slicedBytes = 0;
  readonly #asked: Set<string> = new Set();

  constructor(dir: string, create: boolean) {
    this.#dir = dir;
    this.#space = new SpaceGuard(dir, join(dir, ENVIRONMENT_FILE));
    if (!create && !existsSync(join(dir, ENVIRONMENT_FILE))) {
      throw new SynapseError('INVALID_ARGUMENT', `there is no store in ${dir}`, { dir });
    }
    this.reopen();
  }

  commit(writes: Writes): void {
    if (writes.length === 0) return;
    const database = this.#opened();
    this.#forget();
    guard('commit', this.#dir, () => {
      this.#space.secure(writes, () => database.getStats() as EnvironmentShape);
      // A block body: a returned promise would turn the transaction asynchronous in silence.
      database.transactionSync(() => {
        for (const [key, value] of writes) {
          if (value === null) void database.remove(key);
          else void database.put(key, value);
        }
      });
    });
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const database = this.#opened();
    const value = guard('read', this.#dir, () => database.getBinary(key));
    return value === undefined ? undefined : plain(value);
  }

  lent(key: Uint8Array): Uint8Array | undefined {
    const database = this.#opened();
    const value = guard('read', this.#dir, () => database.getBinaryFast(key));
    return value === undefined ? undefined : value.subarray(0, value.length); // the memory goes on behind it
  }

  /**
   * Who asks for a value the first time gets its part out of the driver's own memory, which the next read overwrites: a
   * batch is a thousand times longer than a tenant's stretch of it. Tenants that are opened one after the other mostly
   * have their records in the same batches: one that is asked for again is kept.
   */
  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined {
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    const kept = this.#sliced.get(name);
    if (kept !== undefined) return copyOf(kept.subarray(offset, offset + length));
    const database = this.#opened();
    const value = guard('read', this.#dir, () => database.getBinaryFast(key));
    if (value === undefined) return undefined;
    const isKept = value.length <= SLICED_MAX_BYTES && this.#asked.has(name);
    if (isKept) this.#keep(name, copyOf(value.subarray(0, value.length)));
    else if (this.#asked.add(name).size > ASKED_MAX) this.#asked.clear();
    return copyOf(value.subarray(offset, Math.min(offset + length, value.length))); // the memory goes on behind it
  }

  #keep(name: string, value: Uint8Array): void {
    this.#slicedBytes += value.length;
    if (this.#slicedBytes > SLICED_MAX_BYTES) {
      this.#sliced.clear();
      this.#slicedBytes = value.length;
    }
    this.#sliced.set(name, value);
  }

  range(from: Uint8Array, to: Uint8Array, options: RangeOptions = {}): readonly Row[] {
    const database = this.#opened();
    const limit = options.limit === undefined ? {} : { limit: options.limit };
    const span = options.reverse
      ? { start: to, end: from, reverse: true, exclusiveStart: true, inclusiveEnd: true }
      : { start: from, end: to };
    if (compareBytes(from, to) >= 0) return []; // LMDB would walk on from a start behind the end
    return guard('read', this.#dir, () => {
      const rows: Row[] = [];
      for (const { key, value } of database.getRange({ ...span, ...limit })) rows.push([plain(key), plain(value)]);
      return rows;
    });
  }

  reopen(): void {
    this.close();
    this.#database = guard('open', this.#dir, () => openDatabase(this.#dir));
  }

  backup(dir: string, amend: readonly Write[] = [], besides: (partial: string) => void = () => undefined): void {
    this.#opened();
    createWhole(dir, (partial) => {
      // The only writer is this thread and it stands here: the file does not change under the copy.
      copyFileSync(join(this.#dir, ENVIRONMENT_FILE), join(partial, ENVIRONMENT_FILE), constants.COPYFILE_FICLONE);
      flush(join(partial, ENVIRONMENT_FILE));
      if (amend.length > 0) {
        const copy = new LmdbKeyValue(partial, false);
        try {
          copy.commit(amend);
        } finally {
          copy.close();
        }
      }
      rmSync(join(partial, LOCK_FILE), { force: true });
      besides(partial);
    });
  }

  close(): void {
    const database = this.#database;
    this.#database = undefined;
    this.#forget();
    if (database !== undefined) closeDatabase(database);
  }

  #forget(): void {
    if (this.#slicedBytes === 0) return;
    this.#sliced.clear();
    this.#slicedBytes = 0;
  }

  #opened(): Database {
    if (this.#database === undefined)
      throw new SynapseError('STORE_UNAVAILABLE', `the store in ${this.#dir} is not open`);
    return this.#database;
  }
}

function openDatabase(dir: string): Database {
  const fresh = !existsSync(join(dir, ENVIRONMENT_FILE));
  makeDirectory(dir);
  prepareDirectory(dir);
  const database = loadLmdb().open<Uint8Array, Uint8Array>({
    path: dir,
    noSubdir: false, // else a dot in the directory's name would make it a file
    maxDbs: 1,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  if (fresh) flush(dir);
  return database;
}

function closeDatabase(database: Database): void {
  // Synchronous inside: nothing asynchronous was ever queued, so there is nothing to wait for.
  void database.close();
  // lmdb keeps every store it ever opened in a map by base name, which would keep closed ones alive.
  const kept = (loadLmdb() as unknown as { allDbs?: Map<string, unknown> }).allDbs;
  for (const [name, one] of kept ?? []) if (one === database) kept?.delete(name);
}

let loaded: Lmdb | undefined;

function loadLmdb(): Lmdb {
  if (loaded !== undefined) return loaded;
  try {
    loaded = createRequire(import.meta.url)('lmdb') as Lmdb;
  } catch (error) {
    throw new SynapseError(
      'STORE_UNAVAILABLE',
      `cannot load "lmdb", which a dataDir needs (npm install lmdb, or leave dataDir out to run in memory): ${messageOf(error)}`,
      {},
      error,
    );
  }
  return loaded;
}

function guard<T>(action: string, dir: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof SynapseError) throw error;
    const code = (error as { code?: unknown } | undefined)?.code;
    const corrupt = CORRUPT_CODES.has(code);
    throw new SynapseError(
      corrupt ? 'STORE_CORRUPT' : 'STORE_UNAVAILABLE',
      `${action} failed in ${basename(dir)}: ${messageOf(error)}`,
      { dir, action, ...(typeof code === 'number' || typeof code === 'string' ? { errno: code } : {}) },
      error,
    );
  }
}

/** Rows leave as plain Uint8Array, never as Buffer: the two compare and print differently. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
