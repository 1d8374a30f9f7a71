/**
 * The board on which a lane shows what it does, in memory that its watchers share: which input runs,
 * since which turn, and its figures. A dead lane's board still tells what it died of.
 *
 *   int32 [0] 1 while user code runs     int32 [1] counts the stretches of user code
 *   int32 [2] bytes of the input's frame that follow at 128
 *   f64   [2 …] figures (from byte 16)
 *   u8    [128 …] the frame's beginning: header and names, enough to know it again
 */
import { Frame } from '../frame/frame.ts';
import type { LaneFigures } from '../host/lane-host.ts';

const FIGURES_AT = 16;
const FRAME_AT = 128;

/** Header and the longest names: 80 + 2 × (256 + 64 + 256) + a handler's name. */
const FRAME_BYTES = 2_048;

const FIGURE_NAMES = [
  'tenants',
  'actors',
  'mailboxDepth',
  'turns',
  'steps',
  'restarts',
  'repeats',
  'events',
  'durablePosition',
  'position',
] as const;

const RUNNING = 0;
const STRETCH = 1;
const LENGTH = 2;

export class WatchBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #figures: Float64Array;
  readonly #frame: Uint8Array;
  #blamed: Frame | undefined = undefined;
  #isRunning = false;
  #stretch = 0;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(FRAME_AT + FRAME_BYTES)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, 4);
    this.#figures = new Float64Array(buffer, FIGURES_AT, FIGURE_NAMES.length);
    this.#frame = new Uint8Array(buffer, FRAME_AT, FRAME_BYTES);
  }

  #show(frame: Frame): void {
    const length = Math.min(frame.bytes.length, FRAME_BYTES);
    this.#frame.set(length === frame.bytes.length ? frame.bytes : frame.bytes.subarray(0, length));
    this.#words[LENGTH] = length;
    this.#blamed = frame;
  }

  /** The lane: this input's code is about to run, or none. */
  blame(frame: Frame | undefined): void {
    if (frame === undefined) {
      this.#isRunning = false;
      Atomics.store(this.#words, RUNNING, 0);
      return;
    }
    if (frame !== this.#blamed) this.#show(frame); // once for all turns of a step
    this.#words[STRETCH] = this.#stretch = (this.#stretch + 1) | 0; // one writer; a look that is late sees it next time
    if (this.#isRunning) return; // the turn before was not the last of its go
    this.#isRunning = true;
    Atomics.store(this.#words, RUNNING, 1);
  }

  /** A watcher: the number of the stretch that runs, or nothing. */
  get stretch(): number | undefined {
    return Atomics.load(this.#words, RUNNING) === 1 ? Atomics.load(this.#words, STRETCH) : undefined;
  }

  /** The input that runs, or that a dead lane died of. Only header and names of it can be read. */
  get suspect(): Frame | undefined {
    if (Atomics.load(this.#words, RUNNING) !== 1) return undefined;
    return new Frame(this.#frame.slice(0, Atomics.load(this.#words, LENGTH)));
  }

  publish(figures: LaneFigures): void {
    FIGURE_NAMES.forEach((name, index) => {
      this.#figures[index] = figures[name];
    });
  }

  get figures(): LaneFigures {
    return Object.fromEntries(
      FIGURE_NAMES.map((name, index) => [name, this.#figures[index] ?? 0]),
    ) as unknown as LaneFigures;
  }
}
