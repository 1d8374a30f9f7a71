/**
 * `actor(name, definition)`: defines an actor type, and gives the kernel its resolved view.
 *
 * The definition is checked when the module loads: every mistake is `INVALID_ARGUMENT` and names the
 * field. What comes back is frozen and holds no state. The kernel sees a definition only through
 * `resolveActor`: untyped, defaults filled in, frozen.
 */
import { nameFault } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { type ActorType, DEFINITION, isActorType } from './actor-type.ts';
import {
  checkBackoff,
  checkFields,
  checkFunction,
  checkInteger,
  checkOneOf,
  checkPlain,
  checkRecord,
  invalid,
  isAsync,
  MAX_SAFE,
  MAX_TIMER_MS,
} from './definition-check.ts';
import type { ActorDefinition, CommandMap, FailureDirective, QueryMap, Strategy } from './definition-types.ts';
import {
  type EffectDefinition,
  type EffectLoader,
  type EffectMap,
  isEffect,
  type ResolvedEffectOptions,
  resolveEffectOptions,
} from './effect-definition.ts';
import { checkHardened, evaluatedDefinition } from './hardened.ts';
import { RESERVED_NAMES } from './reference-types.ts';

/** A command, query or lifecycle handler without its types. */
export type Handler = (ctx: never, ...args: unknown[]) => unknown;

/** Supervision with every default filled in. */
export interface ResolvedSupervision {
  readonly strategy: Strategy;
  readonly onFailure: FailureDirective;
  readonly intensity: number;
  readonly periodMs: number;
  readonly backoffMs: readonly [number, number];
}

/** What the kernel knows of an actor type. Frozen. */
export interface ResolvedActor {
  readonly name: string;
  readonly version: number;
  /** A fresh state; throws `INVALID_ARGUMENT` when the definition makes anything but a plain object. */
  readonly initialState: () => Record<string, unknown>;
  readonly commands: ReadonlyMap<string, Handler>;
  readonly queries: ReadonlyMap<string, Handler>;
  readonly started?: Handler;
  readonly restarted?: Handler;
  readonly terminated?: Handler;
  /** By the version they start from. */
  readonly migrate: ReadonlyMap<number, (old: Record<string, unknown>) => Record<string, unknown>>;
  readonly supervise: ResolvedSupervision;
  readonly mailbox: { readonly limit: number; readonly limitBytes: number };
  readonly idleAfterMs: number;
  /** Of an effect given by name; undefined for one that is unknown or comes from a loader. */
  readonly effectOptions: (name: string) => ResolvedEffectOptions | undefined;
  /** All effects by name, loaded now where the definition gave a loader. For the effect pool, never for a lane. */
  readonly effectLoader: () => Promise<Readonly<Record<string, EffectDefinition>>>;
  /** Present when its functions run in a Compartment: what they see beside `ctx`. */
  readonly endowments?: Readonly<Record<string, unknown>>;
  /** `'unknown'` where a loader has not been asked, since a lane never asks it. */
  readonly hasEffect: (name: string) => boolean | 'unknown';
}

/** Letters first, so that a name is never taken for a number or an option; short, since every frame carries it. */
const ACTOR_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

const FIELDS: readonly string[] = [
  'version',
  'state',
  'effects',
  'commands',
  'queries',
  'started',
  'restarted',
  'terminated',
  'supervise',
  'mailbox',
  'idleAfterMs',
  'migrate',
  'hardened',
  'endowments',
];

/** A definition without its types, as it may come from JavaScript: every field is to be checked. */
type Untyped = Readonly<Record<string, unknown>>;

const resolved = new WeakMap<ActorType, ResolvedActor>();

/** What each view was made from. */
const definitions = new WeakMap<ResolvedActor, Untyped>();

/**
 * Defines an actor type. State, arguments, results and effects are inferred from the definition. Export the
 * type from a module that `createSystem({ actors })` names: lanes load it there.
 *
 * A command that refers to the actor being defined states its result type, else TypeScript sees a circle.
 *
 * @param name second part of the address `tenant / type / key`; 1 to 64 of letters, digits, `_`, `.` and `-`, a letter first
 * @throws SynapseError `INVALID_ARGUMENT`, `details.field` names the field
 *
 * @example
 * export const counter = actor('counter', {
 *   state: () => ({ count: 0 }),
 *   commands: { add: (ctx, by: number) => (ctx.state.count += by) },
 *   queries: { count: (ctx) => ctx.state.count },
 * });
 */
export function actor<
  State extends object,
  Effects extends EffectMap | EffectLoader,
  Commands extends CommandMap<State, Effects>,
  Queries extends QueryMap<State>,
>(
  name: string,
  definition: ActorDefinition<State, Effects, Commands, Queries>,
): ActorType<State, Effects, Commands, Queries> {
  if (typeof name !== 'string' || !ACTOR_NAME.test(name))
    invalid('actor', 'name', `of the form ${ACTOR_NAME.source}`, name);
  const view = resolve(name, definition as unknown as Untyped);
  const type: ActorType<State, Effects, Commands, Queries> = Object.freeze({
    name,
    version: view.version,
    [DEFINITION]: Object.freeze({ ...definition }),
  });
  resolved.set(type, view);
  return type;
}

/**
 * A hardened actor whose functions are those that `evaluate` makes of them. `field` says which one it is.
 *
 * @throws SynapseError what `evaluate` throws
 */
export function resolveEvaluated(
  type: ResolvedActor,
  evaluate: (field: string, written: Handler) => Handler,
): ResolvedActor {
  const definition = definitions.get(type);
  assert(definition !== undefined, 'a resolved actor has its definition');
  return resolve(type.name, evaluatedDefinition(definition, evaluate));
}

/** The kernel's view of an actor type of this or another copy of the package; `INVALID_ARGUMENT` for anything else. */
export function resolveActor(type: ActorType): ResolvedActor {
  const known = resolved.get(type);
  if (known !== undefined) return known;
  if (!isActorType(type))
    throw new SynapseError('INVALID_ARGUMENT', 'expected an actor type made by actor()', { field: 'type' });
  const view = resolve(type.name, type[DEFINITION] as Untyped);
  resolved.set(type, view);
  return view;
}

function resolve(name: string, definition: Untyped): ResolvedActor {
  const subject = `actor '${name}'`;
  checkFields(subject, 'definition', definition, FIELDS);
  const endowments = checkHardened(subject, definition);
  const { version = 1, state, idleAfterMs = 60_000 } = definition;
  checkInteger(subject, 'version', version, 1, MAX_SAFE);
  checkFunction(subject, 'state', state);
  checkInteger(subject, 'idleAfterMs', idleAfterMs, 0, MAX_SAFE);
  const view: ResolvedActor = Object.freeze({
    name,
    version: version as number,
    initialState: () => firstState(subject, state as () => unknown),
    ...resolveHandlers(subject, definition),
    migrate: resolveMigrations(subject, definition['migrate'], version as number),
    supervise: resolveSupervision(subject, definition['supervise']),
    mailbox: resolveMailbox(subject, definition['mailbox']),
    idleAfterMs: idleAfterMs as number,
    ...resolveEffects(subject, definition['effects']),
    ...(endowments === undefined ? {} : { endowments }),
  });
  definitions.set(view, definition);
  return view;
}

function firstState(subject: string, make: () => unknown): Record<string, unknown> {
  const state = make();
  checkPlain(subject, 'state()', state);
  return state;
}

function resolveHandlers(
  subject: string,
  definition: Untyped,
): Pick<ResolvedActor, 'commands' | 'queries' | 'started' | 'restarted' | 'terminated'> {
  const commands = handlerMap(subject, 'commands', definition['commands']);
  const queries = handlerMap(subject, 'queries', definition['queries']);
  if (commands.size + queries.size === 0)
    invalid(subject, 'commands', 'given, or queries: an actor needs a handler', definition['commands']);
  for (const [name, query] of queries) {
    if (commands.has(name))
      invalid(subject, `queries.${name}`, 'named otherwise than the command of the same name', query);
    if (isAsync(query)) invalid(subject, `queries.${name}`, 'synchronous', query);
  }
  const hooks: { started?: Handler; restarted?: Handler; terminated?: Handler } = {};
  for (const hook of ['started', 'restarted', 'terminated'] as const) {
    if (definition[hook] === undefined) continue;
    checkFunction(subject, hook, definition[hook]);
    hooks[hook] = definition[hook] as Handler;
  }
  return { commands, queries, ...hooks };
}

function handlerMap(subject: string, field: string, handlers: unknown): ReadonlyMap<string, Handler> {
  const map = new Map<string, Handler>();
  if (handlers === undefined) return map;
  checkRecord(subject, field, handlers);
  for (const [name, handler] of Object.entries(handlers)) {
    const fault = nameFault(name);
    if (fault !== undefined)
      throw new SynapseError('INVALID_ARGUMENT', `${subject}: a name in ${field} ${fault}`, { field });
    if (RESERVED_NAMES.includes(name))
      invalid(subject, `${field}.${name}`, 'named otherwise, the name is reserved', handler);
    checkFunction(subject, `${field}.${name}`, handler);
    map.set(name, handler as Handler);
  }
  return map;
}

function resolveMigrations(subject: string, migrate: unknown, version: number): ResolvedActor['migrate'] {
  const map = new Map<number, (old: Record<string, unknown>) => Record<string, unknown>>();
  if (migrate === undefined) return map;
  checkRecord(subject, 'migrate', migrate);
  for (const [from, bring] of Object.entries(migrate)) {
    const number = Number(from);
    if (!Number.isSafeInteger(number) || number < 1 || number >= version || String(number) !== from) {
      invalid(subject, `migrate.${from}`, `named after a version from 1 to ${version - 1}`, from);
    }
    checkFunction(subject, `migrate.${from}`, bring);
    map.set(number, (old) => {
      const state = (bring as (old: Record<string, unknown>) => unknown)(old);
      checkPlain(subject, `the result of migrate.${from}`, state);
      return state;
    });
  }
  return map;
}

function resolveSupervision(subject: string, options: unknown): ResolvedSupervision {
  const given = options ?? {};
  checkFields(subject, 'supervise', given, ['strategy', 'onFailure', 'intensity', 'periodMs', 'backoffMs']);
  const {
    strategy = 'one-for-one',
    onFailure = 'resume',
    intensity = 3,
    periodMs = 60_000,
    backoffMs = [50, 5_000],
  } = given as Untyped;
  checkOneOf(subject, 'supervise.strategy', strategy, ['one-for-one', 'one-for-all', 'rest-for-one']);
  checkOneOf(subject, 'supervise.onFailure', onFailure, ['resume', 'restart', 'stop', 'escalate']);
  checkInteger(subject, 'supervise.intensity', intensity, 0, MAX_SAFE);
  checkInteger(subject, 'supervise.periodMs', periodMs, 1, MAX_TIMER_MS);
  checkBackoff(subject, 'supervise.backoffMs', backoffMs);
  const [first, longest] = backoffMs as [number, number];
  return Object.freeze({
    strategy: strategy as Strategy,
    onFailure: onFailure as FailureDirective,
    intensity: intensity as number,
    periodMs: periodMs as number,
    backoffMs: Object.freeze([first, longest] as const),
  });
}

function resolveMailbox(subject: string, options: unknown): ResolvedActor['mailbox'] {
  const given = options ?? {};
  checkFields(subject, 'mailbox', given, ['limit', 'limitBytes']);
  const { limit = 10_000, limitBytes = 16 << 20 } = given as Untyped;
  checkInteger(subject, 'mailbox.limit', limit, 1, MAX_SAFE);
  checkInteger(subject, 'mailbox.limitBytes', limitBytes, 1, MAX_SAFE);
  return Object.freeze({ limit: limit as number, limitBytes: limitBytes as number });
}

function resolveEffects(
  subject: string,
  effects: unknown,
): Pick<ResolvedActor, 'effectOptions' | 'effectLoader' | 'hasEffect'> {
  if (typeof effects === 'function') {
    const load = effects as EffectLoader;
    return {
      effectOptions: () => undefined,
      effectLoader: async () => onlyEffects(subject, await load()),
      hasEffect: () => 'unknown',
    };
  }
  const given = effects ?? {};
  checkRecord(subject, 'effects', given);
  const options = new Map<string, ResolvedEffectOptions>();
  const byName = Object.create(null) as Record<string, EffectDefinition>;
  for (const [name, definition] of Object.entries(given)) {
    if (!isEffect(definition)) invalid(subject, `effects.${name}`, 'made by effect()', definition);
    options.set(name, resolveEffectOptions(subject, `effects.${name}`, definition.options));
    byName[name] = definition;
  }
  Object.freeze(byName);
  return {
    effectOptions: (name) => options.get(name),
    effectLoader: async () => byName,
    hasEffect: (name) => options.has(name),
  };
}

/** The effects among a module's exports. */
function onlyEffects(subject: string, module: unknown): Readonly<Record<string, EffectDefinition>> {
  checkRecord(subject, 'the module of effects', module);
  const byName = Object.create(null) as Record<string, EffectDefinition>;
  for (const [name, value] of Object.entries(module)) if (isEffect(value)) byName[name] = value;
  return Object.freeze(byName);
}
