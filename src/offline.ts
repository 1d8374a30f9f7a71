/**
 * A store looked at and copied while no system runs on it: no lane, no user code. Takes the store's
 * lock for as long as it looks, so that nothing moves under it, and writes nothing into the store: even
 * a copy that was never opened keeps its mark to draw a new incarnation.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SynapseError } from './base/error.ts';
import { AuditKey } from './store/audit-key.ts';
import { readRecords } from './store/journal.ts';
import type { KeyValue } from './store/key-value.ts';
import { corrupt, KIND } from './store/schema.ts';
import { readImage, verifySnapshot } from './store/snapshot.ts';
import { metaWrites } from './store/store-head.ts';
import { openStoreView, type StoreView } from './store/store-view.ts';
import { rowsUnder } from './store/tenant-directory.ts';
import type { TenantState } from './store/tenant-row.ts';

/** One tenant as its store has it. */
export interface TenantReport {
  readonly tenant: string;
  readonly shard: number;
  /** Its last recorded step; 0 when it has none. */
  readonly seq: number;
  /** The step its last snapshot stands at; 0 when it has none. */
  readonly snapshotSeq: number;
  /** Root of its states at the last snapshot, 32 bytes. */
  readonly stateRoot: Uint8Array;
  /** Steps after the last snapshot, replayed when a system opens. */
  readonly tailSteps: number;
}

/** Something that does not read as it was written. */
export interface StoreFault {
  /** Missing where a row belongs to no tenant. */
  readonly tenant?: string;
  readonly seq?: number;
  readonly message: string;
}

/** A whole store. */
export interface StoreReport {
  readonly shards: number;
  /** The key that checks its checkpoints and receipts (C2SP verifier key); missing while none was needed, or where it lies elsewhere. */
  readonly auditKey?: string;
  /** Drawn when the store was made; missing in a copy that no system has opened, which draws a new one then. */
  readonly incarnation?: number;
  /** Bytes of the directory's files. */
  readonly sizeBytes: number;
  /** Those that can be served, sorted by tenant in the order of UTF-8 bytes. */
  readonly tenants: readonly TenantReport[];
  /** Of encrypted stores: content is under a key per tenant, and can be erased. */
  readonly isEncrypted: boolean;
  /** Tenants that were erased: of them there is the log's hashes. Sorted as `tenants`. */
  readonly erased: readonly { readonly tenant: string; readonly seq: number }[];
  /** Sorted by tenant; empty when everything reads as it was written. */
  readonly faults: readonly StoreFault[];
}

/** Rows of events checked at a time: a few MiB at most, as a row is cut at 64 KiB. */
const PAGE_ROWS = 64;

/**
 * Reads the whole store in `dataDir`: every record, image, snapshot row and event.
 *
 * @throws SynapseError `INVALID_ARGUMENT` where there is no store, `STORE_LOCKED` while a system has it open,
 *   `STORE_CORRUPT` when not even its first rows can be read
 */
export async function inspectStore(dataDir: string): Promise<StoreReport> {
  return withStore(dataDir, ({ driver, meta, head, directory, configs }) => {
    const faults = [...directory.damaged().values()].map(faultOf);
    for (let id = 1; id <= head.configs; id++) faults.push(...faultsOf(() => configs.get(id)));
    const auditKey = verifierKeyOf(dataDir, faults);
    const states = directory.sorted();
    for (const state of states) faults.push(...tenantFaults(driver, state));
    return {
      shards: meta.shards,
      ...(meta.redraw ? {} : { incarnation: meta.incarnation }),
      ...(auditKey === undefined ? {} : { auditKey }),
      sizeBytes: directorySizeBytes(dataDir),
      tenants: states.map(reportOf),
      isEncrypted: meta.isEncrypted,
      erased: directory.erased().map(({ tenant, seq }) => ({ tenant, seq })),
      faults,
    };
  });
}

/**
 * Copies the store in `dataDir` to `to`, which must be missing or empty. The copy opens as a new incarnation.
 *
 * @throws SynapseError as {@link inspectStore}; `STORE_UNAVAILABLE` when the copy cannot be written, and then nothing is left
 */
export async function backupStore(dataDir: string, to: string): Promise<void> {
  withStore(dataDir, ({ driver, meta, ring }) =>
    driver.backup(to, metaWrites({ ...meta, redraw: true }), (partial) => ring.copyTo(partial)),
  );
}

function withStore<T>(dataDir: string, look: (view: StoreView) => T): T {
  const view = openStoreView(dataDir);
  try {
    return look(view);
  } finally {
    view.close();
  }
}

/** The public half of the directory's key; a key file that holds none is one fault more. */
function verifierKeyOf(dataDir: string, faults: StoreFault[]): string | undefined {
  const keys: (string | undefined)[] = [];
  faults.push(...faultsOf(() => keys.push(AuditKey.read(dataDir)?.verifierKey)));
  return keys[0];
}

function reportOf({ tenant, shard, seq, snapshotSeq, stateRoot }: TenantState): TenantReport {
  return { tenant, shard, seq, snapshotSeq, stateRoot: stateRoot.slice(), tailSteps: seq - snapshotSeq };
}

/** At most one fault of each kind: the first damaged record, image, row, event. */
function tenantFaults(driver: KeyValue, state: TenantState): StoreFault[] {
  return [
    ...faultsOf(() => {
      for (const record of readRecords(driver, state, state.firstSeq)) void record;
    }),
    ...faultsOf(() => readImage(driver, state)),
    ...faultsOf(() => verifySnapshot(driver, state)),
    ...faultsOf(() => checkEvents(driver, state)),
  ];
}

function checkEvents(driver: KeyValue, { tenant, tenantNo, seq, seal }: TenantState): void {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(KIND.events);
  prefix.writeUInt32BE(tenantNo, 1);
  for (const [key, value] of rowsUnder(driver, prefix, PAGE_ROWS)) {
    if (seal.open(key, value) === undefined) throw corrupt('event row', { tenant, seq });
  }
}

function faultsOf(check: () => unknown): StoreFault[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof SynapseError && error.code === 'STORE_CORRUPT') return [faultOf(error)];
    throw error;
  }
}

function faultOf({ message, details: { tenant, seq } }: SynapseError): StoreFault {
  return {
    message,
    ...(typeof tenant === 'string' ? { tenant } : {}),
    ...(typeof seq === 'number' ? { seq } : {}),
  };
}

function directorySizeBytes(dir: string): number {
  let sizeBytes = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) sizeBytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return sizeBytes;
}
