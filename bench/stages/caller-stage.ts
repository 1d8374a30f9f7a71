/**
 * The embedder's side without its thread: calls are made through a reference, as a user makes them, and
 * answered by hand with the frames that a lane would send.
 */
import { type ActorType } from '../../src/actor/actor-type.ts';
import { encodeValue } from '../../src/frame/codec.ts';
import { Frame } from '../../src/frame/frame.ts';
import { Client } from '../../src/host/client.ts';
import { clientReply } from '../../src/host/lane-frame.ts';
import { makeReference } from '../../src/host/reference.ts';
import { Timetable } from '../../src/runtime/timetable.ts';

const INCARNATION = 7;
const LIMITS = { shards: 64, callTimeoutMs: 30_000, maxInFlight: 65_536, maxInFlightBytes: 256 << 20 };

interface Reference {
  add(by: number): Promise<number>;
}

export class CallerStage {
  readonly #timetable = new Timetable();
  readonly #client: Client;
  readonly #references: readonly Reference[];
  readonly #payload = encodeValue(1);
  #sent = 0;
  #settled = 0;

  constructor(type: ActorType, tenants: number) {
    const ports = {
      nowMs: () => Date.now(),
      toShard: () => void (this.#sent += 1),
      after: (ms: number, callback: () => void) => this.#timetable.after(ms, callback),
    };
    this.#client = new Client(LIMITS, ports, INCARNATION);
    const home = { client: this.#client, onLost: () => undefined };
    this.#references = Array.from({ length: tenants }, (_, at) => {
      const address = { tenant: `tenant-${at}`, type: type.name, key: 'one' };
      return makeReference(home, address) as unknown as Reference;
    });
  }

  /** Replies to the next calls, in their order. */
  replies(count: number): readonly Uint8Array[] {
    const first = this.#client.lastMessageId + 1;
    return Array.from({ length: count }, (_, at) =>
      clientReply(INCARNATION, first + at, true, this.#payload, 1).slice(),
    );
  }

  /** As many calls as there are replies, all under way at once, and all answered. */
  async runBatch(replies: readonly Uint8Array[]): Promise<void> {
    const references = this.#references;
    const calls = replies.map((_, at) => (references[at % references.length] as Reference).add(1));
    for (const reply of replies) this.#client.receive(new Frame(reply));
    for (const call of calls) this.#settled += await call;
  }

  /** Throws unless every call came back; takes the time-outs away. */
  check(): void {
    this.#timetable.stop();
    if (this.#sent !== this.#settled) throw new Error(`${this.#settled} of ${this.#sent} calls are settled`);
  }
}
