/**
 * A store looked at while no system runs on it: its rows as they stand, nothing written, not even a new
 * incarnation of a copy. Holds the store's lock for as long as it is open, so that nothing moves under it.
 */
import { existsSync } from 'node:fs';
import { SynapseError } from '../base/error.ts';
import { KeyRing, PLAIN_RING, type SealRing } from './key-ring.ts';
import { FileKeySlots, type KeySlots, MemoryKeySlots } from './key-slots.ts';
import type { KeyValue } from './key-value.ts';
import { readLedger } from './ledger.ts';
import { openLmdb } from './lmdb.ts';
import { acquireLock } from './lock.ts';
import { ConfigTable, type StoreHead, type StoreMeta, readHead, readMeta } from './store-head.ts';
import { TenantDirectory } from './tenant-directory.ts';

/** The rows of a store that belong to no tenant, read once, and the way to the others. */
export interface StoreView {
  readonly driver: KeyValue;
  readonly meta: StoreMeta;
  readonly head: StoreHead;
  /** Commits that have a row in the ledger. */
  readonly ledger: readonly number[];
  readonly directory: TenantDirectory;
  readonly configs: ConfigTable;
  readonly ring: SealRing;
  /** Lets go of the directory. Idempotent. */
  close(): void;
}

/**
 * Opens the store in `dataDir` for reading.
 *
 * @throws SynapseError `INVALID_ARGUMENT` where there is no store, `STORE_LOCKED` while a system has it open,
 *   `STORE_CORRUPT` when not even its first rows can be read
 */
export function openStoreView(dataDir: string): StoreView {
  // Before the lock, which would make the directory.
  if (!existsSync(dataDir)) throw new SynapseError('INVALID_ARGUMENT', `there is no directory ${dataDir}`, { dataDir });
  const lock = acquireLock(dataDir);
  let driver: KeyValue | undefined;
  const close = (): void => {
    driver?.close();
    lock.release();
  };
  try {
    driver = openLmdb(dataDir, { create: false });
    return viewOf(driver, close, dataDir, new FileKeySlots(dataDir));
  } catch (error) {
    close();
    throw error;
  }
}

/** A view over a driver that the caller has; `close` is what it does when the view is done with, `slots` has the keys of an encrypted store. */
export function viewOf(
  driver: KeyValue,
  close: () => void = () => undefined,
  place = 'memory',
  slots: KeySlots = new MemoryKeySlots(),
): StoreView {
  const meta = readMeta(driver);
  if (meta === undefined)
    throw new SynapseError('INVALID_ARGUMENT', `the store in ${place} is empty`, { dataDir: place });
  const head = readHead(driver);
  const ring = meta.isEncrypted ? new KeyRing(slots) : PLAIN_RING;
  ring.load();
  const late = readLedger(driver, head.ledger);
  const directory = new TenantDirectory({ driver, ring, count: head.tenants, late, faultOf: () => undefined });
  directory.complete();
  const configs = new ConfigTable(driver, head.configs);
  return { driver, meta, head, ledger: late.commits, directory, configs, ring, close };
}
