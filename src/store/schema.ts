/**
 * The key schema of the store, whole, with its history.
 *
 *   key (numbers big-endian, so that keys sort as they do)          payload (sealed by binary.ts, batches excepted)
 *   01 copy:u8                                       meta    magic, schema version, shards, incarnation, redraw flag
 *   02 copy:u8                                       head    commit number, tenants, configs: once a commit
 *   10 sha256(tenant)[0..16]                         name    tenant number and name: looks a tenant up
 *   11 tenantNo:u32                                  tenant  name, shard, seqs, roots, image hash: once a commit
 *   12 id:u32 copy:u8                                config  a small blob
 *   20 shard:u32 commitNo:u64 part:u16               batch   journal: records of one commit and shard (journal.ts)
 *   21 tenantNo:u32 firstSeq:u64                     index   where in which batch these records stand, and their leaf hashes
 *   22 tenantNo:u32 sha256(topic)[0..16] offset:u64  events  consecutive events of a topic, the first one's offset in the key
 *   23 tenantNo:u32 level:u8 number:u64              tile    256 subtree roots of the audit log (audit-log.ts)
 *   24 tenantNo:u32                                  note    the last checkpoint given out for the tenant
 *   25 tenantNo:u32 firstSeq:u64                     leaves  leaf hashes of records that were trimmed
 *   26 copy:u8                                       modules URLs of the modules that the actors came from
 *   30 tenantNo:u32                                  image   the domain's opaque blob at its last snapshot
 *   31 tenantNo:u32 G:16 space:u8 R:16               row     state (0) or system (1) row of an actor's group
 *   32 tenantNo:u32 G:16 R:16                        sysrow  system row of a group that starts with "sys:"
 *   33 tenantNo:u32 trie:u8 prefix                   page    of the state trie (0) or the system trie (1), hex prefix
 *   with G = sha256(text(group))[0..16], R = sha256(len(group) group name)[0..16]; names stand in the value
 *   and are compared on reading, so a name is never part of a key without its hash and never a path.
 *   meta, head and config belong to no tenant: each is written twice, one good copy is enough.
 *
 * History
 *   1  first version
 *   2  audit log: leaf hashes in index rows, tiles, the log's right edge in the tenant row, checkpoints, modules
 */
import { SynapseError } from '../base/error.ts';
import type { ErrorDetails } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import { ByteWriter, copyOf, textBytes } from './binary.ts';

/** Version of the schema above. A store of another version is refused, never converted in passing. */
export const SCHEMA_VERSION = 2;

/** First byte of every key. */
export const KIND = {
  meta: 0x01,
  head: 0x02,
  name: 0x10,
  tenant: 0x11,
  config: 0x12,
  batch: 0x20,
  index: 0x21,
  events: 0x22,
  tile: 0x23,
  note: 0x24,
  leaves: 0x25,
  modules: 0x26,
  image: 0x30,
  row: 0x31,
  systemRow: 0x32,
  page: 0x33,
} as const;

/** Rows that belong to no tenant are kept so many times. */
export const COPIES = 2;

/** Bytes of a hash in a key: 128 bits, as many as make an accidental collision absurd, half the key. */
const KEY_HASH_BYTES = 16;

/** The two tries of a tenant. */
export const TRIE = { state: 0, system: 1 } as const;
export type TrieNumber = (typeof TRIE)[keyof typeof TRIE];

export function metaKey(copy: number): Uint8Array {
  return Uint8Array.of(KIND.meta, copy);
}

export function headKey(copy: number): Uint8Array {
  return Uint8Array.of(KIND.head, copy);
}

export function nameKey(tenant: string): Uint8Array {
  return start(KIND.name)
    .raw(keyHash(textBytes(tenant)))
    .bytes();
}

export function tenantKey(tenantNo: number): Uint8Array {
  return start(KIND.tenant).u32(tenantNo).bytes();
}

export function configKey(id: number, copy: number): Uint8Array {
  return start(KIND.config).u32(id).u8(copy).bytes();
}

export function batchKey(shard: number, commitNo: number, part: number): Uint8Array {
  return start(KIND.batch).u32(shard).u64(commitNo).u16(part).bytes();
}

export function indexKey(tenantNo: number, firstSeq: number): Uint8Array {
  return start(KIND.index).u32(tenantNo).u64(firstSeq).bytes();
}

export function eventsKey(tenantNo: number, topic: string, offset: number): Uint8Array {
  return start(KIND.events)
    .u32(tenantNo)
    .raw(keyHash(textBytes(topic)))
    .u64(offset)
    .bytes();
}

/** Tile `number` of the subtree roots over 256^level leaves each; level 1 is the lowest, leaf hashes stand in index rows. */
export function tileKey(tenantNo: number, level: number, number: number): Uint8Array {
  return start(KIND.tile).u32(tenantNo).u8(level).u64(number).bytes();
}

export function leavesKey(tenantNo: number, firstSeq: number): Uint8Array {
  return start(KIND.leaves).u32(tenantNo).u64(firstSeq).bytes();
}

export function noteKey(tenantNo: number): Uint8Array {
  return start(KIND.note).u32(tenantNo).bytes();
}

export function modulesKey(copy: number): Uint8Array {
  return Uint8Array.of(KIND.modules, copy);
}

export function imageKey(tenantNo: number): Uint8Array {
  return start(KIND.image).u32(tenantNo).bytes();
}

export function pageKey(tenantNo: number, trie: TrieNumber, prefix: string): Uint8Array {
  return start(KIND.page).u32(tenantNo).u8(trie).raw(Buffer.from(prefix, 'latin1')).bytes();
}

/** Prefix of an actor group's rows, both spaces. */
export function groupPrefix(tenantNo: number, group: string): Uint8Array {
  return start(KIND.row)
    .u32(tenantNo)
    .raw(keyHash(textBytes(group)))
    .bytes();
}

/** Prefix of all rows of all actor groups of a tenant. */
export function allRowsPrefix(tenantNo: number): Uint8Array {
  return start(KIND.row).u32(tenantNo).bytes();
}

/** Prefix of a tenant's "sys:" rows, or of one group of them. */
export function systemPrefix(tenantNo: number, group?: string): Uint8Array {
  const prefix = start(KIND.systemRow).u32(tenantNo);
  return (group === undefined ? prefix : prefix.raw(keyHash(textBytes(group)))).bytes();
}

/** sha256 over an injective encoding of (group, name): the row's key in its trie. */
export function rowHash(group: string, name: string): Uint8Array {
  return sha256(new ByteWriter().text(group).raw(textBytes(name)).bytes());
}

/** Key of a row whose {@link rowHash} is known. `domain` rows are system rows of "sys:" groups. */
export function rowKey(
  tenantNo: number,
  place: 'state' | 'system' | 'domain',
  group: string,
  hash: Uint8Array,
): Uint8Array {
  const short = hash.subarray(0, KEY_HASH_BYTES);
  if (place === 'domain') return new ByteWriter(64).raw(systemPrefix(tenantNo, group)).raw(short).bytes();
  return new ByteWriter(64)
    .raw(groupPrefix(tenantNo, group))
    .u8(place === 'state' ? 0 : 1)
    .raw(short)
    .bytes();
}

/** The first key behind all keys that start with `prefix` (no prefix here is all 0xff). */
export function behind(prefix: Uint8Array): Uint8Array {
  const end = copyOf(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = (end[i] as number) + 1;
    end[i] = byte & 0xff;
    if (byte <= 0xff) return end.subarray(0, i + 1);
  }
  return end;
}

/** The one way STORE_CORRUPT is made here: it names the tenant, the seq and what was read. */
export function corrupt(what: string, details: ErrorDetails, cause?: unknown): SynapseError {
  const where = Object.entries(details).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return new SynapseError(
    'STORE_CORRUPT',
    [`${what} is damaged or missing`, ...where].join(', '),
    { ...details, what },
    cause,
  );
}

function start(kind: number): ByteWriter {
  return new ByteWriter(64).u8(kind);
}

function keyHash(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, KEY_HASH_BYTES);
}
