/**
 * The store without its thread, over a driver that keeps only what a commit reads: requests of steps go in as a
 * lane sends them, and one commit takes them all. What is measured is everything but LMDB.
 */
import { type StoreAnswer, decodeStoreAnswer, encodeStepRequest } from '../../src/actor/store-port.ts';
import { encodeArguments, encodeValue } from '../../src/frame/codec.ts';
import { FRAME_KIND, encodeFrame } from '../../src/frame/frame.ts';
import type { Write } from '../../src/store/key-value.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { KIND } from '../../src/store/schema.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { Store } from '../../src/store/store.ts';

const SHARDS = 64;
const LANE = 0;

/** What a counter says. */
const RESULT = encodeValue(1);

/** Forgets the journal, which would fill the memory and which no commit reads. */
class ForgetfulDriver extends MemoryKeyValue {
  batches = 0;

  override commit(writes: readonly Write[]): void {
    super.commit(writes.filter(([key]) => key[0] !== KIND.batch && key[0] !== KIND.index));
    this.batches += writes.filter(([key]) => key[0] === KIND.batch).length;
  }
}

export class StoreStage {
  readonly #driver = new ForgetfulDriver();
  readonly #host: StoreHost;
  readonly #seqs: number[];
  readonly #steps: number;
  #position = 0;
  #durable = 0;
  #replies = 0;

  constructor({ tenants, steps }: { readonly tenants: number; readonly steps: number }) {
    this.#steps = steps;
    this.#seqs = Array.from({ length: tenants }, () => 0);
    this.#host = new StoreHost(Store.open({ driver: this.#driver, shards: SHARDS }), {
      toClient: () => void (this.#replies += 1),
      onEvent: () => undefined,
    });
    this.#host.attach(LANE, (bytes) => this.#hear(decodeStoreAnswer(bytes)));
  }

  #hear(answer: StoreAnswer): void {
    if (answer.kind !== 'durable') throw new Error(`the store answers ${JSON.stringify(answer)}`);
    this.#durable = answer.position;
  }

  /** Requests of the next commit, one tenant after the other. */
  requests(): readonly Uint8Array[] {
    const tenants = this.#seqs.length;
    return Array.from({ length: this.#steps }, () => {
      const at = this.#position % tenants;
      this.#position += 1;
      const seq = (this.#seqs[at] ?? 0) + 1;
      this.#seqs[at] = seq;
      const tenant = `tenant-${at}`;
      const frame = encodeFrame({
        kind: FRAME_KIND.call,
        shard: at % SHARDS,
        messageId: this.#position,
        timeMs: this.#position,
        incarnation: 7,
        target: { tenant, type: 'counter', key: 'one' },
        handler: 'increment',
        payload: encodeArguments([]),
      });
      const place = { epoch: 0, position: this.#position, shard: at % SHARDS, tenant, seq };
      const record = {
        configId: 1,
        nowMs: this.#position,
        seed: new Uint8Array(16),
        digest: new Uint8Array(32),
        decisions: [],
        acks: [],
        frame,
      };
      const reply = { kind: 'reply', incarnation: 7, messageId: this.#position, ok: true, payload: RESULT } as const;
      return encodeStepRequest(place, record, [reply]).bytes.slice();
    });
  }

  /** One commit. */
  commit(requests: readonly Uint8Array[]): void {
    for (const request of requests) this.#host.receive(LANE, request);
    this.#host.flush();
  }

  /** Throws unless all steps were committed. */
  check(): void {
    if (
      this.#durable !== this.#position ||
      this.#replies !== this.#position ||
      this.#driver.batches < this.#position / this.#steps
    )
      throw new Error(`${this.#durable} of ${this.#position} steps are committed`);
  }
}
