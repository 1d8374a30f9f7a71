/**
 * The ends of a replay that came out otherwise than recorded. Of what was recorded only a digest is left,
 * so the difference is told by what the step does now, line by line, and by what its input was.
 */
import type { DomainState } from '../actor/domain-state.ts';
import { SynapseError, type ErrorDetails } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import type { Frame } from '../frame/frame.ts';
import type { StepBody } from '../actor/record.ts';
import { inputLine, inputOf } from './step-input.ts';
import { lineOf } from './step-outcome.ts';
import { readNotes } from './step-notes.ts';
import type { ReplayedStep } from './replayed-step.ts';

/** Lines shown of a step: a cascade may have thousands, the first tell what it is about. */
const LINES_MAX = 40;

/** The step ran to its end and its digest is another. To be called before the next step begins. */
export function divergence(state: DomainState, step: ReplayedStep): SynapseError {
  const { tenant } = state;
  const { seq, record, outcome } = step;
  const lines = readNotes(state.digestSink.view()).map((note) => lineOf(tenant, note));
  const shown = lines.slice(0, LINES_MAX).map((line) => `    ${line}`);
  if (lines.length > LINES_MAX) shown.push(`    and ${lines.length - LINES_MAX} more`);
  if (lines.length === 0) shown.push('    nothing');
  const [recorded, computed] = [hexOf(record.digest), hexOf(outcome.digest)];
  const text = [
    `tenant ${tenant}: step ${seq} does not do what was recorded`,
    `  input     ${inputLine(inputOf(step, tenant))}`,
    `  recorded  ${recorded}`,
    `  computed  ${computed}, over:`,
    ...shown,
  ];
  return new SynapseError('DIVERGED', text.join('\n'), { tenant, seq, recorded, computed });
}

/** Whatever ended a step before its end: an error of ours gets tenant and seq, and all else is a divergence. */
export function failedStep(
  tenant: string,
  seq: number,
  record: StepBody | undefined,
  frame: Frame | undefined,
  error: unknown,
): unknown {
  if (error instanceof SynapseError) {
    const { code, message, details, cause } = error;
    if ('seq' in details && 'tenant' in details) return error;
    const more: ErrorDetails = { ...details, tenant, seq };
    // What cannot be read as a record or a frame was not written by us so.
    const isUnread = record === undefined || frame === undefined;
    return new SynapseError(
      isUnread ? 'STORE_CORRUPT' : code,
      `tenant ${tenant}: step ${seq}: ${message}`,
      more,
      cause,
    );
  }
  return error;
}
