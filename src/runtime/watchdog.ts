/**
 * The watchdog looks at the lanes' boards from the embedder's thread. A stretch of user code that has
 * run longer than `turnTimeoutMs` gets its lane killed; so does the one that runs while the process
 * takes more memory beside the heaps than it may, since Node limits heaps only.
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
}

export class Watchdog {
  readonly #lanes: () => readonly WatchedLane[];
  readonly #turnTimeoutMs: number;
  readonly #memoryMaxBytes: number;
  readonly #seen: Map<WatchedLane, Seen> = new Map();
  readonly #timer: NodeJS.Timeout;

  /** `lanesHeapMb` and `bufferMb`: what all lanes may take, in heaps and beside them. */
  constructor(lanes: () => readonly WatchedLane[], turnTimeoutMs: number, lanesHeapMb: number, bufferMb: number) {
    this.#lanes = lanes;
    this.#turnTimeoutMs = turnTimeoutMs;
    this.#memoryMaxBytes = memoryUsage.rss() + (lanesHeapMb + bufferMb) * 2 ** 20;
    this.#timer = setInterval(() => this.look(), Math.min(LOOK_MS, turnTimeoutMs));
    this.#timer.unref();
  }

  look(): void {
    const nowMs = performance.now();
    for (const lane of this.#lanes()) {
      const { stretch } = lane.board;
      const seen = this.#seen.get(lane);
      if (stretch === undefined) this.#seen.delete(lane);
      else if (seen?.stretch !== stretch) this.#seen.set(lane, { stretch, sinceMs: nowMs });
      else if (nowMs - seen.sinceMs > this.#turnTimeoutMs)
        this.#kill(lane, `a turn ran longer than ${this.#turnTimeoutMs} ms without awaiting`);
      else this.#checkMemory(lane);
    }
  }

  /** Only a lane whose code ran through two looks in a row is blamed. */
  #checkMemory(lane: WatchedLane): void {
    const { heapTotal, external } = memoryUsage(); // of this thread: the embedder's own is not the lanes'
    if (memoryUsage.rss() - heapTotal - external < this.#memoryMaxBytes) return;
    this.#kill(lane, 'a turn took more memory for buffers than bufferMb allows');
  }

  #kill(lane: WatchedLane, reason: string): void {
    this.#seen.delete(lane);
    lane.kill(reason);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
