/** The public names: what the package exports is this list and nothing else, values and types alike. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as main from 'synapse-actors';
import * as audit from 'synapse-actors/audit';
import * as replaying from 'synapse-actors/replay';
import * as testing from 'synapse-actors/testing';

/** Names that the entry's declaration file exports, types included. */
function declaredNames(path: string): string[] {
  const text = readFileSync(new URL(`../src/${path}`, import.meta.url), 'utf8');
  const names: string[] = [];
  for (const [, clause = ''] of text.matchAll(/export (?:type )?\{([^}]*)\}/g)) {
    for (const part of clause.split(',')) {
      const name =
        part
          .trim()
          .replace(/^type /, '')
          .split(' as ')
          .at(-1) ?? '';
      if (name !== '') names.push(name);
    }
  }
  for (const [, name = ''] of text.matchAll(/export (?:declare )?(?:function\*?|class|const|interface|type) (\w+)/g))
    names.push(name);
  return names.sort();
}

const MAIN_VALUES = [
  'ERROR_CODES',
  'Refusal',
  'SynapseError',
  'actor',
  'addressOf',
  'createSystem',
  'effect',
  'isActorType',
];

const MAIN_TYPES = [
  'ActorDefinition',
  'ActorType',
  'Address',
  'AnyRef',
  'CallOptions',
  'CommandContext',
  'DeadLetter',
  'DeepReadonly',
  'EffectContext',
  'EffectDefinition',
  'EffectLoader',
  'EffectMap',
  'EffectOptions',
  'ErrorCode',
  'ErrorDetails',
  'FailureDirective',
  'Grant',
  'LaneStats',
  'Log',
  'MailboxOptions',
  'QueryContext',
  'ReadonlyDate',
  'ReadonlyTable',
  'Ref',
  'Retention',
  'Sender',
  'Strategy',
  'SuperviseOptions',
  'SupervisionEvent',
  'SupervisionEventName',
  'System',
  'SystemOptions',
  'SystemStats',
  'Table',
  'TenantStatus',
  'TopicEvent',
  'TypedRef',
  'UntypedRef',
];

test('synapse-actors exports these values', () => {
  expect(Object.keys(main).sort()).toEqual([...MAIN_VALUES].sort());
});

test('synapse-actors declares these names', () => {
  expect(declaredNames('index.d.ts')).toEqual([...MAIN_VALUES, ...MAIN_TYPES].sort());
});

const TESTING_VALUES = [
  'Chance',
  'TestSystem',
  'UNKNOWN',
  'appendListModel',
  'checkLinearizable',
  'counterModel',
  'parseJepsenLog',
  'registerModel',
  'lockDown',
  'simulate',
  'testSystem',
];

const TESTING_TYPES = [
  'FaultRates',
  'FinalActor',
  'SimulateOptions',
  'SimulatedEvent',
  'SimulatedOperation',
  'SimulationCheck',
  'SimulationResult',
  'Violation',
  'HistoryEvent',
  'HistoryModel',
  'LinearizabilityOptions',
  'LinearizabilityVerdict',
  'ReopenOptions',
  'TestOptions',
];

test('synapse-actors/testing exports these values', () => {
  expect(Object.keys(testing).sort()).toEqual([...TESTING_VALUES].sort());
});

test('synapse-actors/testing declares these names', () => {
  expect(declaredNames('testing.d.ts')).toEqual([...TESTING_VALUES, ...TESTING_TYPES].sort());
});

test('synapse-actors/replay exports replay', () => {
  expect(Object.keys(replaying)).toEqual(['replay']);
});

test('synapse-actors/replay declares these names', () => {
  expect(declaredNames('replay/replay.d.ts')).toEqual([
    'ReplayChange',
    'ReplayEffect',
    'ReplayError',
    'ReplayEvent',
    'ReplayInput',
    'ReplayInputKind',
    'ReplayOptions',
    'ReplayOutcome',
    'ReplayReply',
    'ReplayResult',
    'ReplaySend',
    'ReplayStep',
    'ReplayTimer',
    'replay',
  ]);
});

const AUDIT_VALUES = [
  'leafHashOf',
  'nodeHashOf',
  'parseCheckpoint',
  'verifyCheckpoint',
  'verifyConsistency',
  'verifyInclusion',
  'verifyReceipt',
];

const AUDIT_TYPES = [
  'Checkpoint',
  'ConsistencyClaim',
  'InclusionClaim',
  'NoteSignature',
  'ProvedReceipt',
  'RefusedReceipt',
];

test('synapse-actors/audit exports the verifiers and what they need, with their types', () => {
  expect(Object.keys(audit).sort()).toEqual(AUDIT_VALUES);
  expect(declaredNames('audit/verify.d.ts')).toEqual([...AUDIT_VALUES, ...AUDIT_TYPES].sort());
});

test('what the interface names is there, of its kind', () => {
  expect(
    [main.actor, main.effect, main.createSystem, main.addressOf, main.isActorType, testing.testSystem].map(
      (one) => typeof one,
    ),
  ).toEqual(Array.from({ length: 6 }, () => 'function'));
  expect(new main.Refusal('no')).toBeInstanceOf(Error);
  expect(new main.SynapseError('CLOSED', 'closed')).toMatchObject({ code: 'CLOSED', message: 'closed' });
});
