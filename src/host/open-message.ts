/**
 * Messages that wait for their answers at the embedder's side: one object for each, with its frame, since it may have
 * to be sent again. A closure for each way that one may end would cost as much again.
 */
import type { Address } from '../base/address.ts';
import type { SynapseError } from '../base/error.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, decodeError } from '../frame/frame.ts';
import type { Deadline } from './deadlines.ts';

/** A tell that was refused. */
export interface LostTell {
  readonly address: Address;
  readonly handler: string;
  readonly args: Uint8Array;
  readonly error: SynapseError;
}

type Fail = (error: SynapseError) => void;

export interface OpenMessage {
  /** The frame as it was sent. */
  readonly bytes: Uint8Array;
  readonly deadline: Deadline | undefined;
  /** By a reply, or by an acknowledgement, which carries nothing. */
  settle(answer: Frame): void;
  fail(error: SynapseError): void;
}

function isOk(answer: Frame): boolean {
  return answer.kind === FRAME_KIND.ack || answer.flags === FRAME_STATUS.ok;
}

export class OpenCall implements OpenMessage {
  readonly bytes: Uint8Array;
  readonly deadline: Deadline;
  readonly fail: Fail;
  readonly #resolve: (value: unknown) => void;

  constructor(bytes: Uint8Array, deadline: Deadline, resolve: (value: unknown) => void, fail: Fail) {
    this.bytes = bytes;
    this.deadline = deadline;
    this.fail = fail;
    this.#resolve = resolve;
  }

  settle(answer: Frame): void {
    if (isOk(answer)) this.#resolve(answer.payloadValue());
    else this.fail(decodeError(answer.payload));
  }
}

export class OpenTell implements OpenMessage {
  readonly bytes: Uint8Array;
  readonly deadline = undefined;
  readonly #onLost: (lost: LostTell) => void;

  constructor(bytes: Uint8Array, onLost: (lost: LostTell) => void) {
    this.bytes = bytes;
    this.#onLost = onLost;
  }

  settle(answer: Frame): void {
    if (!isOk(answer)) this.fail(decodeError(answer.payload));
  }

  fail(error: SynapseError): void {
    const { target, handler, payload } = new Frame(this.bytes);
    this.#onLost({ address: target, handler, args: payload, error });
  }
}

/** An input that has no caller. */
export class OpenDelivery implements OpenMessage {
  readonly bytes: Uint8Array;
  readonly deadline = undefined;
  readonly fail: Fail;
  readonly #resolve: () => void;

  constructor(bytes: Uint8Array, resolve: () => void, fail: Fail) {
    this.bytes = bytes;
    this.fail = fail;
    this.#resolve = resolve;
  }

  settle(answer: Frame): void {
    if (isOk(answer)) this.#resolve();
    else this.fail(decodeError(answer.payload));
  }
}
