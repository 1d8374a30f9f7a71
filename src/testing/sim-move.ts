/**
 * A shard on its way from one simulated lane to another: as the fleet of threads does it, in small
 * steps between which anything may happen. Source and target must come to the same roots.
 */
import type { ListedTenant } from '../actor/store-port.ts';
import type { TenantRoots } from '../host/moves.ts';
import type { SimulatedLane } from './sim-lane.ts';

export interface MoveSetup {
  readonly shard: number;
  readonly from: SimulatedLane;
  readonly to: SimulatedLane;
  /** Of the shard, as the store has them; nothing while it is away. */
  readonly tenants: () => readonly ListedTenant[] | undefined;
  /** Stored bits may have turned over: a tenant may be refused for damage. */
  readonly mayRot: boolean;
  /** Called once. `difference` says what was not the same at the target. */
  readonly onEnd: (hasMoved: boolean, difference: string | undefined) => void;
}

export class SimulatedMove {
  readonly #setup: MoveSetup;
  #isOver = false;

  constructor(setup: MoveSetup) {
    this.#setup = setup;
  }

  involves(lane: number): boolean {
    return this.#setup.from.at === lane || this.#setup.to.at === lane;
  }

  start(): void {
    const { shard, from } = this.#setup;
    const frozen = from.host?.moves.freeze(shard);
    from.mayRun = true;
    frozen?.then(
      (before) => {
        if (!this.#isOver) this.#adopt(before);
      },
      () => this.abort(),
    );
  }

  #adopt(before: readonly TenantRoots[]): void {
    const { shard, to, tenants } = this.#setup;
    const listed = tenants();
    if (listed === undefined) {
      this.abort();
      return;
    }
    const adopted = to.host?.moves.adopt(shard, listed);
    to.mayRun = true;
    adopted?.then(
      (after) => this.#end(before, after),
      () => this.abort(),
    );
  }

  /** A lane has died, or the store is away: the shard stays where it was. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#setup.onEnd(false, undefined);
  }

  #end(before: readonly TenantRoots[], after: readonly TenantRoots[]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const difference = differenceOf(before, after, this.#setup.mayRot);
    const isRefused = after.some(({ fault }) => fault !== undefined);
    this.#setup.onEnd(difference === undefined && !isRefused, difference);
  }
}

/** What of a tenant is not the same after it was read from the store and replayed. */
export function differenceOf(
  before: readonly TenantRoots[],
  after: readonly TenantRoots[],
  mayRot: boolean,
): string | undefined {
  for (const one of before) {
    if (one.fault !== undefined) continue; // refused before, refused after
    const other = after.find(({ tenant }) => tenant === one.tenant);
    if (other === undefined && mayRot) continue;
    if (other === undefined) return `tenant ${one.tenant} is missing after it was read back`;
    if (other.fault !== undefined && mayRot && other.fault.includes('is damaged or missing')) continue;
    if (other.fault !== undefined) return `tenant ${one.tenant} is refused after it was read back: ${other.fault}`;
    if (other.seq !== one.seq) return `tenant ${one.tenant} has seq ${one.seq}, read back ${other.seq}`;
    if (other.stateRoot !== one.stateRoot)
      return `tenant ${one.tenant} has another state root when read back, at seq ${one.seq}`;
    if (other.domainRoot !== one.domainRoot)
      return `tenant ${one.tenant} has another domain root when read back, at seq ${one.seq}`;
  }
  return undefined;
}
