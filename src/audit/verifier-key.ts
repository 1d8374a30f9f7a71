/**
 * Verifier keys: what a person pins to check a host's signatures. C2SP signed-note text
 * `name+hash+base64(0x01 ‖ key)`, or the bare Ed25519 key in one of the forms that people meet.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64Bytes, copyOfBytes, hexBytes, hexText, joinBytes, sameBytes, utf8Bytes } from './bytes.ts';
import { PUBLIC_KEY_BYTES } from './ed25519.ts';

/** Byte that stands for Ed25519 in a C2SP signed note. */
const ED25519_TYPE = 0x01;

/** Of a key given bare the name is not known. */
export interface VerifierKey {
  readonly name: string | undefined;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** SubjectPublicKeyInfo of an Ed25519 key before its 32 bytes (RFC 8410). */
const SPKI_HEAD = hexBytes('302a300506032b6570032100') as Uint8Array;

/** Longer texts are no keys. */
const KEY_TEXT_MAX_LENGTH = 1_024;

/** The name rule of signed notes: not empty, no Unicode space, no plus. */
export function isKeyName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}+]/u.test(name);
}

/** First four bytes of `sha256(name ‖ 0x0A ‖ 0x01 ‖ key)`, as 8 hex digits. `name` is well-formed. */
export function keyIdOf(name: string, publicKey: Uint8Array): string {
  const head = utf8Bytes(`${name}\n`) ?? new Uint8Array(0);
  return hexText(sha256(joinBytes(head, Uint8Array.of(ED25519_TYPE), publicKey)).subarray(0, 4));
}

/**
 * The key of a C2SP verifier key text, of 32 bytes (as they are, hex, base64 or base64url), or of a
 * SubjectPublicKeyInfo (DER or PEM). Nothing for anything else. Whether the 32 bytes are a point is for
 * the verification to see.
 */
export function parseVerifierKey(value: unknown): VerifierKey | undefined {
  if (typeof value === 'string') return keyOfText(value);
  return keyOfBytes(copyOfBytes(value, SPKI_HEAD.length + PUBLIC_KEY_BYTES));
}

function keyOfText(text: string): VerifierKey | undefined {
  if (text.length > KEY_TEXT_MAX_LENGTH) return undefined;
  // As it comes out of a file.
  const trimmed = text.replace(/\r?\n$/, '');
  const pem = /^-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=]+)\r?\n-----END PUBLIC KEY-----$/.exec(trimmed);
  if (pem !== null) return keyOfBytes(base64Bytes(pem[1] as string));
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return keyOfBytes(hexBytes(trimmed));
  if (/^[A-Za-z0-9_-]{43}$/.test(trimmed)) {
    return keyOfBytes(base64Bytes(`${trimmed.replaceAll('-', '+').replaceAll('_', '/')}=`));
  }
  return keyOfNote(trimmed) ?? keyOfBytes(base64Bytes(trimmed));
}

function keyOfNote(text: string): VerifierKey | undefined {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) return undefined;
  const typed = base64Bytes(encoded);
  if (typed?.length !== 1 + PUBLIC_KEY_BYTES || typed[0] !== ED25519_TYPE) return undefined;
  if (!isKeyName(name) || utf8Bytes(name) === undefined) return undefined;
  const publicKey = typed.slice(1);
  return keyIdOf(name, publicKey) === id ? { name, publicKey } : undefined;
}

function keyOfBytes(bytes: Uint8Array | undefined): VerifierKey | undefined {
  if (bytes === undefined) return undefined;
  const isSpki = bytes.length > PUBLIC_KEY_BYTES && sameBytes(bytes.subarray(0, SPKI_HEAD.length), SPKI_HEAD);
  const publicKey = isSpki ? bytes.slice(SPKI_HEAD.length) : bytes;
  return publicKey.length === PUBLIC_KEY_BYTES ? { name: undefined, publicKey } : undefined;
}
