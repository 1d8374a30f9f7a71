/**
 * Loads actor modules and makes the registry of their types. Every exported actor type counts; a
 * module that cannot be loaded, or exports none, is `INVALID_ARGUMENT` and named.
 */
import { isActorType } from '../actor/actor-type.ts';
import { type ResolvedActor, resolveActor } from '../actor/definition.ts';
import { Registry } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import { runnable } from './compartment.ts';

/** What the caller does with the actors: runs them, or only reads their definitions (a hardened one needs SES to run). */
export type Purpose = 'run' | 'read';

/** Actors that are loaded, and the modules they came from, by URL. */
export interface LoadedActors {
  readonly registry: Registry;
  readonly modules: ReadonlyMap<string, object>;
}

async function typesOf(
  option: string,
  urls: readonly string[],
  purpose: Purpose,
  modules: Map<string, object>,
): Promise<ResolvedActor[]> {
  const found = new Map<string, ResolvedActor>();
  for (const url of urls) {
    let exported: Record<string, unknown>;
    try {
      exported = (await import(url)) as Record<string, unknown>;
      modules.set(url, exported);
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new SynapseError('INVALID_ARGUMENT', `${option}: cannot load ${url}: ${reason}`, { option, url });
    }
    const types = Object.values(exported).filter(isActorType).map(resolveActor);
    if (types.length === 0)
      throw new SynapseError('INVALID_ARGUMENT', `${option}: ${url} exports no actor type`, { option, url });
    for (const type of types) {
      const key = `${type.name}@${type.version}`;
      const known = found.get(key);
      if (known !== undefined && known !== type) {
        throw new SynapseError('INVALID_ARGUMENT', `${option}: two actor types are named '${type.name}'`, {
          option,
          type: type.name,
        });
      }
      found.set(key, type);
    }
  }
  const types = [...found.values()];
  return purpose === 'run' ? types.map(runnable) : types;
}

/** Loads `actors` and the earlier versions in `previous`. */
export async function loadActors(
  actors: readonly string[],
  previous: readonly string[],
  purpose: Purpose = 'run',
): Promise<LoadedActors> {
  const modules = new Map<string, object>();
  const newest = await typesOf('actors', actors, purpose, modules);
  return { registry: new Registry(newest, await typesOf('previous', previous, purpose, modules)), modules };
}

/** The registry alone. */
export async function loadRegistry(
  actors: readonly string[],
  previous: readonly string[],
  purpose: Purpose = 'run',
): Promise<Registry> {
  return (await loadActors(actors, previous, purpose)).registry;
}
