/**
 * The single host in one thread over a driver of the test's choice: the client, a lane and the store host
 * of production, without their threads. What is sent is moved by hand, a round at a time, so that every run
 * of the same calls makes the same commits, and "nothing hangs" can be seen: when nothing moves any more
 * and a call is still open, it will never be answered.
 */
import { type KernelConfig, type Registry, encodeConfig } from '../../src/actor/kernel-config.ts';
import { SeededRandom } from '../../src/base/seeded.ts';
import { decodeValue } from '../../src/frame/codec.ts';
import { FRAME_KIND, Frame } from '../../src/frame/frame.ts';
import { Client } from '../../src/host/client.ts';
import { LocalEffects } from '../../src/host/effect-local.ts';
import { effectParts, requestedEffect } from '../../src/host/effect-frame.ts';
import type { Notice } from '../../src/host/lane-frame.ts';
import { LaneHost } from '../../src/host/lane-host.ts';
import { loadRegistry } from '../../src/host/modules.ts';
import { type ResolvedOptions, admitter, resolveOptions } from '../../src/host/options.ts';
import type { KeyValue } from '../../src/store/key-value.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { Store } from '../../src/store/store.ts';
import { SNAPSHOT_PART_BYTES } from '../../src/host/snapshot-sending.ts';
import { TurnScope } from '../../src/host/turn-scope.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const laterMacrotask = setImmediate;

/** Turns of a round: few, so that a short run has many commits. */
const TURNS_PER_ROUND = 4;

/** Rounds in which nothing moved, after which nothing ever will: stubs of effects need a few. */
const QUIET_ROUNDS = 8;

/** Every client is one of its own: its messages are no repeats of another's. */
let nextIncarnation = 1;

export class OneThread {
  readonly client: Client;
  readonly clock: VirtualClock = new VirtualClock(1_704_067_200_000);
  readonly #store: Store;
  readonly #storeHost: StoreHost;
  readonly #lane: LaneHost;
  readonly #effects: LocalEffects;
  readonly #scope: TurnScope = new TurnScope();
  #toLane: Uint8Array[] = [];
  #toStore: Uint8Array[] = [];
  #answers: Uint8Array[] = [];

  static async open(driver: KeyValue, actors: URL): Promise<OneThread> {
    const options = resolveOptions({
      actors,
      shards: 4,
      snapshotEverySteps: 5, // many snapshots in a short run
      maxActiveActors: 2, // and many reads
      grants: [{ from: '*', to: '*', actor: '*', handlers: ['*'] }],
    });
    return new OneThread(driver, options, await loadRegistry(options.actors, []));
  }

  private constructor(driver: KeyValue, options: ResolvedOptions, registry: Registry) {
    const random = new SeededRandom(new Uint8Array(16));
    this.#store = Store.open({ driver, shards: options.shards, now: () => this.clock.nowMs, draw: () => 7 });
    this.#storeHost = new StoreHost(this.#store, {
      toClient: (bytes) => this.#fromLane(bytes),
      onEvent: () => undefined,
    });
    const config: KernelConfig = {
      types: registry.versions(),
      callTimeoutMs: options.callTimeoutMs,
      maxTurnsPerInput: options.maxTurnsPerInput,
      dedupTermMs: options.idempotencyTermMs,
      dedupLimit: options.idempotencyLimit,
      incarnation: this.#store.incarnation,
    };
    const configId = this.#store.internConfig(encodeConfig(config));
    this.client = new Client(
      options,
      {
        nowMs: () => this.clock.nowMs,
        toShard: (_shard, bytes) => void this.#toLane.push(bytes.slice()),
        after: (ms, callback) => this.clock.after(ms, callback),
      },
      nextIncarnation++,
    );
    this.#storeHost.attach(0, (bytes) => void this.#answers.push(bytes));
    this.#lane = new LaneHost({
      registry,
      configs: new Map([[configId, config]]),
      configId,
      limits: {
        ...options,
        snapshotEveryRows: 20_000,
        snapshotPartBytes: SNAPSHOT_PART_BYTES,
        recordsSnapshots: false,
      },
      ports: {
        nowMs: () => this.clock.nowMs,
        fillSeed: (bytes) => random.fill(bytes),
        toClient: (bytes) => this.#fromLane(bytes.slice()),
        toShard: (_shard, bytes) => void this.#toLane.push(bytes.slice()),
        toStore: (bytes) => void this.#toStore.push(bytes.slice()),
        blame: () => undefined,
      },
      kernel: {
        drain: () => this.#scope.drain(),
        takeUnhandled: () => this.#scope.takeUnhandled(),
        admit: admitter(options.grants),
        log: () => undefined,
        enter: (turn) => this.#scope.enter(turn),
        leave: () => this.#scope.leave(),
      },
    });
    this.#effects = new LocalEffects({
      registry,
      stubs: { ask: async (question: string) => `answer to ${question}` },
      timers: { after: (ms, callback) => this.clock.after(ms, callback) },
      onOutcome: (id, outcome) => {
        const [tenant, effectId] = effectParts(id);
        const payload = outcome.ok ? outcome.value : outcome.error;
        this.client.deliver('effectResult', tenant, effectId, outcome.ok, payload).catch(() => undefined);
      },
    });
    this.#lane.own([0, 1, 2, 3], new Map());
  }

  #fromLane(bytes: Uint8Array): void {
    const frame = new Frame(bytes);
    if (this.client.receive(frame)) return;
    if (frame.kind === FRAME_KIND.effect) this.#effects.start(requestedEffect(frame));
    else if (frame.kind !== FRAME_KIND.cancel && (decodeValue(frame.payload) as Notice).kind === 'resend')
      this.client.resend(() => true);
  }

  #round(): boolean {
    for (const bytes of this.#toLane.splice(0)) this.#lane.receive(bytes);
    const isBusy = this.#lane.run(TURNS_PER_ROUND);
    for (const bytes of this.#toStore.splice(0)) this.#storeHost.receive(0, bytes);
    const hasCommitted = this.#storeHost.work();
    const hasRecovered = this.#storeHost.isDown && this.#storeHost.recover();
    const answers = this.#answers.splice(0);
    for (const bytes of answers) this.#lane.answer(bytes);
    return (
      isBusy || hasCommitted || hasRecovered || answers.length > 0 || this.#toLane.length + this.#toStore.length > 0
    );
  }

  /** Runs until nothing moves at the present time, and then the timers due within `ms`. */
  async settle(ms = 0): Promise<void> {
    const endMs = this.clock.nowMs + ms;
    for (;;) {
      for (let quiet = 0; quiet < QUIET_ROUNDS;) {
        const isBusy = await new Promise<boolean>((resolve) => void laterMacrotask(() => resolve(this.#round())));
        quiet = isBusy ? 0 : quiet + 1;
      }
      const nextMs = this.#lane.nextDueMs;
      if (nextMs > endMs) break;
      this.clock.setTo(Math.max(nextMs, this.clock.nowMs));
    }
    this.clock.setTo(endMs);
  }

  /** The roots of all tenants, from a snapshot of everything; undefined where that failed. */
  async roots(): Promise<string[] | undefined> {
    this.#lane.snapshotAll();
    await this.settle();
    const tenants = this.#store.tenants();
    if (tenants.some(({ seq, snapshotSeq }) => snapshotSeq < seq)) return undefined;
    return tenants.map(
      ({ tenant, stateRootAtSnapshot }) => `${tenant} ${Buffer.from(stateRootAtSnapshot).toString('hex')}`,
    );
  }
}
