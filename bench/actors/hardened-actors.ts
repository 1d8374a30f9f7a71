/** The same handlers twice, plain and hardened, for bench/hardened.ts. */
import { actor } from 'synapse-actors';

export const plain = actor('plain', {
  state: () => ({ n: 0 }),
  commands: {
    add: (ctx, by: number): number => (ctx.state.n += by),
    // Names of the language in a loop: those are looked up through the Compartment's global object.
    compute(ctx, count: number): number {
      const seen = new Map<number, number>();
      for (let i = 0; i < count; i++) seen.set(i % 16, Math.imul(i, 3) + Number(seen.get(i % 16) ?? 0));
      ctx.state.n = seen.size;
      return ctx.state.n;
    },
  },
});

export const hardened = actor('hardened', {
  hardened: true,
  state: () => ({ n: 0 }),
  commands: {
    add: (ctx, by: number): number => (ctx.state.n += by),
    compute(ctx, count: number): number {
      const seen = new Map<number, number>();
      for (let i = 0; i < count; i++) seen.set(i % 16, Math.imul(i, 3) + Number(seen.get(i % 16) ?? 0));
      ctx.state.n = seen.size;
      return ctx.state.n;
    },
  },
});
