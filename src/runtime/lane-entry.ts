/**
 * A lane's thread. Piscina runs `runLane` once and for the lane's whole life; the guards stand before
 * any user module is loaded; the kernel runs from port events and immediates only, since within a
 * microtask nothing can be drained.
 */
import { SeededRandom } from '../base/seeded.ts';
import { SynapseError } from '../base/error.ts';
import type { Running } from '../actor/domain-state.ts';
import { decodeConfig } from '../actor/kernel-config.ts';
import { keptBytes } from '../frame/slab.ts';
import { erasedTenant } from '../actor/store-port.ts';
import { LaneHost } from '../host/lane-host.ts';
import { repairRealm } from '../host/lockdown.ts';
import { type LoadedActors, loadActors } from '../host/modules.ts';
import { admitter } from '../host/options.ts';
import { SNAPSHOT_BACKLOG_BYTES, SNAPSHOT_SIZES } from '../host/snapshot-sending.ts';
import { StrictModules } from '../host/strict.ts';
import { exposeCollector } from './collector.ts';
import { offer, replyWith } from './control-port.ts';
import { type RealmOriginals, installGuards } from './guard.ts';
import type { LaneStart, LaneSurface, LaneTask } from './lane-protocol.ts';
import { Link, type LinkInit } from './link.ts';
import { WatchBoard } from './watch-board.ts';

/** Turns between two looks at the rings. */
const TURNS_PER_LOOK = 256;

/** Messages read from one link at a time. */
const READ_MAX = 128;

/** How long the lane runs before it lets control messages in, ms. */
const SLICE_MS = 5;

/** While there is more to do, what was sent is made visible this often, ms: a bell costs as much as ten turns. */
const FLUSH_MS = 0.5;

/** Seeds drawn at a time: one call for chance costs more than a turn. */
const SEED_POOL_BYTES = 4_096;

/** Passivation looks around this often, ms. */
const TICK_MS = 1_000;

/** Figures are shown at most this often while the lane is busy, ms. */
const PUBLISH_MS = 50;

/** Up to here figures are shown whenever the lane goes to sleep: they are a sum over its tenants, some 30 ns each. */
const FEW_TENANTS = 256;

/** Share of the heap limit above which actors leave memory early. */
const HEAP_PRESSURE = 0.7;

/** Bytes that may wait for the store before the lane stops taking in. */
const STORE_BACKLOG_MAX_BYTES = 64 << 20;

class LaneThread {
  readonly #task: LaneTask;
  readonly #originals: RealmOriginals;
  readonly #board: WatchBoard;
  readonly #routes: Int32Array;
  readonly #client: Link;
  readonly #store: Link;
  readonly #peers: Map<number, Link> = new Map();
  /** All of the above: walked at each wake-up. */
  #links: readonly Link[] = [];
  readonly #onEnd: () => void;
  readonly #collect: (() => void) | undefined;
  #loading: Promise<LoadedActors> | undefined;
  #host: LaneHost | undefined;
  #running: Running | undefined;
  #unhandled: unknown[] = [];
  #isScheduled = false;
  #wakeTimer: NodeJS.Timeout | undefined;
  #wakeMs = Number.POSITIVE_INFINITY;
  #tickTimer: NodeJS.Timeout | undefined;
  #publishedMs = 0;
  #waiters: { readonly isDone: (host: LaneHost) => boolean; readonly resolve: () => void }[] = [];
  readonly #local: Uint8Array[] = [];

  constructor(task: LaneTask, onEnd: () => void) {
    this.#task = task;
    this.#onEnd = onEnd;
    this.#board = new WatchBoard(task.board);
    this.#routes = new Int32Array(task.routes);
    this.#collect = exposeCollector();
    const loading = new SeededRandom(new Uint8Array(16));
    this.#originals = installGuards({
      nowMs: () => this.#running?.nowMs ?? 0,
      random: () => (this.#running?.random ?? loading).random(),
      fillRandom: (bytes) => (this.#running?.random ?? loading).fill(bytes),
      uuid: () => (this.#running?.random ?? loading).uuid(),
      where: () => this.#running?.where() ?? 'outside of a turn',
      isInTurn: () => this.#running !== undefined,
      spoil: (fault) => this.#running?.spoil(fault),
    });
    process.on('unhandledRejection', (reason) => void this.#unhandled.push(reason));
    const onBell = (): void => this.#pump();
    this.#client = new Link(task.client, onBell);
    this.#store = new Link(task.store, onBell);
    for (const [lane, init] of task.peers) this.#peers.set(lane, new Link(init, onBell));
    this.#setLinks();
  }

  /** Loads the modules; whoever starts the lane hears what they have to say. */
  load(): void {
    const { actors, previous } = this.#task;
    this.#loading = loadActors(actors, previous);
    this.#loading.catch(() => undefined);
  }

  async start({ shards, suspects, configs, configId }: LaneStart): Promise<void> {
    const { actors, previous, grants, ...limits } = this.#task;
    const { registry, modules } = await (this.#loading ?? loadActors(actors, previous));
    const strict = this.#task.isStrict ? new StrictModules(modules) : undefined;
    const { nowMs, fillRandom } = this.#originals;
    this.#host = new LaneHost({
      registry,
      configs: new Map(configs.map(([id, bytes]) => [id, decodeConfig(bytes)])),
      configId,
      limits: { ...limits, ...SNAPSHOT_SIZES },
      ports: {
        nowMs: () => Math.floor(nowMs()),
        fillSeed: seedPool(fillRandom),
        toClient: (bytes) => this.#client.sendBorrowed(bytes),
        toShard: (shard, bytes) => this.#toShard(shard, bytes),
        toStore: (bytes) => this.#store.sendBorrowed(bytes),
        isStoreFull: () => this.#store.pendingBytes > SNAPSHOT_BACKLOG_BYTES,
        blame: (frame) => this.#board.blame(frame),
      },
      kernel: {
        drain: this.#originals.drain,
        takeUnhandled: () => (this.#unhandled.length === 0 ? this.#unhandled : this.#unhandled.splice(0)),
        admit: admitter(grants),
        log: (actor, level, message, fields) => {
          console[level === 'debug' ? 'log' : level](
            `[${level}] ${actor.tenant}/${actor.type}/${actor.key} ${message}`,
            fields ?? '',
          );
        },
        enter: (running) => {
          this.#running = running;
          strict?.enter(running);
        },
        leave: () => {
          strict?.leave();
          this.#running = undefined;
        },
      },
    });
    this.#host.own(shards, new Map(suspects));
    this.#tickTimer = this.#originals.setInterval(() => this.#tick(), TICK_MS);
    this.#again();
  }

  get host(): LaneHost {
    if (this.#host === undefined) throw new SynapseError('CLOSED', 'the lane has not started');
    return this.#host;
  }

  #toShard(shard: number, bytes: Uint8Array): void {
    const lane = Atomics.load(this.#routes, shard); // nobody's while the shard is moved: sent again when it has arrived
    if (lane === this.#task.lane) this.#local.push(keptBytes(bytes));
    else this.#peers.get(lane)?.sendBorrowed(bytes);
  }

  connect(lane: number, init: LinkInit): void {
    const before = this.#peers.get(lane);
    if (before !== undefined) {
      while (before.read((bytes) => this.#host?.receive(bytes), READ_MAX) > 0);
      before.close();
    }
    this.#peers.set(lane, new Link(init, () => this.#pump()));
    this.#setLinks();
    this.#host?.resendAll();
    this.#again();
  }

  /** Reads, runs, sends, until nothing is left to do or the slice is over. */
  #pump(): void {
    const host = this.#host;
    if (host === undefined) return;
    const { performanceNow } = this.#originals;
    const endMs = performanceNow() + SLICE_MS;
    let flushMs = performanceNow() + FLUSH_MS;
    for (const link of this.#links) link.wake();
    for (;;) {
      const count = this.#read(host);
      const isBusy = host.run(TURNS_PER_LOOK, () => performanceNow() > flushMs);
      if (count === 0 && !isBusy && this.#local.length === 0) break;
      const nowMs = performanceNow();
      if (nowMs < flushMs) continue;
      this.#flush();
      flushMs = nowMs + FLUSH_MS;
      if (nowMs < endMs) continue;
      this.#publish(host, false);
      this.#settleWaiters(host);
      this.#again();
      return;
    }
    this.#publish(host, true);
    this.#settleWaiters(host);
    this.#flush();
    if (!host.wakeStalled() && this.#sleep()) this.#setWake(host.nextDueMs);
    else this.#again();
  }

  #read(host: LaneHost): number {
    let count = this.#store.read((bytes) => host.answer(bytes), READ_MAX);
    // While the store is far behind, inputs wait where they are: their senders count them.
    if (this.#store.pendingBytes > STORE_BACKLOG_MAX_BYTES) return count;
    count += this.#client.read((bytes) => host.receive(bytes), READ_MAX);
    for (const link of this.#peers.values()) count += link.read((bytes) => host.receive(bytes), READ_MAX);
    for (const bytes of this.#local.splice(0)) {
      host.receive(bytes);
      count += 1;
    }
    return count;
  }

  #flush(): void {
    for (const link of this.#links) link.flush();
  }

  #sleep(): boolean {
    // Of what is durable a lane that holds nothing back need not be told at once: the store sends the replies.
    const isDozing = this.#host?.awaitsDurable === false && this.#waiters.length === 0;
    for (const link of this.#links) if (!link.sleep(isDozing)) return false;
    return true;
  }

  #setLinks(): void {
    this.#links = [this.#store, this.#client, ...this.#peers.values()];
  }

  #again(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#originals.setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #setWake(dueMs: number): void {
    if (dueMs === this.#wakeMs) return;
    this.#originals.clearTimeout(this.#wakeTimer);
    this.#wakeMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    // A timer of Node counts at most 2^31 ms; a later one is set anew when it ends.
    const waitMs = Math.min(Math.max(1, Math.ceil(dueMs - this.#originals.nowMs())), 2 ** 31 - 1);
    this.#wakeTimer = this.#originals.setTimeout(() => {
      this.#wakeMs = Number.POSITIVE_INFINITY;
      this.#pump();
    }, waitMs);
  }

  #tick(): void {
    const usedMb = this.#checkMemory();
    const actors = this.host.actorCount;
    this.host.tick(usedMb > this.#task.heapMb * HEAP_PRESSURE ? Math.floor(actors / 2) : undefined);
    this.#pump();
  }

  /**
   * Ends the thread when it has taken more than its share over many turns: what the tenants have is on
   * disk, what a module hoards is not worth keeping. A single turn that takes too much is the watchdog's.
   */
  #checkMemory(): number {
    const { heapMb, bufferMb } = this.#task;
    const { usedHeapBytes, usedBufferBytes, exit } = this.#originals;
    const isOver = (): boolean => usedHeapBytes() > heapMb * 2 ** 20 || usedBufferBytes() > bufferMb * 2 ** 20;
    if (isOver()) {
      this.#collect?.(); // much of it may be garbage that nobody was in a hurry to collect
      if (isOver()) exit(1);
    }
    return usedHeapBytes() / 2 ** 20;
  }

  #publish(host: LaneHost, isIdle: boolean): void {
    const nowMs = this.#originals.performanceNow();
    const isSoon = nowMs - this.#publishedMs < PUBLISH_MS;
    if (isSoon && (!isIdle || host.tenantCount > FEW_TENANTS)) return; // at the next tick at the latest
    this.#publishedMs = nowMs;
    if (!isIdle) this.#checkMemory();
    this.#board.publish(host.glance(nowMs, isIdle));
  }

  /** Resolves once `isDone` holds; looked at after each round. */
  until(isDone: (host: LaneHost) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push({ isDone, resolve });
      this.#again();
    });
  }

  #settleWaiters(host: LaneHost): void {
    if (this.#waiters.length === 0) return;
    this.#waiters = this.#waiters.filter(({ isDone, resolve }) => {
      if (!isDone(host)) return true;
      resolve();
      return false;
    });
  }

  pumpSoon(): void {
    this.#again();
  }

  stop(): void {
    this.#originals.clearInterval(this.#tickTimer);
    this.#originals.clearTimeout(this.#wakeTimer);
    this.#host = undefined;
    for (const link of this.#links) link.close();
    this.#onEnd();
  }
}

/** Draws seeds from a pool that is filled as a whole. */
function seedPool(fillRandom: (bytes: Uint8Array) => void): (seed: Uint8Array) => void {
  const pool = new Uint8Array(SEED_POOL_BYTES);
  let at = pool.length;
  return (seed) => {
    if (at + seed.length > pool.length) {
      fillRandom(pool);
      at = 0;
    }
    // By hand: a view of 16 bytes costs ten times their copy.
    for (let i = 0; i < seed.length; i++) seed[i] = pool[at++] as number;
  };
}

function surfaceOf(thread: LaneThread): LaneSurface {
  const done = (work: () => void): Promise<{ value: null } | { error: Uint8Array }> =>
    replyWith(() => {
      work();
      thread.pumpSoon();
      return null;
    });
  return {
    start: (start) =>
      replyWith(async () => {
        await thread.start(start);
        return null;
      }),
    connect: (lane, link) => done(() => thread.connect(lane, link)),
    resend: () => done(() => thread.host.resendAll()),
    snapshot: () =>
      replyWith(async () => {
        await thread.until((host) => host.isOpened);
        thread.host.snapshotAll();
        await thread.until((host) => host.areSnapshotsStored);
        thread.host.checkAvailable();
        return null;
      }),
    census: () =>
      replyWith(async () => {
        await thread.until((host) => host.isOpened);
        thread.host.checkAvailable();
        const entries = thread.host.census.take();
        thread.pumpSoon();
        return entries;
      }),
    settle: () =>
      replyWith(async () => {
        await thread.until((host) => host.isSettled);
        return null;
      }),
    freeze: (shard) =>
      replyWith(() => {
        const roots = thread.host.moves.freeze(shard);
        thread.pumpSoon();
        return roots;
      }),
    adopt: (shard, tenants) =>
      replyWith(() => {
        const roots = thread.host.moves.adopt(shard, tenants);
        thread.pumpSoon();
        return roots;
      }),
    keep: (shard) => done(() => thread.host.moves.keep(shard)),
    drop: (shard) => done(() => thread.host.moves.drop(shard)),
    forget: (tenant) => done(() => thread.host.refuse(tenant, erasedTenant(tenant))),
    stop: () =>
      replyWith(() => {
        thread.stop();
        return null;
      }),
  };
}

/** Piscina's task: resolves when the lane is stopped. */
export async function runLane(task: LaneTask): Promise<void> {
  // SES first, guards on what it has repaired, and only then are both made immutable: each holds.
  const harden = task.isHardened ? await repairRealm() : undefined;
  await new Promise<void>((resolve) => {
    const thread = new LaneThread(task, resolve);
    harden?.();
    thread.load();
    offer(surfaceOf(thread), task.control);
  });
}
