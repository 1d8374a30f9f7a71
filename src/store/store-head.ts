/**
 * The rows that belong to no tenant: meta, head, configs and modules. Each is written twice; one good copy is
 * enough, and of two good heads the later counts.
 */
import { randomBytes } from 'node:crypto';
import { SynapseError } from '../base/error.ts';
import { sha256Hex } from '../base/hash.ts';
import { ByteReader, ByteWriter, copyOf, openRow, sealRow } from './binary.ts';
import type { KeyValue, Write } from './key-value.ts';
import type { LedgerSpan } from './ledger.ts';
import { configKey, COPIES, corrupt, headKey, metaKey, modulesKey, SCHEMA_VERSION } from './schema.ts';

/** What a store is, fixed at its creation. */
export interface StoreMeta {
  readonly shards: number;
  readonly incarnation: number;
  /** Set in a backup: whoever opens it first draws a new incarnation. */
  readonly redraw: boolean;
  /** Content is under a key per tenant. */
  readonly isEncrypted: boolean;
}

/** What changes with every commit. */
export interface StoreHead {
  /** Number of the last commit; 0 before the first. */
  readonly commitNo: number;
  /** Tenants ever seen: their numbers are 0 to tenants - 1. */
  readonly tenants: number;
  /** Configs ever written: their ids are 1 to configs. */
  readonly configs: number;
  readonly ledger: LedgerSpan;
}

const MAGIC = Buffer.from('SYNAPSE\n', 'latin1');

/** A random positive safe integer: 53 bits, so that no two stores share one by chance. */
export function drawIncarnation(): number {
  const bytes = randomBytes(8);
  const drawn = (bytes.readUInt32BE(0) & 0x1f_ffff) * 0x1_0000_0000 + bytes.readUInt32BE(4);
  return drawn === 0 ? 1 : drawn;
}

export function metaWrites(meta: StoreMeta): Write[] {
  const payload = new ByteWriter()
    .raw(MAGIC)
    .u32(SCHEMA_VERSION)
    .u32(meta.shards)
    .u64(meta.incarnation)
    .u8(meta.redraw ? 1 : 0)
    .u8(meta.isEncrypted ? 1 : 0);
  return copies(metaKey, payload.bytes());
}

/** The store's meta; nothing in an empty driver; STORE_CORRUPT or INVALID_ARGUMENT where it is not ours to read. */
export function readMeta(driver: KeyValue): StoreMeta | undefined {
  const payload = readCopies(driver, metaKey, (one) => one)[0];
  if (payload === undefined) {
    if (driver.range(Uint8Array.of(0), Uint8Array.of(0xff), { limit: 1 }).length === 0) return undefined;
    throw corrupt('store meta row', {});
  }
  const reader = new ByteReader(payload);
  if (Buffer.compare(reader.raw(MAGIC.length), MAGIC) !== 0) throw corrupt('store meta row', {});
  const version = reader.u32();
  if (version !== SCHEMA_VERSION) {
    throw new SynapseError(
      'INVALID_ARGUMENT',
      `the store was written with schema version ${version}; this build reads version ${SCHEMA_VERSION} only`,
      { schemaVersion: version, supported: SCHEMA_VERSION },
    );
  }
  return {
    shards: reader.u32(),
    incarnation: reader.u64(),
    redraw: reader.u8() === 1,
    isEncrypted: reader.u8() === 1,
  };
}

/** What is fixed at a store's creation: `SHARD_COUNT_MISMATCH`, or `INVALID_ARGUMENT` for encryption, where it is opened with another. */
export function checkMeta(stored: StoreMeta, given: Pick<StoreMeta, 'shards' | 'isEncrypted'>): void {
  if (stored.shards !== given.shards) {
    const text = `the store was made with ${stored.shards} shards and is opened with ${given.shards}`;
    throw new SynapseError('SHARD_COUNT_MISMATCH', text, { stored: stored.shards, given: given.shards });
  }
  if (stored.isEncrypted === given.isEncrypted) return;
  const made = stored.isEncrypted ? 'with encryption: true' : 'without encryption';
  const opened = stored.isEncrypted ? 'without it' : 'with encryption: true';
  throw new SynapseError(
    'INVALID_ARGUMENT',
    `encryption: the store was made ${made} and is opened ${opened}; that is fixed at its creation`,
    { option: 'encryption', stored: stored.isEncrypted },
  );
}

export function headWrites(head: StoreHead): Write[] {
  const { commitNo, tenants, configs, ledger } = head;
  const payload = new ByteWriter().u64(commitNo).u32(tenants).u32(configs).u64(ledger.first).u64(ledger.last);
  return copies(headKey, payload.bytes());
}

/** The head; both copies damaged: STORE_CORRUPT. */
export function readHead(driver: KeyValue): StoreHead {
  const heads = readCopies(driver, headKey, (payload): StoreHead => {
    const reader = new ByteReader(payload);
    const counts = { commitNo: reader.u64(), tenants: reader.u32(), configs: reader.u32() };
    return { ...counts, ledger: { first: reader.u64(), last: reader.u64() } };
  });
  const head = heads.toSorted((a, b) => b.commitNo - a.commitNo)[0];
  if (head === undefined) throw corrupt('store head row', {});
  return head;
}

/** Where the actors of the last system on this store came from, URLs of modules. */
export interface ActorModules {
  readonly actors: readonly string[];
  readonly previous: readonly string[];
}

export function modulesWrites({ actors, previous }: ActorModules): Write[] {
  return copies(modulesKey, Buffer.from(JSON.stringify({ actors, previous })));
}

/** Nothing where no system has noted any, or neither copy can be read. */
export function readModules(driver: KeyValue): ActorModules | undefined {
  return readCopies(driver, modulesKey, (payload) => JSON.parse(Buffer.from(payload).toString()) as ActorModules)[0];
}

/** Small numbered blobs; identical bytes share a number. */
export class ConfigTable {
  readonly #bytes: (Uint8Array | undefined)[] = [];
  readonly #ids: Map<string, number> = new Map();
  #written: number;

  constructor(driver: KeyValue, count: number) {
    for (let id = 1; id <= count; id++) {
      const payload = readCopies(
        driver,
        (copy) => configKey(id, copy),
        (one) => one,
      )[0];
      this.#bytes.push(payload === undefined ? undefined : copyOf(payload));
      if (payload !== undefined) this.#ids.set(sha256Hex(payload), id);
    }
    this.#written = count;
  }

  /** The number of these bytes, given now if they are new. */
  intern(bytes: Uint8Array): number {
    const digest = sha256Hex(bytes);
    const known = this.#ids.get(digest);
    if (known !== undefined) return known;
    const id = this.#bytes.push(copyOf(bytes));
    this.#ids.set(digest, id);
    return id;
  }

  /** The bytes of a number; nothing for one never given; both copies damaged: STORE_CORRUPT. */
  get(id: number): Uint8Array | undefined {
    if (!Number.isInteger(id) || id < 1 || id > this.#bytes.length) return undefined;
    const bytes = this.#bytes[id - 1];
    if (bytes === undefined) throw corrupt('config row', { config: id });
    return copyOf(bytes);
  }

  /** How many numbers are given, written ones and others. */
  get count(): number {
    return this.#bytes.length;
  }

  /** Rows of the numbers not yet on disk. */
  pendingWrites(): Write[] {
    const writes: Write[] = [];
    for (let id = this.#written + 1; id <= this.#bytes.length; id++) {
      writes.push(...copies((copy) => configKey(id, copy), this.#bytes[id - 1] as Uint8Array));
    }
    return writes;
  }

  /** Called when a commit with the pending rows is durable. */
  markWritten(): void {
    this.#written = this.#bytes.length;
  }

  /** Takes over numbers that `before` had given and that are not on disk: they may be in use. */
  adopt(before: ConfigTable): void {
    for (let id = this.#bytes.length + 1; id <= before.#bytes.length; id++) {
      const bytes = before.#bytes[id - 1];
      if (bytes === undefined) continue;
      this.#bytes.push(bytes);
      this.#ids.set(sha256Hex(bytes), id);
    }
  }
}

function copies(keyOf: (copy: number) => Uint8Array, payload: Uint8Array): Write[] {
  return Array.from({ length: COPIES }, (_, copy): Write => {
    const key = keyOf(copy);
    return [key, sealRow(key, payload)];
  });
}

function readCopies<T>(driver: KeyValue, keyOf: (copy: number) => Uint8Array, decode: (payload: Uint8Array) => T): T[] {
  const good: T[] = [];
  for (let copy = 0; copy < COPIES; copy++) {
    const key = keyOf(copy);
    const value = driver.get(key);
    const payload = value === undefined ? undefined : openRow(key, value);
    if (payload !== undefined) good.push(decode(payload));
  }
  return good;
}
