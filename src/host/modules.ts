/**
 * Loads actor modules and makes the registry of their types. Every exported actor type counts; a
 * module that cannot be loaded, or exports none, is `INVALID_ARGUMENT` and named.
 */
import { isActorType } from '../actor/actor-type.ts';
import { type ResolvedActor, resolveActor } from '../actor/definition.ts';
import { Registry } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';

async function typesOf(option: string, urls: readonly string[]): Promise<ResolvedActor[]> {
  const found = new Map<string, ResolvedActor>();
  for (const url of urls) {
    let exported: Record<string, unknown>;
    try {
      exported = (await import(url)) as Record<string, unknown>;
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
  return [...found.values()];
}

/** The registry of `actors` and of the earlier versions in `previous`. */
export async function loadRegistry(actors: readonly string[], previous: readonly string[]): Promise<Registry> {
  return new Registry(await typesOf('actors', actors), await typesOf('previous', previous));
}
