/**
 * The extension block of a frame: what travels with a message besides its arguments. Later entries are skipped by
 * older readers.
 */
import { SynapseError } from '../base/error.ts';
import { decodeValue, encodeValue } from './codec.ts';
import * as at from './header.ts';
import { readF64, readU32, writeF64, writeU32 } from './little-endian.ts';
import { copyInto, takeBytes } from './slab.ts';
import { readUtf8, utf8Size, writeUtf8 } from './utf8.ts';
import { TAG_ARRAY } from './value-tag.ts';

const NO_BYTES = new Uint8Array(0);

/** What is said of a message. */
export interface Extension {
  /** Who asks, as the embedder names them. */
  readonly principal?: string;
  /** ms since 1970 after which nobody waits any more. */
  readonly deadlineMs?: number;
  /** Trace context, W3C `traceparent`. */
  readonly trace?: string;
  readonly idempotencyKey?: string;
  /** Actors that wait for this call, outermost first: what finds a circle of calls. */
  readonly chain?: readonly string[];
}

/*
 *   | id (u8) | length (u32) | bytes |   and so on, ids ascending
 *   1 principal, UTF-8 · 2 deadline, f64 · 3 trace, UTF-8 · 4 idempotency key, UTF-8
 *   5 chain, a value (array of strings) · 6… free: skipped by this reader
 */
const ENTRY_PRINCIPAL = 1;
const ENTRY_DEADLINE = 2;
const ENTRY_TRACE = 3;
const ENTRY_IDEMPOTENCY_KEY = 4;
const ENTRY_CHAIN = 5;
const ENTRY_HEADER_BYTES = 5;

/** The extension block of a frame; empty for an empty extension. */
export function encodeExtension(extension: Extension): Uint8Array {
  const { principal, deadlineMs, trace, idempotencyKey } = extension;
  const chain = extension.chain && encodeValue(extension.chain, at.FRAME_MAX_BYTES, 'chain');
  const principalSize = textSize('principal', principal);
  const traceSize = textSize('trace', trace);
  const keySize = textSize('idempotencyKey', idempotencyKey);
  let size = entrySize(principalSize) + entrySize(traceSize) + entrySize(keySize);
  if (deadlineMs !== undefined) size += entrySize(8);
  if (chain !== undefined) size += entrySize(chain.length);
  if (size === 0) return NO_BYTES;

  const bytes = takeBytes(size);
  let end = 0;
  if (principal !== undefined) end = writeText(bytes, end, ENTRY_PRINCIPAL, principal, principalSize);
  if (deadlineMs !== undefined) {
    end = writeEntryHead(bytes, end, ENTRY_DEADLINE, 8) + 8;
    writeF64(bytes, end - 8, deadlineMs);
  }
  if (trace !== undefined) end = writeText(bytes, end, ENTRY_TRACE, trace, traceSize);
  if (idempotencyKey !== undefined) end = writeText(bytes, end, ENTRY_IDEMPOTENCY_KEY, idempotencyKey, keySize);
  if (chain !== undefined) copyInto(bytes, writeEntryHead(bytes, end, ENTRY_CHAIN, chain.length), chain);
  return bytes;
}

/** Bytes of `text`, or -1 for none. Malformed text is refused: as UTF-8 it could not be told from other such text. */
function textSize(part: string, text: string | undefined): number {
  if (text === undefined) return -1;
  const size = utf8Size(text);
  if (size === text.length || text.isWellFormed()) return size;
  throw new SynapseError('UNSERIALIZABLE', `${part} holds a lone surrogate`, { path: part });
}

function entrySize(size: number): number {
  return size < 0 ? 0 : ENTRY_HEADER_BYTES + size;
}

function writeEntryHead(bytes: Uint8Array, offset: number, id: number, size: number): number {
  bytes[offset] = id;
  writeU32(bytes, offset + 1, size);
  return offset + ENTRY_HEADER_BYTES;
}

function writeText(bytes: Uint8Array, offset: number, id: number, text: string, size: number): number {
  return writeUtf8(bytes, writeEntryHead(bytes, offset, id, size), text, size);
}

const NOTHING: Extension = Object.freeze({});

/** Of a message that nobody waits for, of which there is nothing else to say: nearly all that tenants tell each other. */
const NOBODY_WAITS: Extension = Object.freeze({ chain: Object.freeze([]) });
const NOBODY_WAITS_BYTES = ENTRY_HEADER_BYTES + 1;

/**
 * What {@link encodeExtension} wrote from `start` to `end`; entries of later versions are passed over.
 *
 * @throws SynapseError `UNSERIALIZABLE` when malformed
 */
export function decodeExtension(bytes: Uint8Array, start: number = 0, end: number = bytes.length): Extension {
  if (start === end) return NOTHING;
  const isShort = end - start === NOBODY_WAITS_BYTES && bytes[start] === ENTRY_CHAIN;
  if (isShort && bytes[end - 1] === TAG_ARRAY && readU32(bytes, start + 1) === 1) return NOBODY_WAITS;
  return decodeEntries(bytes, start, end);
}

function decodeEntries(bytes: Uint8Array, from: number, to: number): Extension {
  const extension: { -readonly [Key in keyof Extension]: Extension[Key] } = {};
  let lastId = 0;
  for (let offset = from; offset < to;) {
    if (to - offset < ENTRY_HEADER_BYTES) throw at.malformed('its extension ends inside an entry');
    const id = bytes[offset]!;
    const start = offset + ENTRY_HEADER_BYTES;
    const end = start + readU32(bytes, offset + 1);
    if (end > to) throw at.malformed('its extension ends inside an entry');
    if (id <= lastId) throw at.malformed('its extension entries are not in order');
    lastId = id;
    offset = end;
    if (id === ENTRY_PRINCIPAL) extension.principal = decodeText(bytes, start, end);
    else if (id === ENTRY_TRACE) extension.trace = decodeText(bytes, start, end);
    else if (id === ENTRY_IDEMPOTENCY_KEY) extension.idempotencyKey = decodeText(bytes, start, end);
    else if (id === ENTRY_CHAIN) extension.chain = decodeChain(bytes.subarray(start, end));
    else if (id === ENTRY_DEADLINE) {
      if (end - start !== 8) throw at.malformed('its deadline is no f64');
      extension.deadlineMs = readF64(bytes, start);
    }
  }
  return extension;
}

function decodeText(bytes: Uint8Array, start: number, end: number): string {
  const text = readUtf8(bytes, start, end);
  if (text === undefined) throw at.malformed('text in its extension is not UTF-8');
  return text;
}

function decodeChain(bytes: Uint8Array): readonly string[] {
  const chain = decodeValue(bytes);
  if (!Array.isArray(chain) || !chain.every((link) => typeof link === 'string')) {
    throw at.malformed('its chain is no array of strings');
  }
  return chain as string[];
}
