/**
 * A lane without its thread, fed by hand: frames of calls go in, what it sends to the store is counted, and the
 * store's answers come some batches later, so that as much is under way as in a lane under load.
 */
import { type ActorType } from '../../src/actor/actor-type.ts';
import { resolveActor } from '../../src/actor/definition.ts';
import { Registry } from '../../src/actor/kernel-config.ts';
import { type StoreAnswer, decodeStoreRequest, encodeStoreAnswer } from '../../src/actor/store-port.ts';
import { shardOf } from '../../src/base/address.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { FRAME_KIND, encodeFrame } from '../../src/frame/frame.ts';
import { LaneHost } from '../../src/host/lane-host.ts';
import { SNAPSHOT_PART_BYTES } from '../../src/host/snapshot-sending.ts';

const SHARDS = 64;
const INCARNATION = 7;
const CONFIG_ID = 1;

/** Turns between two looks of a lane at its rings. */
const TURNS_PER_LOOK = 256;

/** Runs microtasks, as the kernel's port in a lane does. */
const drain = (process as unknown as { _tickCallback(): void })._tickCallback.bind(process);

export interface LaneLoad {
  readonly type: ActorType;
  readonly handler: string;
  readonly args: readonly unknown[];
  readonly tenants: number;
  /** Calls taken in at a time. */
  readonly batch: number;
  /** Batches that run before the first of them is durable. */
  readonly lagBatches: number;
}

export class LaneStage {
  readonly #load: LaneLoad;
  readonly #host: LaneHost;
  readonly #tenants: readonly string[];
  readonly #args: Uint8Array;
  #reads: Uint8Array[] = [];
  #calls = 0;
  #steps = 0;
  #refusals = 0;

  constructor(load: LaneLoad) {
    this.#load = load;
    this.#args = encodeArguments(load.args);
    this.#tenants = Array.from({ length: load.tenants }, (_, at) => `tenant-${at}`);
    this.#host = this.#newHost(new Registry([resolveActor(load.type)]));
    this.#host.own([...Array(SHARDS).keys()], new Map());
    this.#open();
  }

  #newHost(registry: Registry): LaneHost {
    const config = {
      types: registry.versions(),
      callTimeoutMs: 30_000,
      maxTurnsPerInput: 10_000_000,
      dedupTermMs: 86_400_000,
      dedupLimit: 100_000,
      incarnation: INCARNATION,
    };
    return new LaneHost({
      registry,
      configs: new Map([[CONFIG_ID, config]]),
      configId: CONFIG_ID,
      limits: {
        shards: SHARDS,
        snapshotEverySteps: Number.MAX_SAFE_INTEGER, // a snapshot is work of its own, not of a command
        snapshotEveryBytes: Number.MAX_SAFE_INTEGER,
        snapshotEveryRows: Number.MAX_SAFE_INTEGER,
        snapshotPartBytes: SNAPSHOT_PART_BYTES,
        maxActiveActors: 1_000_000,
        recordsSnapshots: false,
      },
      ports: {
        nowMs: () => Date.now(),
        fillSeed: (bytes) => void bytes.fill(7),
        toClient: () => void (this.#refusals += 1), // replies go with their steps
        toShard: () => undefined,
        toStore: (bytes) => this.#take(bytes),
        blame: () => undefined,
      },
      kernel: {
        drain,
        takeUnhandled: () => [],
        admit: () => true,
        log: () => undefined,
        enter: () => undefined,
        leave: () => undefined,
      },
    });
  }

  /** Steps, which begin with 1, are counted; questions are kept, to be answered. */
  #take(bytes: Uint8Array): void {
    if (bytes[0] === 1) this.#steps += 1;
    else this.#reads.push(bytes.slice());
  }

  /** Opens all tenants, as a store would that knows none of them. */
  #open(): void {
    this.#answerReads();
    this.#feed(this.framesOf(this.#tenants.length));
    this.#answerReads();
    this.#run();
    this.#tell(this.#steps);
  }

  #answerReads(): void {
    for (const bytes of this.#reads.splice(0)) {
      const request = decodeStoreRequest(bytes);
      if (request.kind === 'list') this.#answer({ kind: 'list', tenants: [], isLast: true });
      if (request.kind !== 'open') continue;
      const { tenant } = request;
      this.#answer({ kind: 'domain', tenant, isTrimmed: false, image: undefined, system: [], error: undefined });
      this.#answer({ kind: 'records', tenant, bodies: [], isLast: true, error: undefined });
    }
  }

  #answer(answer: StoreAnswer): void {
    this.#host.answer(encodeStoreAnswer(answer));
  }

  #tell(position: number): void {
    this.#answer({ kind: 'durable', position });
  }

  #run(): void {
    while (this.#host.run(TURNS_PER_LOOK));
  }

  #feed(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#host.receive(frame);
    this.#run();
  }

  /** Frames of the next calls, one tenant after the other. */
  framesOf(count: number): readonly Uint8Array[] {
    const { type, handler, batch, lagBatches } = this.#load;
    return Array.from({ length: count }, () => {
      this.#calls += 1;
      const tenant = this.#tenants[this.#calls % this.#tenants.length] as string;
      return encodeFrame({
        kind: FRAME_KIND.call,
        shard: shardOf(tenant, SHARDS),
        messageId: this.#calls,
        floor: Math.max(1, this.#calls - batch * lagBatches - this.#tenants.length),
        timeMs: Date.now(),
        incarnation: INCARNATION,
        target: { tenant, type: type.name, key: 'one' },
        handler,
        payload: this.#args,
      });
    });
  }

  /** Takes a batch in, runs it, and hears that an earlier one is durable. */
  runBatch(frames: readonly Uint8Array[]): void {
    this.#feed(frames);
    this.#tell(Math.max(0, this.#steps - this.#load.batch * this.#load.lagBatches));
  }

  /** Throws unless every call became a step. */
  check(): void {
    this.#tell(this.#steps);
    if (this.#steps === this.#calls && this.#refusals === 0) return;
    throw new Error(`${this.#steps} steps and ${this.#refusals} refusals of ${this.#calls} calls`);
  }
}
