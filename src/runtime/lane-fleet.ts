/**
 * All lanes of a system: who runs which shard, who is linked to whom, and what happens when one dies.
 *
 * A dead lane's thread is replaced; the new one takes over its shards, recovers their tenants from the
 * store and is sent everything that its senders have not seen settled. The input that ran when the
 * lane died is a suspect: it is run again, alone, and set aside when it has killed three times.
 */
import { SynapseError } from '../base/error.ts';
import type { Frame } from '../frame/frame.ts';
import { identityOf } from '../host/lane-frame.ts';
import type { TenantRoots } from '../host/moves.ts';
import type { Configs } from './lane-protocol.ts';
import { keepInterruptible } from './guard-interrupt.ts';
import { type LaneSettings, LaneThread } from './lane-thread.ts';
import { type LinkInit, createLink } from './link.ts';
import type { StoreThread } from './store-thread.ts';

/** Longest pause before a lane that dies again and again is replaced, ms. */
const RESPAWN_MAX_MS = 5_000;

/** A lane that lived this long starts its pauses anew, ms. */
const STABLE_MS = 10_000;

/** Messages read from a lane at a time. */
const READ_MAX = 4_096;

export interface FleetPorts {
  readonly store: StoreThread;
  /** A frame from a lane. */
  readonly onFrame: (bytes: Uint8Array) => void;
  readonly onDeath: (lane: number, reason: string) => void;
  /** A lane has been replaced: its senders send again. */
  readonly onReplaced: (isOfLane: (shard: number) => boolean) => void;
  /** A lane cannot be replaced. */
  readonly onFatal: (error: SynapseError) => void;
}

interface Slot {
  thread: LaneThread;
  bornMs: number;
  deaths: number;
  quickDeaths: number;
  /** False from a death until the next thread runs. */
  isUp: boolean;
}

export class LaneFleet {
  readonly #settings: LaneSettings;
  readonly #ports: FleetPorts;
  readonly #routes: Int32Array;
  readonly #home: number[];
  readonly #slots: Slot[] = [];
  readonly #suspects: Map<string, number> = new Map();
  #configs: Promise<Configs> = new Promise(() => undefined);
  #isStopping = false;
  #moving: Promise<void> = Promise.resolve();
  readonly #replacing: Set<Promise<void>> = new Set();

  constructor(settings: LaneSettings, ports: FleetPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#routes = new Int32Array(settings.routes);
    this.#home = Array.from(this.#routes);
  }

  get threads(): readonly LaneThread[] {
    return this.#slots.filter(({ isUp }) => isUp).map(({ thread }) => thread);
  }

  deathsOf(lane: number): number {
    return this.#slots[lane]?.deaths ?? 0;
  }

  boardOf(lane: number): LaneThread['board'] | undefined {
    return this.#slots[lane]?.thread.board;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Starts all lanes, their threads before the store is open; rejects with what a module or the store has to say. */
  async start(lanes: number, configs: Promise<Configs>): Promise<void> {
    this.#configs = configs;
    keepInterruptible(); // before any user code is compiled: a lane that cannot be interrupted cannot be killed
    const links: (readonly [lane: number, link: LinkInit])[][] = Array.from({ length: lanes }, () => []);
    for (let a = 0; a < lanes; a++) {
      for (let b = a + 1; b < lanes; b++) {
        const [atA, atB] = createLink();
        links[a]?.push([b, atA]);
        links[b]?.push([a, atB]);
      }
    }
    const stores = Array.from({ length: lanes }, (_, lane) => {
      const [atLane, atStore] = createLink();
      const thread = this.#spawn(lane, atLane, links[lane] ?? []);
      this.#slots.push({ thread, bornMs: performance.now(), deaths: 0, quickDeaths: 0, isUp: true });
      return atStore;
    });
    await configs;
    await Promise.all(this.#slots.map(({ thread }, lane) => this.#run(lane, thread, stores[lane] as LinkInit)));
  }

  /** Connects a thread to the store and lets it run. */
  async #run(lane: number, thread: LaneThread, atStore: LinkInit): Promise<void> {
    const { configId, configs } = await this.#configs;
    // Side by side: what the lane asks before the store knows of it waits in its ring.
    const start = { shards: this.#shardsOf(lane), suspects: [...this.#suspects], configId, configs };
    await Promise.all([this.#ports.store.attach(lane, atStore), thread.start(start)]);
  }

  #spawn(lane: number, store: LinkInit, peers: readonly (readonly [number, LinkInit])[]): LaneThread {
    const thread: LaneThread = new LaneThread(lane, this.#settings, {
      store,
      peers,
      onBell: () => thread.link.serve(this.#ports.onFrame, READ_MAX),
      onDeath: (reason) => this.#onDeath(lane, thread, reason),
    });
    return thread;
  }

  #shardsOf(lane: number): number[] {
    return this.#home.flatMap((home, shard) => (home === lane ? [shard] : []));
  }

  /** To the lane of a shard. What cannot be sent now is sent again when the lane is replaced or the move is over. */
  send(shard: number, bytes: Uint8Array): void {
    const slot = this.#slots[this.#routes[shard] ?? -1];
    if (slot?.isUp !== true) return;
    slot.thread.link.send(bytes);
    this.#flushSoon();
  }

  #isFlushing = false;

  /** One flush for all that this macrotask's microtasks send. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      for (const { thread, isUp } of this.#slots) if (isUp) thread.link.flush();
    });
  }

  #onDeath(lane: number, thread: LaneThread, reason: string): void {
    const slot = this.#slots[lane];
    if (slot === undefined || slot.thread !== thread || this.#isStopping) return;
    slot.isUp = false;
    slot.deaths += 1;
    while (thread.link.read(this.#ports.onFrame, READ_MAX) > 0);
    const { suspect } = thread.board;
    if (suspect !== undefined) this.#suspect(suspect);
    this.#ports.onDeath(lane, reason);
    const replacing = this.#replace(lane, slot, thread).catch((error: unknown) => {
      if (!this.#isStopping)
        this.#ports.onFatal(error instanceof SynapseError ? error : new SynapseError('CLOSED', String(error)));
    });
    this.#replacing.add(replacing);
    void replacing.finally(() => this.#replacing.delete(replacing));
  }

  #suspect(frame: Frame): void {
    const identity = identityOf(frame);
    this.#suspects.set(identity, (this.#suspects.get(identity) ?? 0) + 1);
  }

  /** A suspect has run and is durable: it was not to blame, or has been set aside. */
  clear(identity: string): void {
    this.#suspects.delete(identity);
  }

  async #replace(lane: number, slot: Slot, dead: LaneThread): Promise<void> {
    slot.quickDeaths = performance.now() - slot.bornMs > STABLE_MS ? 0 : slot.quickDeaths + 1;
    await dead.release();
    // Three deaths of one input are expected to be quick; only what goes on beyond that has to wait.
    const waitMs = slot.quickDeaths <= 8 ? 0 : Math.min(RESPAWN_MAX_MS, 50 * 2 ** (slot.quickDeaths - 8));
    if (waitMs > 0) await new Promise((resolve) => void setTimeout(resolve, waitMs));
    if (this.#isStopping) return;
    const [atLane, atStore] = createLink();
    const peers: (readonly [number, LinkInit])[] = [];
    const others: Promise<unknown>[] = [];
    const linked = new Set<LaneThread>();
    this.#slots.forEach((other, index) => {
      if (index === lane || !other.isUp) return;
      const [here, there] = createLink();
      peers.push([index, here]);
      linked.add(other.thread);
      others.push(other.thread.connect(lane, there).catch(() => undefined)); // died too: it is linked when it is replaced
    });
    const thread = this.#spawn(lane, atLane, peers);
    slot.thread = thread;
    slot.bornMs = performance.now();
    try {
      await this.#run(lane, thread, atStore);
    } catch (error) {
      const hasDied = error instanceof SynapseError && error.code === 'CLOSED';
      if (hasDied || this.#isStopping) return; // it died in its turn, and that is seen to
      throw error;
    }
    slot.isUp = true;
    others.push(...this.#linkLate(lane, thread, linked));
    await Promise.all(others);
    await Promise.all(this.threads.map((other) => other.resend().catch(() => undefined)));
    this.#ports.onReplaced((shard) => this.#home[shard] === lane);
  }

  /** Links a new thread to those that were being replaced at the same time and so could not be linked at its start. */
  #linkLate(lane: number, thread: LaneThread, linked: ReadonlySet<LaneThread>): Promise<unknown>[] {
    return this.#slots.flatMap((other, index) => {
      if (index === lane || !other.isUp || linked.has(other.thread)) return [];
      const [here, there] = createLink();
      // One that dies meanwhile is linked when it is replaced.
      return [thread.connect(index, here), other.thread.connect(lane, there)].map((done) =>
        done.catch(() => undefined),
      );
    });
  }

  /** Moves a shard; one move at a time. `hold` and `unhold` stop and start the embedder's own sending. */
  move(shard: number, target: number, hold: (shard: number) => void, unhold: (shard: number) => void): Promise<void> {
    return this.#between(() => this.#move(shard, target, hold, unhold));
  }

  /** Erases a tenant in the store, then in the memory of every lane; not while a shard is moved, which would find it gone. */
  erase(tenant: string): Promise<void> {
    return this.#between(async () => {
      await this.#ports.store.erase(tenant);
      // A lane that dies or is being replaced has the tenant from the store, which knows.
      await Promise.all(this.threads.map((thread) => thread.forget(tenant).catch(() => undefined)));
      await Promise.all(this.#replacing);
    });
  }

  #between(work: () => Promise<void>): Promise<void> {
    const turn = this.#moving.then(work);
    this.#moving = turn.catch(() => undefined);
    return turn;
  }

  async #move(
    shard: number,
    target: number,
    hold: (shard: number) => void,
    unhold: (shard: number) => void,
  ): Promise<void> {
    const source = this.#home[shard] ?? 0;
    if (source === target) return;
    await Promise.all(this.#replacing);
    const from = this.#slots[source]?.thread;
    const to = this.#slots[target]?.thread;
    if (from === undefined || to === undefined)
      throw new SynapseError('INVALID_ARGUMENT', `there is no lane ${target}`, { option: 'lane' });
    hold(shard);
    Atomics.store(this.#routes, shard, -1);
    try {
      await this.#handOver(shard, from, to);
      this.#home[shard] = target;
    } finally {
      const home = this.#home[shard] ?? source;
      await Promise.all(this.#replacing);
      Atomics.store(this.#routes, shard, home);
      if (home === target) await from.drop(shard).catch(() => undefined);
      else await to.drop(shard).catch(() => undefined); // dead: it has nothing to drop
      await this.#slots[home]?.thread.keep(shard).catch(() => undefined); // replaced meanwhile: it has the shard and is live
      unhold(shard);
      await Promise.all(this.threads.map((thread) => thread.resend().catch(() => undefined)));
    }
  }

  async #handOver(shard: number, from: LaneThread, to: LaneThread): Promise<void> {
    const before = await from.freeze(shard);
    const tenants = await this.#ports.store.tenantsOfShard(shard);
    const after = await to.adopt(
      shard,
      tenants.map((tenant) => ({ tenant, shard })),
    );
    const difference = differenceOf(before, after);
    if (difference !== undefined) throw difference;
  }

  /** Ends all lanes. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#replacing);
    await Promise.all(this.#slots.map(({ thread, isUp }) => (isUp ? thread.stop() : thread.release())));
  }
}

/** The first tenant whose roots are not the same before and after a move, as the error that refuses it. */
function differenceOf(before: readonly TenantRoots[], after: readonly TenantRoots[]): SynapseError | undefined {
  const arrived = new Map(after.map((roots) => [roots.tenant, roots]));
  for (const { tenant, seq, stateRoot, domainRoot, fault } of before) {
    if (fault !== undefined) continue; // refused before the move, refused after it
    const there = arrived.get(tenant);
    const isSame =
      there !== undefined &&
      there.fault === undefined &&
      there.seq === seq &&
      there.stateRoot === stateRoot &&
      there.domainRoot === domainRoot;
    if (isSame) continue;
    const why = there?.fault ?? 'its roots differ after the move';
    return new SynapseError('DIVERGED', `the shard stays where it is: tenant ${tenant}: ${why}`, {
      tenant,
      seq,
      before: stateRoot,
      after: there?.stateRoot ?? '',
    });
  }
  return undefined;
}
