/**
 * The simulator's own workload: users of three tenants who do everything that actors can do, ask again
 * with the same idempotency keys, and now and then think for a minute.
 */
import type { EffectStub } from '../host/effect-local.ts';
import type { Grant } from '../host/options.ts';
import type { Chance } from './chance.ts';
import { book, drawBookCall, surveyOf, wisp } from './sim-book.ts';
import { clan, list, mayfly, phoenix, queue, register, scroll, scrollOne, tally, unit } from './sim-actors.ts';
import type { SimulatedOperation } from './sim-operation.ts';

/** The actor types of the workload. */
export const WORKLOAD_ACTORS = [unit, phoenix, mayfly, clan, queue, register, tally, list, scroll, book, wisp] as const;

/** What the run begins with. */
export const WORKLOAD_PREVIOUS = [scrollOne] as const;

const TENANTS = ['acme', 'umbrella', 'initech'] as const;

/** Everybody may reach everybody, but for one handler and one tenant. */
export const WORKLOAD_GRANTS: readonly Grant[] = [
  { from: '*', to: '*', actor: 'unit', handlers: ['add', 'note', 'look', 'ask', 'spoil'] },
  { from: '*', to: '*', actor: 'book', handlers: ['deliver'] },
  { from: 'acme', to: 'umbrella', actor: 'unit', handlers: ['end'] },
];

/** Users, of whom several share a tenant. */
const USERS = 5;

/** How much of the workload can be judged by its answers alone. */
const BOOKS_RATE = 0.45;

/** What the effect `ask` answers: some inputs fail, some at every other attempt. */
export const WORKLOAD_EFFECTS: Readonly<Record<string, EffectStub>> = {
  ask: (input: unknown, { attempt }: { attempt: number }) => {
    const text = JSON.stringify(input);
    if (text.includes('bad') || (text.includes('shaky') && attempt < 3)) throw new TypeError('no such thing');
    return Promise.resolve({ answered: input, attempt });
  },
} as Record<string, EffectStub>;

type Call = readonly [type: string, key: string, handler: string, ...args: unknown[]];
type Draw = (chance: Chance, token: string) => Call;

const KEYS = ['a', 'b', 'c'] as const;
const INPUTS = ['good', 'good', 'shaky', 'bad'] as const;
const CHILD_TYPES = ['unit', 'phoenix', 'mayfly', 'clan', 'queue'] as const;
const CHILD_KEYS = ['d', 'e', 'frail', 'a', 'clan-1', 'queue-1'] as const;
const REMOTE = ['add', 'add', 'spoil', 'look', 'end', 'nothing', 'ask'] as const;
const VALUES: readonly unknown[] = [
  1,
  -0,
  'text',
  [1, { deep: true }],
  null,
  new Uint8Array([1, 2]),
  12n,
  new Map([[1, new Set(['x'])]]),
];

const keysOf = (chance: Chance): string[] => Array.from({ length: chance.below(4) }, () => chance.one(KEYS));

function unitCall(handler: string, args: (chance: Chance, token: string) => unknown[]): Draw {
  return (chance, token) => ['unit', chance.one(KEYS), handler, ...args(chance, token)];
}

/** What users do, the frequent several times. */
const DRAWS: readonly Draw[] = [
  unitCall('add', (chance) => [chance.between(1, 9)]),
  unitCall('note', (_chance, token) => [token]),
  unitCall('note', (_chance, token) => [token]),
  unitCall('look', () => []),
  unitCall('look', () => []),
  unitCall('put', (chance) => [chance.one(KEYS), chance.one(VALUES)]),
  unitCall('del', (chance) => [chance.one(KEYS)]),
  unitCall('row', (chance) => [chance.one(KEYS), chance.one(VALUES)]),
  unitCall('row', (chance) => [chance.one(KEYS), chance.between(1, 9)]),
  unitCall('unrow', (chance) => [chance.one(KEYS)]),
  unitCall('spoil', (chance) => [chance.one(['refuse', 'fail']), chance.one(KEYS)]),
  unitCall('spoilLate', (chance) => [chance.one(['refuse', 'fail']), chance.one(KEYS)]),
  unitCall('hop', (chance) => [keysOf(chance), chance.between(1, 9)]),
  unitCall('fan', (chance) => [keysOf(chance), chance.between(1, 9)]),
  unitCall('keyed', (chance) => [chance.one(KEYS), `inner ${chance.below(4)}`, chance.between(1, 2)]),
  unitCall('spread', (chance) => [keysOf(chance), chance.between(1, 9)]),
  unitCall('consult', (chance) => [chance.one(KEYS)]),
  unitCall('ask', (chance) => [chance.one(INPUTS), chance.one(KEYS)]),
  unitCall('ask', (chance) => [chance.one(INPUTS), chance.one(KEYS)]),
  unitCall('race', (chance) => [chance.one(INPUTS), chance.one(INPUTS)]),
  unitCall('remote', (chance) => [chance.one(TENANTS), chance.one(KEYS), chance.one(REMOTE), chance.between(1, 9)]),
  unitCall('remote', (chance) => [chance.one(TENANTS), chance.one(KEYS), 'add', chance.between(1, 9)]),
  unitCall('remoteAsk', (chance) => [chance.one(TENANTS), chance.one(KEYS), chance.one(INPUTS)]),
  unitCall('remoteTell', (chance) => [
    chance.one(TENANTS),
    chance.one(KEYS),
    chance.one(['note', 'note', 'note', 'end']),
  ]),
  unitCall('remoteTell', (chance) => [chance.one(TENANTS), chance.one(KEYS), 'note']),
  unitCall('later', (chance, token) => [chance.one([0, 1, 50, 500, 5_000, 40_000]), token]),
  unitCall('later', (chance, token) => [chance.one([0, 1, 50, 500, 5_000]), token]),
  unitCall('chime', (chance, token) => [chance.one([0, 30, 300]), token]),
  unitCall('everyMinute', () => []),
  unitCall('cancel', () => []),
  unitCall('meddle', (chance) => [`${chance.between(1, 30)}.${chance.between(1, 2)}`]),
  unitCall('announce', (chance) => [chance.below(100)]),
  unitCall('bear', (chance) => [chance.one(CHILD_TYPES), chance.one(CHILD_KEYS)]),
  unitCall('bearLate', (chance) => [chance.one(CHILD_TYPES), chance.one(CHILD_KEYS), chance.one(INPUTS)]),
  unitCall('heed', (chance) => [chance.one(CHILD_TYPES), chance.one(CHILD_KEYS)]),
  unitCall('end', () => []),
  unitCall('endLate', (chance) => [chance.one(INPUTS)]),
  unitCall('whoami', () => []),
  unitCall('nothing', () => []),
  unitCall('order', (chance) => [
    chance.one(CHILD_TYPES),
    chance.one(CHILD_KEYS),
    chance.one(['add', 'fail', 'end', 'look']),
    chance.between(1, 9),
  ]),
  (chance) => [
    chance.one(CHILD_TYPES),
    chance.one(CHILD_KEYS),
    chance.one(['add', 'fail', 'look']),
    chance.between(1, 9),
  ],
  (chance) => [
    chance.one(['phoenix', 'mayfly']),
    chance.one(CHILD_KEYS),
    chance.one(['add', 'add', 'fail']),
    chance.between(1, 9),
  ],
  (chance) => ['phoenix', chance.one(CHILD_KEYS), chance.one(['bear', 'fail', 'add', 'refuse']), chance.between(1, 2)],
  (chance) => [
    chance.one(['clan', 'queue']),
    chance.one(['p', 'q']),
    chance.one(['bear', 'bear', 'add', 'fail']),
    chance.between(1, 3),
  ],
];

/** Reads, and writes of which none is like another. */
const OBJECT_DRAWS: readonly Draw[] = [
  () => ['register', 'r', 'read'],
  () => ['tally', 't', 'read'],
  () => ['list', 'l', 'read'],
  (_chance, token) => ['register', 'r', 'write', token],
  (chance, token) => ['register', 'r', 'cas', [`t${chance.below(60)}`, token]],
  (chance) => ['tally', 't', 'add', chance.between(1, 9)],
  (_chance, token) => ['list', 'l', 'append', token],
  (_chance, token) => ['scroll', 's', 'write', token],
  (_chance, token) => ['scroll', 's', 'write', token],
  (chance, token) => ['scroll', 's', 'writeLate', token, chance.one(INPUTS)],
  (chance) => ['scroll', 's', chance.one(['read', 'read', 'burn'])],
];

/** How often somebody fails again and again: seldom, since the tenant may be suspended for it. */
const STORM_RATE = 0.015;

/** Failures of one phoenix, one behind the other: more than its intensity, or just as many. */
function stormOf(chance: Chance, process: number, tenant: string): SimulatedOperation[] {
  const key = chance.one(['d', 'clan-1']);
  return Array.from({ length: chance.between(2, 4) }, () => ({
    process,
    tenant,
    type: 'phoenix',
    key,
    handler: 'fail',
    args: [1],
  }));
}

/** Draws `count` operations. */
export function defaultWorkload(chance: Chance, count: number): SimulatedOperation[] {
  const operations: SimulatedOperation[] = [];
  while (operations.length < count) {
    const process = chance.below(USERS);
    const tenant = chance.happens(0.8) ? (TENANTS[process % TENANTS.length] as string) : chance.one(TENANTS);
    const at = operations.length;
    if (chance.happens(STORM_RATE)) operations.push(...stormOf(chance, process, tenant));
    const earlier = operations[chance.below(at)];
    if (earlier?.idempotencyKey !== undefined && chance.happens(0.08)) {
      operations.push({ ...earlier, process: chance.happens(0.5) ? earlier.process : process }); // asks again
      continue;
    }
    const draw = chance.happens(BOOKS_RATE) ? drawBookCall : undefined;
    const [type, key, handler, ...args] =
      draw?.(chance, tenant, TENANTS, `t${at}`) ??
      chance.one(chance.happens(0.2) ? OBJECT_DRAWS : DRAWS)(chance, `t${at}`);
    operations.push({ process, tenant, type, key, handler, args, ...manner(chance, at) });
  }
  return [...operations, ...surveyOf(operations, USERS, chance)];
}

/** How it is sent: mostly called with a key; some without, some told, some after a thought. */
function manner(chance: Chance, at: number): Partial<SimulatedOperation> {
  const pause = chance.happens(0.1) ? { pauseMs: chance.one([5, 100, 1_500, 12_000, 61_000]) } : {};
  const principal = chance.happens(0.05) ? { principal: `person ${at}` } : {};
  if (chance.happens(0.1)) return { ...pause, ...principal, tell: true };
  if (chance.happens(0.2)) return { ...pause, ...principal };
  return { ...pause, ...principal, idempotencyKey: `key ${at}` };
}
