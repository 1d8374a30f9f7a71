/**
 * The workload of the kernel's property test: rounds of inputs whose order per tenant is fixed, mishaps
 * that may strike between any two actions, and what a run leaves behind, to be compared.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { decodeRecord } from '../../src/actor/record.ts';
import { hexOf } from '../../src/base/hash.ts';
import { FRAME_KIND, Frame } from '../../src/frame/frame.ts';
import { type ClusterOptions, sameRoots } from './cluster-options.ts';
import { FAULT_MODES, type FaultMode } from '../store/faulty-driver.ts';
import { Cluster } from './harness.ts';
import type { CallSpec } from './sender.ts';
import { answerOf, workloadActors } from './workload-actors.ts';

const TENANTS = ['acme', 'umbrella', 'initech'] as const;
type Tenant = (typeof TENANTS)[number];

interface Op {
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: readonly unknown[];
  /** Asks again with the key of an earlier call. */
  readonly again?: number;
}

/**
 * A round's order of inputs is fixed per tenant: either calls that stay inside their step, any number
 * at a time, or one call that goes out of its tenant.
 */
export type Round =
  | { readonly kind: 'local'; readonly batches: readonly (readonly Op[])[] }
  | { readonly kind: 'one'; readonly tenant: number; readonly op: Op }
  | { readonly kind: 'effects' }
  | { readonly kind: 'advance'; readonly ms: number };

export type Mishap =
  | { readonly kind: 'kill'; readonly lane: number }
  | { readonly kind: 'move'; readonly shard: number; readonly lane: number }
  | { readonly kind: 'crash' }
  | Outage
  | { readonly kind: 'compare' };

/** The disk fails for so many actions, in the middle of which something else may go wrong as well. */
export interface Outage {
  readonly kind: 'outage';
  /** What becomes of the commit that fails first. */
  readonly mode: FaultMode;
  readonly lasts: number;
  readonly meanwhile: Extract<Mishap, { readonly kind: 'kill' | 'move' | 'crash' }> | undefined;
}

export interface Plan {
  /** Mishaps by round, each after so many actions. */
  readonly mishaps: readonly { readonly round: number; readonly after: number; readonly what: Mishap }[];
  /** Whether answers of queries are compared: one asked again after a death may see what came after it. */
  readonly queriesCount: boolean;
}

const keyArb = fc.constantFrom('a', 'b', 'c');
const numberArb = fc.integer({ min: 1, max: 9 });
const tenantArb = fc.constantFrom<Tenant>(...TENANTS);
const typeArb = fc.constantFrom('unit', 'phoenix', 'mayfly', 'clan');
const childKeyArb = fc.constantFrom('d', 'e', 'frail', 'a');

function on(handler: string, ...args: fc.Arbitrary<unknown>[]): fc.Arbitrary<Op> {
  return fc.tuple(keyArb, fc.tuple(...args)).map(([key, made]) => ({ type: 'unit', key, handler, args: made }));
}

const otherArb: fc.Arbitrary<Op> = fc.record({
  type: fc.constantFrom('phoenix', 'mayfly', 'clan'),
  key: fc.constantFrom('d', 'e', 'frail', 'clan-1', 'of-1'),
  handler: fc.constantFrom('add', 'add', 'fail', 'look'),
  args: fc.tuple(numberArb),
});

/** Calls that need nothing from outside their tenant. */
const localOpArb: fc.Arbitrary<Op> = fc.oneof(
  on('add', numberArb),
  on('look'),
  on('put', keyArb, fc.constantFrom<unknown>(1, 'text', [1, { deep: true }], null, new Uint8Array([1, 2]))),
  on('del', keyArb),
  on('row', keyArb, numberArb),
  on('unrow', keyArb),
  on('refuse', numberArb),
  on('fail', numberArb),
  on('hop', fc.array(keyArb, { maxLength: 3 }), numberArb),
  on('fan', fc.array(keyArb, { maxLength: 3 }), numberArb),
  on('spread', fc.array(keyArb, { maxLength: 3 }), numberArb),
  on('later', fc.constantFrom(1, 50, 500, 5_000), numberArb),
  on('everyMinute'),
  on('cancel'),
  on('announce', numberArb),
  on('bear', typeArb, childKeyArb),
  on('heed', typeArb, childKeyArb),
  on('end'),
  on('order', typeArb, childKeyArb, fc.constantFrom('add', 'fail', 'end', 'look'), numberArb),
  otherArb,
  fc
    .tuple(fc.constantFrom('bear', 'add', 'fail'), fc.constantFrom('p', 'q'), fc.constantFrom(1, 2))
    .map(([handler, key, n]) => ({
      type: 'clan',
      key,
      handler,
      args: [n],
    })),
  fc.nat({ max: 8 }).map((again) => ({ type: 'unit', key: 'a', handler: 'add', args: [1], again })),
);

/** Calls that wait for an effect or another tenant: one at a time. */
const outwardOpArb: fc.Arbitrary<Op> = fc.oneof(
  on('ask', fc.constantFrom('good', 'bad'), keyArb),
  on('askTwice', fc.constantFrom('good', 'bad'), fc.constantFrom('good', 'bad')),
  on('remote', tenantArb, keyArb, fc.constantFrom('add', 'refuse', 'fail', 'look', 'end', 'nothing'), numberArb),
  on('remoteAsk', tenantArb, keyArb, fc.constantFrom('good', 'bad')),
  on('remoteTell', tenantArb, keyArb, numberArb),
  on('bearLater', typeArb, childKeyArb, fc.constantFrom('good', 'bad')),
  on('endLater', fc.constantFrom('good', 'bad')),
);

const roundArb: fc.Arbitrary<Round> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(fc.array(localOpArb, { maxLength: 4 }), { minLength: TENANTS.length, maxLength: TENANTS.length })
      .map((batches): Round => ({ kind: 'local', batches })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat({ max: TENANTS.length - 1 }), outwardOpArb)
      .map(([tenant, op]): Round => ({ kind: 'one', tenant, op })),
  },
  { weight: 1, arbitrary: fc.constant<Round>({ kind: 'effects' }) },
  { weight: 2, arbitrary: fc.constantFrom(100, 1_000, 3_000, 61_000).map((ms): Round => ({ kind: 'advance', ms })) },
);

export const SHARDS = 4;
export const LANES = 3;

const killArb = fc.nat({ max: LANES - 1 }).map((lane) => ({ kind: 'kill' as const, lane }));
const crashArb = fc.constant({ kind: 'crash' as const });

const moveArb = fc
  .tuple(fc.nat({ max: SHARDS - 1 }), fc.nat({ max: LANES - 1 }))
  .map(([shard, lane]) => ({ kind: 'move' as const, shard, lane }));

const outageArb: fc.Arbitrary<Outage> = fc.record({
  kind: fc.constant('outage' as const),
  mode: fc.constantFrom(...FAULT_MODES),
  // Some end before everybody has heard of them, some when all is at rest.
  lasts: fc.oneof(fc.nat({ max: 40 }), fc.constant(1_000)),
  meanwhile: fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, killArb, moveArb, crashArb),
});

const mishapArb: fc.Arbitrary<Mishap> = fc.oneof(
  killArb,
  moveArb,
  crashArb,
  outageArb,
  fc.constant<Mishap>({ kind: 'compare' }),
);

export const planArb: fc.Arbitrary<Plan> = fc.record({
  mishaps: fc.array(fc.record({ round: fc.nat({ max: 11 }), after: fc.nat({ max: 40 }), what: mishapArb }), {
    maxLength: 6,
  }),
  queriesCount: fc.constant(false),
});

async function strike(cluster: Cluster, what: Mishap): Promise<void> {
  if (what.kind === 'kill') cluster.killLane(what.lane % cluster.laneCount);
  else if (what.kind === 'crash') cluster.crash();
  else if (what.kind === 'outage') await outage(cluster, what);
  else if (what.kind === 'move') expect(await cluster.moveShard(what.shard, what.lane % cluster.laneCount)).toBe(true);
  else {
    const { before, after } = await cluster.crashBetweenSteps();
    if (!sameRoots(before, after)) expect(after).toEqual(before);
  }
}

/** The disk fails for a while, and comes back: at once, or only when everybody has given up. */
async function outage(cluster: Cluster, { mode, lasts, meanwhile }: Outage): Promise<void> {
  cluster.driver.fill(mode);
  const from = cluster.actionCount;
  await cluster.settle(() => cluster.actionCount >= from + lasts / 2);
  if (meanwhile?.kind === 'move') await cluster.moveShard(meanwhile.shard, meanwhile.lane % cluster.laneCount); // or not: both are right
  else if (meanwhile !== undefined) await strike(cluster, meanwhile);
  await cluster.settle(() => cluster.actionCount >= from + lasts);
  const wasDown = cluster.storeHost.isDown;
  expect(cluster.storeHost.recover(), 'a full disk proves nothing').toBe(!wasDown);
  // Else one call could be refused and the next, still on its way, be taken in: another order than the undisturbed one.
  cluster.deliverAll();
  cluster.driver.heal();
  expect(cluster.storeHost.recover()).toBe(true);
  await cluster.settle();
  cluster.sender.retry();
}

/** What a run leaves behind, to be compared. */
export interface Result {
  readonly answers: readonly (readonly [number, string])[];
  readonly tenants: Readonly<Record<string, unknown>>;
}

/** Runs a workload; `look` is shown the cluster at the end, when its snapshots are stored. */
export async function run(
  rounds: readonly Round[],
  options: Partial<ClusterOptions>,
  plan: Plan,
  look?: (cluster: Cluster) => Promise<void>,
): Promise<Result> {
  // No deadlines: those of several tenants at one moment would leave the order of their answers open.
  const cluster = new Cluster({
    callTimeoutMs: 2 ** 31,
    actors: workloadActors,
    shards: SHARDS,
    effect: answerOf,
    ...options,
  });
  cluster.effectsAreHeld = true;
  const specs: CallSpec[] = [];
  const issueOp = (tenant: string, op: Op): void => {
    const id = specs.length + 1;
    const earlier = op.again === undefined ? undefined : specs.filter((spec) => spec.tenant === tenant)[op.again];
    const { type, key, handler, args } = earlier ?? op;
    const spec: CallSpec = {
      id,
      tenant,
      type,
      key,
      handler,
      args,
      idempotencyKey: earlier?.idempotencyKey ?? `key ${id}`,
    };
    specs.push(spec);
    cluster.sender.call(spec);
  };
  const issue = (tenant: string, op: Op): void => issueOp(tenant, onward(op, tenant));
  let waitsAcross = false;
  for (const [index, round] of rounds.entries()) {
    if (round.kind === 'local') {
      for (const [at, batch] of round.batches.entries()) {
        for (const op of batch) issue(TENANTS[at] ?? 'acme', op);
        // Where one tenant waits for another, what ends that other's turns is an input of the first: one after the other.
        if (waitsAcross) await cluster.settle();
      }
    } else if (round.kind === 'one') {
      waitsAcross ||= round.op.handler === 'remoteAsk';
      issue(TENANTS[round.tenant] ?? 'acme', round.op);
    } else if (round.kind === 'advance') await cluster.advance(round.ms);
    for (const mishap of plan.mishaps) {
      if (mishap.round !== index) continue;
      const from = cluster.actionCount;
      await cluster.settle(() => cluster.actionCount >= from + mishap.after);
      await strike(cluster, mishap.what);
    }
    await cluster.settle();
    if (round.kind === 'effects') await finishEffects(cluster);
  }
  await finishEffects(cluster);
  await cluster.advance(40_000);
  await finishEffects(cluster);
  expect(cluster.sender.openIds, 'every call is answered').toEqual([]);
  const isStable = (id: number): boolean => plan.queriesCount || specs[id - 1]?.handler !== 'look';
  const result = await resultOf(cluster, isStable);
  await look?.(cluster);
  return result;
}

/**
 * Waits for other tenants go one way only, from earlier tenants to later ones: a circle across tenants
 * that no chain shows is ended by its time-out alone, and time stands still here.
 */
function onward(op: Op, tenant: string): Op {
  if (op.handler !== 'remote' && op.handler !== 'remoteAsk') return op;
  const from = TENANTS.indexOf(tenant as (typeof TENANTS)[number]);
  const last = TENANTS.length - 1;
  if (TENANTS.indexOf(op.args[0] as (typeof TENANTS)[number]) > from) return op;
  if (from === last) return { ...op, handler: 'add', args: [1] };
  return { ...op, args: [TENANTS[last], ...op.args.slice(1)] };
}

async function finishEffects(cluster: Cluster): Promise<void> {
  for (let name = cluster.effectNames[0]; name !== undefined; name = cluster.effectNames[0]) {
    cluster.finishEffect(name);
    await cluster.settle();
  }
}

async function resultOf(cluster: Cluster, isStable: (id: number) => boolean): Promise<Result> {
  await cluster.snapshotAll();
  const tenants: Record<string, unknown> = {};
  for (const { tenant, stateRootAtSnapshot } of cluster.store.tenants()) {
    const events = cluster.store.events(tenant, 'news', 0, 1_000).map(({ offset, value }) => [offset, [...value]]);
    tenants[tenant] = { stateRoot: hexOf(stateRootAtSnapshot), events, steps: steps(cluster, tenant) };
  }
  const answers = [...cluster.sender.answers].filter(([id]) => isStable(id)).sort(([a], [b]) => a - b);
  return { answers, tenants };
}

/** What the journal has of a tenant: each input and the digest of what came of it. */
function steps(cluster: Cluster, tenant: string): string[] {
  // A snapshot is a step too, and the runs take theirs at different times: the others are numbered without them.
  const inputs = [...cluster.store.records(tenant, 1)]
    .map(({ body }) => decodeRecord(body))
    .filter(({ roots }) => roots === undefined);
  return inputs.map(({ frame, digest }, at) => {
    const seq = at + 1;
    const { kind, target, handler, messageId } = new Frame(frame);
    // Ids of effects' results count what was delivered, the results of cancelled effects too: they have no place here.
    const id = kind === FRAME_KIND.effectResult ? '' : messageId;
    return `${seq} kind ${kind} ${target.type}/${target.key} ${handler} #${id} ${hexOf(digest)}`;
  });
}

export const workloadArb: fc.Arbitrary<Round[]> = fc.array(roundArb, { minLength: 1, maxLength: 12 });
