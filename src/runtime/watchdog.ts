/**
 * The watchdog looks at the lanes' boards from the embedder's thread. A stretch of user code that has
 * run longer than `turnTimeoutMs` gets its lane killed; so does one under which the process grows by
 * more than a lane may take. Node can neither limit buffers nor survive a heap that reaches V8's limit
 * in one large step, so this limit lies well below V8's.
 */
import { memoryUsage } from 'node:process';
import type { WatchBoard } from './watch-board.ts';

/** How often it looks, ms: a fraction of the shortest turnTimeoutMs that makes sense. */
const LOOK_MS = 25;

/** What the watchdog needs of a lane. */
export interface WatchedLane {
  readonly board: WatchBoard;
  kill(reason: string): void;
}

interface Seen {
  readonly stretch: number;
  readonly sinceMs: number;
  /** Memory of the process at the first look. */
  readonly memoryBytes: number;
}

export class Watchdog {
  readonly #lanes: () => readonly WatchedLane[];
  readonly #turnTimeoutMs: number;
  readonly #growthMaxMb: number;
  readonly #seen: Map<WatchedLane, Seen> = new Map();
  readonly #timer: NodeJS.Timeout;

  /** `growthMaxMb`: what a lane may take, in its heap and beside it. */
  constructor(lanes: () => readonly WatchedLane[], turnTimeoutMs: number, growthMaxMb: number) {
    this.#lanes = lanes;
    this.#turnTimeoutMs = turnTimeoutMs;
    this.#growthMaxMb = growthMaxMb;
    this.#timer = setInterval(() => this.look(), Math.min(LOOK_MS, turnTimeoutMs));
    this.#timer.unref();
  }

  look(): void {
    const nowMs = performance.now();
    const lanes = this.#lanes();
    for (const lane of this.#seen.keys()) if (!lanes.includes(lane)) this.#seen.delete(lane);
    for (const lane of lanes) {
      const { stretch } = lane.board;
      const seen = this.#seen.get(lane);
      if (stretch === undefined) this.#seen.delete(lane);
      else if (seen?.stretch !== stretch)
        this.#seen.set(lane, { stretch, sinceMs: nowMs, memoryBytes: memoryUsage.rss() });
      else this.#judge(lane, seen, nowMs);
    }
  }

  /** A stretch that two looks in a row have found running. */
  #judge(lane: WatchedLane, seen: Seen, nowMs: number): void {
    const growthMb = (memoryUsage.rss() - seen.memoryBytes) / 2 ** 20;
    if (nowMs - seen.sinceMs > this.#turnTimeoutMs) {
      this.#kill(lane, `a turn ran longer than ${this.#turnTimeoutMs} ms without awaiting`);
    } else if (growthMb > this.#growthMaxMb) {
      this.#kill(lane, `a turn took more than ${this.#growthMaxMb} MiB (laneHeapMb and bufferMb)`);
    }
  }

  #kill(lane: WatchedLane, reason: string): void {
    this.#seen.delete(lane);
    lane.kill(reason);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
