/**
 * The key schema of the store, whole, with its history.
 *
 *   key (numbers big-endian, so that keys sort as they do)          payload (sealed by binary.ts, batches excepted)
 *   01 copy:u8                                       meta    magic, schema version, shards, incarnation, redraw flag, encrypted or not
 *   02 copy:u8                                       head    commit number, tenants, configs, the ledger's ends: once a commit
 *   10 sha256(tenant)[0..16]                         name    tenant number and name: looks a tenant up
 *   11 tenantNo:u32                                  tenant  name, shard, seqs, life, sealed roots and image hash, newest index entries: as of some commit
 *   12 id:u32 copy:u8                                config  a small blob
 *   20 commitNo:u64 part:u16                         batch   journal: records of one commit (journal-write.ts)
 *   21 tenantNo:u32 firstSeq:u64                     index   where in which batches these records stand, and their leaf hashes
 *   22 tenantNo:u32 sha256(topic)[0..16] offset:u64  events  consecutive events of a topic, the first one's offset in the key
 *   23 tenantNo:u32 level:u8 number:u64              tile    256 subtree roots of the audit log (audit-log.ts)
 *   24 tenantNo:u32                                  note    the last checkpoint given out for the tenant
 *   25 tenantNo:u32 firstSeq:u64                     leaves  leaf hashes of records that were trimmed
 *   26 copy:u8                                       modules URLs of the modules that the actors came from
 *   27 commitNo:u64 copy:u8                          ledger  what a commit added for tenants whose rows it did not write (ledger.ts)
 *   30 tenantNo:u32                                  image   the domain's opaque blob at its last snapshot
 *   31 tenantNo:u32 G:16 space:u8 R:16               row     state (0) or system (1) row of an actor's group
 *   32 tenantNo:u32 G:16 R:16                        sysrow  system row of a group that starts with "sys:"
 *   33 tenantNo:u32 trie:u8 prefix                   page    of the state trie (0) or the system trie (1), hex prefix
 *   34 tenantNo:u32 0                                stage   a snapshot in parts that is being put in place: seq, how far, the tries' roots (staging.ts)
 *   34 tenantNo:u32 1                                content its image and record
 *   35 tenantNo:u32 range:u32 number:u32             part    its rows that are not in place yet, packed
 *   with G = sha256(text(group))[0..16], R = sha256(len(group) group name)[0..16]; names stand in the value
 *   and are compared on reading, so a name is never part of a key without its hash and never a path.
 *   In an encrypted store content is under its tenant's seal (cipher-seal.ts): the values of 22, 30 to 35, the
 *   roots in 11, the records in 20; G, R and a topic's hash are then HMACs, and so is a page's prefix.
 *   meta, head, config, modules and ledger belong to no tenant: each is written twice, one good copy is enough.
 *
 * History
 *   1  first version
 *   2  audit log: leaf hashes in index rows, tiles, the log's right edge in the tenant row, checkpoints, modules
 *   3  encryption: its flag in the meta row, a tenant's life in its row, its roots there under its seal
 *   4  batches by commit alone; the newest index entries in the tenant row, several in an index row
 *   5  a bucket of a trie holds the hashes of its leaves, not those of their values
 *   6  a ledger: tenant rows follow later; its ends in the head row
 *   7  snapshots in parts: stage and part rows
 */
import { SynapseError } from '../base/error.ts';
import type { ErrorDetails } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import { ByteWriter, copyOf, putU32, putU64, textBytes } from './binary.ts';
import { KEY_HASH_BYTES, type TenantSeal } from './tenant-seal.ts';

/** Version of the schema above. A store of another version is refused, never converted in passing. */
export const SCHEMA_VERSION = 7;

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
  ledger: 0x27,
  image: 0x30,
  row: 0x31,
  systemRow: 0x32,
  page: 0x33,
  stage: 0x34,
  part: 0x35,
} as const;

/** Kinds of rows that hold content of a tenant, under its seal; all have its number behind the kind. */
export const CONTENT_KINDS: readonly number[] = [
  KIND.events,
  KIND.image,
  KIND.row,
  KIND.systemRow,
  KIND.page,
  KIND.stage,
  KIND.part,
];

/** Rows that belong to no tenant are kept so many times. */
export const COPIES = 2;

/** Whose a row is: the number in its key, and the seal that hides names in keys and content in values. */
export interface RowOwner {
  readonly tenantNo: number;
  readonly seal: TenantSeal;
}

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
    .raw(sha256(textBytes(tenant)).subarray(0, KEY_HASH_BYTES))
    .bytes();
}

export function tenantKey(tenantNo: number): Uint8Array {
  const key = new Uint8Array(5); // once a tenant and commit: a third of what a writer costs
  key[0] = KIND.tenant;
  putU32(key, 1, tenantNo);
  return key;
}

export function configKey(id: number, copy: number): Uint8Array {
  return start(KIND.config).u32(id).u8(copy).bytes();
}

export function batchKey(commitNo: number, part: number): Uint8Array {
  return start(KIND.batch).u64(commitNo).u16(part).bytes();
}

export function indexKey(tenantNo: number, firstSeq: number): Uint8Array {
  const key = new Uint8Array(13); // once an index entry, as it is read
  key[0] = KIND.index;
  putU32(key, 1, tenantNo);
  putU64(key, 5, firstSeq);
  return key;
}

export function eventsKey(owner: RowOwner, topic: string, offset: number): Uint8Array {
  return start(KIND.events).u32(owner.tenantNo).raw(nameOf(owner, topic)).u64(offset).bytes();
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

export function ledgerKey(commitNo: number, copy: number): Uint8Array {
  return start(KIND.ledger).u64(commitNo).u8(copy).bytes();
}

export function imageKey(tenantNo: number): Uint8Array {
  return start(KIND.image).u32(tenantNo).bytes();
}

export function pageKey({ tenantNo, seal }: RowOwner, trie: TrieNumber, prefix: string): Uint8Array {
  const name = seal.pageName(trie, prefix);
  const key = new Uint8Array(6 + name.length); // twice a page: by hand, as below
  key[0] = KIND.page;
  putU32(key, 1, tenantNo);
  key[5] = trie;
  for (let i = 0; i < name.length; i++) key[6 + i] = name[i] as number;
  return key;
}

export function stageKey(tenantNo: number): Uint8Array {
  return start(KIND.stage).u32(tenantNo).u8(0).bytes();
}

export function stageContentKey(tenantNo: number): Uint8Array {
  return start(KIND.stage).u32(tenantNo).u8(1).bytes();
}

/** Part `number` of a range of row hashes. */
export function partKey(tenantNo: number, range: number, number: number): Uint8Array {
  return start(KIND.part).u32(tenantNo).u32(range).u32(number).bytes();
}

/** Prefix of all parts of a tenant. */
export function partPrefix(tenantNo: number): Uint8Array {
  return start(KIND.part).u32(tenantNo).bytes();
}

/** Prefix of an actor group's rows, both spaces. */
export function groupPrefix(owner: RowOwner, group: string): Uint8Array {
  const name = nameOf(owner, group);
  const prefix = new Uint8Array(5 + name.length);
  prefix[0] = KIND.row;
  putU32(prefix, 1, owner.tenantNo);
  for (let i = 0; i < name.length; i++) prefix[5 + i] = name[i] as number;
  return prefix;
}

/** Prefix of all rows of all actor groups of a tenant. */
export function allRowsPrefix(tenantNo: number): Uint8Array {
  return start(KIND.row).u32(tenantNo).bytes();
}

/** Prefix of a tenant's "sys:" rows, or of one group of them. */
export function systemPrefix(owner: RowOwner, group?: string): Uint8Array {
  const prefix = start(KIND.systemRow).u32(owner.tenantNo);
  return (group === undefined ? prefix : prefix.raw(nameOf(owner, group))).bytes();
}

/** Either prefix, of a group whose name is there as the bytes of its text. */
export function prefixOfGroup(owner: RowOwner, isDomain: boolean, text: Uint8Array): Uint8Array {
  const name = owner.seal.shortName(sha256(text));
  return start(isDomain ? KIND.systemRow : KIND.row)
    .u32(owner.tenantNo)
    .raw(name)
    .bytes();
}

/** sha256 over an injective encoding of (group, name): the row's key in its trie. */
export function rowHash(group: string, name: string): Uint8Array {
  const size = 1 + Buffer.byteLength(group, 'utf8');
  // Of most names the bytes are the UTF-8 of a text, and a text is hashed without making an array of it.
  if (size < 0x80 && group.isWellFormed() && name.isWellFormed())
    return sha256(`\0\0\0${String.fromCharCode(size)}\0${group}\0${name}`);
  return sha256(new ByteWriter().text(group).raw(textBytes(name)).bytes());
}

/** Key of a row whose {@link rowHash} is known. `domain` rows are system rows of "sys:" groups. */
export function rowKey(
  owner: RowOwner,
  place: 'state' | 'system' | 'domain',
  group: string,
  hash: Uint8Array,
): Uint8Array {
  const prefix = place === 'domain' ? systemPrefix(owner, group) : groupPrefix(owner, group);
  return rowKeyUnder(prefix, place, owner.seal.shortName(hash));
}

/** The same where the prefix of the row's group is at hand: {@link systemPrefix} of `domain` rows, else {@link groupPrefix}. */
export function rowKeyUnder(prefix: Uint8Array, place: 'state' | 'system' | 'domain', short: Uint8Array): Uint8Array {
  const at = place === 'domain' ? prefix.length : prefix.length + 1;
  const key = new Uint8Array(at + short.length);
  for (let i = 0; i < prefix.length; i++) key[i] = prefix[i] as number;
  if (place === 'system') key[prefix.length] = 1;
  for (let i = 0; i < short.length; i++) key[at + i] = short[i] as number;
  return key;
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

/** True for what is wrong with one tenant, damaged or erased, and leaves the store and the others as they are. */
export function isOfOneTenant(error: unknown): error is SynapseError {
  if (!(error instanceof SynapseError) || typeof error.details['tenant'] !== 'string') return false;
  return error.code === 'STORE_CORRUPT' || error.code === 'INVALID_ADDRESS';
}

function start(kind: number): ByteWriter {
  return new ByteWriter(64).u8(kind);
}

function nameOf({ seal }: RowOwner, name: string): Uint8Array {
  return seal.shortName(sha256(name.isWellFormed() ? `\0${name}` : textBytes(name)));
}
