/**
 * Exit statuses of the command line, and the failure that ends in "could not run".
 *
 *   0  done                                     130  stopped by SIGINT   (128 + 2)
 *   1  done, and something was found wrong      141  the reader of standard output left (128 + 13)
 *   2  could not run, or not to the end         143  stopped by SIGTERM  (128 + 15)
 *
 * The three on the right follow the shell's habit of 128 + signal, so that a script can tell an
 * interrupted run from a finished one. A refused command is an outcome, never a status.
 */
import { SynapseError } from '../base/error.ts';

/** Every status a command may end with. */
export const EXIT_STATUS = {
  done: 0,
  foundWrong: 1,
  couldNotRun: 2,
  interrupted: 130,
  outputClosed: 141,
  terminated: 143,
} as const;

/** One of {@link EXIT_STATUS}. */
export type ExitStatus = (typeof EXIT_STATUS)[keyof typeof EXIT_STATUS];

/** Ends a command with status 2 and `message`, without a stack: something outside has to change before it can run. */
export class CannotRun extends Error {
  override readonly name: string = 'CannotRun';
}

/** What a person reads about `error`: one paragraph, no stack, except for our own bugs, where only the stack helps. */
export function failureText(error: unknown): string {
  if (error instanceof SynapseError) return `${error.code}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  if (error.message.startsWith('bug: ')) return error.stack ?? error.message;
  return error.message === '' ? error.name : error.message;
}
