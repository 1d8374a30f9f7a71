/** Keys and signed notes over node:crypto, written down from C2SP signed-note: what verifiers are tried with. */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';

/** PKCS8 of an Ed25519 key before its 32 bytes (RFC 8410). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface NoteKey {
  readonly name: string;
  readonly secret: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Four bytes. */
  readonly id: Buffer;
  /** `name+hash+base64`. */
  readonly verifier: string;
}

/** The key of a seed; without a name, the name that a host draws from its key. */
export function noteKey(seed: Uint8Array, givenName?: string): NoteKey {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(spki.subarray(-32));
  const name = givenName ?? `synapse-${createHash('sha256').update(publicKey).digest('hex').slice(0, 16)}`;
  const typed = Buffer.concat([Buffer.of(1), publicKey]);
  const id = createHash('sha256').update(`${name}\n`).update(typed).digest().subarray(0, 4);
  return { name, secret, publicKey, id, verifier: `${name}+${id.toString('hex')}+${typed.toString('base64')}` };
}

/** The key of a number, for tests that need one and the same. */
export function sampleKey(number: number, name?: string): NoteKey {
  return noteKey(createHash('sha256').update(`seed ${number}`).digest(), name);
}

export function signatureLine(body: string, key: NoteKey): string {
  const signature = Buffer.concat([key.id, sign(null, Buffer.from(body), key.secret)]);
  return `— ${key.name} ${signature.toString('base64')}\n`;
}

export function bodyOf(origin: string, size: number, root: Uint8Array): string {
  return `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`;
}

export function signedNote(body: string, ...keys: readonly NoteKey[]): string {
  return `${body}\n${keys.map((key) => signatureLine(body, key)).join('')}`;
}
