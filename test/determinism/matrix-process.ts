/**
 * One run of the determinism test, in a process of its own so that any Node can run it: `argv[2]` is an
 * order (JSON), the answer goes to standard output as one line of JSON.
 */
import { SeededRandom } from '../../src/base/seeded.ts';
import { hexOf } from '../../src/base/hash.ts';
import { createSystem } from 'synapse-actors';
import { replay } from 'synapse-actors/replay';
import { lockDown, simulate, testSystem } from 'synapse-actors/testing';

/** What to do. `record` and `recover` end in a kill -9 of their own process. */
export type Order =
  | { readonly mode: 'record'; readonly dir: string; readonly lanes: number }
  | { readonly mode: 'recover'; readonly dir: string; readonly lanes: number }
  | { readonly mode: 'replay'; readonly dir: string }
  | { readonly mode: 'crashes'; readonly dir: string; readonly count: number }
  | { readonly mode: 'simulate'; readonly seed: number };

/** What a tenant came to. */
export interface Summary {
  readonly seq: number;
  readonly stateRoot: string;
  readonly auditRoot: string;
}

export type Summaries = Readonly<Record<string, Summary>>;

type Call = (...args: unknown[]) => Promise<unknown>;
interface AnyReference {
  with(options: object): Record<string, Call>;
}
interface AnySystem {
  ref(type: string, tenant: string, key: string): unknown;
  tenants(): Promise<readonly { tenant: string; seq: number; stateRoot: Uint8Array; auditRoot: Uint8Array }[]>;
}

const FEATURES = new URL('./feature-actors.js', import.meta.url);
const OLD = new URL('../acceptance/fixtures/version-one.js', import.meta.url);
const NEW = new URL('../acceptance/fixtures/version-two.js', import.meta.url);
const TENANTS = ['acme', 'umbrella', 'initech'] as const;
const SETTINGS = {
  shards: 8,
  snapshotEverySteps: 40,
  grants: [{ from: '*', to: '*', actor: '*', handlers: ['*'] }],
};

/** Longer than the pause after any restart in the workload. */
const BACKOFF_MS = 1_500;

type Op = readonly [type: string, key: string, handler: string, ...args: unknown[]];

/** One of each, for one tenant; `next` is a tenant that it may send to. */
function opsOf(next: string): readonly Op[] {
  return [
    ['unit', 'a', 'add', 1],
    ['unit', 'a', 'put', 'x', [1, { deep: true }]],
    ['unit', 'a', 'del', 'x'],
    ['unit', 'b', 'row', 'r', 4],
    ['unit', 'b', 'row', 's', 5],
    ['unit', 'b', 'unrow', 'r'],
    ['unit', 'a', 'refuse', 2],
    ['unit', 'a', 'fail', 2],
    ['unit', 'a', 'hop', ['b', 'c'], 1],
    ['unit', 'a', 'fan', ['b', 'c', 'a'], 2],
    ['unit', 'a', 'spread', ['b', 'c'], 3],
    ['unit', 'c', 'later', 1, 5],
    ['unit', 'b', 'everyMinute'],
    ['unit', 'b', 'cancel'],
    ['unit', 'a', 'announce', 7],
    ['unit', 'a', 'bear', 'phoenix', 'kid'],
    ['unit', 'a', 'heed', 'phoenix', 'kid'],
    ['phoenix', 'kid', 'add', 2],
    ['phoenix', 'kid', 'fail', 2],
    ['unit', 'a', 'bear', 'mayfly', 'fly'],
    ['mayfly', 'fly', 'fail'],
    ['mayfly', 'frail', 'add', 1],
    ['unit', 'c', 'ask', 'good', 'b'],
    ['unit', 'c', 'askTwice', 'one', 'two'],
    ['unit', 'c', 'bearLater', 'unit', 'late', 'good'],
    ['unit', 'late', 'endLater', 'good'],
    ['unit', 'a', 'remote', next, 'a', 'add', 3],
    ['unit', 'a', 'remoteAsk', next, 'b', 'good'],
    ['unit', 'a', 'remoteTell', next, 'c', 3],
    ['unit', 'a', 'order', 'unit', 'b', 'look', 1],
    ['unit', 'e', 'end'],
    ['unit', 'a', 'look'],
    ['drawer', 'd', 'draw'],
    ['drawer', 'd', 'drawLater', 'a'],
    ['drawer', 'd', 'reach'],
    ['drawer', 'd', 'draw'],
    ['walled', 'w', 'add', 2],
    ['walled', 'w', 'hop', 'a'],
    ['ageing', 'old', 'rename', 'Ada Lovelace'],
    ['clan', 'p', 'bear', 1],
    ['phoenix', 'clan-1', 'add', 1],
  ];
}

/** Every operation of every tenant, in an order that a seed decides; each with a key that makes it happen once. */
function workload(part: string): readonly { readonly tenant: string; readonly op: Op; readonly key: string }[] {
  const random = new SeededRandom(new Uint8Array(16).fill(part.length));
  const queues = TENANTS.map((tenant, at) =>
    opsOf(TENANTS[(at + 1) % TENANTS.length] as string).map((op, index) => ({ tenant, op, key: `${part} ${index}` })),
  );
  const all: { tenant: string; op: Op; key: string }[] = [];
  for (
    let open = queues.filter(({ length }) => length > 0);
    open.length > 0;
    open = open.filter(({ length }) => length > 0)
  ) {
    const next = open[Math.floor(random.random() * open.length)]?.shift();
    if (next !== undefined) all.push(next);
  }
  return all;
}

function call(
  system: AnySystem,
  tenant: string,
  [type, key, handler, ...args]: Op,
  idempotencyKey: string,
): Promise<unknown> {
  const ref = (system.ref(type, tenant, key) as AnyReference).with({ idempotencyKey });
  return (ref[handler] as Call)(...args).catch((error: { code?: string }) => error.code);
}

async function summariesOf(system: AnySystem): Promise<Summaries> {
  const tenants = await system.tenants();
  return Object.fromEntries(
    tenants.map(({ tenant, seq, stateRoot, auditRoot }) => [
      tenant,
      { seq, stateRoot: hexOf(stateRoot), auditRoot: hexOf(auditRoot) },
    ]),
  );
}

async function record(dataDir: string, lanes: number): Promise<Summaries> {
  const first = await createSystem({ ...SETTINGS, dataDir, lanes, actors: [FEATURES, OLD] });
  for (const { tenant, op, key } of workload('one')) await call(first, tenant, op, key);
  await first.close();
  const second = await createSystem({ ...SETTINGS, dataDir, lanes, actors: [FEATURES, NEW], previous: [OLD] });
  for (const { tenant, op, key } of workload('second')) await call(second, tenant, op, key);
  return summariesOf(second);
}

async function recover(dataDir: string, lanes: number): Promise<Summaries> {
  return summariesOf(await createSystem({ ...SETTINGS, dataDir, lanes, actors: [FEATURES, NEW], previous: [OLD] }));
}

async function replayed(dataDir: string): Promise<Summaries> {
  const summaries: Record<string, Summary> = {};
  for (const tenant of TENANTS) {
    for await (const step of replay({ dataDir, tenant, actors: [FEATURES, NEW], previous: [OLD] })) {
      summaries[tenant] = { seq: step.seq, stateRoot: hexOf(step.stateRoot()), auditRoot: hexOf(step.auditRoot) };
    }
  }
  return summaries;
}

/** The workload in one thread, with crashes between any two operations and in the middle of some. */
async function crashes(dir: string, count: number): Promise<Summaries> {
  await lockDown();
  const effects = { ask: (input: unknown) => Promise.resolve(input) };
  const system = await testSystem({ ...SETTINGS, actors: [FEATURES, OLD], effects });
  const ops = [...workload('one'), ...workload('second')];
  const crashesBefore = (index: number): number => Math.floor((index * count) / ops.length);
  for (const [index, { tenant, op, key }] of ops.entries()) {
    for (let crash = crashesBefore(index); crash < crashesBefore(index + 1); crash++) {
      const lost = call(system, tenant, op, key);
      if (crash % 2 === 0) await system.advance(0);
      await system.crash();
      await lost;
      const isNew = index * 2 > ops.length;
      await system.reopen(isNew ? { actors: [FEATURES, NEW], previous: [OLD] } : {});
    }
    const reply = call(system, tenant, op, key);
    await system.advance(BACKOFF_MS);
    await reply;
  }
  const summaries = await summariesOf(system);
  await system.backup(dir);
  return summaries;
}

async function answer(order: Order): Promise<unknown> {
  switch (order.mode) {
    case 'record':
      return record(order.dir, order.lanes);
    case 'recover':
      return recover(order.dir, order.lanes);
    case 'replay':
      return replayed(order.dir);
    case 'crashes':
      return crashes(order.dir, order.count);
    case 'simulate': {
      const { traceHash, stateRoots, violations } = await simulate({ seed: order.seed, shrink: false });
      return { traceHash, stateRoots, violations };
    }
  }
}

if (process.argv[2] !== undefined) {
  const order = JSON.parse(process.argv[2]) as Order;
  const text = `${JSON.stringify(await answer(order))}\n`;
  // No close: what was not in a snapshot has to be recovered by whoever comes next.
  process.stdout.write(text, () => process.kill(process.pid, 'SIGKILL'));
}
