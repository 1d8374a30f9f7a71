/**
 * The seal of a tenant: what stands between its rows and the disk. Everything that says something about
 * a tenant's content goes through it, in keys, in values and in the leaves of its log.
 *
 * The plain seal of a store without encryption only guards against damage: a checksum behind each value,
 * shortened SHA-256 in keys, and leaves that are the records themselves. The other one is in cipher-seal.ts.
 */
import { hmacSha256 } from '../base/hash.ts';
import { type ByteWriter, openRow } from './binary.ts';

/** Bytes of a hash in a key: 128 bits, as many as make an accidental collision absurd, half the key. */
export const KEY_HASH_BYTES = 16;

/** One tenant's way of writing. */
export interface TenantSeal {
  /** The value to store under `key`; `row` is not used after it. */
  seal(key: Uint8Array, row: ByteWriter): Uint8Array;
  /** What was sealed under `key` (perhaps a view of `value`), or nothing when it is damaged or another row's. */
  open(key: Uint8Array, value: Uint8Array): Uint8Array | undefined;
  /** As `seal` and `open`, for journal records, which have checksums of their own. */
  sealRecords(key: Uint8Array, records: Uint8Array): Uint8Array;
  openRecords(key: Uint8Array, value: Uint8Array): Uint8Array | undefined;
  /** What stands in a key for a name with this SHA-256. 16 bytes. */
  shortName(hash: Uint8Array): Uint8Array;
  /** What stands in a key for the place of a trie's page: the hex prefix of the hashes below it. */
  pageName(trie: number, prefix: string): Uint8Array;
  /** The salt that blinds the leaf of step `seq`, 32 bytes; nothing where leaves are not blinded. */
  saltOf(seq: number): Uint8Array | undefined;
}

/** A copy, by hand: a view of so small an array makes the engine move its bytes. */
function shortName(hash: Uint8Array): Uint8Array {
  const name = new Uint8Array(KEY_HASH_BYTES);
  for (let i = 0; i < KEY_HASH_BYTES; i++) name[i] = hash[i] as number;
  return name;
}

function pageName(_trie: number, prefix: string): Uint8Array {
  const name = new Uint8Array(prefix.length);
  for (let i = 0; i < prefix.length; i++) name[i] = prefix.charCodeAt(i);
  return name;
}

/** Seals every tenant of a store without encryption. */
export const PLAIN_SEAL: TenantSeal = {
  seal: (key, row) => row.sealed(key),
  open: openRow,
  sealRecords: (_key, records) => records,
  openRecords: (_key, value) => value,
  shortName,
  pageName,
  saltOf: () => undefined,
};

/**
 * The bytes of the audit leaf of step `seq`: its record, or, blinded, HMAC-SHA256(salt, record). That is a
 * commitment: it says nothing without the salt, and opens to no other record with it.
 */
export function leafOf(seal: TenantSeal, seq: number, record: Uint8Array): Uint8Array {
  const salt = seal.saltOf(seq);
  return salt === undefined ? record : hmacSha256(salt, record);
}
