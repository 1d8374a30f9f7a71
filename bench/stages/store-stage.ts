/**
 * The store without its thread, over a driver that keeps nothing: requests of steps go in as a lane sends them,
 * and one commit takes them all. What is measured is everything but LMDB.
 */
import { encodeStepRequest } from '../../src/actor/store-port.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { FRAME_KIND, encodeFrame } from '../../src/frame/frame.ts';
import type { Write } from '../../src/store/key-value.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { Store } from '../../src/store/store.ts';

const SHARDS = 64;
const LANE = 0;

/** Keeps the rows of the opening, and of later commits nothing. */
class ForgetfulDriver extends MemoryKeyValue {
  isForgetful = false;
  rows = 0;

  override commit(writes: readonly Write[]): void {
    this.rows += writes.length;
    if (!this.isForgetful) super.commit(writes);
  }
}

export class StoreStage {
  readonly #driver = new ForgetfulDriver();
  readonly #host: StoreHost;
  readonly #seqs: number[];
  readonly #steps: number;
  #position = 0;
  #durable = 0;

  constructor({ tenants, steps }: { readonly tenants: number; readonly steps: number }) {
    this.#steps = steps;
    this.#seqs = Array.from({ length: tenants }, () => 0);
    this.#host = new StoreHost(Store.open({ driver: this.#driver, shards: SHARDS }), () => undefined);
    this.#host.attach(LANE, () => void (this.#durable = this.#position));
    this.#driver.isForgetful = true;
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
      return encodeStepRequest(place, record, []).bytes.slice();
    });
  }

  /** One commit. */
  commit(requests: readonly Uint8Array[]): void {
    for (const request of requests) this.#host.receive(LANE, request);
    this.#host.flush();
  }

  /** Throws unless all steps were committed. */
  check(): void {
    if (this.#durable !== this.#position || this.#driver.rows < this.#position / this.#steps)
      throw new Error(`${this.#durable} of ${this.#position} steps are committed`);
  }
}
