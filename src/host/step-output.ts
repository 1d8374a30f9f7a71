/**
 * What one step has put out and who waits for it, from its end until it is durable: one object in the
 * output gate, where closures would be three for each command.
 */
import type { Output } from '../actor/step.ts';
import { goesWithStep } from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import { FRAME_KIND, type Frame } from '../frame/frame.ts';
import type { Held } from './gate.ts';
import type { Seat } from './seat.ts';

/** Whom it goes back to. */
export interface OutputHome {
  release(output: StepOutput): void;
  refuse(frame: Frame, error: SynapseError): void;
}

export class StepOutput implements Held {
  readonly #home: OutputHome;
  readonly owner: Seat;
  readonly position: number;
  /** The input as it came. */
  readonly frame: Frame;
  /** What the store does not send by itself. */
  readonly outputs: readonly Output[];
  /** It ran while nothing else did, since lanes had died under it. */
  readonly isSolo: boolean;

  constructor(
    home: OutputHome,
    owner: Seat,
    position: number,
    frame: Frame,
    outputs: readonly Output[],
    isSolo: boolean,
  ) {
    this.#home = home;
    this.owner = owner;
    this.position = position;
    this.frame = frame;
    this.outputs = restOf(outputs);
    this.isSolo = isSolo;
  }

  get isQuiet(): boolean {
    const { kind } = this.frame;
    // The sender of an effect's result or of an order is told that it is settled; who called has the store's reply.
    return this.outputs.length === 0 && !this.isSolo && (kind === FRAME_KIND.call || kind === FRAME_KIND.tell);
  }

  release(): void {
    this.#home.release(this);
  }

  abandon(reason?: SynapseError): void {
    this.#home.refuse(this.frame, reason ?? unknownFate());
  }
}

const NO_OUTPUTS: readonly Output[] = [];

/** All that did not go to the store with its step. */
function restOf(outputs: readonly Output[]): readonly Output[] {
  if (outputs.length === 1 && goesWithStep(outputs[0] as Output)) return NO_OUTPUTS; // by far the most
  return outputs.filter((output) => !goesWithStep(output));
}

/** A flush that failed may have reached the disk all the same: only asking again can tell. */
export function unknownFate(): SynapseError {
  const text = 'the store failed before the command was known to be durable; ask again with the same idempotency key';
  return new SynapseError('STORE_UNAVAILABLE', text);
}
