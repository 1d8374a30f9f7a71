/**
 * The process around a command, as a port: streams, signals, working directory. `main.ts` hands in the
 * real one; tests hand in one of their own.
 */
import type { Readable, Writable } from 'node:stream';
import type { ExitStatus } from './exit.ts';
import type { Host } from './host.ts';

/** Signals that end a run in order. */
export type StopSignal = 'SIGINT' | 'SIGTERM';

/** What a command sees of its process. */
export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly workDir: string;
  /** Calls `listener` at each signal instead of ending the process; returns how to stop that. */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** Ends the process at once. */
  exitNow(status: ExitStatus): void;
}

/** What every command is given. */
export interface Context {
  readonly terminal: Terminal;
  readonly host: Host;
  /** Called by a command at its end with the status of the process. */
  readonly finish: (status: ExitStatus) => void;
}
