/**
 * What a lane and the store say to each other, and the bytes it is said in. The lane decides and
 * sends what is to be kept; the store answers with positions: everything a lane sent up to there is
 * durable. A failure starts a new epoch: what was sent under the old one and is not durable is void, and
 * what was asked is not answered: whoever asked has forgotten it, and asks anew.
 *
 *   u8 tag, then for a step the fields of its record (it is the hot one), for all else one value
 */
import { ByteSink, ByteSource } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { readF64, readU32 } from '../frame/little-endian.ts';
import { encodeReply } from '../frame/reply.ts';
import { readUtf8 } from '../frame/utf8.ts';
import { type StepBody, writeRecord } from './record.ts';
import type { Output } from './step.ts';

/** An event of a step, to be kept for `system.events`. */
export interface PortEvent {
  readonly topic: string;
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

export interface StepRequest {
  readonly kind: 'step';
  readonly epoch: number;
  readonly position: number;
  readonly shard: number;
  readonly tenant: string;
  readonly seq: number;
  readonly body: Uint8Array;
  /** Replies to the embedder, frame behind frame: the store sends them on once the step is durable. */
  readonly replies: Uint8Array;
  readonly events: readonly PortEvent[];
}

export interface SnapshotRequest {
  readonly kind: 'snapshot';
  readonly epoch: number;
  readonly position: number;
  readonly shard: number;
  readonly tenant: string;
  readonly seq: number;
  /** The snapshot's own record, to which the store adds the roots; none where the journal is kept whole. */
  readonly body: Uint8Array | undefined;
  readonly image: Uint8Array;
  /** Rows, packed (row-pack.ts). */
  readonly changes: Uint8Array;
  /** Parts that came before, in which the other rows are. With any, no position is its own: nothing waits for it. */
  readonly parts: number;
}

/** Rows of a snapshot that is too large for one message; the last of its messages is a {@link SnapshotRequest}. */
export interface SnapshotPart {
  readonly kind: 'part';
  readonly epoch: number;
  readonly position: number;
  readonly shard: number;
  readonly tenant: string;
  readonly seq: number;
  /** About as many rows will come in all parts. */
  readonly rowCount: number;
  /** Rows, packed. */
  readonly changes: Uint8Array;
}

export type StoreRequest =
  | StepRequest
  | SnapshotRequest
  | SnapshotPart
  | { readonly kind: 'open'; readonly epoch: number; readonly tenant: string }
  | {
      readonly kind: 'load';
      readonly epoch: number;
      readonly tenant: string;
      readonly group: string;
      readonly actorId: string;
    }
  | {
      readonly kind: 'roots';
      readonly epoch: number;
      readonly id: number;
      readonly tenant: string;
      readonly seq: number;
      readonly image: Uint8Array;
      /** Rows, packed. */
      readonly changes: Uint8Array;
    }
  | { readonly kind: 'list'; readonly epoch: number; readonly shards: readonly number[] };

/** What a lane asks of the store, but for its epoch. */
export type StoreRead = Unstamped<ReadRequest>;

type ReadRequest = Exclude<StoreRequest, StepRequest | SnapshotRequest | SnapshotPart>;
type Unstamped<T> = T extends ReadRequest ? Omit<T, 'epoch'> : never;

/** A tenant that has to be opened without a message, or may be left on disk. */
export interface ListedTenant {
  readonly tenant: string;
  readonly shard: number;
}

export type StoreAnswer =
  | { readonly kind: 'durable'; readonly position: number }
  | { readonly kind: 'stored'; readonly tenant: string; readonly seq: number }
  | {
      readonly kind: 'domain';
      readonly tenant: string;
      /** Its journal does not begin with its first step any more. */
      readonly isTrimmed: boolean;
      readonly image: Uint8Array | undefined;
      readonly system: readonly { readonly group: string; readonly name: string; readonly value: Uint8Array }[];
      readonly error: Uint8Array | undefined;
    }
  | {
      readonly kind: 'records';
      readonly tenant: string;
      readonly bodies: readonly Uint8Array[];
      readonly isLast: boolean;
      readonly error: Uint8Array | undefined;
    }
  | {
      readonly kind: 'rows';
      readonly tenant: string;
      readonly actorId: string;
      readonly rows: readonly { readonly name: string; readonly value: Uint8Array }[];
      readonly error: Uint8Array | undefined;
    }
  | {
      readonly kind: 'roots';
      readonly id: number;
      readonly stateRoot: Uint8Array;
      readonly domainRoot: Uint8Array;
      /** Root of the audit log, `seq` leaves of it. */
      readonly auditRoot: Uint8Array;
      readonly error: Uint8Array | undefined;
    }
  | { readonly kind: 'list'; readonly tenants: readonly ListedTenant[]; readonly isLast: boolean }
  /** The store failed: what is not durable up to `position` is undone. */
  | { readonly kind: 'failed'; readonly epoch: number; readonly position: number; readonly message: string }
  /** One tenant is served no more, damaged or erased: its steps are not kept, those of others are. */
  | { readonly kind: 'refused'; readonly tenant: string; readonly error: Uint8Array }
  | { readonly kind: 'available' };

/** What every use of an erased tenant gets: for good, so it is the address that is wrong and not the moment. */
export function erasedTenant(tenant: string): SynapseError {
  const text = `the tenant ${JSON.stringify(tenant)} was erased, and its name is not given out again`;
  return new SynapseError('INVALID_ADDRESS', text, { part: 'tenant', tenant, erased: true });
}

const TAG_STEP = 1;
const TAG_VALUE = 2;

const sink = new ByteSink();

export function encodeStoreRequest(request: StoreRequest): Uint8Array {
  if (request.kind !== 'step') return encodeTagged(request);
  beginStep(request);
  sink.bytes(request.body);
  sink.bytes(request.replies);
  writeEvents(request.events);
  return sink.take();
}

/** Where a step stands: the fields of its request before the record. */
export type StepPlace = Pick<StepRequest, 'epoch' | 'position' | 'shard' | 'tenant' | 'seq'>;

/** A step's request with its record written in place; the bytes hold until the next request is made. */
export function encodeStepRequest(
  place: StepPlace,
  record: StepBody,
  outputs: readonly Output[],
): { readonly bytes: Uint8Array; readonly recordBytes: number } {
  beginStep(place);
  const start = sink.open();
  writeRecord(sink, record);
  const recordBytes = sink.close(start);
  writeReplies(outputs, record.nowMs);
  writeEvents(eventsOf(outputs));
  return { bytes: sink.view(), recordBytes };
}

/**
 * Longest payload of a reply that goes with its step, bytes: the store's thread copies it for all lanes. Longer ones
 * wait in the lane's gate, and their lane sends them.
 */
const REPLY_WITH_STEP_MAX_BYTES = 4_096;

/** True for a reply that the store sends on when its step is durable. */
export function goesWithStep(output: Output): boolean {
  return output.kind === 'reply' && output.payload.length <= REPLY_WITH_STEP_MAX_BYTES;
}

function writeReplies(outputs: readonly Output[], timeMs: number): void {
  const start = sink.open();
  for (const output of outputs) {
    if (output.kind !== 'reply' || !goesWithStep(output)) continue;
    const { messageId, incarnation, ok, payload } = output;
    sink.raw(encodeReply({ messageId, incarnation, ok, timeMs }, payload));
  }
  sink.close(start);
}

function beginStep(place: StepPlace): void {
  sink.clear();
  sink.u8(TAG_STEP);
  sink.u32(place.epoch);
  sink.f64(place.position);
  sink.u32(place.shard);
  sink.text(place.tenant);
  sink.f64(place.seq);
}

function writeEvents(events: readonly PortEvent[]): void {
  sink.u32(events.length);
  for (const event of events) {
    sink.text(event.topic);
    sink.f64(event.offset);
    sink.f64(event.timeMs);
    sink.bytes(event.value);
  }
}

const NO_EVENTS: readonly PortEvent[] = [];

/** Of a step that answers nobody. */
export const NO_REPLIES: Uint8Array = new Uint8Array(0);

function eventsOf(outputs: readonly Output[]): readonly PortEvent[] {
  let events: PortEvent[] | undefined;
  for (const output of outputs) if (output.kind === 'event') (events ??= []).push(output);
  return events ?? NO_EVENTS;
}

/** Messages between threads are as large as a snapshot's rows; the ring cuts them. */
const MESSAGE_MAX_BYTES = 500 << 20;

function encodeTagged(value: object): Uint8Array {
  const bytes = encodeValue(value, MESSAGE_MAX_BYTES);
  const tagged = new Uint8Array(bytes.length + 1);
  tagged[0] = TAG_VALUE;
  tagged.set(bytes, 1);
  return tagged;
}

/** Bytes of a step before the tenant's name, between it and the body, and behind that. */
const NAME_AT = 21;
const BODY_AT = 12;
const COUNT_BYTES = 4;

/** What a lane sent. A step's body is a view of `bytes`, which stay as they are: a copy of its own took half of the reading (0.3 of 0.6 µs). */
export function decodeStoreRequest(bytes: Uint8Array): StoreRequest {
  if (bytes[0] === TAG_VALUE) return decodeValue(bytes.subarray(1)) as StoreRequest;
  if (bytes[0] !== TAG_STEP) throw new SynapseError('PROTOCOL_VERSION', 'not a message of a lane to the store');
  const nameEnd = NAME_AT + readU32(bytes, NAME_AT - 4);
  const bodyStart = nameEnd + BODY_AT;
  const bodyEnd = bodyStart + readU32(bytes, bodyStart - 4);
  const tenant = readUtf8(bytes, NAME_AT, nameEnd);
  const repliesStart = bodyEnd + COUNT_BYTES;
  const repliesEnd = repliesStart + (repliesStart <= bytes.length ? readU32(bytes, bodyEnd) : 0);
  if (repliesEnd + COUNT_BYTES > bytes.length || tenant === undefined)
    throw new SynapseError('PROTOCOL_VERSION', `a step of a lane does not fit into its ${bytes.length} bytes`);
  return {
    kind: 'step',
    epoch: readU32(bytes, 1),
    position: readF64(bytes, 5),
    shard: readU32(bytes, 13),
    tenant,
    seq: readF64(bytes, nameEnd),
    body: new Uint8Array(bytes.buffer, bytes.byteOffset + bodyStart, bodyEnd - bodyStart),
    replies:
      repliesEnd === repliesStart
        ? NO_REPLIES
        : new Uint8Array(bytes.buffer, bytes.byteOffset + repliesStart, repliesEnd - repliesStart),
    events: readU32(bytes, repliesEnd) === 0 ? NO_EVENTS : eventsAt(bytes, repliesEnd),
  };
}

function eventsAt(bytes: Uint8Array, at: number): readonly PortEvent[] {
  const source = new ByteSource(bytes.subarray(at));
  const events: PortEvent[] = [];
  for (let left = source.u32(); left > 0; left--) {
    events.push({ topic: source.text(), offset: source.f64(), timeMs: source.f64(), value: source.bytes() });
  }
  return events;
}

export function encodeStoreAnswer(answer: StoreAnswer): Uint8Array {
  return encodeTagged(answer);
}

export function decodeStoreAnswer(bytes: Uint8Array): StoreAnswer {
  return decodeValue(bytes.subarray(1)) as StoreAnswer;
}
