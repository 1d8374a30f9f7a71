/**
 * Result lines on their way to standard output or a file: gathered into large writes, with back-pressure.
 * When the other end goes away (`head` has seen enough) or the disk is full it says so once, drops what
 * comes later and never throws at the writer.
 */
import type { Writable } from 'node:stream';
import type { ResultSink } from './runner.ts';

/** Bytes (of UTF-16 units, near enough) gathered into one write: a pipe's buffer on Linux. */
const BATCH_CHARS = 65_536;

/** A sink over a writable stream, which it does not own. */
export class ResultOutput implements ResultSink {
  readonly #stream: Writable;
  readonly #onLost: (error: Error) => void;
  #batch: string[] = [];
  #batchChars = 0;
  #isScheduled = false;
  #isLost = false;
  #pressure: Promise<void> | undefined;

  /** @param onLost hears once that nothing written arrives any more, and why */
  constructor(stream: Writable, onLost: (error: Error) => void) {
    this.#stream = stream;
    this.#onLost = onLost;
    stream.on('error', this.#lose);
  }

  write(line: string): void {
    if (this.#isLost) return;
    this.#batch.push(line);
    this.#batchChars += line.length;
    if (this.#batchChars >= BATCH_CHARS) this.#flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    }
  }

  pressure(): Promise<void> | undefined {
    return this.#pressure;
  }

  /** Resolves when everything written has left the process, or is lost. */
  async end(): Promise<void> {
    this.#flush();
    if (this.#isLost) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.write('', () => resolve());
    });
  }

  #flush(): void {
    if (this.#batch.length === 0 || this.#isLost) return;
    const text = this.#batch.join('');
    this.#batch = [];
    this.#batchChars = 0;
    if (this.#stream.write(text) || this.#pressure !== undefined) return;
    this.#pressure = new Promise((resolve) => {
      const relieve = (): void => {
        this.#stream.off('drain', relieve).off('error', relieve).off('close', relieve);
        this.#pressure = undefined;
        resolve();
      };
      this.#stream.on('drain', relieve).on('error', relieve).on('close', relieve);
    });
  }

  readonly #lose = (error: Error): void => {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#batch = [];
    this.#onLost(error);
  };
}
