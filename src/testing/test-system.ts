/**
 * `testSystem`: the whole single host in one thread, for tests of actors. Kernel, lane and store are
 * the ones that run in production; the clock is virtual, effects are stubs, chance is seeded and the
 * disk is memory. `crash()` loses everything that was not durable, `reopen()` recovers.
 *
 * @example
 * const system = await testSystem({ actors: new URL('./meter.js', import.meta.url) });
 * await system.ref(meter, 'acme', 'gpt').configure({ budget: 10, refillMs: 60_000 });
 * await system.advance(60_000);
 */
import type { AuditAnswer, AuditRequest } from '../actor/audit-port.ts';
import { type KernelConfig, type Registry, encodeConfig } from '../actor/kernel-config.ts';
import { erasedTenant } from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import { SeededRandom } from '../base/seeded.ts';
import { decodeValue } from '../frame/codec.ts';
import { FRAME_KIND, Frame } from '../frame/frame.ts';
import { Client } from '../host/client.ts';
import { cancelledEffect, effectParts, requestedEffect } from '../host/effect-frame.ts';
import { type EffectStub, LocalEffects } from '../host/effect-local.ts';
import type { Notice } from '../host/lane-frame.ts';
import { LaneHost } from '../host/lane-host.ts';
import { namesOf, tenantStatuses } from '../host/census.ts';
import { type LoadedActors, loadActors } from '../host/modules.ts';
import { type ResolvedOptions, type SystemOptions, admitter, resolveOptions } from '../host/options.ts';
import {
  type Engine,
  type StoredTopicEvent,
  System,
  type SystemStats,
  type TenantStatus,
} from '../host/system-face.ts';
import { StoreHost } from '../store/store-host.ts';
import type { Store } from '../store/store.ts';
import type { ReopenOptions, TestOptions } from './test-options.ts';
import { configsOf } from './store-configs.ts';
import { TestDisk } from './test-disk.ts';
export type { ReopenOptions, TestOptions } from './test-options.ts';
import { SNAPSHOT_SIZES } from '../host/snapshot-sending.ts';
import { TurnScope } from '../host/turn-scope.ts';
import { VirtualClock } from './virtual-clock.ts';

const START_MS = 1_704_067_200_000; // 2024-01-01T00:00:00Z

/** Turns between two looks at the store: small, so that commits and turns interleave as in production. */
const TURNS_PER_ROUND = 64;

/** Captured before any turn runs: inside turns these names throw. */
const laterMacrotask = setImmediate;

/** Everything that dies in a crash. */
interface Running {
  readonly store: Store;
  readonly storeHost: StoreHost;
  readonly lane: LaneHost;
  readonly effects: LocalEffects;
  /** Frames and answers that were sent and not yet read. */
  readonly toLane: Uint8Array[];
  readonly toStore: Uint8Array[];
  readonly answers: Uint8Array[];
}

class TestEngine implements Engine {
  readonly clock: VirtualClock;
  readonly client: Client;
  face: System | undefined = undefined;
  readonly #random: SeededRandom;
  readonly #disk: TestDisk;
  readonly #scope: TurnScope = new TurnScope();
  #options: ResolvedOptions;
  #stubs: Readonly<Record<string, EffectStub>>;
  #registry: Registry;
  #running: Running | undefined;
  #isScheduled = false;
  #stepCount = 0;

  constructor(options: TestOptions, resolved: ResolvedOptions, loaded: LoadedActors) {
    this.#options = resolved;
    this.#registry = this.#scope.admit(loaded, resolved.strict);
    this.#stubs = options.effects ?? {};
    this.clock = new VirtualClock(options.startMs ?? START_MS);
    const seed = new Uint8Array(16);
    new DataView(seed.buffer).setUint32(0, options.seed ?? 1);
    this.#random = new SeededRandom(seed);
    const keySeed = new Uint8Array(32);
    this.#random.fill(keySeed);
    this.#disk = new TestDisk(resolved.auditKey ?? keySeed, (bytes) => this.#random.fill(bytes));
    this.client = new Client(
      resolved,
      {
        nowMs: () => this.clock.nowMs,
        toShard: (_shard, bytes) => this.#toLane(bytes),
        after: (ms, callback) => this.clock.after(ms, callback),
      },
      this.#drawIncarnation(),
    );
    this.#start();
  }

  #drawIncarnation(): number {
    return 1 + Math.floor(this.#random.random() * 2 ** 52);
  }

  /** A copy: the sender may set the floor of its own bytes later. */
  #toLane(bytes: Uint8Array): void {
    this.#running?.toLane.push(bytes.slice());
    this.#schedule();
  }

  #start(): void {
    const { shards } = this.#options;
    const now = (): number => this.clock.nowMs;
    const store = this.#disk.open(this.#options, { now, draw: () => this.#drawIncarnation() });
    const storeHost = new StoreHost(store, {
      toClient: (bytes) => this.#fromLane(bytes),
      onEvent: (tenant, topic) => this.face?.noteEvent(tenant, topic),
    });
    const config: KernelConfig = {
      types: this.#registry.versions(),
      callTimeoutMs: this.#options.callTimeoutMs,
      maxTurnsPerInput: this.#options.maxTurnsPerInput,
      dedupTermMs: this.#options.idempotencyTermMs,
      dedupLimit: this.#options.idempotencyLimit,
      incarnation: store.incarnation,
    };
    const configId = store.internConfig(encodeConfig(config));
    const toLane: Uint8Array[] = [];
    const toStore: Uint8Array[] = [];
    const answers: Uint8Array[] = [];
    storeHost.attach(0, (bytes) => void answers.push(bytes));
    const lane = new LaneHost({
      registry: this.#registry,
      configs: configsOf(store, configId),
      configId,
      limits: {
        ...this.#options,
        ...SNAPSHOT_SIZES,
        recordsSnapshots: this.#options.retention !== 'all',
      },
      ports: {
        nowMs: () => this.clock.nowMs,
        fillSeed: (bytes) => this.#random.fill(bytes),
        toClient: (bytes) => this.#fromLane(bytes.slice()),
        toShard: (_shard, bytes) => void toLane.push(bytes.slice()),
        toStore: (bytes) => void toStore.push(bytes.slice()),
        blame: () => undefined,
      },
      kernel: {
        drain: () => this.#scope.drain(),
        takeUnhandled: () => this.#scope.takeUnhandled(),
        admit: admitter(this.#options.grants),
        log: (actor, level, message, fields) =>
          console[level === 'debug' ? 'log' : level](
            `${actor.tenant}/${actor.type}/${actor.key}`,
            message,
            fields ?? '',
          ),
        enter: (turn) => this.#scope.enter(turn),
        leave: () => this.#scope.leave(),
      },
    });
    const effects = new LocalEffects({
      registry: this.#registry,
      stubs: this.#stubs,
      timers: { after: (ms, callback) => this.clock.after(ms, callback) },
      onOutcome: (id, outcome) => {
        if (this.#running?.effects !== effects) return; // of a run that has crashed
        const [tenant, effectId] = effectParts(id);
        const payload = outcome.ok ? outcome.value : outcome.error;
        this.client.deliver('effectResult', tenant, effectId, outcome.ok, payload).catch(() => undefined);
      },
    });
    this.#running = { store, storeHost, lane, effects, toLane, toStore, answers };
    lane.own(
      Array.from({ length: shards }, (_, shard) => shard),
      new Map(),
    );
    this.#schedule();
  }

  #fromLane(bytes: Uint8Array): void {
    const frame = new Frame(bytes);
    if (this.client.receive(frame)) return;
    if (frame.kind === FRAME_KIND.effect) this.#running?.effects.start(requestedEffect(frame));
    else if (frame.kind === FRAME_KIND.cancel) this.#running?.effects.cancel(cancelledEffect(frame));
    else this.#takeNotice(decodeValue(frame.payload) as Notice);
  }

  #takeNotice(notice: Notice): void {
    if (notice.kind === 'resend') this.client.resend((shard) => notice.shards.includes(shard));
    else if (notice.kind !== 'cleared') this.face?.noteNotice(notice);
  }

  /** The kernel runs from a macrotask only: within a microtask nothing can be drained. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    laterMacrotask(() => {
      this.#isScheduled = false;
      if (this.#round()) this.#schedule();
    });
  }

  /** Moves what was sent, runs turns, commits. True when there is more to do. */
  #round(): boolean {
    const running = this.#running;
    if (running === undefined) return false;
    for (const bytes of running.toLane.splice(0)) running.lane.receive(bytes);
    const isBusy = running.lane.run(TURNS_PER_ROUND);
    for (const bytes of running.toStore.splice(0)) running.storeHost.receive(0, bytes);
    const hasCommitted = running.storeHost.work();
    const answers = running.answers.splice(0);
    for (const bytes of answers) running.lane.answer(bytes);
    this.#stepCount = running.storeHost.stepCount;
    return isBusy || hasCommitted || answers.length > 0 || running.toLane.length > 0 || running.toStore.length > 0;
  }

  /** Runs until nothing can run at the present time; stubs that only await get their turns too. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 4;) {
      const isBusy = await new Promise<boolean>((resolve) => void laterMacrotask(() => resolve(this.#round())));
      quiet = isBusy ? 0 : quiet + 1;
    }
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.clock.nowMs + ms;
    await this.settle();
    for (;;) {
      const nextMs = Math.min(this.clock.nextDueMs, this.#running?.lane.nextDueMs ?? Number.POSITIVE_INFINITY);
      if (nextMs > endMs) break;
      // Of what is due at one moment the actors' timers come first: what they do may be what a caller waits for.
      this.clock.setTo(nextMs);
      await this.settle();
      this.clock.fire();
      await this.settle();
    }
    this.clock.setTo(endMs);
    this.#running?.lane.tick();
    await this.settle();
  }

  /** Everything that is not durable is gone, at once. */
  crash(): void {
    this.#running = undefined;
    const error = new SynapseError('CLOSED', 'the system crashed (crash()); call reopen()');
    this.client.close(error);
    this.client.abandon(error);
  }

  async reopen(options: ReopenOptions): Promise<void> {
    if (this.#running !== undefined) this.crash();
    const {
      effects = this.#stubs,
      actors = this.#options.actors,
      previous = this.#options.previous,
      ...rest
    } = options;
    const merged = { ...this.#options, ...rest, actors, previous } as SystemOptions;
    const { dataDir: _none, ...given } = merged;
    const resolved = resolveOptions(given as SystemOptions);
    this.#registry = this.#scope.admit(await loadActors(resolved.actors, resolved.previous), resolved.strict);
    this.#options = resolved;
    this.#stubs = effects;
    this.client.reopen(this.#drawIncarnation());
    this.#start();
    await this.settle();
  }

  #open(): Running {
    if (this.#running === undefined) throw new SynapseError('CLOSED', 'the system crashed; call reopen()');
    return this.#running;
  }

  figures(): Omit<SystemStats, 'deadLetters' | 'inFlight'> {
    const figures = this.#running?.lane.figures;
    const lane = {
      lane: 0,
      mailboxDepth: figures?.mailboxDepth ?? 0,
      turns: figures?.turns ?? 0,
      restarts: figures?.restarts ?? 0,
      eventsPerSecond: 0,
      tenants: figures?.tenants ?? 0,
      actors: figures?.actors ?? 0,
      deaths: 0,
    };
    return { lanes: [lane], durableWatermark: this.#stepCount, repeats: figures?.repeats ?? 0 };
  }

  async snapshot(): Promise<void> {
    await this.settle();
    this.#open().lane.snapshotAll();
    await this.settle();
  }

  async tenants(): Promise<TenantStatus[]> {
    await this.settle();
    const { lane, store } = this.#open();
    const counted = lane.census.take();
    await this.settle();
    return tenantStatuses(await counted, store.audit.statuses(namesOf(await counted)));
  }

  async audit(request: AuditRequest): Promise<AuditAnswer> {
    await this.settle();
    return this.#open().store.audit.answer(request);
  }

  moveShard(shard: number, lane: number): Promise<void> {
    const isShard = Number.isInteger(shard) && shard >= 0 && shard < this.#options.shards;
    if (isShard && lane === 0) return Promise.resolve();
    const option = isShard ? 'lane' : 'shard';
    return Promise.reject(
      new SynapseError('INVALID_ARGUMENT', `there is no such ${option}: a test system has one lane`, { option }),
    );
  }

  async erase(tenant: string): Promise<void> {
    await this.settle();
    const { storeHost, lane } = this.#open();
    for (const slice of storeHost.erasing(tenant)) void slice;
    lane.refuse(tenant, erasedTenant(tenant));
    this.client.resend(() => true); // calls under way will have no answer: sent again, they hear why
    await this.settle();
  }

  async backup(dir: string): Promise<void> {
    await this.settle();
    this.#open().store.backup(dir);
  }

  async readEvents(tenant: string, topic: string, from: number, limit: number): Promise<readonly StoredTopicEvent[]> {
    await this.settle();
    return this.#open().store.events(tenant, topic, from, limit);
  }

  async close(): Promise<void> {
    if (this.#running === undefined) return;
    await this.snapshot();
    await this.#running.effects.close();
    this.#running.store.close();
    this.#running = undefined;
  }
}

/** A system in one thread: everything of `System`, and a hand on its clock and its fate. `moveShard` knows lane 0 alone. */
export class TestSystem extends System {
  readonly #engine: TestEngine;

  constructor(engine: TestEngine) {
    super(engine);
    this.#engine = engine;
    engine.face = this;
  }

  /** The virtual time, ms since 1970. */
  now(): number {
    return this.#engine.clock.nowMs;
  }

  /** Moves the clock on by `ms` ms; timers, back-offs and time-outs that come due on the way happen in their order. */
  advance(ms: number): Promise<void> {
    return this.#engine.advance(ms);
  }

  /** Ends everything as a power cut would: what was not durable is gone, calls under way are rejected with `CLOSED`. */
  crash(): Promise<void> {
    this.#engine.crash();
    return Promise.resolve();
  }

  /** Recovers from what was durable; with other code or options where given. References stay good. Errors as `testSystem`. */
  reopen(options: ReopenOptions = {}): Promise<void> {
    return this.#engine.reopen(options);
  }
}

/**
 * Opens a system in this thread, in memory. `INVALID_ARGUMENT` as `createSystem`; an example stands at the
 * head of this file.
 */
export async function testSystem(options: TestOptions): Promise<TestSystem> {
  const { dataDir: _none, ...given } = options;
  const resolved = resolveOptions(given, ['effects', 'seed', 'startMs']);
  const loaded = await loadActors(resolved.actors, resolved.previous);
  return new TestSystem(new TestEngine(options, resolved, loaded));
}
