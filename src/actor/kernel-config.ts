/**
 * What the kernel must know to be deterministic beside its inputs: the limits in force and the
 * versions of the actor types. A configuration is stored once under a number, every record names
 * the number it ran under, and a replay runs under the recorded one.
 */
import { SynapseError } from '../base/error.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import type { ResolvedActor } from './definition.ts';

export interface KernelConfig {
  /** Newest version of each actor type. */
  readonly types: Readonly<Record<string, number>>;
  /** For calls to other tenants that name no time-out, ms. */
  readonly callTimeoutMs: number;
  /** Turns that one input may cause; over it the tenant is suspended. */
  readonly maxTurnsPerInput: number;
  /** How long an idempotency key is remembered, ms of recorded time. */
  readonly dedupTermMs: number;
  /** Idempotency keys kept per tenant. */
  readonly dedupLimit: number;
  /** Of the store: part of the identity of what is sent to other tenants. */
  readonly incarnation: number;
  /** Present when modules' exports were frozen: turns that wrote to them failed, and a replay has to know why. */
  readonly strict?: true;
}

export function encodeConfig(config: KernelConfig): Uint8Array {
  const types = Object.fromEntries(Object.entries(config.types).sort(([a], [b]) => (a < b ? -1 : 1)));
  return encodeValue({ ...config, types });
}

export function decodeConfig(bytes: Uint8Array): KernelConfig {
  return decodeValue(bytes) as KernelConfig;
}

/** The actor types of a system: the newest version of each, and earlier ones for recorded inputs. */
export class Registry {
  readonly #versions: Map<string, Map<number, ResolvedActor>> = new Map();
  readonly #newest: Map<string, ResolvedActor> = new Map();
  /** No actor may leave memory that was used less than this ago, ms. */
  leastIdleMs: number = Number.POSITIVE_INFINITY;

  /** `previous` versions may lie below the newest, never beside it: `INVALID_ARGUMENT`. */
  constructor(actors: readonly ResolvedActor[], previous: readonly ResolvedActor[] = []) {
    for (const actor of actors) {
      if (this.#newest.has(actor.name)) {
        throw new SynapseError('INVALID_ARGUMENT', `actors: two actor types are named '${actor.name}'`, {
          option: 'actors',
        });
      }
      this.#newest.set(actor.name, actor);
      this.#put(actor);
    }
    for (const actor of previous) {
      if (actor.version === this.#newest.get(actor.name)?.version) continue; // the same module given twice
      this.#put(actor);
    }
  }

  #put(actor: ResolvedActor): void {
    this.leastIdleMs = Math.min(this.leastIdleMs, actor.idleAfterMs);
    let versions = this.#versions.get(actor.name);
    if (versions === undefined) {
      versions = new Map();
      this.#versions.set(actor.name, versions);
    }
    versions.set(actor.version, actor);
  }

  resolve(name: string, version: number): ResolvedActor | undefined {
    const newest = this.#newest.get(name); // nearly always the one that is asked for
    return newest?.version === version ? newest : this.#versions.get(name)?.get(version);
  }

  newest(name: string): ResolvedActor | undefined {
    return this.#newest.get(name);
  }

  /** Newest version by name. */
  versions(): Record<string, number> {
    return Object.fromEntries([...this.#newest].map(([name, { version }]) => [name, version]));
  }

  /** Whether any version of any type is hardened. */
  get isHardened(): boolean {
    return [...this.#versions.values()].some((versions) =>
      [...versions.values()].some(({ endowments }) => endowments !== undefined),
    );
  }
}
