/**
 * A journal record and the frame in it, decoded from their bytes without Node: the layouts that
 * src/actor/record.ts and src/frame/header.ts draw, read again in their plainest way. A test holds the two
 * decoders together. Malformed bytes throw `RangeError`.
 */
import { ByteReader } from './byte-reader.ts';

/** Version of the layout of a record. */
const RECORD_VERSION = 1;
/** Major version of the protocol, the first byte of a frame. */
const PROTOCOL_MAJOR = 1;
const SEED_BYTES = 16;
const HASH_BYTES = 32;
const HEADER_BYTES = 80;
/** Bytes of an acknowledgement at least: an empty name and two numbers. */
const ACK_MIN_BYTES = 20;

/** What an input can be, by the kind of its frame. */
const KINDS = {
  1: 'call',
  2: 'tell',
  3: 'reply',
  5: 'effect-result',
  6: 'timer',
  7: 'poison',
  8: 'control',
} as const;

/** What an input is. */
export type InputKind = (typeof KINDS)[keyof typeof KINDS];

/** Where a message goes or comes from. */
export interface PlaceView {
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
}

/** The frame of an input. */
export interface FrameView {
  readonly kind: InputKind;
  /** Of a reply or an effect's result: 0 for a value, 1 for an error. */
  readonly flags: number;
  readonly messageId: number;
  /** The message id that is answered; 0 for none. */
  readonly correlation: number;
  /** ms since 1970, by the sender's clock. */
  readonly timeMs: number;
  readonly incarnation: number;
  /** Undefined: from outside. */
  readonly source: PlaceView | undefined;
  readonly target: PlaceView;
  readonly handler: string;
  readonly principal: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly payload: Uint8Array;
}

/** One step, as it was recorded. */
export interface RecordView {
  /** Recorded time of the step, ms since 1970. */
  readonly timeMs: number;
  readonly configId: number;
  readonly seed: Uint8Array;
  /** Hash over everything that counts of the outcome. */
  readonly digest: Uint8Array;
  /** Answers on grants. */
  readonly decisions: readonly boolean[];
  readonly acks: readonly { readonly tenant: string; readonly incarnation: number; readonly counter: number }[];
  readonly frame: FrameView;
  /** Of a snapshot: the roots that it stands at. */
  readonly roots: { readonly state: Uint8Array; readonly domain: Uint8Array } | undefined;
}

/** Decodes a record, all of its bytes. */
export function viewRecord(bytes: Uint8Array): RecordView {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== RECORD_VERSION) throw new RangeError('a record of another version');
  const configId = reader.u32();
  const timeMs = reader.f64();
  const seed = reader.raw(SEED_BYTES).slice();
  const digest = reader.raw(HASH_BYTES).slice();
  const decisions = listOf(reader, 1, () => reader.u8() === 1);
  const acks = listOf(reader, ACK_MIN_BYTES, () => ({
    tenant: reader.text(reader.u32()),
    incarnation: reader.f64(),
    counter: reader.f64(),
  }));
  const frame = viewFrame(reader.bytes());
  const roots =
    reader.rest === 0 ? undefined : { state: reader.raw(HASH_BYTES).slice(), domain: reader.raw(HASH_BYTES).slice() };
  if (reader.rest !== 0) throw new RangeError('bytes follow the record');
  return { timeMs, configId, seed, digest, decisions, acks, frame, roots };
}

/** A count (u32) and as many items, each of `leastBytes` or more. */
function listOf<T>(reader: ByteReader, leastBytes: number, item: () => T): T[] {
  const count = reader.u32();
  if (count * leastBytes > reader.rest) throw new RangeError('more items than bytes');
  return Array.from({ length: count }, item);
}

/** Decodes the frame of an input, all of its bytes. */
export function viewFrame(bytes: Uint8Array): FrameView {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== PROTOCOL_MAJOR) throw new RangeError('a frame of another protocol');
  reader.u8(); // minor version: what it adds is passed over
  const kind = (KINDS as Readonly<Record<number, InputKind>>)[reader.u8()];
  if (kind === undefined) throw new RangeError('a frame that is no input');
  const flags = reader.u8();
  if (reader.u32() !== bytes.length) throw new RangeError('a frame of another length');
  reader.u32(); // shard
  const payloadSize = reader.u32();
  const messageId = reader.u53();
  const correlation = reader.u53();
  reader.u53(); // floor
  const timeMs = reader.f64();
  const incarnation = reader.u53();
  const sizes = Array.from({ length: 7 }, () => reader.u16());
  reader.u16();
  const extensionSize = reader.u32();
  reader.u32();
  const namesSize = sizes.reduce((sum, size) => sum + size, 0);
  if (HEADER_BYTES + namesSize + extensionSize + payloadSize !== bytes.length) {
    throw new RangeError('the lengths in a frame do not add up');
  }
  const names = sizes.map((size) => reader.text(size));
  const [tenant, type, key, toTenant, toType, toKey, handler] = names as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    kind,
    flags,
    messageId,
    correlation,
    timeMs,
    incarnation,
    source: tenant === '' ? undefined : { tenant, type, key },
    target: { tenant: toTenant, type: toType, key: toKey },
    handler,
    ...viewExtension(reader.raw(extensionSize)),
    payload: reader.raw(payloadSize).slice(),
  };
}

const ENTRY_PRINCIPAL = 1;
const ENTRY_IDEMPOTENCY_KEY = 4;

/** Entries of id (u8), length (u32), bytes; others than these two say nothing about what was asked. */
function viewExtension(bytes: Uint8Array): Pick<FrameView, 'principal' | 'idempotencyKey'> {
  const reader = new ByteReader(bytes);
  const texts = new Map<number, string>();
  while (reader.rest > 0) {
    const id = reader.u8();
    const entry = reader.bytes();
    if (id === ENTRY_PRINCIPAL || id === ENTRY_IDEMPOTENCY_KEY) texts.set(id, new ByteReader(entry).text(entry.length));
  }
  return { principal: texts.get(ENTRY_PRINCIPAL), idempotencyKey: texts.get(ENTRY_IDEMPOTENCY_KEY) };
}
