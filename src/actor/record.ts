/**
 * The record of one step, as the journal keeps it. The store does not look inside.
 *
 *   u8   record version (1)         u32 configuration number
 *   f64  time, ms                   16  seed
 *   32   outcome digest             u32 n, n × u8 decisions (0 or 1)
 *   u32  n, n × (text tenant, f64 incarnation, f64 counter)   acknowledged tells
 *   u32  length, bytes of the input's frame
 *   32   state root, 32 domain root: of a snapshot's own record only, put there by the store
 *
 * The same bytes are the leaf of the tenant's audit log.
 */
import { ByteSink, ByteSource } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { SEED_BYTES } from '../base/seeded.ts';
import type { Ack } from './outbox.ts';

/** Roots that the record of a snapshot ends with, 32 bytes each. */
export interface RecordedRoots {
  readonly stateRoot: Uint8Array;
  readonly domainRoot: Uint8Array;
}

const RECORD_VERSION = 1;

export interface StepBody {
  readonly configId: number;
  readonly nowMs: number;
  readonly seed: Uint8Array;
  readonly digest: Uint8Array;
  readonly decisions: readonly boolean[];
  readonly acks: readonly Ack[];
  readonly frame: Uint8Array;
  /** Of a snapshot's record, once the store has taken it. */
  readonly roots?: RecordedRoots;
}

/** Where the digest stands: behind version, configuration, time and seed. */
const DIGEST_AT = 1 + 4 + 8 + SEED_BYTES;

const own = new ByteSink();

export function encodeRecord(body: StepBody): Uint8Array {
  own.clear();
  writeRecord(own, body);
  return own.take();
}

/** Writes a record behind what the sink holds. */
export function writeRecord(sink: ByteSink, body: StepBody): void {
  sink.u8(RECORD_VERSION);
  sink.u32(body.configId);
  sink.f64(body.nowMs);
  sink.raw(body.seed);
  sink.raw(body.digest);
  sink.u32(body.decisions.length);
  for (const decision of body.decisions) sink.u8(decision ? 1 : 0);
  sink.u32(body.acks.length);
  for (const ack of body.acks) {
    sink.text(ack.tenant);
    sink.f64(ack.incarnation);
    sink.f64(ack.counter);
  }
  sink.bytes(body.frame);
}

/** `STORE_CORRUPT` for what is no record of this version. */
export function decodeRecord(bytes: Uint8Array): StepBody {
  const source = new ByteSource(bytes);
  const version = source.u8();
  if (version !== RECORD_VERSION) {
    throw new SynapseError('STORE_CORRUPT', `record version ${version}, expected ${RECORD_VERSION}`);
  }
  const configId = source.u32();
  const nowMs = source.f64();
  const seed = source.raw(SEED_BYTES);
  const digest = source.raw(HASH_BYTES);
  const decisions: boolean[] = [];
  for (let left = source.u32(); left > 0; left--) decisions.push(source.u8() === 1);
  const acks: Ack[] = [];
  for (let left = source.u32(); left > 0; left--) {
    acks.push({ tenant: source.text(), incarnation: source.f64(), counter: source.f64() });
  }
  const body: StepBody = { configId, nowMs, seed, digest, decisions, acks, frame: source.bytes() };
  if (source.rest === 0) return body;
  const roots = { stateRoot: source.raw(HASH_BYTES), domainRoot: source.raw(HASH_BYTES) };
  if (source.rest > 0)
    throw new SynapseError('STORE_CORRUPT', `record goes on for ${source.rest} bytes behind its end`);
  return { ...body, roots };
}

/** The record of a snapshot with the roots that it came to. */
export function withRoots(body: Uint8Array, { stateRoot, domainRoot }: RecordedRoots): Uint8Array {
  const whole = new Uint8Array(body.length + 2 * HASH_BYTES);
  whole.set(body);
  whole.set(stateRoot, body.length);
  whole.set(domainRoot, body.length + HASH_BYTES);
  return whole;
}

/** The outcome digest alone, a view; too short a record has a short one. */
export function digestOfRecord(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(DIGEST_AT, DIGEST_AT + HASH_BYTES);
}

/** The roots that the record of a snapshot ends with; nothing for other records, told without decoding them. */
export function rootsOfRecord(bytes: Uint8Array): RecordedRoots | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decisionsAt = DIGEST_AT + HASH_BYTES;
  const acksAt = decisionsAt + 4 + view.getUint32(decisionsAt, true);
  const hasAcks = view.getUint32(acksAt, true) > 0;
  if (!hasAcks && acksAt + 8 + view.getUint32(acksAt + 4, true) === bytes.length) return undefined;
  return decodeRecord(bytes).roots;
}
