/**
 * A failing run in words: what was found, the operations and faults that lead there, and the command that
 * repeats it.
 */
import type { Fault } from './sim-fault.ts';
import { type SimulatedOperation, type Violation, operationText } from './sim-operation.ts';

/** Findings shown of one run: the first tells most. */
const SHOWN_VIOLATIONS = 8;

export interface ReportedRun {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly operations: readonly SimulatedOperation[];
  readonly faults: readonly Fault[];
}

/** The report of a run; empty where nothing was found. */
export function reportOf({ seed, violations, operations, faults }: ReportedRun): string {
  if (violations.length === 0) return '';
  const more = violations.length - SHOWN_VIOLATIONS;
  return [
    `seed ${seed}: ${violations.length} found`,
    ...violations.slice(0, SHOWN_VIOLATIONS).map(({ check, text }) => `  ${check}: ${text}`),
    ...(more > 0 ? [`  … and ${more} more`] : []),
    `with ${operations.length} operations`,
    ...operations.map((operation) => `  ${operationText(operation)}`),
    `and ${faults.length} faults`,
    ...faults.map(
      ({ kind, afterOperations, afterActions }) =>
        `  ${kind} after ${afterOperations} operations and ${afterActions} actions`,
    ),
    `repeat it with: npm run sim -- --seed ${seed}`,
  ].join('\n');
}
