/**
 * A process of our own that is meant to be killed: what it prints is kept line by line, what it prints
 * on standard error is shown when it fails. Every process that is still alive is killed by its pid at
 * the end of the test file.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A bound that only ends a test that would hang; nothing is measured against it. */
const PATIENCE_MS = 120_000;

const alive = new Set<ChildProcess>();

/** Kills what a failed test has left behind. */
export async function killAll(): Promise<void> {
  await Promise.all(
    [...alive].map(
      (child) =>
        new Promise<void>((resolve) => {
          child.once('close', () => resolve());
          child.kill('SIGKILL');
        }),
    ),
  );
}

/** How a child is started, beside its script and what it is told. */
export interface ChildOptions {
  /** Flags for Node. */
  readonly flags?: readonly string[];
  /** Each word as it is, instead of one JSON text. */
  readonly words?: readonly string[];
  readonly cwd?: string;
}

export class Child {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: Set<() => void> = new Set();
  readonly #closed: Promise<void>;
  #rest = '';
  #errors = '';
  #isClosed = false;
  /** Exit status, or the signal that ended it. */
  status: number | NodeJS.Signals | undefined = undefined;

  /** Starts `script` (its emitted URL, relative to the caller's) with `told` as one JSON argument. */
  constructor(script: URL, told: unknown, options: ChildOptions = {}) {
    const words = options.words ?? [JSON.stringify(told)];
    const child = spawn(process.execPath, [...(options.flags ?? []), fileURLToPath(script), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#child = child;
    alive.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-8_192); // the end of it tells why
    });
    this.#closed = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        alive.delete(child);
        this.#isClosed = true;
        this.status = code ?? signal ?? undefined;
        this.#wake();
        resolve();
      });
    });
  }

  /** Whole lines so far; one that was cut by a kill does not count. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get errors(): string {
    return this.#errors;
  }

  #take(text: string): void {
    const pieces = (this.#rest + text).split('\n');
    this.#rest = pieces.pop() ?? '';
    this.#lines.push(...pieces);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Resolves with the first line that begins with `start`; rejects when the process ends before. */
  line(start: string): Promise<string> {
    return this.lineNumber(start, 1);
  }

  /** Resolves with the `count`th line that begins with `start`; the first is 1. */
  async lineNumber(start: string, count: number): Promise<string> {
    let found = 0;
    for (let at = 0; ;) {
      for (; at < this.#lines.length; at++) {
        const line = this.#lines[at] ?? '';
        if (line.startsWith(start) && ++found === count) return line;
      }
      if (this.#isClosed) throw new Error(`no line '${start}' before the end (${this.status}): ${this.#errors}`);
      await this.#change(`a line '${start}'`);
    }
  }

  #change(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(done);
        reject(
          new Error(`waited in vain for ${what}; last lines: ${this.#lines.slice(-5).join(' | ')}; ${this.#errors}`),
        );
      }, PATIENCE_MS);
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      this.#waiting.add(done);
    });
  }

  /** SIGKILL, now; resolves when the process is gone and all it printed is read. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** Resolves when the process has ended by itself. */
  async end(): Promise<void> {
    while (!this.#isClosed) await this.#change('the end of the process');
  }
}
