/**
 * What all messages from one sender to one handler of one actor have in common, encoded once: a frame without
 * its arguments. A message copies it and writes its numbers and arguments behind, into the same memory: 0.2 us
 * instead of 0.5 us for arguments and frame apart.
 */
import { encodeArguments } from './codec.ts';
import { type FrameFields, encodeFrame } from './frame.ts';
import * as at from './header.ts';

const NO_BYTES = new Uint8Array(0);

/** A message of somebody outside without what differs from one to the next. */
export type EnvelopeFields = Pick<FrameFields, 'kind' | 'shard' | 'target' | 'handler' | 'extension'>;

export class Envelope {
  readonly #head: Uint8Array;

  /** @throws SynapseError as {@link encodeFrame} */
  constructor(fields: EnvelopeFields) {
    const { kind, shard, target, handler = '', extension = NO_BYTES } = fields;
    // Field by field: an object that is spread into another costs 2 us and makes the encoder slow for all.
    this.#head = encodeFrame({ kind, shard, messageId: 0, timeMs: 0, target, handler, extension, payload: NO_BYTES });
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
