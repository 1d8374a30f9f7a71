/**
 * A tenant's life that uses every feature of the kernel once or more: calls, tells, chains, effects that
 * come and fail, other tenants, timers and crons, children, watches, restarts, escalation, idempotency keys.
 * Runs in a test system, so that it is the same every time, and leaves a store on disk.
 */
import { type TestSystem, testSystem } from 'synapse-actors/testing';
import { answerOf } from '../host/workload-actors.ts';

/** The actors of the workload, as a module to be replayed with. */
export const WORKLOAD_ACTORS = new URL('../host/workload-actors.js', import.meta.url);

/** Roots as they were live, by tenant and seq. */
export interface LiveRoots {
  readonly tenant: string;
  readonly seq: number;
  readonly stateRoot: Uint8Array;
}

const quiet = (): undefined => undefined;

type AnyRef = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

/** A reference to a unit of the workload without types. */
export function unitOf(system: TestSystem, tenant: string, key: string, options: object = {}): AnyRef {
  return system.ref('unit', tenant, key).with(options) as unknown as AnyRef;
}

/** Opens a test system with the workload's actors. */
export function openWorkload(options: object = {}): Promise<TestSystem> {
  return testSystem({
    actors: WORKLOAD_ACTORS,
    shards: 4,
    grants: [{ from: '*', to: '*', actor: 'unit', handlers: ['add', 'refuse', 'fail', 'look', 'ask'] }],
    effects: { ask: (input: unknown) => answerOf('ask', input) },
    ...options,
  });
}

/** One round of everything; `round` makes keys and values differ. */
export async function richRound(system: TestSystem, round: number): Promise<void> {
  const call = (tenant: string, key: string, handler: string, ...args: readonly unknown[]): Promise<unknown> =>
    (unitOf(system, tenant, key)[handler] as AnyRef[string])(...args).catch(quiet);
  const other = (type: string, key: string, handler: string, ...args: readonly unknown[]): Promise<unknown> =>
    ((system.ref(type, 'acme', key) as unknown as AnyRef)[handler] as AnyRef[string])(...args).catch(quiet);
  for (const tenant of ['acme', 'umbrella']) {
    await Promise.all([
      call(tenant, 'a', 'add', 1),
      call(tenant, 'b', 'put', 'x', [1, { deep: new Map([['k', new Uint8Array([1, 2, round])]]) }]),
      call(tenant, 'c', 'row', `r${round}`, round),
      call(tenant, 'a', 'refuse', 3),
      call(tenant, 'b', 'fail', 4),
      call(tenant, 'a', 'hop', ['b', 'c'], 1),
      call(tenant, 'a', 'fan', ['b', 'c'], 2),
      call(tenant, 'a', 'spread', ['b', 'c'], 2),
    ]);
    await Promise.all([call(tenant, 'a', 'ask', 'good', 'b'), call(tenant, 'b', 'ask', 'bad', 'c')]);
    await call(tenant, 'c', 'askTwice', 'good', 'good');
    await call(tenant, 'a', 'announce', round);
    await call(tenant, 'a', 'later', 500, 7);
    await call(tenant, 'b', 'everyMinute');
  }
  await call('acme', 'a', 'remote', 'umbrella', 'b', 'add', 5);
  await call('acme', 'a', 'remote', 'umbrella', 'b', 'refuse', 5);
  await call('acme', 'a', 'remote', 'umbrella', 'b', 'hop', 5); // no grant
  await call('acme', 'b', 'remoteTell', 'umbrella', 'c', 6);
  await call('umbrella', 'b', 'remoteAsk', 'acme', 'c', 'good');
  const keyed = unitOf(system, 'acme', 'a', { idempotencyKey: `key-${round}`, principal: 'user:7' });
  await keyed['add']?.(1);
  await keyed['add']?.(1);
  await system.advance(1_000);
  await call('acme', 'a', 'bear', 'mayfly', `child-${round}`);
  await call('acme', 'a', 'heed', 'mayfly', `child-${round}`);
  await other('mayfly', `child-${round}`, 'fail');
  await call('acme', 'a', 'bear', 'phoenix', `phoenix-${round}`);
  await other('phoenix', `phoenix-${round}`, 'fail', 1);
  await system.advance(300);
  await other('phoenix', `phoenix-${round}`, 'add', 1);
  await other('mayfly', 'frail', 'add', 1);
  await call('acme', 'c', 'unrow', 'r0');
  await call('acme', 'b', 'del', 'x');
  await call('acme', `gone-${round}`, 'add', 1);
  await call('acme', `gone-${round}`, 'end');
  await call('umbrella', 'a', 'cancel');
  await system.advance(61_000);
}

/** An escalation to the root: the tenant is suspended and goes on after its period. */
export async function feud(system: TestSystem): Promise<void> {
  const clan = system.ref('clan', 'acme', 'p') as unknown as AnyRef;
  await clan['bear']?.(1);
  await clan['fail']?.().catch(quiet);
  await clan['add']?.(1).catch(quiet);
  await system.advance(5_000);
  await clan['add']?.(1);
}
