/**
 * Bytes and texts for verifiers, which run anywhere and trust nobody: no Buffer, no engine's lenient
 * decoders. What comes from outside is copied once through intrinsics that run no code of the caller
 * (no getter, no proxy trap, no species), so that what was checked is what is used.
 * Decoders are strict: every byte string has one text form, and only that one is read.
 */

/** Taken when the module is loaded; of a real typed array they run no user code, of anything else they throw or say nothing. */
const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;
const kindGetter = getterOf(Symbol.toStringTag);
const lengthGetter = getterOf('length');

function getterOf(name: PropertyKey): (this: unknown) => unknown {
  const property = Object.getOwnPropertyDescriptor(TYPED_ARRAY, name);
  return (property as { readonly get: (this: unknown) => unknown }).get;
}

/** A copy of `value` when it is a real Uint8Array (or Buffer) of at most `mostBytes`, else nothing. Never throws. */
export function copyOfBytes(value: unknown, mostBytes: number): Uint8Array | undefined {
  if (kindGetter.call(value) !== 'Uint8Array') return undefined;
  const length = lengthGetter.call(value) as number;
  if (length > mostBytes) return undefined;
  const copy = new Uint8Array(length);
  copy.set(value as Uint8Array);
  return copy;
}

/** True when both hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** One behind the other. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Lower-case hex. */
export function hexText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** The bytes of lower- or upper-case hex, two digits each; nothing for any other text. */
export function hexBytes(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Codes of the 64 letters, and the way back; 0xff is no letter. */
const LETTERS: Uint8Array = codesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const SEXTETS: Uint8Array = new Uint8Array(128).fill(0xff);
LETTERS.forEach((code, sextet) => (SEXTETS[code] = sextet));
const PADDING = 0x3d;
/** Bytes encoded at a time: a multiple of 3, and few enough letters to be arguments of one call. */
const CHUNK_BYTES = 6_144;

function codesOf(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
}

/** Base 64 of RFC 4648 section 4, with padding. */
export function base64Text(bytes: Uint8Array): string {
  let text = '';
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES)
    text += chunkText(bytes.subarray(from, from + CHUNK_BYTES));
  return text;
}

function chunkText(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  for (let i = 0, at = 0; i < bytes.length; i += 3, at += 4) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let j = 0; j < 4; j++) codes[at + j] = LETTERS[(group >>> (18 - 6 * j)) & 63] as number;
  }
  const missing = (3 - (bytes.length % 3)) % 3;
  for (let i = 1; i <= missing; i++) codes[codes.length - i] = PADDING;
  return String.fromCharCode(...codes);
}

/**
 * The bytes that {@link base64Text} makes this text of; nothing for any other text: padding is needed, the
 * bits it covers are 0, and no white space is passed over.
 */
export function base64Bytes(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const letters = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  for (let i = 0, at = 0; i < letters; i++) {
    const sextet = SEXTETS[text.charCodeAt(i)] ?? 0xff;
    if (sextet === 0xff) return undefined;
    bits = (bits << 6) | sextet;
    if (i % 4 === 0) continue;
    bytes[at++] = bits >>> (6 - 2 * (i % 4));
  }
  // What is left of the last letter lies under the padding.
  return (bits & (padding === 1 ? 3 : padding === 2 ? 15 : 0)) === 0 ? bytes : undefined;
}

const encoder = new TextEncoder();
/** `ignoreBOM`: a byte order mark is a character like any other, or two texts would be one. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8; nothing for a text with a lone surrogate, which has none. */
export function utf8Bytes(text: string): Uint8Array | undefined {
  return isWellFormed(text) ? encoder.encode(text) : undefined;
}

/** The text of well-formed UTF-8, else nothing. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** By hand: `String.prototype.isWellFormed` is younger than many browsers in use. */
function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}
