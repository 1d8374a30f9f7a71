/**
 * The ends of a replay that came out otherwise than recorded. Of what was recorded only a digest is left,
 * so the difference is told by what the step does now, line by line, and by what its input was.
 */
import { SynapseError, type ErrorDetails } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import { decodeError } from '../frame/frame.ts';
import { leafHash } from '../merkle/log.ts';
import type { DamagedRecord } from '../store/damaged-record.ts';
import type { JournalRecord } from '../store/journal.ts';
import type { ReplayAnswer } from './replay-protocol.ts';
import type { ReplayedStep } from './replayed-step.ts';
import { inputLine, inputOfRecord } from './step-input.ts';

/** Lines shown of a step: a cascade may have thousands, the first tell what it is about. */
const LINES_MAX = 40;

/** The step ran to its end and its digest is another. */
export function divergence(step: ReplayedStep): SynapseError {
  const { tenant, seq, record, report, outcome } = step;
  const { lines } = outcome;
  const shown = lines.slice(0, LINES_MAX).map((line) => `    ${line}`);
  if (lines.length > LINES_MAX) shown.push(`    and ${lines.length - LINES_MAX} more`);
  if (lines.length === 0) shown.push('    nothing');
  const [recorded, computed] = [hexOf(record.digest), hexOf(report.digest)];
  const text = [
    `tenant ${tenant}: step ${seq} does not do what was recorded`,
    `  input     ${inputLine(step.input)}`,
    `  recorded  ${recorded}`,
    `  computed  ${computed}, over:`,
    ...shown,
  ];
  return new SynapseError('DIVERGED', text.join('\n'), { tenant, seq, recorded, computed });
}

/** The step did not come to its end: the error that ended it, with tenant, seq and input. */
export function failedStep(
  tenant: string,
  { seq, error }: Extract<ReplayAnswer, { kind: 'failed' }>,
  record: JournalRecord | undefined,
): SynapseError {
  const { code, message, details } = decodeError(error);
  const more: ErrorDetails = { ...details, tenant, seq };
  const input = record === undefined ? undefined : readable(record.body, tenant);
  // What cannot be read as a record or a frame was not written so by us.
  if (input === undefined) {
    const text = `tenant ${tenant}: the record of step ${seq} cannot be read: ${message}`;
    return new SynapseError('STORE_CORRUPT', text, { ...more, what: 'journal record' });
  }
  return new SynapseError(code, `tenant ${tenant}: step ${seq}: ${message}\n  input     ${input}`, more);
}

/** The record is not the one that the log has the leaf hash of: it was altered where it is kept. */
export function alteration(tenant: string, seq: number, damage: DamagedRecord, cause: SynapseError): SynapseError {
  const { body, mended, byte, leaf } = damage;
  const recorded = hexOf(leaf);
  const computed = body === undefined ? '' : hexOf(leafHash(body));
  const text = [
    `tenant ${tenant}: step ${seq}: its record was altered where it is kept`,
    `  recorded  leaf ${recorded}`,
    body === undefined
      ? '  on disk   no record'
      : `  on disk   leaf ${computed}${computed === recorded ? ', its head is damaged' : ''}`,
    ...(byte === undefined ? [] : [`  changed   byte ${byte} of the record`]),
    ...(mended === undefined ? [] : [`  was       ${readable(mended, tenant) ?? 'unreadable'}`]),
    ...(body === undefined || mended === body ? [] : [`  reads     ${readable(body, tenant) ?? 'unreadable'}`]),
  ];
  const details = { tenant, seq, recorded, computed, ...(byte === undefined ? {} : { byte }) };
  return new SynapseError('DIVERGED', text.join('\n'), details, cause);
}

function readable(body: Uint8Array, tenant: string): string | undefined {
  try {
    return inputLine(inputOfRecord(body, tenant));
  } catch (error) {
    if (error instanceof SynapseError || error instanceof RangeError) return undefined;
    throw error;
  }
}
