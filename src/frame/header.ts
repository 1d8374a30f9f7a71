/**
 * The frame's header: where each field lies, and readers that take one field from raw bytes. Routing
 * uses only these and never touches names, extension or payload. The layout of a major version never
 * changes; later capabilities go into the extension, or into the spare bytes with a new minor version.
 *
 * Readers trust their bytes: pass only frames that we made or that `Frame.parse` accepted.
 */
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { PROTOCOL_MAJOR, PROTOCOL_MINOR } from '../base/version.ts';
import { readF64, readU16, readU32, readU53, writeF64, writeU16, writeU32, writeU53 } from './little-endian.ts';

/*
 *        0        1        2        3        4        5        6        7
 *    0  | major  | minor  | kind   | flags  | frame length, all of it (u32)     |
 *    8  | shard (u32)                       | payload length (u32)              |
 *   16  | message id (u53 in u64)                                               |
 *   24  | correlation: the message id this one answers, 0 none (u53 in u64)     |
 *   32  | floor: the sender keeps nothing below this id (u53 in u64)            |
 *   40  | time, ms since 1970 (f64)                                             |
 *   48  | incarnation of the source (u53 in u64)                                |
 *   56  | source tenant   | source type     | source key      | target tenant   |  lengths in bytes (u16);
 *   64  | target type     | target key      | handler         | spare, 0        |  source tenant 0: no source
 *   72  | extension length (u32)            | spare, 0 (u32)                    |
 *   80  | source tenant, type, key · target tenant, type, key · handler (UTF-8) |
 *    …  | extension · payload                                                   |
 *
 *   Little endian throughout; no padding behind the fixed part.
 */
export const OFFSET_MAJOR = 0;
export const OFFSET_MINOR = 1;
export const OFFSET_KIND = 2;
export const OFFSET_FLAGS = 3;
export const OFFSET_LENGTH = 4;
const OFFSET_SHARD = 8;
export const OFFSET_PAYLOAD_LENGTH = 12;
const OFFSET_MESSAGE_ID = 16;
export const OFFSET_CORRELATION = 24;
const OFFSET_FLOOR = 32;
export const OFFSET_TIME = 40;
export const OFFSET_INCARNATION = 48;
/** Seven u16 lengths of names, in the order in which the names stand. */
const OFFSET_NAME_LENGTHS = 56;
const OFFSET_SPARE_NAME = 70;
export const OFFSET_EXTENSION_LENGTH = 72;
const OFFSET_SPARE = 76;

/** Bytes of the fixed part, a multiple of 8. */
export const HEADER_BYTES = 80;

/** Names in a frame: source tenant, type, key, target tenant, type, key, handler. */
export const NAME_COUNT = 7;

/**
 * Longest frame in bytes: 16 MiB. Far above any sane message, and 16 of the largest fit the 256 MiB
 * that a process may have in flight, so one sender cannot fill it with a handful.
 */
export const FRAME_MAX_BYTES: number = 16 * 1024 * 1024;

/** Highest kind of this minor version, `FRAME_KIND.ack`. */
const KIND_MAX = 10;

/** Length, bytes, of the frame that begins at `start`. */
export function frameLength(bytes: Uint8Array, start: number): number {
  return readU32(bytes, start + OFFSET_LENGTH);
}

/** One of `FRAME_KIND`. */
export function frameKind(bytes: Uint8Array): number {
  return bytes[OFFSET_KIND]!;
}

/** Kind-specific bits; of a reply, one of `FRAME_STATUS`. */
export function frameFlags(bytes: Uint8Array): number {
  return bytes[OFFSET_FLAGS]!;
}

/** The shard that routes the frame. */
export function frameShard(bytes: Uint8Array): number {
  return readU32(bytes, OFFSET_SHARD);
}

/** The sender's number for the message. */
export function frameMessageId(bytes: Uint8Array): number {
  return readU53(bytes, OFFSET_MESSAGE_ID);
}

/** The message id that this frame answers; 0 where it answers none. */
export function frameCorrelation(bytes: Uint8Array): number {
  return readU53(bytes, OFFSET_CORRELATION);
}

/** Ids below it are settled at the sender. */
export function frameFloor(bytes: Uint8Array): number {
  return readU53(bytes, OFFSET_FLOOR);
}

/** When the frame was made, in ms since 1970. */
export function frameTimeMs(bytes: Uint8Array): number {
  return readF64(bytes, OFFSET_TIME);
}

/** Incarnation of the source. */
export function frameIncarnation(bytes: Uint8Array): number {
  return readU53(bytes, OFFSET_INCARNATION);
}

/** Sets the floor in place and returns the same bytes. Only before a frame is journaled or hashed. */
export function withFloor(bytes: Uint8Array, floor: number): Uint8Array {
  assert(Number.isSafeInteger(floor) && floor >= 0, 'a floor is a message id');
  writeU53(bytes, OFFSET_FLOOR, floor);
  return bytes;
}

/** Length in bytes of name `index` (0 source tenant … 6 handler). */
export function nameLength(bytes: Uint8Array, index: number): number {
  return readU16(bytes, OFFSET_NAME_LENGTHS + 2 * index);
}

/** Where name `index` begins; with `NAME_COUNT`, where the extension begins. */
export function nameOffset(bytes: Uint8Array, index: number): number {
  let offset = HEADER_BYTES;
  for (let i = 0; i < index; i++) offset += nameLength(bytes, i);
  return offset;
}

/** The numbers of a frame's header. */
export interface HeaderFields {
  readonly kind: number;
  readonly flags?: number;
  readonly shard: number;
  readonly messageId: number;
  readonly correlation?: number;
  readonly floor?: number;
  readonly timeMs: number;
  readonly incarnation?: number;
}

/** Writes the fixed part of a frame that fills `bytes`. */
export function writeHeader(
  bytes: Uint8Array,
  fields: HeaderFields,
  nameSizes: Uint32Array,
  extensionSize: number,
  payloadSize: number,
): void {
  const { messageId, correlation = 0, floor = 0, incarnation = 0, timeMs } = fields;
  assert(isId(messageId) && isId(correlation) && isId(floor) && isId(incarnation), 'ids are unsigned safe integers');
  assert(Number.isFinite(timeMs), 'a frame has a time');
  assert(fields.shard >>> 0 === fields.shard, 'a shard is below 2^32');
  assert(((fields.flags ?? 0) & 0xff) === (fields.flags ?? 0), 'flags take one byte');
  bytes[OFFSET_MAJOR] = PROTOCOL_MAJOR;
  bytes[OFFSET_MINOR] = PROTOCOL_MINOR;
  bytes[OFFSET_KIND] = fields.kind;
  bytes[OFFSET_FLAGS] = fields.flags ?? 0;
  writeU32(bytes, OFFSET_LENGTH, bytes.length);
  writeU32(bytes, OFFSET_SHARD, fields.shard);
  writeU32(bytes, OFFSET_PAYLOAD_LENGTH, payloadSize);
  writeU53(bytes, OFFSET_MESSAGE_ID, messageId);
  writeU53(bytes, OFFSET_CORRELATION, correlation);
  writeU53(bytes, OFFSET_FLOOR, floor);
  writeF64(bytes, OFFSET_TIME, timeMs);
  writeU53(bytes, OFFSET_INCARNATION, incarnation);
  for (let i = 0; i < NAME_COUNT; i++) writeU16(bytes, OFFSET_NAME_LENGTHS + 2 * i, nameSizes[i]!);
  writeU32(bytes, OFFSET_EXTENSION_LENGTH, extensionSize);
}

/** Writes into a frame that was made without a payload what depends on the message. */
export function completeHeader(
  bytes: Uint8Array,
  payloadSize: number,
  messageId: number,
  timeMs: number,
  incarnation: number,
): void {
  if (bytes.length > FRAME_MAX_BYTES) throw tooLarge(bytes.length);
  assert(isId(messageId) && isId(incarnation) && Number.isFinite(timeMs), 'ids are unsigned safe integers');
  writeU32(bytes, OFFSET_LENGTH, bytes.length);
  writeU32(bytes, OFFSET_PAYLOAD_LENGTH, payloadSize);
  writeU53(bytes, OFFSET_MESSAGE_ID, messageId);
  writeF64(bytes, OFFSET_TIME, timeMs);
  writeU53(bytes, OFFSET_INCARNATION, incarnation);
}

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Checks the fixed part of a stranger's frame against its bytes; UNSERIALIZABLE, PROTOCOL_VERSION or TOO_LARGE. */
export function checkHeader(bytes: Uint8Array): void {
  if (bytes.length === 0) throw malformed('no bytes');
  const major = bytes[OFFSET_MAJOR]!;
  if (major !== PROTOCOL_MAJOR) {
    const text = `protocol ${major}.${bytes[OFFSET_MINOR] ?? 0}, expected ${PROTOCOL_MAJOR}.x`;
    throw new SynapseError('PROTOCOL_VERSION', text, { major, expected: PROTOCOL_MAJOR });
  }
  if (bytes.length > FRAME_MAX_BYTES) throw tooLarge(bytes.length);
  if (bytes.length < HEADER_BYTES) throw malformed(`${bytes.length} bytes are less than a header`);
  const kind = frameKind(bytes);
  if (kind === 0 || kind > KIND_MAX) throw malformed(`unknown kind ${kind}`);
  let size = nameOffset(bytes, NAME_COUNT);
  size += readU32(bytes, OFFSET_EXTENSION_LENGTH) + readU32(bytes, OFFSET_PAYLOAD_LENGTH);
  if (readU32(bytes, OFFSET_LENGTH) !== bytes.length || size !== bytes.length) {
    throw malformed(`its lengths do not add up to its ${bytes.length} bytes`);
  }
  for (let offset = OFFSET_MESSAGE_ID; offset <= OFFSET_INCARNATION; offset += 8) {
    if (offset === OFFSET_TIME) continue;
    if (!Number.isSafeInteger(readU53(bytes, offset))) throw malformed('an id is beyond 2^53');
  }
  if (!Number.isFinite(readF64(bytes, OFFSET_TIME))) throw malformed('its time is not finite');
  const spareIsFree = bytes[OFFSET_MINOR]! <= PROTOCOL_MINOR;
  if (spareIsFree && (readU16(bytes, OFFSET_SPARE_NAME) !== 0 || readU32(bytes, OFFSET_SPARE) !== 0)) {
    throw malformed('its spare bytes are not 0');
  }
  const hasSource = nameLength(bytes, 0) > 0;
  if (!hasSource && nameLength(bytes, 1) + nameLength(bytes, 2) > 0) throw malformed('its source has no tenant');
}

/** TOO_LARGE for a frame of `size` bytes. */
export function tooLarge(size: number): SynapseError {
  const limit = FRAME_MAX_BYTES;
  return new SynapseError('TOO_LARGE', `a frame takes ${size} bytes, at most ${limit} travel`, {
    limit,
    unit: 'bytes',
  });
}

/** UNSERIALIZABLE for bytes that are no frame. */
export function malformed(fault: string): SynapseError {
  return new SynapseError('UNSERIALIZABLE', `malformed frame: ${fault}`);
}
