/** A double of the process: streams that keep what is written, signals that a test sends. */
import { PassThrough, Readable, Writable } from 'node:stream';
import type { ExitStatus } from '../../src/cli/exit.ts';
import type { StopSignal, Terminal } from '../../src/cli/terminal.ts';

class Kept extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export class PretendTerminal implements Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable = new Kept();
  readonly stderr: Writable = new Kept();
  readonly workDir: string;
  readonly exits: ExitStatus[] = [];
  readonly #listeners = new Set<(signal: StopSignal) => void>();

  /** @param input standard input; left out, one that stays open and silent */
  constructor(workDir: string, input?: string) {
    this.workDir = workDir;
    this.stdin = input === undefined ? new PassThrough() : Readable.from([Buffer.from(input)]);
  }

  get out(): string {
    return (this.stdout as Kept).text;
  }

  get err(): string {
    return (this.stderr as Kept).text;
  }

  onSignal(listener: (signal: StopSignal) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  signal(signal: StopSignal): void {
    for (const listener of this.#listeners) listener(signal);
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  exitNow(status: ExitStatus): void {
    this.exits.push(status);
  }
}
