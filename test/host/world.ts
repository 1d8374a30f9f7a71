/** A cluster to be asked one thing after the other, for tests that tell a story. */
import type { ActorType } from '../../src/actor/actor-type.ts';
import { encodeValue } from '../../src/frame/codec.ts';
import type { ClusterOptions } from './cluster-options.ts';
import { Cluster } from './harness.ts';

export type AskOptions = { readonly idempotencyKey?: string; readonly tenant?: string };

export class World {
  readonly cluster: Cluster;
  #nextId = 1;

  constructor(actors: readonly ActorType[], options: Partial<ClusterOptions> = {}) {
    this.cluster = new Cluster({ actors, ...options });
  }

  /** Sends a call to `type/key` and gives its id; the answer may come later. */
  send(address: string, handler: string, args: readonly unknown[] = [], options: AskOptions = {}): number {
    const id = this.#nextId++;
    const [type = '', key = ''] = address.split('/');
    const { tenant = 'acme', idempotencyKey } = options;
    const keyed = idempotencyKey === undefined ? {} : { idempotencyKey };
    this.cluster.sender.call({ id, tenant, type, key, handler, args, ...keyed });
    return id;
  }

  /** Lets everything happen that can, and gives the answer, `undefined` while there is none. */
  async answer(id: number): Promise<string | undefined> {
    await this.cluster.settle();
    return this.cluster.sender.answers.get(id);
  }

  ask(address: string, handler: string, ...args: readonly unknown[]): Promise<string | undefined> {
    return this.answer(this.send(address, handler, args));
  }

  askKeyed(
    idempotencyKey: string,
    address: string,
    handler: string,
    ...args: readonly unknown[]
  ): Promise<string | undefined> {
    return this.answer(this.send(address, handler, args, { idempotencyKey }));
  }

  /** What is asked of another tenant than `acme`. */
  askOf(tenant: string, address: string, handler: string, ...args: readonly unknown[]): Promise<string | undefined> {
    return this.answer(this.send(address, handler, args, { tenant }));
  }

  async resume(tenant = 'acme'): Promise<void> {
    this.cluster.sender.deliver('control', tenant, 'resume', true, encodeValue(null));
    await this.cluster.settle();
  }

  /** Ends the effects under way, one after the other. */
  async finishEffects(): Promise<void> {
    for (let name = this.cluster.effectNames[0]; name !== undefined; name = this.cluster.effectNames[0]) {
      this.cluster.finishEffect(name);
      await this.cluster.settle();
    }
  }

  /** Snapshots everything and takes every actor out of memory that may leave. */
  async evictAll(): Promise<void> {
    await this.cluster.snapshotAll();
    for (let lane = 0; lane < this.cluster.laneCount; lane++) this.cluster.lane(lane).tick(0);
    await this.cluster.settle();
  }

  async crash(actors?: readonly ActorType[], previous?: readonly ActorType[]): Promise<void> {
    await this.cluster.settle();
    this.cluster.crash(actors, previous);
    await this.cluster.settle();
  }

  get actorsInMemory(): number {
    return Array.from({ length: this.cluster.laneCount }, (_, lane) => this.cluster.lane(lane).figures.actors).reduce(
      (a, b) => a + b,
    );
  }

  seq(tenant = 'acme'): number {
    return this.cluster.store.tenants().find((one) => one.tenant === tenant)?.seq ?? 0;
  }
}
