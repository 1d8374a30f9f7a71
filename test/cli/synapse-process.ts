/** The built `synapse` as a child process, ended with its test. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** The compiled actors of the tests. */
export const TILL: string = fileURLToPath(new URL('./till-actors.js', import.meta.url));

/** How a process ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A running `synapse`. */
export interface SynapseProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  /** Resolves when `text` stands in standard output or the process has ended. */
  saw(text: string): Promise<void>;
}

/** Starts `synapse` in `workDir`; `input` is its whole standard input, left out it stays open. */
export function startSynapse(args: readonly string[], workDir: string, input?: string): SynapseProcess {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: workDir, stdio: 'pipe' });
  let out = '';
  let err = '';
  const looking = new Set<() => void>();
  const look = (): void => looking.forEach((one) => one());
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.on('error', () => {}); // a command that ends early leaves input unread
  if (input !== undefined) child.stdin.end(input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, out, err }));
  });
  const saw = (text: string): Promise<void> =>
    Promise.race([
      ended.then(() => {}),
      new Promise<void>((resolve) => {
        const one = (): void => {
          if (!out.includes(text)) return;
          looking.delete(one);
          resolve();
        };
        looking.add(one);
        one();
      }),
    ]);
  return { child, ended, saw };
}

/** Runs `synapse` to its end. */
export function synapse(args: readonly string[], workDir: string, input = ''): Promise<Ended> {
  return startSynapse(args, workDir, input).ended;
}
