/** Every feature in one module: the actors of the kernel's workload, ambient values, strict's friends, a hardened actor. */
import { randomBytes, randomInt } from 'node:crypto';
import { actor } from 'synapse-actors';

export { clan, mayfly, phoenix, unit } from '../host/workload-actors.ts';

/** Clocks and chance through every door that a lane has for them; no text of a locale, whose tables differ by Node. */
export const drawer = actor('drawer', {
  state: () => ({ drawn: [] as readonly unknown[] }),
  commands: {
    draw(ctx): number {
      const drawn = [
        [Math.random(), ctx.random(), randomInt(1_000), randomBytes(4).toString('hex')],
        [crypto.randomUUID(), ctx.uuid(), [...crypto.getRandomValues(new Uint8Array(4))]],
        [Date.now(), new Date().toISOString(), performance.now(), performance.timeOrigin, process.hrtime(), ctx.now()],
        [String(new Date(0)), new Date(2024, 6, 1).getTime(), Date.parse('2024-07-01T00:00')],
        ['ä'.localeCompare('z'), new Set([1]), new Map([['k', new Date(1)]]), -0, 10n ** 30n, new Uint8Array([1])],
      ];
      ctx.state.drawn = [...ctx.state.drawn.slice(-3), drawn];
      return ctx.state.drawn.length;
    },
    async drawLater(ctx, key: string): Promise<number> {
      const before = Math.random();
      await ctx.ref('unit', key)['add']!(1);
      ctx.state.drawn = [before, Math.random(), Date.now()];
      return 1;
    },
    reach(): unknown {
      return setTimeout(() => undefined, 1);
    },
  },
});

/** What the compiler takes the endowment below for; nobody gives it a value here. */
declare const rate: number;

/** A hardened actor with an endowment. */
export const walled = actor('walled', {
  hardened: true,
  endowments: { rate: 3 },
  state: () => ({ n: 0, at: new Date(0) }),
  commands: {
    add(ctx, by: number): number {
      ctx.state.n += by * rate;
      ctx.state.at = new Date(ctx.now());
      return ctx.state.n;
    },
    async hop(ctx, key: string): Promise<number> {
      ctx.state.n += (await ctx.ref('unit', key)['add']!(1)) as number;
      return ctx.state.n;
    },
  },
  queries: { n: (ctx): number => ctx.state.n },
});
