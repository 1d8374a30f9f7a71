/**
 * Where calls and tells of one handler go, and with which options: made once, used for many messages.
 */
import type { Address } from '../base/address.ts';
import { FRAME_KIND } from '../frame/frame.ts';
import { Envelope } from '../frame/envelope.ts';

export class Route {
  readonly address: Address;
  readonly handler: string;
  readonly timeoutMs: number;
  readonly #shard: number;
  readonly #extension: Uint8Array;
  #call: Envelope | undefined;
  #tell: Envelope | undefined;

  constructor(address: Address, handler: string, shard: number, extension: Uint8Array, timeoutMs: number) {
    this.address = address;
    this.handler = handler;
    this.timeoutMs = timeoutMs;
    this.#shard = shard;
    this.#extension = extension;
  }

  /** @throws SynapseError for a handler whose name cannot travel; so {@link Route.tell} */
  get call(): Envelope {
    return (this.#call ??= this.#envelope(FRAME_KIND.call));
  }

  get tell(): Envelope {
    return (this.#tell ??= this.#envelope(FRAME_KIND.tell));
  }

  #envelope(kind: typeof FRAME_KIND.call | typeof FRAME_KIND.tell): Envelope {
    const { address: target, handler } = this;
    return new Envelope({ kind, shard: this.#shard, target, handler, extension: this.#extension });
  }
}
