/**
 * Actors that count how often each numbered command took effect and whether numbers came in order, in
 * every way a command can travel: directly, through an async turn, to another tenant, by timer, by effect.
 */
import { appendFileSync } from 'node:fs';
import { actor, effect } from 'synapse-actors';

/** What an effect is told: the number, and the file that keeps a line for every attempt. */
interface Post {
  readonly n: number;
  readonly file: string;
  readonly tenant: string;
}

async function post({ n, file, tenant }: Post, { idempotencyKey }: { idempotencyKey: string }): Promise<number> {
  appendFileSync(file, `${tenant} ${n} ${idempotencyKey}\n`);
  await new Promise((resolve) => setTimeout(resolve, n % 8)); // so that kills hit the middle
  return n;
}

/** Numbers sort as text when they all have as many digits. */
export const numberKey = (n: number): string => String(n).padStart(12, '0');

interface Marking {
  readonly state: { last: number; swaps: number };
  table<V>(name: string): { get(key: string): V | undefined; set(key: string, value: V): void };
}

function mark(ctx: Marking, n: number): void {
  if (n <= ctx.state.last) ctx.state.swaps += 1;
  ctx.state.last = n;
  count(ctx, 'seen', n);
}

function count(ctx: Marking, table: string, n: number): void {
  const seen = ctx.table<number>(table);
  seen.set(numberKey(n), (seen.get(numberKey(n)) ?? 0) + 1);
}

export const tally = actor('tally', {
  state: () => ({ last: -1, swaps: 0 }),
  mailbox: { limit: 100_000, limitBytes: 64 << 20 },
  // Its own term is short, so that passivation is killed in the middle too.
  idleAfterMs: 200,
  effects: {
    post: effect(post, { retries: 3, backoffMs: [1, 10], timeoutMs: 30_000 }),
    postOnce: effect(post, { retries: 0, timeoutMs: 30_000, afterCrash: 'fail' }),
  },
  commands: {
    take(ctx, n: number): void {
      mark(ctx, n);
    },
    async relay(ctx, n: number, tenant: string, key: string): Promise<void> {
      await ctx.ref(tally, key, tenant).take(n);
      mark(ctx, n);
    },
    forward(ctx, n: number, tenant: string, key: string): void {
      ctx.ref(tally, key, tenant).tell.take(n);
      mark(ctx, n);
    },
    later(ctx, n: number): void {
      ctx.after(n % 50, 'ring', n);
      mark(ctx, n);
    },
    /** Fills the heap until its lane's thread dies of it. */
    die(): void {
      const hoard: unknown[] = [];
      for (;;) hoard.push(Array.from({ length: 100_000 }, (_, i) => ({ i })));
    },
    ring(ctx, n: number): void {
      count(ctx, 'rung', n);
    },
    async post(ctx, n: number, file: string): Promise<void> {
      await ctx.effect('post', { n, file, tenant: ctx.tenant });
      mark(ctx, n);
    },
    async postOnce(ctx, n: number, file: string): Promise<string> {
      let outcome = 'done';
      try {
        await ctx.effect('postOnce', { n, file, tenant: ctx.tenant });
      } catch (error) {
        const { code, details } = error as { code: string; details?: { outcome?: string } };
        outcome = `${code} ${details?.outcome}`;
      }
      mark(ctx, n);
      return outcome;
    },
  },
  queries: {
    swaps: (ctx): number => ctx.state.swaps,
    size: (ctx, table: string): number => ctx.table(table).size,
    /** Entries of a table after the key `after`, at most `limit`, as one list: number, count, number, count … */
    page: (ctx, table: string, after: string, limit: number): readonly number[] => {
      const list: number[] = [];
      for (const [key, times] of ctx.table<number>(table).entries()) {
        if (key <= after) continue;
        list.push(Number(key), times);
        if (list.length >= 2 * limit) break;
      }
      return list;
    },
  },
});
