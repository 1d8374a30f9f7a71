/**
 * Actors that together use every feature of the kernel, for the workload of the property test: each
 * command does one thing that may go wrong when lanes interleave, actors leave memory or a process dies.
 */
import { Refusal, actor, effect } from 'synapse-actors';

type Bag = Record<string, unknown>;

/** Reads the text of an error, to put it into a state. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : String(error);
}

function addTo(state: Bag, key: string, n: number): number {
  const sum = Number(state[key] ?? 0) + n;
  state[key] = sum;
  return sum;
}

export const unit = actor('unit', {
  state: (): Bag => ({ n: 0, started: 0 }),
  effects: { ask: effect((input: unknown) => input) },
  started(ctx): void {
    addTo(ctx.state as Bag, 'started', 1);
  },
  terminated(ctx, _ref, reason): void {
    (ctx.state as Bag)['lastEnd'] = reason;
    addTo(ctx.state as Bag, 'ends', 1);
  },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    put(ctx, key: string, value: unknown): void {
      (ctx.state as Bag)[`k${key}`] = value;
    },
    del(ctx, key: string): void {
      delete (ctx.state as Bag)[`k${key}`];
    },
    row(ctx, key: string, value: number): number {
      ctx.table<number>('rows').set(key, value);
      ctx.table<number>('more').set(key, value * 2);
      return ctx.table<number>('rows').size;
    },
    unrow: (ctx, key: string): boolean => ctx.table('rows').delete(key),
    refuse(ctx, n: number): void {
      addTo(ctx.state as Bag, 'n', n);
      throw new Refusal('not today', { n });
    },
    fail(ctx, n: number): void {
      addTo(ctx.state as Bag, 'n', n);
      ctx.table<number>('rows').set('failed', n);
      throw new Error(`failed ${n}`);
    },
    async hop(ctx, path: string[], n: number): Promise<number> {
      addTo(ctx.state as Bag, 'hops', 1);
      const [next, ...rest] = path;
      if (next === undefined) return addTo(ctx.state as Bag, 'n', n);
      const below = (await ctx.ref('unit', next)['hop']?.(rest, n + 1)) as number;
      return addTo(ctx.state as Bag, 'n', below);
    },
    async fan(ctx, keys: string[], n: number): Promise<string[]> {
      const settled = await Promise.allSettled(keys.map(async (key) => ctx.ref('unit', key)['add']?.(n)));
      addTo(ctx.state as Bag, 'fans', 1);
      return settled.map((one) => (one.status === 'fulfilled' ? String(one.value) : codeOf(one.reason)));
    },
    spread(ctx, keys: string[], n: number): void {
      for (const key of keys) ctx.ref('unit', key).tell['add']?.(n);
    },
    async ask(ctx, input: string, key: string): Promise<unknown> {
      addTo(ctx.state as Bag, 'asks', 1);
      (ctx.state as Bag)['drawn'] = ctx.random();
      try {
        const answer = await ctx.effect('ask', { input, key });
        (ctx.state as Bag)['answer'] = [
          answer,
          ctx.now(),
          ctx.seq > 0 /* snapshots count, and runs take theirs at different times */,
          ctx.uuid(),
          ctx.random(),
        ];
      } catch (error) {
        (ctx.state as Bag)['answer'] = codeOf(error);
      }
      return ctx.ref('unit', key)['add']?.(1).catch(codeOf);
    },
    async askTwice(ctx, a: string, b: string): Promise<unknown> {
      const first = ctx.effect('ask', a);
      const second = ctx.effect('ask', b);
      ctx.table<number>('rows').set('twice', 1);
      const won = await Promise.race([first, second]);
      addTo(ctx.state as Bag, 'twice', 1);
      await Promise.allSettled([first, second]);
      return won;
    },
    async remote(ctx, tenant: string, key: string, handler: string, n: number): Promise<unknown> {
      addTo(ctx.state as Bag, 'sent', 1);
      const answer: unknown = await ctx.ref('unit', key, tenant)[handler]?.(n).catch(codeOf);
      (ctx.state as Bag)['remote'] = answer;
      return answer;
    },
    async remoteAsk(ctx, tenant: string, key: string, input: string): Promise<unknown> {
      return ctx.ref('unit', key, tenant)['ask']?.(input, 'z').catch(codeOf);
    },
    remoteTell(ctx, tenant: string, key: string, n: number): void {
      addTo(ctx.state as Bag, 'told', 1);
      ctx.ref('unit', key, tenant).tell['add']?.(n);
    },
    later(ctx, ms: number, n: number): string {
      const id = ctx.after(ms, 'add', n);
      (ctx.state as Bag)['timer'] = id;
      return id;
    },
    everyMinute(ctx): void {
      (ctx.state as Bag)['timer'] = ctx.cron('* * * * *', 'add', 1000);
    },
    cancel(ctx): void {
      ctx.cancel(String((ctx.state as Bag)['timer']));
    },
    announce(ctx, value: unknown): void {
      ctx.emit('news', { value, n: (ctx.state as Bag)['n'] });
    },
    bear(ctx, type: string, key: string): void {
      ctx.spawn(type, key);
      addTo(ctx.state as Bag, 'born', 1);
    },
    async bearLater(ctx, type: string, key: string, input: string): Promise<string> {
      ctx.spawn(type, key);
      await ctx.effect('ask', input);
      addTo(ctx.state as Bag, 'born', 1);
      return 'born';
    },
    heed(ctx, type: string, key: string): void {
      ctx.watch(ctx.ref(type, key));
    },
    end(ctx): string {
      ctx.stop();
      return 'ended';
    },
    async endLater(ctx, input: string): Promise<void> {
      await ctx.effect('ask', input);
      ctx.stop();
    },
    order: (ctx, type: string, key: string, handler: string, n: number): Promise<unknown> | undefined =>
      ctx.ref(type, key)[handler]?.(n).catch(codeOf),
  },
  queries: {
    look: (ctx): unknown => ({ ...ctx.state, rows: [...ctx.table('rows').entries()] }),
  },
});

/** Restarts on failure; its hook waits for another actor. */
export const phoenix = actor('phoenix', {
  state: (): Bag => ({ n: 0 }),
  supervise: { onFailure: 'restart', intensity: 2, periodMs: 10_000, backoffMs: [100, 1_000] },
  async restarted(ctx, reason): Promise<void> {
    (ctx.state as Bag)['reason'] = reason;
    (ctx.state as Bag)['seen'] = await ctx.ref('unit', 'a')['look']?.();
  },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    fail(ctx, n: number): void {
      addTo(ctx.state as Bag, 'n', n);
      throw new Error('burnt');
    },
    bear: (ctx, n: number): void => void ctx.spawn('mayfly', `of-${n}`),
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

/** Stops on failure; its `started` waits, and fails for some keys. */
export const mayfly = actor('mayfly', {
  state: (): Bag => ({ n: 0 }),
  supervise: { onFailure: 'stop' },
  async started(ctx): Promise<void> {
    (ctx.state as Bag)['born'] = await ctx.ref('unit', 'a')['add']?.(1);
    if (ctx.key === 'frail') throw new Error('stillborn');
  },
  commands: {
    add: (ctx, n: number): number => addTo(ctx.state as Bag, 'n', n),
    fail(): void {
      throw new Error('dropped');
    },
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

/** A parent whose children restart together; what escalates from it suspends the tenant. */
export const clan = actor('clan', {
  state: (): Bag => ({ n: 0 }),
  supervise: { strategy: 'one-for-all', onFailure: 'escalate', periodMs: 2_000 },
  commands: {
    add(ctx, n: number): number {
      return addTo(ctx.state as Bag, 'n', n);
    },
    bear(ctx, n: number): void {
      ctx.spawn('phoenix', `clan-${n}`);
    },
    fail(): void {
      throw new Error('feud');
    },
  },
  queries: { look: (ctx): unknown => ({ ...ctx.state }) },
});

export const workloadActors = [unit, phoenix, mayfly, clan];

/** What the effect `ask` answers in the workload. */
export function answerOf(_name: string, input: unknown): unknown {
  if (JSON.stringify(input).includes('bad')) throw new Error('no such thing');
  return { answered: input };
}

/** Its failure is its tenant's. */
export const proud = actor('proud', {
  state: () => ({}),
  supervise: { onFailure: 'escalate', periodMs: 60_000 },
  commands: {
    fail(): void {
      throw new Error('hurt');
    },
  },
});
