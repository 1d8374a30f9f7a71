/**
 * How far a run is, on standard error: on a terminal one bar, redrawn in place; elsewhere (a log, CI) a
 * plain line at every tenth of the input and at least every 10 seconds. Holds no timer: its owner calls
 * {@link Progress.update} now and then and says how far it is.
 *
 *   [##########----------]  50 %  1,200,000 commands  312,000/s  ETA 0:04
 */
import { clockText, countText } from './figures.ts';

/** Where the bar goes: standard error, or a double of it. */
export interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CELLS = 24;
/** Columns of a terminal that does not say how many it has. */
const DEFAULT_COLUMNS = 80;
/** Longest silence of the plain form; short enough to see that it lives, long enough not to fill a log. */
const PLAIN_INTERVAL_MS = 10_000;
const CLEAR_LINE = '\r\u001b[2K';

/** One run's progress. `totalBytes` is missing where the input has no known end, such as a pipe. */
export class Progress {
  readonly #target: ProgressTarget;
  readonly #totalBytes: number | undefined;
  readonly #startMs: number;
  readonly #unit: string;
  #isDrawn = false;
  #plainMs: number;
  #plainTenths = 0;

  /** @param unit what `commands` of {@link Progress.update} counts, where it is not commands */
  constructor(target: ProgressTarget, startMs: number, totalBytes?: number, unit = 'commands') {
    this.#target = target;
    this.#unit = unit;
    this.#totalBytes = totalBytes;
    this.#startMs = startMs;
    this.#plainMs = startMs;
  }

  /** Shows the state at `nowMs` of the clock that `startMs` came from. */
  update(nowMs: number, doneBytes: number, commands: number): void {
    const fraction =
      this.#totalBytes === undefined ? undefined : Math.min(1, doneBytes / Math.max(1, this.#totalBytes));
    if (this.#target.isTTY === true) {
      const text = this.#text(nowMs, fraction, commands, true);
      this.#target.write(CLEAR_LINE + text.slice(0, (this.#target.columns ?? DEFAULT_COLUMNS) - 1));
      this.#isDrawn = true;
      return;
    }
    const tenths = Math.floor((fraction ?? 0) * 10);
    if (tenths <= this.#plainTenths && nowMs - this.#plainMs < PLAIN_INTERVAL_MS) return;
    this.#plainTenths = tenths;
    this.#plainMs = nowMs;
    this.#target.write(`${this.#text(nowMs, fraction, commands, false)}\n`);
  }

  /** Takes the bar away, so that something else can be written. The next update draws it again. */
  clear(): void {
    if (this.#isDrawn) this.#target.write(CLEAR_LINE);
    this.#isDrawn = false;
  }

  #text(nowMs: number, fraction: number | undefined, commands: number, withBar: boolean): string {
    const elapsedMs = Math.max(1, nowMs - this.#startMs);
    const parts = [`${countText(commands)} ${this.#unit}`, `${countText((commands * 1000) / elapsedMs)}/s`];
    if (fraction === undefined) return parts.join('  ');
    const full = Math.round(fraction * BAR_CELLS);
    const bar = withBar ? `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}] ` : '';
    const eta = fraction > 0 ? clockText((elapsedMs * (1 - fraction)) / fraction) : '-:--';
    return [`${bar}${String(Math.floor(fraction * 100)).padStart(3)} %`, ...parts, `ETA ${eta}`].join('  ');
  }
}
