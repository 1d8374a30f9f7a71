/**
 * A simple actor for tests of broken disks: a list of numbers, once each; a payload to fill disks with;
 * tells to other tenants, timers, effects and events, so that every kind of output is in a short run.
 */
import { actor, effect } from 'synapse-actors';

export const shelf = actor('shelf', {
  state: () => ({ numbers: [] as readonly number[], weight: '', heard: 0, rung: 0, answers: [] as readonly string[] }),
  effects: {
    ask: effect(async (question: string): Promise<string> => `answer to ${question}`),
  },
  commands: {
    put(ctx, n: number, weight?: string): number {
      ctx.state.numbers = [...ctx.state.numbers, n];
      ctx.state.weight = weight ?? '';
      ctx.emit('put', n);
      return ctx.state.numbers.length;
    },
    /** One table entry for each number. */
    store(ctx, n: number, text: string): void {
      ctx.table<string>('texts').set(`n${n}`, text);
    },
    tellOther(ctx, tenant: string): void {
      ctx.ref(shelf, 'one', tenant).tell.hear();
      ctx.state.heard += 100;
    },
    async callOther(ctx, tenant: string): Promise<void> {
      await ctx.ref(shelf, 'one', tenant).hear();
      ctx.state.heard += 1_000;
    },
    hear(ctx): void {
      ctx.state.heard += 1;
    },
    wait(ctx, ms: number): void {
      ctx.after(ms, 'ring');
    },
    ring(ctx): void {
      ctx.state.rung += 1;
    },
    async ask(ctx, question: string): Promise<string> {
      const answer = await ctx.effect('ask', question);
      ctx.state.answers = [...ctx.state.answers, answer];
      return answer;
    },
  },
  queries: {
    numbers: (ctx): readonly number[] => ctx.state.numbers,
    text: (ctx, n: number): string | undefined => ctx.table<string>('texts').get(`n${n}`),
    all: (ctx) => ({ ...ctx.state }),
  },
});
