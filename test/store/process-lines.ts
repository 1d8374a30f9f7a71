/** Starts store-process.js and gives its output line by line; nothing waits on a clock. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface LinesOfProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** The next line, or nothing at the end of the output. */
  readonly next: () => Promise<string | undefined>;
  /** What it wrote to standard error so far; all of it after `end`. */
  readonly complaints: () => string;
  /** Ends the process and waits until it is gone; returns its exit code or signal. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | string | null>;
}

export function startProcess(args: readonly string[], command: readonly string[] = [process.execPath]): LinesOfProcess {
  const [program = process.execPath, ...before] = command;
  const script = fileURLToPath(new URL('./store-process.js', import.meta.url));
  const child = spawn(program, [...before, script, ...args]);
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const gone = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  return {
    child,
    next: async () => {
      const { value, done } = await lines.next();
      return done === true ? undefined : value;
    },
    complaints: () => complaints,
    end: async (signal) => {
      if (signal === undefined) child.stdin.end();
      else child.kill(signal);
      const [code, by] = await gone;
      return code ?? by;
    },
  };
}
