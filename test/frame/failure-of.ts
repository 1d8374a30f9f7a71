/** Catches the operating failure that a test expects. */
import { SynapseError } from '../../src/base/error.ts';

/** The SynapseError that `run` throws. */
export function failureOf(run: () => unknown): SynapseError {
  try {
    run();
  } catch (error) {
    if (error instanceof SynapseError) return error;
    throw error;
  }
  throw new Error('expected a SynapseError, nothing was thrown');
}
