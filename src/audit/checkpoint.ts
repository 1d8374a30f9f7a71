/**
 * Checkpoints: C2SP tlog-checkpoint in a C2SP signed-note, read strictly and checked against a key.
 *
 * ```
 *   acme.example/log                                     origin
 *   42                                                   size: canonical decimal
 *   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=         root: base64 of 32 bytes
 *   (extension lines, none of ours)
 *                                                        an empty line
 *   — acme.example/log Az3grlgtzPICa5OS8npVmf1My…=       key name, base64(key id ‖ signature)
 * ```
 * The body, which is what is signed, ends with the newline before the empty line. Never throws.
 */
import { base64Bytes, copyOfBytes, hexText, utf8Bytes, utf8Text } from './bytes.ts';
import { verifyEd25519 } from './ed25519.ts';
import { TREE_HASH_BYTES } from './tree-hash.ts';
import { isKeyName, keyIdOf, parseVerifierKey } from './verifier-key.ts';

/** One signature line of a note. */
export interface NoteSignature {
  /** Name of the key, as the line says. */
  readonly name: string;
  /** 8 hex digits: the first four bytes of what the line holds. */
  readonly keyId: string;
  /** The rest: 64 bytes of an Ed25519 signature, another length of another kind. */
  readonly signature: Uint8Array;
}

/** What a checkpoint says. Nothing of it is checked before {@link verifyCheckpoint} is true. */
export interface Checkpoint {
  /** Which log this is. */
  readonly origin: string;
  /** Number of leaves, a safe integer. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Further lines, whose meaning is the signer's. */
  readonly extensions: readonly string[];
  /** At least one. */
  readonly signatures: readonly NoteSignature[];
  /** What is signed: the text up to and with the newline before the empty line. */
  readonly body: string;
}

/** Longest note in UTF-16 units, and most signatures: far above any honest one, and a bound on what a stranger's costs. */
const NOTE_MAX_LENGTH: number = 1 << 20;
const SIGNATURES_MAX = 100;
/** Key id and at least one byte of a signature. */
const SIGNATURE_MIN_BYTES = 5;
const KEY_ID_BYTES = 4;

/** Which note a parsed checkpoint came from: its fields could be changed, the note not. */
const noteOf = new WeakMap<object, string>();

/**
 * Reads a checkpoint: text, or its bytes in UTF-8. Undefined for what is malformed in any way: another
 * form of a number or of base64, a control character, a missing empty line or newline at the end, a size
 * beyond 2^53 - 1. Never throws, and checks no signature.
 *
 * @see https://c2sp.org/tlog-checkpoint
 */
export function parseCheckpoint(note: string | Uint8Array): Checkpoint | undefined {
  try {
    const text = typeof note === 'string' ? note : textOf(note);
    if (text === undefined || text.length > NOTE_MAX_LENGTH) return undefined;
    return checkpointOf(text);
  } catch {
    return undefined;
  }
}

/**
 * True when `note` is a well-formed checkpoint signed by `verifierKey`: a C2SP verifier key
 * (`name+hash+base64(0x01 ‖ key)`), or an Ed25519 public key as 32 bytes, hex, base64 or SPKI (DER, PEM).
 * Of a verifier key the name must be that of the line, and every line of that key must verify; of a bare
 * key any line will do whose key id is that of its name and this key. Synchronous; never throws.
 *
 * @see https://c2sp.org/signed-note
 * @example verifyCheckpoint(await system.audit('acme').checkpoint(), 'synapse-…+…+…') // true
 */
export function verifyCheckpoint(note: string | Uint8Array | Checkpoint, verifierKey: string | Uint8Array): boolean {
  try {
    const text = typeof note === 'string' ? note : (noteOf.get(note) ?? textOf(note));
    const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
    if (checkpoint === undefined) return false;
    const key = parseVerifierKey(verifierKey);
    const body = utf8Bytes(checkpoint.body);
    if (key === undefined || body === undefined) return false;
    const isOfKey = ({ name, keyId }: NoteSignature): boolean =>
      (key.name ?? name) === name && keyIdOf(name, key.publicKey) === keyId;
    const own = checkpoint.signatures.filter(isOfKey);
    return own.length > 0 && own.every(({ signature }) => verifyEd25519(signature, body, key.publicKey));
  } catch {
    return false;
  }
}

function textOf(note: unknown): string | undefined {
  const bytes = copyOfBytes(note, 3 * NOTE_MAX_LENGTH);
  return bytes === undefined ? undefined : utf8Text(bytes);
}

function checkpointOf(text: string): Checkpoint | undefined {
  if (hasControl(text) || utf8Bytes(text) === undefined) return undefined;
  const cut = text.lastIndexOf('\n\n');
  if (cut < 0 || !text.endsWith('\n')) return undefined;
  const body = text.slice(0, cut + 1);
  const [origin = '', size = '', root = '', ...extensions] = body.slice(0, -1).split('\n');
  if (origin === '' || !/^(0|[1-9][0-9]{0,15})$/.test(size) || extensions.includes('')) return undefined;
  const rootBytes = base64Bytes(root);
  if (rootBytes?.length !== TREE_HASH_BYTES || !Number.isSafeInteger(Number(size))) return undefined;
  const signatures = signaturesOf(text.slice(cut + 2, -1));
  if (signatures === undefined) return undefined;
  const checkpoint = Object.freeze({ origin, size: Number(size), root: rootBytes, extensions, signatures, body });
  noteOf.set(checkpoint, text);
  return checkpoint;
}

/** A control character other than newline: a note has none. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20 && text.charCodeAt(i) !== 0x0a) return true;
  return false;
}

function signaturesOf(text: string): readonly NoteSignature[] | undefined {
  const lines = text.split('\n');
  if (lines.length > SIGNATURES_MAX) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^— ([^ ]+) ([^ ]+)$/.exec(line) ?? [];
    const bytes = base64Bytes(encoded);
    if (!isKeyName(name) || bytes === undefined || bytes.length < SIGNATURE_MIN_BYTES) return undefined;
    signatures.push({ name, keyId: hexText(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.slice(KEY_ID_BYTES) });
  }
  return signatures;
}
