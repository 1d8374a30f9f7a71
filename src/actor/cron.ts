/**
 * Cron expressions of actors, in UTC. The due time is computed here, from the recorded time alone,
 * and recorded with the timer; the host's clock is never asked. The parser is croner.
 */
import { Cron } from 'croner';
import { SynapseError } from '../base/error.ts';

/**
 * The next time after `afterMs` that matches `expression`, in ms since 1970.
 * `INVALID_ARGUMENT` for what is no cron expression or never comes.
 */
export function nextCronMs(expression: string, afterMs: number): number {
  let next: Date | null;
  try {
    next = new Cron(expression, { timezone: 'Etc/UTC', paused: true }).nextRun(new Date(afterMs));
  } catch (error) {
    throw new SynapseError(
      'INVALID_ARGUMENT',
      `not a cron expression: ${String(expression)} (${(error as Error).message})`,
      {
        argument: 'expression',
      },
    );
  }
  if (next === null) {
    throw new SynapseError('INVALID_ARGUMENT', `the cron expression ${expression} never comes`, {
      argument: 'expression',
    });
  }
  return next.getTime();
}
