/**
 * One lane as its owner sees it: a Piscina pool of a single thread that runs a single endless task.
 * When the thread dies (crash, exhausted heap, a kill by the watchdog) the task is rejected, and this
 * object is over; the engine makes the next one.
 */
import { MessageChannel } from 'node:worker_threads';
import { transfer } from 'comlink';
import { Piscina } from 'piscina';
import type { ListedTenant } from '../actor/store-port.ts';
import type { CensusEntry } from '../host/census.ts';
import type { TenantRoots } from '../host/moves.ts';
import { Control } from './control-port.ts';
import type { LaneStart, LaneSurface, LaneTask } from './lane-protocol.ts';
import { Link, type LinkInit, createLink } from './link.ts';
import { WatchBoard } from './watch-board.ts';

/** The lane's thread as one file; the build puts its name here when it has made it (esbuild.config.ts). */
declare const LANE_THREAD: string | undefined;

/** What the thread runs: that file, else what the compiler wrote. */
const ENTRY: URL =
  typeof LANE_THREAD === 'undefined'
    ? new URL('./lane-entry.js', import.meta.url)
    : new URL(LANE_THREAD, import.meta.url);

/**
 * Nursery of a lane's heap, MiB: what a turn makes mostly dies with it. V8 makes two halves of a third each, rounded up to
 * a power of two: 64 were two halves of 32 MiB, which stay resident and made a command no cheaper (13.4 beside 13.9 µs).
 */
const YOUNG_MB = 48;

/** Share of the heap that the nursery may take at the most. */
const YOUNG_SHARE = 1 / 8;

/**
 * V8's own limit lies this far above the lane's, MiB. A heap that reaches V8's limit in one large step
 * takes the whole process with it; the watchdog and the lane itself keep the lane's limit, well below.
 */
const HEADROOM_MB = 4_096;

/** What is the same for all lanes of a system. */
export type LaneSettings = Omit<LaneTask, 'lane' | 'board' | 'control' | 'client' | 'store' | 'peers'>;

export interface LaneWiring {
  readonly store: LinkInit;
  readonly peers: readonly (readonly [lane: number, link: LinkInit])[];
  /** There is something to read from the lane. */
  readonly onBell: () => void;
  /** The thread is gone; not called after `stop`. */
  readonly onDeath: (reason: string) => void;
}

export class LaneThread {
  readonly lane: number;
  readonly board: WatchBoard = new WatchBoard();
  readonly link: Link;
  readonly #control: Control<LaneSurface>;
  readonly #pool: Piscina;
  readonly #abort: AbortController = new AbortController();
  readonly #ended: Promise<void>;
  #isStopping = false;
  #killReason: string | undefined;

  constructor(lane: number, settings: LaneSettings, wiring: LaneWiring) {
    this.lane = lane;
    const { heapMb, bufferMb } = settings;
    const [here, there] = createLink();
    const { port1, port2 } = new MessageChannel();
    this.link = new Link(here, wiring.onBell);
    this.#control = new Control(port1);
    this.#pool = new Piscina({
      filename: ENTRY.href,
      name: 'runLane', // of the pool, not of the task: Piscina loads the file twice where its start finds no function
      minThreads: 0, // the thread comes with its task; a pool that must have one makes another when this one dies, for nobody
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      resourceLimits: {
        maxOldGenerationSizeMb: heapMb + bufferMb + HEADROOM_MB,
        maxYoungGenerationSizeMb: Math.min(YOUNG_MB, heapMb * YOUNG_SHARE),
      },
    });
    this.#pool.on('error', () => undefined); // the task's rejection tells of it
    const { store, peers } = wiring;
    const task: LaneTask = { ...settings, lane, board: this.board.buffer, control: port2, client: there, store, peers };
    const transferList = [port2, there.port, store.port, ...peers.map(([, link]) => link.port)];
    this.#ended = this.#pool.run(task, { transferList, signal: this.#abort.signal }).then(
      () => this.#die('it ended', wiring),
      (error: unknown) =>
        this.#die(this.#killReason ?? (error instanceof Error ? error.message : String(error)), wiring),
    );
  }

  #die(reason: string, wiring: LaneWiring): void {
    if (!this.#isStopping) wiring.onDeath(reason);
    this.#control.die(reason);
  }

  start(start: LaneStart): Promise<null> {
    return this.#control.call((lane) => lane.start(start));
  }

  connect(lane: number, link: LinkInit): Promise<null> {
    return this.#control.call((remote) => remote.connect(lane, transfer(link, [link.port as never])));
  }

  resend(): Promise<null> {
    return this.#control.call((lane) => lane.resend());
  }

  census(): Promise<readonly CensusEntry[]> {
    return this.#control.call((lane) => lane.census());
  }

  snapshot(): Promise<null> {
    return this.#control.call((lane) => lane.snapshot());
  }

  settle(): Promise<null> {
    return this.#control.call((lane) => lane.settle());
  }

  freeze(shard: number): Promise<readonly TenantRoots[]> {
    return this.#control.call((lane) => lane.freeze(shard));
  }

  adopt(shard: number, tenants: readonly ListedTenant[]): Promise<readonly TenantRoots[]> {
    return this.#control.call((lane) => lane.adopt(shard, tenants));
  }

  keep(shard: number): Promise<null> {
    return this.#control.call((lane) => lane.keep(shard));
  }

  drop(shard: number): Promise<null> {
    return this.#control.call((lane) => lane.drop(shard));
  }

  forget(tenant: string): Promise<null> {
    return this.#control.call((lane) => lane.forget(tenant));
  }

  /** Ends the thread at once, from outside; it dies of `reason`. */
  kill(reason: string): void {
    this.#killReason = reason;
    this.#abort.abort();
  }

  /** Gives back what the thread held; what it had sent has been read before. */
  async release(): Promise<void> {
    this.#isStopping = true;
    this.link.close();
    await this.#pool.destroy();
  }

  /** Ends the lane in good order. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#control.call((lane) => lane.stop()).catch(() => undefined); // dead already: all the same
    await this.#ended;
    await this.release();
  }
}
