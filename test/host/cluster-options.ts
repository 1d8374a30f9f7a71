/** Options of the harness, and what it makes of actor types and compares of roots. */
import type { ActorType } from '../../src/actor/actor-type.ts';
import { resolveActor } from '../../src/actor/definition.ts';
import { type KernelConfig, Registry, decodeConfig } from '../../src/actor/kernel-config.ts';
import { SEED_BYTES, SeededRandom } from '../../src/base/seeded.ts';
import type { Notice } from '../../src/host/lane-frame.ts';
import type { TenantRoots } from '../../src/host/moves.ts';
import type { Store } from '../../src/store/store.ts';

export interface ClusterOptions {
  readonly actors: readonly ActorType[];
  readonly previous?: readonly ActorType[];
  readonly lanes?: number;
  readonly shards?: number;
  /** Of the scheduler. Without one, lanes and queues move in a fixed order. */
  readonly seed?: number;
  readonly maxActiveActors?: number;
  readonly snapshotEverySteps?: number;
  /** One in so many actions evicts what it can from some lane; 0 never. */
  readonly evictEvery?: number;
  /** One in so many actions snapshots a lane; 0 never. */
  readonly snapshotEvery?: number;
  /** As with a journal that is trimmed. */
  readonly recordsSnapshots?: boolean;
  /** The store seals what it writes. */
  readonly encryption?: boolean;
  readonly callTimeoutMs?: number;
  readonly maxTurnsPerInput?: number;
  readonly idempotencyTermMs?: number;
  readonly idempotencyLimit?: number;
  /** Answers an effect; what it throws is the effect's failure. */
  readonly effect?: (name: string, input: unknown, tenant: string) => unknown;
  readonly admit?: (from: string, to: string, type: string, handler: string) => boolean;
  readonly onNotice?: (notice: Notice) => void;
}

/** The scheduler's chance; without a seed there is none. */
export function chanceOf(seed: number | undefined): SeededRandom | undefined {
  if (seed === undefined) return undefined;
  const bytes = new Uint8Array(SEED_BYTES);
  new DataView(bytes.buffer).setUint32(0, seed >>> 0);
  return new SeededRandom(bytes);
}

export function registryOf(actors: readonly ActorType[], previous: readonly ActorType[] = []): Registry {
  return new Registry(actors.map(resolveActor), previous.map(resolveActor));
}

export function configOf(options: ClusterOptions, registry: Registry, incarnation: number): KernelConfig {
  return {
    types: registry.versions(),
    callTimeoutMs: options.callTimeoutMs ?? 30_000,
    maxTurnsPerInput: options.maxTurnsPerInput ?? 100_000,
    dedupTermMs: options.idempotencyTermMs ?? 86_400_000,
    dedupLimit: options.idempotencyLimit ?? 250_000,
    incarnation,
  };
}

/** Configurations of a store up to `lastId`, by number. */
export function knownConfigs(store: Store, lastId: number): Map<number, KernelConfig> {
  const configs = new Map<number, KernelConfig>();
  for (let id = 0; id <= lastId; id++) {
    const bytes = store.config(id);
    if (bytes !== undefined) configs.set(id, decodeConfig(bytes));
  }
  return configs;
}

/** Every tenant known before has the same roots after. */
export function sameRoots(before: readonly TenantRoots[], after: readonly TenantRoots[]): boolean {
  return before.every((one) => {
    const other = after.find(({ tenant }) => tenant === one.tenant);
    return other?.stateRoot === one.stateRoot && other.domainRoot === one.domainRoot && one.fault === undefined;
  });
}
