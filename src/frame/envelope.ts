/**
 * What all messages from one sender to one handler of one actor have in common, encoded once: a frame without
 * its arguments. A message copies it and writes its numbers and arguments behind, into the same memory: 0.2 us
 * instead of 0.5 us for arguments and frame apart.
 */
import { encodeArguments } from './codec.ts';
import { type FrameFields, encodeFrame } from './frame.ts';
import * as at from './header.ts';

const NO_BYTES = new Uint8Array(0);

/** A message without what differs from one to the next. */
export type EnvelopeFields = Omit<FrameFields, 'messageId' | 'timeMs' | 'incarnation' | 'floor' | 'payload'>;

export class Envelope {
  readonly shard: number;
  readonly #head: Uint8Array;

  /** @throws SynapseError as {@link encodeFrame} */
  constructor(fields: EnvelopeFields) {
    this.shard = fields.shard;
    this.#head = encodeFrame({ ...fields, messageId: 0, timeMs: 0, payload: NO_BYTES });
  }

  /**
   * A frame of its own; the floor is still to be set.
   *
   * @throws SynapseError `UNSERIALIZABLE`, `TOO_LARGE`
   */
  seal(args: readonly unknown[], messageId: number, timeMs: number, incarnation: number): Uint8Array {
    const bytes = encodeArguments(args, undefined, this.#head);
    at.completeHeader(bytes, bytes.length - this.#head.length, messageId, timeMs, incarnation);
    return bytes;
  }
}
