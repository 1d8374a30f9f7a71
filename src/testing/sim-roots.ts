/**
 * The roots of a whole simulated host: as its lanes have them in memory, and as others read them back.
 * Afterwards nothing more happens in that host; it is asked for in the end.
 */
import type { TenantRoots } from '../host/moves.ts';
import type { SimulatedHost } from './sim-host.ts';
import type { SimulatedLane } from './sim-lane.ts';

/** Lets things happen until `isOver`, or nothing can. */
export type Settle = (isOver: () => boolean) => void;

/** Told of a shard that gives no roots. */
export type OnFault = (check: string, text: string) => void;

/** Roots of all tenants as their lanes have them. */
export function freezeHost(host: SimulatedHost, settle: Settle, onFault: OnFault): TenantRoots[] {
  return rootsOfAll(host, settle, onFault, (lane, shard) => lane.host?.moves.freeze(shard));
}

/** Roots of all tenants as their lanes read them back, after a crash that held everything. */
export function adoptHost(host: SimulatedHost, settle: Settle, onFault: OnFault): TenantRoots[] {
  return rootsOfAll(host, settle, onFault, (lane, shard) =>
    lane.host?.moves.adopt(
      shard,
      host.store.tenantsOfShard(shard).map((tenant) => ({ tenant, shard })),
    ),
  );
}

function rootsOfAll(
  host: SimulatedHost,
  settle: Settle,
  onFault: OnFault,
  ask: (lane: SimulatedLane, shard: number) => Promise<readonly TenantRoots[]> | undefined,
): TenantRoots[] {
  const all: TenantRoots[] = [];
  for (const [shard, home] of host.home.entries()) {
    let roots: readonly TenantRoots[] | undefined;
    const lane = host.lanes[home] as SimulatedLane;
    ask(lane, shard)?.then(
      (known) => (roots = known),
      (error: unknown) => onFault('replica', `shard ${shard} gives no roots: ${String(error)}`),
    );
    lane.mayRun = true;
    host.scope.drain();
    settle(() => {
      host.scope.drain();
      return roots !== undefined;
    });
    if (roots === undefined) onFault('progress', `shard ${shard} does not come to rest`);
    else all.push(...roots);
  }
  return all.sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
}
