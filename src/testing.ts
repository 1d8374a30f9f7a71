/**
 * The public face of `synapse-actors/testing`: what a test of actors imports, and nothing else.
 */
export { type HistoryEvent, UNKNOWN } from './testing/history.ts';
export { appendListModel, counterModel, type HistoryModel, registerModel } from './testing/history-models.ts';
export { parseJepsenLog } from './testing/jepsen-log.ts';
export {
  checkLinearizable,
  type LinearizabilityOptions,
  type LinearizabilityVerdict,
} from './testing/linearizability.ts';
export { type ReopenOptions, TestSystem, testSystem, type TestOptions } from './testing/test-system.ts';
export {
  Chance,
  type FaultRates,
  type FinalActor,
  simulate,
  type SimulateOptions,
  type SimulatedEvent,
  type SimulatedOperation,
  type SimulationCheck,
  type SimulationResult,
  type Violation,
} from './testing/simulation.ts';
export { lockDown } from './host/lockdown.ts';
