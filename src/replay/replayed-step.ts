/**
 * One step as a replay leaves it: what was recorded of it and what the kernel made of it, undecoded.
 * What is told of it to people is made from here, and only when somebody asks.
 */
import type { StepOutcome } from '../actor/domain.ts';
import type { StepBody } from '../actor/record.ts';
import type { EffectRequest } from '../actor/step.ts';
import type { Timer } from '../actor/timer-table.ts';
import type { Frame } from '../frame/frame.ts';
import type { ChangedNames } from './state-mirror.ts';

/** One step that did what was recorded. */
export interface ReplayedStep {
  readonly seq: number;
  readonly record: StepBody;
  readonly frame: Frame;
  readonly leafHash: Uint8Array;
  readonly outcome: StepOutcome;
  readonly changed: ChangedNames;
  /** What a timer or an effect's result was of, as the domain had it before the step. */
  readonly timer: Timer | undefined;
  readonly effect: EffectRequest | undefined;
}
