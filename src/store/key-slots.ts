/**
 * Where tenants' keys are kept: a run of bytes beside the database, written in place, because the database
 * keeps old copies of its pages and a key must be gone when it is overwritten.
 *
 *   dataDir/keys.bin   slot n, 64 bytes from 64 n on, is of the tenant with number n; mode 0600
 *
 *   slot = [magic "SYKY"][version u8][state u8: 1 key, 2 erased][zero u16][tenantNo u32][key 32][zero 16][crc32 u32]
 *
 * 64 bytes divide every sector, so a slot lies in one. Never written: all zero. Nothing here is sealed or
 * copied elsewhere: who reads this file reads the tenants (docs/encryption.md).
 */
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SynapseError } from '../base/error.ts';
import { flush, messageOf } from './directory.ts';

/** The file in a dataDir. */
export const KEY_FILE = 'keys.bin';

/** Bytes that are written in place; what `flush` returned from is durable. Failures are `STORE_UNAVAILABLE`. */
export interface KeySlots {
  /** Everything as it is now; nothing where `create` was never called. */
  read(): Uint8Array | undefined;
  /** Makes it, empty and durable. `INVALID_ARGUMENT` where keys are already. */
  create(): void;
  write(at: number, bytes: Uint8Array): void;
  flush(): void;
  /** A durable copy in `dir`, as a file. */
  copyTo(dir: string): void;
}

/** Slots of a system without a dataDir; each instance is one store's, as long as it is referenced. */
export class MemoryKeySlots implements KeySlots {
  #bytes: Uint8Array | undefined;

  read(): Uint8Array | undefined {
    return this.#bytes?.slice();
  }

  create(): void {
    this.#bytes ??= new Uint8Array(0);
  }

  write(at: number, bytes: Uint8Array): void {
    const before = this.#bytes ?? new Uint8Array(0);
    if (before.length < at + bytes.length) {
      this.#bytes = new Uint8Array(Math.max(2 * before.length, at + bytes.length));
      this.#bytes.set(before);
      before.fill(0); // no copy of a key is left to the garbage collector
    }
    (this.#bytes as Uint8Array).set(bytes, at);
  }

  flush(): void {
    // Memory is as durable as this store gets.
  }

  copyTo(dir: string): void {
    writeKeyFile(join(dir, KEY_FILE), this.#bytes ?? new Uint8Array(0));
  }
}

/** Slots in `dir`. Touches no file before it is asked to. */
export class FileKeySlots implements KeySlots {
  readonly #path: string;

  constructor(dir: string) {
    this.#path = join(dir, KEY_FILE);
  }

  read(): Uint8Array | undefined {
    return this.#attempt('read', () => {
      try {
        return new Uint8Array(readFileSync(this.#path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    });
  }

  create(): void {
    const before = this.read();
    if (before !== undefined && before.length > 0) {
      const text = `${this.#path} holds the keys of another store: move it away, or bring its database back`;
      throw new SynapseError('INVALID_ARGUMENT', text, { path: this.#path });
    }
    this.#attempt('make', () => writeKeyFile(this.#path, new Uint8Array(0)));
  }

  write(at: number, bytes: Uint8Array): void {
    this.#attempt('write', () => {
      const file = openSync(this.#path, 'r+');
      try {
        let done = 0;
        while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, at + done);
      } finally {
        closeSync(file);
      }
    });
  }

  flush(): void {
    this.#attempt('flush', () => flush(this.#path));
  }

  copyTo(dir: string): void {
    this.#attempt('copy', () => writeKeyFile(join(dir, KEY_FILE), this.read() ?? new Uint8Array(0)));
  }

  #attempt<T>(action: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof SynapseError) throw error;
      throw new SynapseError(
        'STORE_UNAVAILABLE',
        `cannot ${action} ${this.#path}: ${messageOf(error)}`,
        { path: this.#path, action },
        error,
      );
    }
  }
}

function writeKeyFile(path: string, bytes: Uint8Array): void {
  writeFileSync(path, bytes, { mode: 0o600 });
  chmodSync(path, 0o600); // the mode above is for a new file only, and less the umask
  flush(path);
  flush(dirname(path));
}
