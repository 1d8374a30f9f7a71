/**
 * The actors of the simulator's own workload. Together they use every feature of the kernel, and each
 * command does one thing that may go wrong when lanes interleave, actors leave memory or a process
 * dies. They write down what they see, so that a check can tell what should not have been.
 */
import { actor } from '../actor/definition.ts';
import { effect } from '../actor/effect-definition.ts';
import { addressOf } from '../actor/reference-types.ts';
import { Refusal } from '../base/error.ts';

type Bag = Record<string, unknown>;

/** What fails here, fails on purpose. */
class Mishap extends Error {
  override readonly name = 'Mishap';
}

/** The code of an error, or its text, to be put into a state. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : String(error);
}

function addTo(state: Bag, key: string, n: number): number {
  const sum = Number(state[key] ?? 0) + n;
  state[key] = sum;
  return sum;
}

function append(state: Bag, key: string, value: unknown): void {
  state[key] = [...((state[key] as unknown[] | undefined) ?? []), value];
}

/** The effect of the workload: fails twice for some inputs, and always for others. */
const ask = effect((input: unknown) => input, { retries: 2, backoffMs: [20, 200], timeoutMs: 1_000 });

/** Does one thing a command; calls, tells, tables, timers, effects, children, events. */
export const unit = actor('unit', {
  state: (): Bag => ({ n: 0, started: 0 }),
  effects: { ask },
  idleAfterMs: 3_000,
  started(ctx): void {
    addTo(ctx.state as Bag, 'started', 1);
    (ctx.state as Bag)['birth'] = [ctx.seq, ctx.now(), ctx.uuid()];
  },
  terminated(ctx, ref, reason): void {
    append(ctx.state as Bag, 'ends', [addressOf(ref), reason, ctx.now()]);
  },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    put(ctx, key: string, value: unknown): void {
      (ctx.state as Bag)[`k${key}`] = value;
    },
    del: (ctx, key: string): boolean => delete (ctx.state as Bag)[`k${key}`],
    note(ctx, token: string): number {
      append(ctx.state as Bag, 'notes', token);
      return ((ctx.state as Bag)['notes'] as unknown[]).length;
    },
    row(ctx, key: string, value: unknown): number {
      ctx.table('rows').set(key, value);
      ctx.table('more').set(key, [value, ctx.seq]);
      return ctx.table('rows').size;
    },
    unrow: (ctx, key: string): boolean => ctx.table('rows').delete(key),
    /** Does everything and then thinks better of it. */
    spoil(ctx, how: string, key: string): void {
      addTo(ctx.state as Bag, 'n', 1_000_000);
      delete (ctx.state as Bag)['ka'];
      (ctx.state as Bag)['spoilt'] = key;
      ctx.table('rows').set(key, 'spoilt');
      ctx.table('more').delete(key);
      ctx.emit('news', 'spoilt');
      ctx.after(5, 'add', 1_000_000);
      ctx.ref('unit', key).tell['add']?.(1_000_000);
      ctx.watch(ctx.ref('unit', key));
      if (how === 'refuse') throw new Refusal('not today', { key });
      throw new Mishap(`spoilt ${key}`);
    },
    async spoilLate(ctx, how: string, key: string): Promise<void> {
      addTo(ctx.state as Bag, 'n', 1_000_000);
      ctx.table('rows').set(key, 'spoilt');
      ctx.emit('news', 'spoilt');
      await ctx.effect('ask', ['late', ctx.seq]).catch(codeOf);
      ctx.table('more').set(key, 'spoilt');
      ctx.ref('unit', key).tell['add']?.(1_000_000);
      if (how === 'refuse') throw new Refusal('not any more', { key });
      throw new Mishap(`spoilt late ${key}`);
    },
    async hop(ctx, path: string[], n: number): Promise<number> {
      addTo(ctx.state as Bag, 'hops', 1);
      const [next, ...rest] = path;
      if (next === undefined) return addTo(ctx.state as Bag, 'n', n);
      const below = (await ctx.ref('unit', next)['hop']?.(rest, n + 1)) as number;
      return addTo(ctx.state as Bag, 'n', below);
    },
    async fan(ctx, keys: string[], n: number): Promise<unknown[]> {
      const settled = await Promise.all(keys.map(async (key) => ctx.ref('unit', key)['add']?.(n).catch(codeOf)));
      addTo(ctx.state as Bag, 'fans', 1);
      return settled;
    },
    async keyed(ctx, key: string, name: string, n: number): Promise<unknown> {
      const ref = ctx.ref('unit', key).with({ idempotencyKey: name });
      const first: unknown = await ref['add']?.(n).catch(codeOf);
      const second: unknown = await ref['add']?.(n).catch(codeOf);
      return [first, second];
    },
    spread(ctx, keys: string[], n: number): void {
      for (const key of keys) ctx.ref('unit', key).tell['add']?.(n);
    },
    async consult(ctx, key: string): Promise<unknown> {
      addTo(ctx.state as Bag, 'n', 500);
      const own: unknown = await ctx.ref('unit', ctx.key)['look']?.().catch(codeOf); // a query does not wait: it sees what was before
      const other: unknown = await ctx.ref('unit', key)['look']?.().catch(codeOf);
      addTo(ctx.state as Bag, 'n', -500);
      return [own, other];
    },
    async ask(ctx, input: string, key: string): Promise<unknown> {
      addTo(ctx.state as Bag, 'asks', 1);
      (ctx.state as Bag)['drawn'] = ctx.random();
      try {
        const answer = await ctx.effect('ask', { input, key, seq: ctx.seq });
        (ctx.state as Bag)['answer'] = [answer, ctx.now(), ctx.seq, ctx.uuid(), ctx.random()];
      } catch (error) {
        (ctx.state as Bag)['answer'] = codeOf(error);
      }
      return ctx.ref('unit', key)['add']?.(1).catch(codeOf);
    },
    async race(ctx, a: string, b: string): Promise<unknown> {
      const first = ctx.effect('ask', [a, ctx.seq]).catch(codeOf);
      const second = ctx.effect('ask', [b, ctx.seq]).catch(codeOf);
      ctx.table('rows').set('race', ctx.seq);
      const won = await Promise.race([first, second]);
      addTo(ctx.state as Bag, 'races', 1);
      await Promise.allSettled([first, second]);
      return won;
    },
    async remote(ctx, tenant: string, key: string, handler: string, n: number): Promise<unknown> {
      addTo(ctx.state as Bag, 'sent', 1);
      const ref = ctx.ref('unit', key, tenant);
      const answer: unknown = await ref[handler]?.(n).catch(codeOf);
      (ctx.state as Bag)['remote'] = answer;
      return answer;
    },
    async remoteAsk(ctx, tenant: string, key: string, input: string): Promise<unknown> {
      return ctx.ref('unit', key, tenant)['ask']?.(input, 'z').catch(codeOf);
    },
    remoteTell(ctx, tenant: string, key: string, handler: string): number {
      const told = addTo(ctx.state as Bag, `told ${tenant}`, 1);
      ctx.ref('unit', key, tenant).tell[handler]?.(`${ctx.key} ${told}`);
      return told;
    },
    later(ctx, ms: number, token: string): string {
      const id = ctx.after(ms, 'fired', token, ctx.now() + ms, (ctx.state as Bag)['birth']);
      (ctx.state as Bag)['timer'] = id;
      return id;
    },
    /** Several timers of one moment: they fire in the order in which they were set. */
    chime(ctx, ms: number, token: string): void {
      const due = ctx.now() + ms;
      for (let bell = 1; bell <= 4; bell++)
        ctx.after(ms, 'fired', `${token} ${bell}`, due, (ctx.state as Bag)['birth']);
    },
    /**
     * What a timer tells is compared with the actor that hears it: another incarnation must not, unless the timer was
     * due before it was born, and its message waited.
     */
    fired(ctx, token: string, dueMs: number, birth: unknown): void {
      const own = (ctx.state as Bag)['birth'] as readonly unknown[] | undefined;
      const isOwn = JSON.stringify(birth) === JSON.stringify(own) || dueMs <= Number(own?.[1]);
      append(ctx.state as Bag, 'fired', [token, ctx.now() >= dueMs ? 'due' : 'early', isOwn ? 'own' : 'foreign']);
    },
    everyMinute(ctx): void {
      (ctx.state as Bag)['timer'] = ctx.cron('* * * * *', 'tick');
    },
    tick(ctx): void {
      append(ctx.state as Bag, 'ticks', ctx.now());
    },
    /** Somebody else's timer: it must not care. */
    meddle: (ctx, id: string): void => ctx.cancel(id),
    cancel: (ctx): void => ctx.cancel(String((ctx.state as Bag)['timer'])),
    announce(ctx, value: unknown): void {
      ctx.emit('news', { value, n: (ctx.state as Bag)['n'], seq: ctx.seq });
    },
    bear(ctx, type: string, key: string): void {
      ctx.spawn(type, key);
      addTo(ctx.state as Bag, 'born', 1);
    },
    async bearLate(ctx, type: string, key: string, input: string): Promise<string> {
      ctx.spawn(type, key);
      await ctx.effect('ask', [input, ctx.seq]);
      addTo(ctx.state as Bag, 'born', 1);
      return 'born';
    },
    heed: (ctx, type: string, key: string): void => ctx.watch(ctx.ref(type, key)),
    end(ctx): string {
      ctx.stop();
      return 'ended';
    },
    async endLate(ctx, input: string): Promise<void> {
      await ctx.effect('ask', [input, ctx.seq]);
      ctx.stop();
    },
    order: (ctx, type: string, key: string, handler: string, n: number): Promise<unknown> | undefined =>
      ctx.ref(type, key)[handler]?.(n).catch(codeOf),
    whoami: (ctx): unknown => [ctx.sender, ctx.tenant, ctx.type, ctx.key],
  },
  queries: {
    look: (ctx): unknown => ({
      ...ctx.state,
      rows: [...ctx.table('rows').entries()],
      more: [...ctx.table('more').entries()],
    }),
  },
});

/** Restarts on failure; its hook waits for another actor. */
export const phoenix = actor('phoenix', {
  state: (): Bag => ({ n: 0 }),
  supervise: { onFailure: 'restart', intensity: 2, periodMs: 10_000, backoffMs: [100, 1_000] },
  idleAfterMs: 1_000,
  async restarted(ctx, reason): Promise<void> {
    append(ctx.state as Bag, 'restarts', [reason, ctx.now()]);
    (ctx.state as Bag)['seen'] = await ctx.ref('unit', 'a')['look']?.();
  },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    fail(ctx, n: number): void {
      addTo(ctx.state as Bag, 'n', n);
      throw new Mishap('burnt');
    },
    refuse(ctx, n: number): void {
      addTo(ctx.state as Bag, 'n', n);
      throw new Refusal('not burnt');
    },
    bear: (ctx, n: number): void => void ctx.spawn('mayfly', `of-${ctx.key}-${n}`),
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

/** Stops on failure; its `started` waits, and fails for some keys. */
export const mayfly = actor('mayfly', {
  state: (): Bag => ({ n: 0 }),
  supervise: { onFailure: 'stop' },
  mailbox: { limit: 3 },
  async started(ctx): Promise<void> {
    (ctx.state as Bag)['born'] = await ctx.ref('unit', 'a')['add']?.(1);
    if (ctx.key === 'frail') throw new Mishap('stillborn');
  },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    fail(): void {
      throw new Mishap('dropped');
    },
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

/** A parent whose children restart together; what escalates from it suspends the tenant. */
export const clan = actor('clan', {
  state: (): Bag => ({ n: 0 }),
  supervise: { strategy: 'one-for-all', onFailure: 'escalate', periodMs: 2_000 },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    bear: (ctx, n: number): void => void ctx.spawn('phoenix', `clan-${n}`),
    fail(): void {
      throw new Mishap('feud');
    },
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

/** A parent of those that came after: the last strategy. */
export const queue = actor('queue', {
  state: (): Bag => ({ n: 0 }),
  supervise: { strategy: 'rest-for-one', onFailure: 'resume' },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    bear: (ctx, n: number): void => void ctx.spawn('phoenix', `queue-${n}`),
    fail(): void {
      throw new Mishap('jammed');
    },
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

/** The first version's state. */
export interface Scroll {
  lines: readonly string[];
}

/** Two versions of one type: the run begins with the first, and an upgrade brings the second. */
export const scrollOne = actor('scroll', {
  state: (): Scroll => ({ lines: [] }),
  effects: { ask },
  commands: {
    write(ctx, line: string): number {
      ctx.state.lines = [...ctx.state.lines, line];
      return ctx.state.lines.length;
    },
    async writeLate(ctx, line: string, input: string): Promise<number> {
      await ctx.effect('ask', [input, ctx.seq]).catch(codeOf);
      ctx.state.lines = [...ctx.state.lines, line];
      return ctx.state.lines.length;
    },
    burn: (ctx): void => ctx.stop(),
  },
  queries: { read: (ctx): unknown => ({ ...ctx.state }) },
});

export const scroll = actor('scroll', {
  version: 2,
  state: () => ({ pages: [] as readonly string[], migrations: 0 }),
  effects: { ask },
  migrate: {
    1: (old) => ({
      pages: (old['lines'] as string[]).map((line) => `old ${line}`),
      migrations: Number(old['migrations'] ?? 0) + 1,
    }),
  },
  commands: {
    write(ctx, line: string): number {
      ctx.state.pages = [...ctx.state.pages, line];
      return ctx.state.pages.length;
    },
    async writeLate(ctx, line: string, input: string): Promise<number> {
      await ctx.effect('ask', [input, ctx.seq]).catch(codeOf);
      ctx.state.pages = [...ctx.state.pages, line];
      return ctx.state.pages.length;
    },
    burn: (ctx): void => ctx.stop(),
  },
  queries: { read: (ctx): unknown => ({ ...ctx.state }) },
});

/** Three objects whose histories a checker of linearizability judges; nothing else touches them. */
export const register = actor('register', {
  state: () => ({ value: null as unknown }),
  idleAfterMs: 500,
  commands: {
    write(ctx, value: unknown): void {
      ctx.state.value = value;
    },
    cas(ctx, [expected, next]: readonly [unknown, unknown]): boolean {
      if (ctx.state.value !== expected) return false;
      ctx.state.value = next;
      return true;
    },
  },
  queries: { read: (ctx): unknown => ctx.state.value },
});

export const tally = actor('tally', {
  state: () => ({ sum: 0 }),
  commands: { add: (ctx, n: number): number => (ctx.state.sum += n) },
  queries: { read: (ctx): number => ctx.state.sum },
});

export const list = actor('list', {
  state: () => ({ size: 0 }),
  commands: {
    append(ctx, value: unknown): number {
      const at = ctx.state.size;
      ctx.table('all').set(String(at).padStart(6, '0'), value);
      ctx.state.size += 1;
      return at;
    },
  },
  queries: { read: (ctx): unknown[] => [...ctx.table('all').entries()].map(([, value]) => value) },
});
