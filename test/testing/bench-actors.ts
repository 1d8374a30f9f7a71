/** Actors for the tests of `testSystem`; loaded by URL, as a user's are. */
import { Refusal, actor, effect } from 'synapse-actors';

export const desk = actor('desk', {
  state: () => ({ log: [] as readonly unknown[] }),
  effects: {
    ask: effect((input: string) => `the world says ${input}`, { retries: 2, backoffMs: [100, 1_000] }),
    once: effect((input: string) => input, { afterCrash: 'fail' }),
  },
  commands: {
    note(ctx, what: unknown): number {
      ctx.state.log = [...ctx.state.log, [what, ctx.now()]];
      return ctx.state.log.length;
    },
    later(ctx, ms: number, what: unknown): string {
      return ctx.after(ms, 'note', what);
    },
    async ask(ctx, input: string): Promise<string> {
      const answer = await ctx.effect('ask', input);
      ctx.state.log = [...ctx.state.log, [answer, ctx.now()]];
      return answer;
    },
    once: (ctx, input: string): Promise<string> => ctx.effect('once', input),
    refuse(): void {
      throw new Refusal('no', { why: 'test' });
    },
    draw: (ctx): number[] => [ctx.random(), Math.random()],
    ambient(_ctx, what: string): unknown {
      if (what === 'date') return [Date.now(), new Date().getTime(), performance.now()];
      if (what === 'timeout') return setTimeout(() => undefined, 1);
      if (what === 'immediate') return setImmediate(() => undefined);
      return fetch('http://localhost');
    },
    async ambientLater(ctx): Promise<unknown> {
      await ctx.ref('desk', 'other')['note']?.('x');
      return [Date.now() === ctx.now(), typeof setTimeout];
    },
    async cross(ctx, tenant: string): Promise<unknown> {
      return ctx.ref('desk', 'd', tenant)['note']?.('crossed');
    },
    emit(ctx, value: unknown): void {
      ctx.emit('news', value);
    },
  },
  queries: {
    log: (ctx): readonly unknown[] => ctx.state.log as readonly unknown[],
    whats: (ctx): unknown[] => (ctx.state.log as readonly [unknown, number][]).map(([what]) => what),
    date: (): number => Date.now(),
  },
});
