/**
 * The public face of `synapse-actors`: what a user imports, and nothing else.
 */
export { isActorType, type ActorType } from './actor/actor-type.ts';
export type { CommandContext, Log, QueryContext, ReadonlyTable, Sender, Table } from './actor/context-types.ts';
export { actor } from './actor/definition.ts';
export type {
  ActorDefinition,
  FailureDirective,
  MailboxOptions,
  Strategy,
  SuperviseOptions,
} from './actor/definition-types.ts';
export {
  effect,
  type EffectContext,
  type EffectDefinition,
  type EffectLoader,
  type EffectMap,
  type EffectOptions,
} from './actor/effect-definition.ts';
export type { DeepReadonly, ReadonlyDate } from './actor/readonly-types.ts';
export {
  addressOf,
  type AnyRef,
  type CallOptions,
  type Ref,
  type TypedRef,
  type UntypedRef,
} from './actor/reference-types.ts';
export type { Address } from './base/address.ts';
export { ERROR_CODES, type ErrorCode, type ErrorDetails, Refusal, SynapseError } from './base/error.ts';
export type {
  DeadLetter,
  LaneStats,
  SupervisionEvent,
  SupervisionEventName,
  SystemStats,
  TenantStatus,
  TopicEvent,
} from './host/system-face.ts';
export { createSystem, type Grant, type Retention, type System, type SystemOptions } from './system.ts';
