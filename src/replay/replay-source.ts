/**
 * What a replay takes from a store before it starts: the tenant, and the modules of its actors where the
 * caller names none.
 */
import { SynapseError } from '../base/error.ts';
import { moduleUrls } from '../host/options.ts';
import { type ActorModules, readModules } from '../store/store-head.ts';
import type { StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';

/** Modules as a caller names them. */
export interface GivenModules {
  readonly actors?: URL | string | readonly (URL | string)[];
  readonly previous?: readonly (URL | string)[];
}

/** The modules that were given, or else those that the store remembers. */
export function modulesOf(view: StoreView, { actors, previous }: GivenModules): ActorModules {
  if (actors !== undefined) {
    return {
      actors: moduleUrls('actors', actors),
      previous: previous === undefined ? [] : moduleUrls('previous', previous, true),
    };
  }
  const known = readModules(view.driver);
  if (known !== undefined && known.actors.length > 0) return known;
  throw new SynapseError('INVALID_ARGUMENT', 'the store remembers no modules of actors: name them in `actors`', {
    option: 'actors',
  });
}

/** The tenant of that name; `INVALID_ARGUMENT` where there is none. */
export function tenantOf({ directory }: StoreView, name: string): TenantState {
  const tenant = directory.get(name);
  if (tenant !== undefined) return tenant;
  throw new SynapseError('INVALID_ARGUMENT', `the store has no tenant ${JSON.stringify(name)}`, { tenant: name });
}
