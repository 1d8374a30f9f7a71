/**
 * What `actor()` returns: a frozen token that names an actor type and carries its definition.
 *
 * The four type parameters live only in the compiler; at run time there is a name, a version and
 * the definition behind a symbol from the global registry, so that a token made by one copy of
 * this package is known to another copy of it. It never holds state.
 */

/** Key of the definition inside a token. From the global registry: two copies of the package must agree. */
export const DEFINITION: unique symbol = Symbol.for('synapse-actors.definition') as never;

/** Key under which the compiler, and only the compiler, keeps the inferred types. Absent at run time. */
declare const TYPES: unique symbol;

/**
 * An actor type, as `actor(name, definition)` returns it: a frozen token for `system.ref`, `ctx.ref` and
 * `ctx.spawn`. Export it from a module named in `createSystem({ actors })`, else its actors answer
 * `UNKNOWN_ACTOR`. The type parameters are inferred and exist only for the compiler.
 */
export interface ActorType<State = unknown, Effects = unknown, Commands = unknown, Queries = unknown> {
  /** Second part of an address `tenant / type / key`. */
  readonly name: string;
  /** Version of state and code, a positive integer. */
  readonly version: number;
  /** The definition as given, unresolved; read it through `resolveActor`. */
  readonly [DEFINITION]: object;
  readonly [TYPES]?: {
    readonly state: State;
    readonly effects: Effects;
    readonly commands: Commands;
    readonly queries: Queries;
  };
}

/**
 * True for what `actor()` of this or of another copy of the package returned; for a value of any kind.
 *
 * @example
 * const types = Object.values(await import('./account.js')).filter(isActorType);
 */
export function isActorType(value: unknown): value is ActorType {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, DEFINITION)) return false;
  const token = value as { readonly name?: unknown; readonly [DEFINITION]: unknown };
  return typeof token.name === 'string' && typeof token[DEFINITION] === 'object' && token[DEFINITION] !== null;
}
