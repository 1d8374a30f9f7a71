/**
 * The record of one step, as the journal keeps it. The store does not look inside.
 *
 *   u8   record version (1)         u32 configuration number
 *   f64  time, ms                   16  seed
 *   32   outcome digest             u32 n, n × u8 decisions (0 or 1)
 *   u32  n, n × (text tenant, f64 incarnation, f64 counter)   acknowledged tells
 *   u32  length, bytes of the input's frame
 */
import { ByteSink, ByteSource } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { SEED_BYTES } from '../base/seeded.ts';
import type { Ack } from './outbox.ts';

const RECORD_VERSION = 1;

export interface StepBody {
  readonly configId: number;
  readonly nowMs: number;
  readonly seed: Uint8Array;
  readonly digest: Uint8Array;
  readonly decisions: readonly boolean[];
  readonly acks: readonly Ack[];
  readonly frame: Uint8Array;
}

const sink = new ByteSink();

export function encodeRecord(body: StepBody): Uint8Array {
  sink.clear();
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
  return sink.take();
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
  return { configId, nowMs, seed, digest, decisions, acks, frame: source.bytes() };
}
