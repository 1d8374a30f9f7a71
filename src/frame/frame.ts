/**
 * Frames: one message, encoded once where it is sent. The same bytes cross threads, go to the journal,
 * are hashed for the audit and cross the wire; header.ts draws them. `encodeFrame` makes them, `Frame`
 * reads them lazily, `Frame.parse` is the one gate for bytes of strangers.
 * Never decodes a payload and never keeps a stack of another process.
 */
import type { Address } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { isErrorCode, SynapseError, type ErrorDetails } from '../base/error.ts';
import { decodeValue, encodeValue } from './codec.ts';
import * as at from './header.ts';
import { readF64, readU32, writeF64, writeU32 } from './little-endian.ts';
import { addressAt, nameAt } from './names.ts';
import { oneByte } from './one-byte.ts';
import { takeBytes } from './slab.ts';
import { readUtf8, utf8Size, writeUtf8 } from './utf8.ts';
import { DEPTH_MAX } from './value-tag.ts';

/** What a frame is about. Numbers are part of the protocol: never reused, never renumbered. */
export const FRAME_KIND = {
  call: 1,
  tell: 2,
  reply: 3,
  effect: 4,
  effectResult: 5,
  timer: 6,
  poison: 7,
  control: 8,
  cancel: 9,
  ack: 10,
} as const;
/** One of the numbers of {@link FRAME_KIND}. */
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

/** A reply's flags: its payload is a value, or an error (see {@link encodeError}). */
export const FRAME_STATUS = { ok: 0, error: 1 } as const;

/** What {@link encodeFrame} takes; numbers are unsigned safe integers unless said otherwise. */
export interface FrameFields {
  readonly kind: FrameKind;
  /** One byte, 0 when left out. */
  readonly flags?: number;
  /** Below 2^32. */
  readonly shard: number;
  readonly messageId: number;
  /** The message id that this frame answers; 0 for none. */
  readonly correlation?: number;
  /** Ids below it are settled at the sender; 0 when left out. */
  readonly floor?: number;
  /** ms since 1970, any finite number. */
  readonly timeMs: number;
  readonly incarnation?: number;
  /** Left out, or with a tenant that is not empty. */
  readonly source?: Address | undefined;
  /** Parts may be empty where a frame is for a whole tenant or shard. */
  readonly target: Address;
  readonly handler?: string;
  /** See {@link encodeExtension}. */
  readonly extension?: Uint8Array;
  readonly payload: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const NAME_MAX_BYTES = 0xffff;
/** One after another; filled and read within `encodeFrame`, which runs no user code. */
const nameSizes = new Uint32Array(at.NAME_COUNT);

/**
 * A frame as bytes of its own. They may lie in memory that other frames share: never transfer `.buffer`.
 *
 * @throws SynapseError `TOO_LARGE` beyond `FRAME_MAX_BYTES`, `UNSERIALIZABLE` for a name that is no well-formed text
 */
export function encodeFrame(fields: FrameFields): Uint8Array {
  const { source, target, payload } = fields;
  const handler = fields.handler ?? '';
  const extension = fields.extension ?? NO_BYTES;
  assert(source === undefined || source.tenant !== '', 'a source has a tenant');
  let offset = at.HEADER_BYTES;
  if (source === undefined) nameSizes[0] = nameSizes[1] = nameSizes[2] = 0;
  else {
    offset += measure(0, source.tenant) + measure(1, source.type) + measure(2, source.key);
  }
  offset += measure(3, target.tenant) + measure(4, target.type) + measure(5, target.key) + measure(6, handler);
  const size = offset + extension.length + payload.length;
  if (size > at.FRAME_MAX_BYTES) throw at.tooLarge(size);

  const bytes = takeBytes(size);
  at.writeHeader(bytes, fields, nameSizes, extension.length, payload.length);
  let end = at.HEADER_BYTES;
  if (source !== undefined) {
    end = writeUtf8(bytes, end, source.tenant, nameSizes[0]!);
    end = writeUtf8(bytes, end, source.type, nameSizes[1]!);
    end = writeUtf8(bytes, end, source.key, nameSizes[2]!);
  }
  end = writeUtf8(bytes, end, target.tenant, nameSizes[3]!);
  end = writeUtf8(bytes, end, target.type, nameSizes[4]!);
  end = writeUtf8(bytes, end, target.key, nameSizes[5]!);
  end = writeUtf8(bytes, end, handler, nameSizes[6]!);
  assert(end === offset, 'names take the bytes that were measured');
  end = copyInto(bytes, end, extension);
  copyInto(bytes, end, payload);
  return bytes;
}

function measure(index: number, name: string): number {
  const size = utf8Size(name);
  if (size !== name.length && !name.isWellFormed()) {
    throw new SynapseError('UNSERIALIZABLE', 'a name in a frame holds a lone surrogate', { path: `names[${index}]` });
  }
  if (size > NAME_MAX_BYTES) {
    throw new SynapseError('TOO_LARGE', `a name in a frame takes ${size} bytes`, {
      limit: NAME_MAX_BYTES,
      unit: 'bytes',
    });
  }
  nameSizes[index] = size;
  return size;
}

/** Below this a loop beats the engine's copy. */
const LOOP_MAX_BYTES = 32;
function copyInto(bytes: Uint8Array, offset: number, piece: Uint8Array): number {
  if (piece.length <= LOOP_MAX_BYTES) for (let i = 0; i < piece.length; i++) bytes[offset + i] = piece[i]!;
  else bytes.set(piece, offset);
  return offset + piece.length;
}

/**
 * A view of one frame's bytes; fields are read when asked for. `new Frame(bytes)` trusts them,
 * {@link Frame.parse} does not.
 */
export class Frame {
  /** The frame itself, as it was sent. */
  readonly bytes: Uint8Array;
  #source: Address | undefined;
  #target: Address | undefined;
  #handler: string | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /**
   * Accepts one whole frame and nothing else: lengths must match the bytes exactly and names be well-formed.
   * The payload and extension are not looked into.
   *
   * @throws SynapseError `PROTOCOL_VERSION` for another major version, `TOO_LARGE`, `UNSERIALIZABLE` when malformed
   */
  static parse(bytes: Uint8Array): Frame {
    at.checkHeader(bytes);
    const frame = new Frame(bytes);
    // Decoded here, so that a getter never throws on a frame that was accepted.
    void frame.source;
    void frame.target;
    void frame.handler;
    return frame;
  }

  /** One of {@link FRAME_KIND}. */
  get kind(): FrameKind {
    return at.frameKind(this.bytes) as FrameKind;
  }

  /** Kind-specific bits; of a reply, one of {@link FRAME_STATUS}. */
  get flags(): number {
    return at.frameFlags(this.bytes);
  }

  get shard(): number {
    return at.frameShard(this.bytes);
  }

  get messageId(): number {
    return at.frameMessageId(this.bytes);
  }

  /** The message id that this frame answers; 0 for none. */
  get correlation(): number {
    return at.frameCorrelation(this.bytes);
  }

  /** Ids below it are settled at the sender. */
  get floor(): number {
    return at.frameFloor(this.bytes);
  }

  /** ms since 1970. */
  get timeMs(): number {
    return at.frameTimeMs(this.bytes);
  }

  get incarnation(): number {
    return at.frameIncarnation(this.bytes);
  }

  /** The sending actor; undefined where the message came from outside. Frozen, and shared as {@link Frame.target} is. */
  get source(): Address | undefined {
    if (at.nameLength(this.bytes, 0) === 0) return undefined;
    return (this.#source ??= addressAt(this.bytes, 0));
  }

  /** Frozen; as a rule the same object in all frames to the same actor, with strings that know their hash. */
  get target(): Address {
    return (this.#target ??= addressAt(this.bytes, 3));
  }

  /** Name of the command or query; empty where none is meant. */
  get handler(): string {
    return (this.#handler ??= nameAt(this.bytes, 6));
  }

  /** For {@link decodeExtension}; a view, empty where there is none. */
  get extension(): Uint8Array {
    const size = readU32(this.bytes, at.OFFSET_EXTENSION_LENGTH);
    if (size === 0) return NO_BYTES;
    const end = this.bytes.length - readU32(this.bytes, at.OFFSET_PAYLOAD_LENGTH);
    return this.bytes.subarray(end - size, end);
  }

  /** Length of the payload, without a view of it. */
  get payloadBytes(): number {
    return readU32(this.bytes, at.OFFSET_PAYLOAD_LENGTH);
  }

  /** A view, or an array that others share: never change it. */
  get payload(): Uint8Array {
    const bytes = this.bytes;
    const size = this.payloadBytes;
    return size === 1 ? oneByte(bytes[bytes.length - 1]!) : bytes.subarray(bytes.length - size);
  }

  /** The payload as {@link decodeValue} gives it. */
  payloadValue(): unknown {
    const bytes = this.bytes;
    return decodeValue(bytes, DEPTH_MAX, bytes.length - readU32(bytes, at.OFFSET_PAYLOAD_LENGTH));
  }
}

/** What travels with a message besides its arguments. Later entries are skipped by older readers. */
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

/**
 * What {@link encodeExtension} wrote; entries of later versions are passed over.
 *
 * @throws SynapseError `UNSERIALIZABLE` when malformed
 */
export function decodeExtension(bytes: Uint8Array): Extension {
  const extension: { -readonly [Key in keyof Extension]: Extension[Key] } = {};
  let lastId = 0;
  for (let offset = 0; offset < bytes.length;) {
    if (bytes.length - offset < ENTRY_HEADER_BYTES) throw at.malformed('its extension ends inside an entry');
    const id = bytes[offset]!;
    const start = offset + ENTRY_HEADER_BYTES;
    const end = start + readU32(bytes, offset + 1);
    if (end > bytes.length) throw at.malformed('its extension ends inside an entry');
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

/** Longest message that travels, in UTF-16 units: a user's error may carry a whole document. */
const ERROR_MESSAGE_MAX_LENGTH = 16_384;
/** Most bytes of `details` that travel: enough to explain, too few to be the payload. */
const ERROR_DETAILS_MAX_BYTES: number = 256 * 1024;

/**
 * Code, message and details; never a stack or a cause. Never throws: details that cannot travel are
 * replaced by `{ detailsOmitted: why }`, a message beyond 16,384 units is cut.
 */
export function encodeError(error: SynapseError): Uint8Array {
  const { code } = error;
  const details: unknown =
    typeof error.details === 'object' && error.details !== null ? error.details : { value: error.details };
  const text = String(error.message);
  const message = text.length > ERROR_MESSAGE_MAX_LENGTH ? `${text.slice(0, ERROR_MESSAGE_MAX_LENGTH - 1)}…` : text;
  try {
    // Measured alone first, so that its depth and size are its own.
    encodeValue(details, ERROR_DETAILS_MAX_BYTES, 'details');
    return encodeValue([code, message, details], undefined, 'error', DEPTH_MAX + 1);
  } catch (failure) {
    const detailsOmitted = failure instanceof SynapseError ? failure.message : 'they changed while they were read';
    return encodeValue([code, message, { detailsOmitted }]);
  }
}

/** The code alone of what {@link encodeError} wrote: no error is made, and so no stack is taken. */
export function errorCodeOf(bytes: Uint8Array): string {
  return String((decodeValue(bytes, DEPTH_MAX + 1) as readonly unknown[])[0]);
}

/**
 * The error that {@link encodeError} wrote. A code that this version does not know (of a later minor version)
 * becomes `HANDLER_FAILED` with the code in message and details.
 *
 * @throws SynapseError `UNSERIALIZABLE` when malformed
 */
export function decodeError(bytes: Uint8Array): SynapseError {
  const parts = decodeValue(bytes, DEPTH_MAX + 1);
  if (!Array.isArray(parts) || parts.length !== 3) throw at.malformed('its error is malformed');
  const [code, message, details] = parts as unknown[];
  if (typeof code !== 'string' || typeof message !== 'string' || typeof details !== 'object' || details === null) {
    throw at.malformed('its error is malformed');
  }
  if (isErrorCode(code)) return new SynapseError(code, message, details as ErrorDetails);
  return new SynapseError('HANDLER_FAILED', `${code}: ${message}`, { ...details, code });
}
