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

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base 64 of RFC 4648 section 4, with padding. */
export function base64Text(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += ALPHABET.charAt(group >>> 18) + ALPHABET.charAt((group >>> 12) & 63);
    text += i + 1 < bytes.length ? ALPHABET.charAt((group >>> 6) & 63) : '=';
    text += i + 2 < bytes.length ? ALPHABET.charAt(group & 63) : '=';
  }
  return text;
}

/**
 * The bytes that {@link base64Text} makes this text of; nothing for any other text: padding is needed, the
 * bits it covers are 0, and no white space is passed over.
 */
export function base64Bytes(text: string): Uint8Array | undefined {
  const match = /^[A-Za-z0-9+/]*(={0,2})$/.exec(text);
  if (match === null || text.length % 4 !== 0) return undefined;
  const padding = (match[1] as string).length;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let i = 0, at = 0; i < text.length; i += 4, at += 3) {
    let group = 0;
    for (let j = 0; j < 4; j++) group = (group << 6) | sextetOf(text.charAt(i + j));
    for (let j = 0; j < 3; j++) {
      const byte = (group >>> (16 - 8 * j)) & 0xff;
      if (at + j < bytes.length) bytes[at + j] = byte;
      else if (byte !== 0) return undefined;
    }
  }
  return bytes;
}

/** Of the padding 0. */
function sextetOf(letter: string): number {
  return letter === '=' ? 0 : ALPHABET.indexOf(letter);
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
