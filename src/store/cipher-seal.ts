/**
 * The seal of a tenant whose store is encrypted. Three keys are derived from the tenant's one key
 * (HKDF-SHA256), and nothing of the content is on disk that is not under one of them:
 *
 *   values   [session 16][counter u64][AES-256-GCM ciphertext][tag 16], the row's key as associated data
 *            under HMAC(sealing key, session), nonce = 0 u32 | counter u64
 *   keys     HMAC(name key, hash)[0..16]
 *   leaves   HMAC(salt, record body) with salt = HMAC(leaf key, seq u64), so that a receipt can disclose
 *            the salt of one entry and of no other
 *
 * A nonce never comes twice under one key: the counter rises within a session, and a session, 128 random
 * bits, is drawn whenever the store is opened or reopened. Nothing of that has to survive a crash, a failed
 * commit or a restored copy, and no number of values wears a key out (docs/adr/0031).
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { HASH_BYTES, hexOf, hmacSha256 } from '../base/hash.ts';
import { ByteWriter } from './binary.ts';
import { KEY_HASH_BYTES, type TenantSeal } from './tenant-seal.ts';

/** Bytes of a tenant's key. */
export const TENANT_KEY_BYTES = 32;

const CIPHER = 'aes-256-gcm';
const SESSION_BYTES = 16;
const COUNTER_BYTES = 8;
const HEAD_BYTES = SESSION_BYTES + COUNTER_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TWO_32 = 0x1_0000_0000;

/** Session keys that a tenant remembers: a value that is read was mostly written by one of the last few openings. */
const SESSIONS_KEPT = 16;

/** Fills bytes with chance that nobody can foretell. */
export type FillRandom = (bytes: Uint8Array) => void;

/** One opening of a store: where nonces are unique. Shared by the seals of all its tenants. */
export class SealSession {
  readonly id: Uint8Array;
  #counter = 0;

  constructor(fillRandom: FillRandom) {
    this.id = new Uint8Array(SESSION_BYTES);
    fillRandom(this.id);
  }

  /** A number that this session never gives again; 2^53 values take longer to write than disks last. */
  next(): number {
    return this.#counter++;
  }
}

interface DerivedKeys {
  readonly sealing: Uint8Array;
  readonly leaf: Uint8Array;
  readonly name: Uint8Array;
}

export class CipherSeal implements TenantSeal {
  readonly #tenantKey: Uint8Array;
  readonly #session: SealSession;
  #derived: DerivedKeys | undefined;
  #ownKey: Uint8Array | undefined;
  #isForgotten = false;
  /** Keys of the sessions that wrote what was read, by their id in hex. */
  readonly #sessionKeys: Map<string, Uint8Array> = new Map();

  /** @param tenantKey 32 bytes, drawn for this tenant alone */
  constructor(tenantKey: Uint8Array, session: SealSession) {
    this.#tenantKey = tenantKey;
    this.#session = session;
  }

  seal(key: Uint8Array, row: ByteWriter): Uint8Array {
    return this.sealRecords(key, row.bytes());
  }

  openRecords(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
    return this.open(key, value);
  }

  sealRecords(key: Uint8Array, payload: Uint8Array): Uint8Array {
    assert(!this.#isForgotten, 'the seal of an erased tenant is not used');
    const value = Buffer.allocUnsafe(HEAD_BYTES + payload.length + TAG_BYTES);
    const counter = this.#session.next();
    value.set(this.#session.id);
    value.writeUInt32BE(Math.floor(counter / TWO_32), SESSION_BYTES);
    value.writeUInt32BE(counter % TWO_32, SESSION_BYTES + 4);
    this.#ownKey ??= hmacSha256(this.#keys.sealing, this.#session.id);
    const cipher = createCipheriv(CIPHER, this.#ownKey, nonceOf(value), { authTagLength: TAG_BYTES });
    value.set(cipher.setAAD(key).update(payload), HEAD_BYTES);
    cipher.final();
    value.set(cipher.getAuthTag(), HEAD_BYTES + payload.length);
    return value;
  }

  open(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
    const end = value.length - TAG_BYTES;
    if (end < HEAD_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#sessionKey(value), nonceOf(value), { authTagLength: TAG_BYTES });
    decipher.setAAD(key).setAuthTag(value.subarray(end));
    const payload = decipher.update(value.subarray(HEAD_BYTES, end));
    try {
      decipher.final();
    } catch {
      return undefined; // the tag does not fit: that is all `final` can fail on, and nothing of it is used
    }
    return payload;
  }

  shortName(hash: Uint8Array): Uint8Array {
    return hmacSha256(this.#keys.name, hash).subarray(0, KEY_HASH_BYTES);
  }

  pageName(trie: number, prefix: string): Uint8Array {
    return hmacSha256(this.#keys.name, Buffer.from(`page ${trie} ${prefix}`, 'latin1')).subarray(0, KEY_HASH_BYTES);
  }

  saltOf(seq: number): Uint8Array {
    return hmacSha256(this.#keys.leaf, new ByteWriter(COUNTER_BYTES).u64(seq).bytes());
  }

  /** Overwrites what this process holds of the key. The seal is not used after it. */
  forget(): void {
    this.#isForgotten = true;
    const derived = this.#derived;
    const kept = [this.#tenantKey, this.#ownKey, derived?.sealing, derived?.leaf, derived?.name];
    for (const bytes of [...kept, ...this.#sessionKeys.values()]) bytes?.fill(0);
  }

  get #keys(): DerivedKeys {
    assert(!this.#isForgotten, 'the seal of an erased tenant is not used');
    if (this.#derived !== undefined) return this.#derived;
    const bytes = new Uint8Array(
      hkdfSync('sha256', this.#tenantKey, new Uint8Array(0), 'synapse tenant keys 1', 3 * HASH_BYTES),
    );
    const at = (n: number): Uint8Array => bytes.subarray(n * HASH_BYTES, (n + 1) * HASH_BYTES);
    this.#derived = { sealing: at(0), leaf: at(1), name: at(2) };
    return this.#derived;
  }

  #sessionKey(value: Uint8Array): Uint8Array {
    const id = value.subarray(0, SESSION_BYTES);
    const name = hexOf(id);
    const known = this.#sessionKeys.get(name);
    if (known !== undefined) return known;
    const key = hmacSha256(this.#keys.sealing, id);
    if (this.#sessionKeys.size >= SESSIONS_KEPT) this.#sessionKeys.clear();
    this.#sessionKeys.set(name, key);
    return key;
  }
}

function nonceOf(value: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce.set(value.subarray(SESSION_BYTES, HEAD_BYTES), NONCE_BYTES - COUNTER_BYTES);
  return nonce;
}
