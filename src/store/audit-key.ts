/**
 * The key that signs a host's checkpoints: Ed25519, one for a data directory.
 *
 *   <dataDir>/audit.key   PKCS #8 in PEM, mode 0600, made whole or not at all when it is first needed
 *   name                  synapse-<16 hex digits of sha256(public key)>
 *   origin of a tenant    name/<64 hex digits of sha256(salt | tenant)>
 *   salt                  the first 16 bytes of HMAC-SHA256(key seed, "synapse origin\n" incarnation "\n" tenant)
 *
 * The salt keeps a tenant's name out of its origin: nobody without it can test a guess. The incarnation is
 * in it, so that a restored backup starts another log instead of telling a second story of the first.
 * Notes are C2SP signed notes.
 */
import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SynapseError } from '../base/error.ts';
import { hexOf, sha256, sha256Of } from '../base/hash.ts';
import { flush, messageOf } from './directory.ts';

/** Name of the key's file in its data directory. */
export const AUDIT_KEY_FILE = 'audit.key';

/** The signature algorithm's number in a signed note's key id (C2SP signed-note). */
const ED25519_NOTE = 0x01;

/** Only its owner may read the key. */
const KEY_MODE = 0o600;

const SEED_BYTES = 32;
const SALT_BYTES = 16;

/** DER head of a PKCS #8 Ed25519 private key; the seed follows (RFC 8410 section 7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
/** DER head of an Ed25519 public key; the 32 bytes follow (RFC 8410 section 4). */
const SPKI_HEAD_BYTES = 12;

export class AuditKey {
  readonly #private: KeyObject;
  readonly #seed: Uint8Array;
  readonly #publicKey: Uint8Array;
  /** The host's name in notes. */
  readonly name: string;

  private constructor(key: KeyObject) {
    if (key.asymmetricKeyType !== 'ed25519') throw invalidKey(`an Ed25519 key, got ${String(key.asymmetricKeyType)}`);
    this.#private = key;
    this.#seed = key.export({ format: 'der', type: 'pkcs8' }).subarray(-SEED_BYTES);
    this.#publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD_BYTES);
    this.name = `synapse-${hexOf(sha256(this.#publicKey)).slice(0, 16)}`;
  }

  /** From PEM text or a seed of 32 bytes. `INVALID_ARGUMENT`. */
  static of(given: string | Uint8Array): AuditKey {
    try {
      if (typeof given === 'string') return new AuditKey(createPrivateKey(given));
      if (given.length !== SEED_BYTES) throw invalidKey(`PEM text or ${SEED_BYTES} bytes, got ${given.length} bytes`);
      const der = Buffer.concat([PKCS8_HEAD, given]);
      return new AuditKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    } catch (error) {
      if (error instanceof SynapseError) throw error;
      throw invalidKey(`an Ed25519 private key in PEM: ${messageOf(error)}`);
    }
  }

  /** A new key that is kept nowhere. */
  static make(): AuditKey {
    return new AuditKey(generateKeyPairSync('ed25519').privateKey);
  }

  /** The key of a data directory; nothing when none was made yet. `STORE_CORRUPT` for a file that holds no key. */
  static read(dataDir: string): AuditKey | undefined {
    const path = join(dataDir, AUDIT_KEY_FILE);
    if (!existsSync(path)) return undefined;
    try {
      return AuditKey.of(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new SynapseError(
        'STORE_CORRUPT',
        `${AUDIT_KEY_FILE} holds no key: ${messageOf(error)}`,
        { what: path },
        error,
      );
    }
  }

  /** The key of a data directory, made now if there is none. */
  static open(dataDir: string): AuditKey {
    const known = AuditKey.read(dataDir);
    if (known !== undefined) return known;
    const key = AuditKey.make();
    const partial = join(dataDir, `${AUDIT_KEY_FILE}.partial`);
    rmSync(partial, { force: true });
    const file = openSync(partial, 'wx', KEY_MODE);
    try {
      writeSync(file, key.#private.export({ format: 'pem', type: 'pkcs8' }) as string);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, join(dataDir, AUDIT_KEY_FILE));
    flush(dataDir);
    return key;
  }

  /** The key to check signatures with, as C2SP writes it: `name+hash+base64(0x01 | public key)`. */
  get verifierKey(): string {
    return `${this.name}+${hexOf(this.#keyId)}+${Buffer.from([ED25519_NOTE, ...this.#publicKey]).toString('base64')}`;
  }

  get #keyId(): Uint8Array {
    return sha256Of([Buffer.from(`${this.name}\n`), Uint8Array.of(ED25519_NOTE), this.#publicKey]).subarray(0, 4);
  }

  /** A note: the text, which ends with a newline, an empty line, and the signature. */
  note(text: string): string {
    const signature = sign(null, Buffer.from(text), this.#private);
    return `${text}\n\u2014 ${this.name} ${Buffer.concat([this.#keyId, signature]).toString('base64')}\n`;
  }

  /** 16 bytes that tell a tenant's name from its origin to whoever is given them. */
  saltOf(tenant: string, incarnation: number): Uint8Array {
    const mac = createHmac('sha256', this.#seed).update(`synapse origin\n${incarnation}\n${tenant}`).digest();
    return new Uint8Array(mac.subarray(0, SALT_BYTES));
  }

  originOf(tenant: string, incarnation: number): string {
    return `${this.name}/${hexOf(sha256Of([this.saltOf(tenant, incarnation), Buffer.from(tenant)]))}`;
  }
}

function invalidKey(expected: string): SynapseError {
  return new SynapseError('INVALID_ARGUMENT', `auditKey must be ${expected}`, { option: 'auditKey' });
}
