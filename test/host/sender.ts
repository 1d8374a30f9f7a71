/**
 * The embedder's side of the harness: calls with ids that the test chooses, so that a call asked again
 * after a crash is the same input, and the results of effects until they are acknowledged.
 */
import { shardOf } from '../../src/base/address.ts';
import { decodeValue, encodeArguments } from '../../src/frame/codec.ts';
import { encodeExtension } from '../../src/frame/extension.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, decodeError, encodeFrame } from '../../src/frame/frame.ts';
import { FLAG_RESEND } from '../../src/host/lane-frame.ts';

/** One call; equal ids are the same call asked again. */
export interface CallSpec {
  readonly id: number;
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: readonly unknown[];
  readonly idempotencyKey?: string;
}

/** An answer as one line of text: equal texts, equal answers. */
export type AnswerText = string;

/** Ids of acknowledged inputs (effect results): far above every call's. */
const INPUT_ID_FIRST = 2 ** 40;

interface Open {
  readonly spec: CallSpec;
  /** It was refused before. The embedder's client would ask with another number; with the same one a lane has to take it for new. */
  readonly isAskedAnew: boolean;
}

export class Sender {
  readonly answers: Map<number, AnswerText> = new Map();
  readonly #open: Map<number, Open> = new Map();
  readonly #inputs: Map<number, Uint8Array> = new Map();
  /** Refused by a store that failed: they did not happen. */
  readonly #refused: CallSpec[] = [];
  readonly #shards: number;
  readonly #send: (shard: number, bytes: Uint8Array) => void;
  #incarnation = 1;
  #nextInputId = INPUT_ID_FIRST;

  constructor(shards: number, send: (shard: number, bytes: Uint8Array) => void) {
    this.#shards = shards;
    this.#send = send;
  }

  get openIds(): number[] {
    return [...this.#open.keys()];
  }

  call(spec: CallSpec, isAskedAnew = false): void {
    this.#open.set(spec.id, { spec, isAskedAnew });
    this.#post(spec, 0);
  }

  #post(spec: CallSpec, flags: number): void {
    const { id, tenant, type, key, handler, args, idempotencyKey } = spec;
    const shard = shardOf(tenant, this.#shards);
    const floor = Math.min(id, ...this.#open.keys(), ...this.#refused.map((refused) => refused.id));
    const frame = encodeFrame({
      kind: FRAME_KIND.call,
      flags,
      shard,
      messageId: id,
      floor,
      timeMs: 0,
      incarnation: this.#incarnation,
      target: { tenant, type, key },
      handler,
      ...(idempotencyKey === undefined ? {} : { extension: encodeExtension({ idempotencyKey }) }),
      payload: encodeArguments(args),
    });
    this.#send(shard, frame);
  }

  /** The result of an effect, or an order; kept until it is acknowledged. */
  deliver(kind: 'effectResult' | 'control', tenant: string, handler: string, ok: boolean, payload: Uint8Array): void {
    const messageId = this.#nextInputId++;
    const shard = shardOf(tenant, this.#shards);
    const frame = encodeFrame({
      kind: FRAME_KIND[kind],
      flags: ok ? FRAME_STATUS.ok : FRAME_STATUS.error,
      shard,
      messageId,
      timeMs: 0,
      incarnation: this.#incarnation,
      target: { tenant, type: '', key: '' },
      handler,
      payload,
    });
    this.#inputs.set(messageId, frame);
    this.#send(shard, frame);
  }

  /** True when the frame was an answer to the sender. */
  receive(frame: Frame): boolean {
    if (frame.kind === FRAME_KIND.ack) {
      this.#inputs.delete(frame.correlation);
      return true;
    }
    if (frame.kind !== FRAME_KIND.reply) return false;
    const open = frame.incarnation === this.#incarnation ? this.#open.get(frame.correlation) : undefined;
    if (open === undefined) return true;
    this.#open.delete(frame.correlation);
    const text = answerText(frame);
    if (text.startsWith('STORE_UNAVAILABLE')) this.#refused.push(open.spec);
    else this.answers.set(frame.correlation, text);
    return true;
  }

  /** Sends again what is open, in its order. */
  resend(of: (shard: number) => boolean): void {
    // What was refused goes first again, so that a call with the same key behind it stays behind it.
    for (const spec of this.#refused.splice(0)) {
      if (of(shardOf(spec.tenant, this.#shards))) this.#open.set(spec.id, { spec, isAskedAnew: true });
      else this.#refused.push(spec);
    }
    const open = [...this.#open.values()].sort((a, b) => a.spec.id - b.spec.id);
    for (const { spec, isAskedAnew } of open)
      if (of(shardOf(spec.tenant, this.#shards))) this.#post(spec, isAskedAnew ? 0 : FLAG_RESEND);
    for (const frame of this.#inputs.values()) {
      const { shard } = new Frame(frame);
      if (of(shard)) this.#send(shard, frame);
    }
  }

  /** Asks again, in its order, for what the store refused. */
  retry(): void {
    for (const spec of this.#refused.splice(0).sort((a, b) => a.id - b.id)) this.call(spec, true);
  }

  /** The process died with all that it knew; a new one asks again for what had no answer, or was refused. */
  restart(): CallSpec[] {
    this.#incarnation += 1;
    const open = [...this.#open.values()].map(({ spec }) => spec);
    const asked = [...open, ...this.#refused.splice(0)].sort((a, b) => a.id - b.id);
    this.#open.clear();
    this.#inputs.clear();
    return asked;
  }
}

function answerText(frame: Frame): AnswerText {
  if (frame.flags === FRAME_STATUS.ok) return `ok ${textOf(decodeValue(frame.payload))}`;
  const error = decodeError(frame.payload);
  return `${error.code} ${error.message}`;
}

/** A value as text, keys sorted. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
