/**
 * Several lanes, one store and one sender in one thread, with every queue between them in the open.
 *
 * A seeded chance picks which queue moves and which lane runs next, so one number repeats a run. The
 * hand on it may put effects off, evict, snapshot, move a shard, let a lane die (its memory is gone,
 * what it wrote to the store's ring is not) or the whole process (the disk alone stays).
 */
import type { ActorType } from '../../src/actor/actor-type.ts';
import { type KernelConfig, type Registry, encodeConfig } from '../../src/actor/kernel-config.ts';
import { SynapseError } from '../../src/base/error.ts';
import type { SeededRandom } from '../../src/base/seeded.ts';
import { decodeValue } from '../../src/frame/codec.ts';
import { Frame } from '../../src/frame/frame.ts';
import type { Notice } from '../../src/host/lane-frame.ts';
import { LaneHost } from '../../src/host/lane-host.ts';
import type { TenantRoots } from '../../src/host/moves.ts';
import { KeyRing, PLAIN_RING } from '../../src/store/key-ring.ts';
import { MemoryKeySlots } from '../../src/store/key-slots.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { Store } from '../../src/store/store.ts';
import { NEVER_BY_SIZE } from '../../src/testing/sim-host-setup.ts';
import { TurnScope } from '../../src/host/turn-scope.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { FaultyDriver } from '../store/faulty-driver.ts';
import { PendingEffects } from './pending-effects.ts';
import { type ClusterOptions, chanceOf, configOf, knownConfigs, registryOf, sameRoots } from './cluster-options.ts';
import { Sender } from './sender.ts';

/** Captured before any turn runs: inside turns the name throws. */
const laterMacrotask = setImmediate;

/** Actions in one run after which something must be going round in circles. */
const ACTIONS_MAX = 200_000;

interface Lane {
  host: LaneHost;
  /** By source: the lanes, and the sender last. */
  readonly rings: Uint8Array[][];
  toStore: Uint8Array[];
  answers: Uint8Array[];
  mayRun: boolean;
}

export class Cluster {
  nowMs = 1_700_000_000_000;
  /** While true, effects wait for `finishEffect`. */
  effectsAreHeld = false;
  readonly sender: Sender;
  readonly notices: Notice[] = [];
  /** What turns logged. */
  readonly lines: string[] = [];
  store!: Store;
  storeHost!: StoreHost;
  readonly driver: FaultyDriver = new FaultyDriver(new MemoryKeyValue());
  readonly #slots: MemoryKeySlots = new MemoryKeySlots();
  readonly #options: ClusterOptions;
  readonly #shards: number;
  readonly #chance: SeededRandom | undefined;
  readonly #scope: TurnScope = new TurnScope();
  #registry: Registry;
  #lanes: Lane[] = [];
  #home: number[];
  #held: Set<number> = new Set();
  #toSender: Uint8Array[][] = []; // by source, the store last
  readonly #effects: PendingEffects;
  #configs: Map<number, KernelConfig> = new Map();
  #configId = 0;
  #mayFlush = false;
  actionCount = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#shards = options.shards ?? 4;
    this.#chance = chanceOf(options.seed);
    this.#registry = registryOf(options.actors, options.previous);
    const lanes = options.lanes ?? 1;
    this.#home = Array.from({ length: this.#shards }, (_, shard) => shard % lanes);
    this.sender = new Sender(this.#shards, (shard, bytes) => this.#route(lanes, shard, bytes));
    this.#effects = new PendingEffects(this.sender, options.effect);
    this.#open();
    this.#lanes.forEach((lane, at) => lane.host.own(this.#shardsOf(at), new Map()));
  }

  get laneCount(): number {
    return this.#lanes.length;
  }

  lane(at: number): LaneHost {
    return (this.#lanes[at] as Lane).host;
  }

  #pick(count: number): number {
    return this.#chance === undefined ? 0 : Math.floor(this.#chance.random() * count);
  }

  #shardsOf(lane: number): number[] {
    return this.#home.flatMap((home, shard) => (home === lane ? [shard] : []));
  }

  #route(source: number, shard: number, bytes: Uint8Array): void {
    if (this.#held.has(shard)) return; // sent again when the move is over
    const lane = this.#lanes[this.#home[shard] ?? 0];
    lane?.rings[source]?.push(bytes.slice());
  }

  #open(): void {
    const ring = this.#options.encryption === true ? new KeyRing(this.#slots) : PLAIN_RING;
    const { driver } = this;
    this.store = Store.open({ driver, ring, shards: this.#shards, now: () => this.nowMs, draw: () => 77 });
    const toClient = (bytes: Uint8Array): void => void this.#toSender.at(-1)?.push(bytes);
    this.storeHost = new StoreHost(this.store, { toClient, onEvent: () => undefined });
    const config = configOf(this.#options, this.#registry, this.store.incarnation);
    this.#configId = this.store.internConfig(encodeConfig(config));
    this.#configs = knownConfigs(this.store, this.#configId);
    const lanes = this.#options.lanes ?? 1;
    this.#toSender = Array.from({ length: lanes + 1 }, () => []);
    this.#lanes = Array.from({ length: lanes }, (_, at) => ({
      host: this.#newHost(at),
      rings: Array.from({ length: lanes + 1 }, () => []),
      toStore: [],
      answers: [],
      mayRun: true,
    }));
    // Each incarnation of a lane has answers of its own: what the store says to a dead one reaches nobody.
    this.#lanes.forEach(({ answers }, at) => this.storeHost.attach(at, (bytes) => void answers.push(bytes)));
  }

  #newHost(at: number): LaneHost {
    const { maxActiveActors = 1_000_000, snapshotEverySteps = 1_000_000, admit = () => true } = this.#options;
    const host: LaneHost = new LaneHost({
      registry: this.#registry,
      configs: this.#configs,
      configId: this.#configId,
      limits: {
        shards: this.#shards,
        snapshotEverySteps,
        ...NEVER_BY_SIZE,
        recordsSnapshots: this.#options.recordsSnapshots ?? false,
        maxActiveActors,
      },
      ports: {
        nowMs: () => this.nowMs,
        fillSeed: (bytes) => void bytes.fill(7), // the same for all: turns of a tenant differ by their number
        toClient: (bytes) => void (this.#lanes[at]?.host === host && this.#toSender[at]?.push(bytes.slice())),
        toShard: (shard, bytes) => void (this.#lanes[at]?.host === host && this.#route(at, shard, bytes)),
        toStore: (bytes) => void this.#lanes[at]?.toStore.push(bytes.slice()),
        blame: () => undefined,
      },
      kernel: {
        drain: () => this.#scope.drain(),
        takeUnhandled: () => this.#scope.takeUnhandled(),
        admit,
        log: (_actor, _level, line) => void this.lines.push(line),
        enter: (turn) => this.#scope.enter(turn),
        leave: () => this.#scope.leave(),
      },
    });
    return host;
  }

  /** Everything that can happen next, in a fixed order. */
  #actions(): (() => void)[] {
    const actions: (() => void)[] = [];
    this.#lanes.forEach((lane, at) => {
      lane.rings.forEach((ring) => {
        if (ring.length > 0) actions.push(() => this.#receive(lane, ring));
      });
      if (lane.mayRun) actions.push(() => void (lane.mayRun = lane.host.run(1 + this.#pick(8))));
      if (lane.toStore.length > 0) actions.push(() => this.#store(at));
      if (lane.answers.length > 0) actions.push(() => this.#answer(lane));
    });
    for (const queue of this.#toSender) if (queue.length > 0) actions.push(() => this.#toClient(queue));
    if (this.#mayFlush) {
      actions.push(() => {
        this.#mayFlush = false;
        this.storeHost.flush();
      });
    }
    if (!this.effectsAreHeld && this.#effects.size > 0) actions.push(() => this.#effects.finishFirst());
    return actions;
  }

  #receive(lane: Lane, ring: Uint8Array[]): void {
    for (const bytes of ring.splice(0, 1 + this.#pick(4))) lane.host.receive(bytes);
    lane.mayRun = true;
  }

  /** Everything on its way to the lanes arrives. */
  deliverAll(): void {
    for (const lane of this.#lanes) {
      for (const ring of lane.rings) for (const bytes of ring.splice(0)) lane.host.receive(bytes);
      lane.mayRun = true;
    }
  }

  #store(at: number): void {
    const lane = this.#lanes[at];
    for (const bytes of lane?.toStore.splice(0, 1 + this.#pick(6)) ?? []) this.storeHost.receive(at, bytes);
    this.#mayFlush = true;
  }

  #answer(lane: Lane): void {
    for (const bytes of lane.answers.splice(0, 1 + this.#pick(3))) lane.host.answer(bytes);
    lane.mayRun = true;
  }

  #toClient(queue: Uint8Array[]): void {
    for (const bytes of queue.splice(0, 1 + this.#pick(4))) this.#fromLane(new Frame(bytes));
  }

  #fromLane(frame: Frame): void {
    if (this.sender.receive(frame)) return;
    if (this.#effects.receive(frame)) return;
    const notice = decodeValue(frame.payload) as Notice;
    if (notice.kind === 'resend') this.sender.resend((shard) => notice.shards.includes(shard));
    this.notices.push(notice);
    this.#options.onNotice?.(notice);
  }

  /** Effects under way, in a fixed order. */
  get effectNames(): string[] {
    return this.#effects.names;
  }

  finishEffect(name: string): void {
    this.#effects.finish(name);
  }

  /** One action; false when nothing can happen. */
  #act(): boolean {
    const actions = this.#actions();
    const action = actions[this.#pick(actions.length)];
    if (action === undefined) return false;
    action();
    this.actionCount += 1;
    this.#disturb();
    if (this.actionCount > ACTIONS_MAX) throw new Error('the cluster does not come to rest');
    return true;
  }

  #disturb(): void {
    const { evictEvery = 0, snapshotEvery = 0 } = this.#options;
    const lane = this.#lanes[this.#pick(this.#lanes.length)];
    if (lane === undefined) return;
    if (snapshotEvery > 0 && this.#pick(snapshotEvery) === 0) lane.host.snapshotAll();
    if (evictEvery > 0 && this.#pick(evictEvery) === 0) lane.host.tick(this.#pick(3));
  }

  /** Lets things happen until nothing can, or `until` says so. True when it was `until`. */
  async settle(until: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      // From a macrotask: within a microtask nothing can be drained. In small pieces: promises of moves settle between.
      const state = await new Promise<'rest' | 'until' | 'on'>((resolve, reject) => {
        laterMacrotask(() => {
          try {
            for (let left = 50; left > 0; left--) {
              if (until()) return resolve('until');
              if (!this.#act()) return resolve('rest');
            }
            return resolve('on');
          } catch (error) {
            return reject(error as Error);
          }
        });
      });
      if (state !== 'on') return state === 'until' || until();
    }
  }

  /** Everything that is not in a snapshot yet goes into one. */
  async snapshotAll(): Promise<void> {
    await this.settle();
    for (const lane of this.#lanes) lane.host.snapshotAll();
    await this.settle();
  }

  /** Time moves on; what is due comes to pass. */
  async advance(ms: number): Promise<void> {
    await this.settle();
    this.nowMs += ms;
    for (const lane of this.#lanes) {
      lane.host.tick();
      lane.mayRun = true;
    }
    await this.settle();
  }

  /** A lane loses its memory; the store gets what the lane had sent it. */
  killLane(at: number, suspects: ReadonlyMap<string, number> = new Map()): void {
    const lane = this.#lanes[at];
    if (lane === undefined) return;
    for (const bytes of lane.toStore.splice(0)) this.storeHost.receive(at, bytes);
    const answers: Uint8Array[] = [];
    lane.answers = answers;
    for (const ring of lane.rings) ring.length = 0;
    for (const bytes of (this.#toSender[at] ?? []).splice(0)) this.#fromLane(new Frame(bytes));
    this.storeHost.attach(at, (bytes) => void answers.push(bytes));
    lane.host = this.#newHost(at);
    lane.host.own(this.#shardsOf(at), suspects);
    lane.mayRun = true;
    this.#resendAll();
    this.sender.resend((shard) => this.#home[shard] === at);
  }

  /** The process dies: only what is on disk stays. Other code may take over. */
  crash(actors?: readonly ActorType[], previous?: readonly ActorType[]): void {
    this.#die(actors, previous);
    this.#lanes.forEach((lane, at) => lane.host.own(this.#shardsOf(at), new Map()));
    for (const spec of this.sender.restart()) this.sender.call(spec);
  }

  #die(actors?: readonly ActorType[], previous?: readonly ActorType[]): void {
    if (actors !== undefined) this.#registry = registryOf(actors, previous);
    this.#effects.clear();
    this.#held.clear();
    this.#mayFlush = false;
    this.driver.reopen(); // what was not durable is gone
    this.#open();
  }

  /** Moves a shard as the lane fleet does. False when the roots differed or the store failed, and the source went on. */
  async moveShard(shard: number, target: number): Promise<boolean> {
    const source = this.#home[shard] ?? 0;
    if (source === target) return true;
    this.#held.add(shard);
    const isSame = await this.#handOver(shard, source, target).catch((error: unknown) => {
      if (error instanceof SynapseError && error.code === 'STORE_UNAVAILABLE') return false;
      throw error;
    });
    if (isSame) this.#home[shard] = target;
    this.lane(isSame ? source : target).moves.drop(shard);
    this.#held.delete(shard);
    this.lane(isSame ? target : source).moves.keep(shard);
    this.sender.resend((other) => other === shard);
    this.#resendAll();
    return isSame;
  }

  async #handOver(shard: number, source: number, target: number): Promise<boolean> {
    const before = await this.#rootsOf(this.lane(source).moves.freeze(shard));
    const after = await this.#rootsOf(this.lane(target).moves.adopt(shard, this.#tenantsOf(shard)));
    return sameRoots(before, after);
  }

  #resendAll(): void {
    for (const lane of this.#lanes) {
      lane.host.resendAll();
      lane.mayRun = true;
    }
  }

  #tenantsOf(shard: number): { tenant: string; shard: number }[] {
    return this.store.tenantsOfShard(shard).map((tenant) => ({ tenant, shard }));
  }

  async #rootsOf(pending: Promise<readonly TenantRoots[]>): Promise<readonly TenantRoots[]> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    pending.then(over, over);
    for (const lane of this.#lanes) lane.mayRun = true;
    for (let tries = 0; !isOver; tries++) {
      if (tries > 100) throw new Error('the shard does not come to rest');
      await this.settle(() => isOver);
    }
    return pending;
  }

  /** Roots of all tenants as their lanes hold them now. The cluster goes on afterwards. */
  async roots(): Promise<TenantRoots[]> {
    const all = await this.#frozenRoots();
    this.#home.forEach((home, shard) => this.lane(home).moves.keep(shard));
    this.#held.clear();
    this.#resendAll();
    this.sender.resend(() => true);
    return all;
  }

  async #frozenRoots(): Promise<TenantRoots[]> {
    const all: TenantRoots[] = [];
    for (const [shard, home] of this.#home.entries()) {
      this.#held.add(shard);
      all.push(...(await this.#rootsOf(this.lane(home).moves.freeze(shard))));
    }
    return all.sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
  }

  /** Dies between steps and recovers; gives the roots of both. */
  async crashBetweenSteps(): Promise<{ before: TenantRoots[]; after: TenantRoots[] }> {
    const before = await this.#frozenRoots();
    this.#die();
    const after: TenantRoots[] = [];
    for (const [shard, home] of this.#home.entries()) {
      after.push(...(await this.#rootsOf(this.lane(home).moves.adopt(shard, this.#tenantsOf(shard)))));
    }
    this.#home.forEach((home, shard) => this.lane(home).moves.keep(shard));
    for (const lane of this.#lanes) lane.mayRun = true;
    for (const spec of this.sender.restart()) this.sender.call(spec);
    return { before, after: after.sort((a, b) => (a.tenant < b.tenant ? -1 : 1)) };
  }
}
