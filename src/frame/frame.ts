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
import { type Extension, decodeExtension } from './extension.ts';
import * as at from './header.ts';
import { readU32 } from './little-endian.ts';
import { addressAt, nameAt } from './names.ts';
import { oneByte } from './one-byte.ts';
import { copyInto, takeBytes } from './slab.ts';
import { utf8Size, writeUtf8 } from './utf8.ts';
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

  /** What the extension says, without a view of it. */
  extensionFields(): Extension {
    const { bytes } = this;
    const size = readU32(bytes, at.OFFSET_EXTENSION_LENGTH);
    const end = bytes.length - readU32(bytes, at.OFFSET_PAYLOAD_LENGTH);
    return decodeExtension(bytes, end - size, end);
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
