/** Actors for the end-to-end tests of the command line: one of each kind of answer. */
import { actor, type ActorType, Refusal } from 'synapse-actors';

/** Keeps a sum and the order in which amounts came. */
export const till: ActorType = actor('till', {
  state: () => ({ sum: 0, amounts: [] as readonly number[] }),
  commands: {
    add(ctx, amount: number) {
      if (amount < 0) throw new Refusal('amount must not be negative', { amount });
      ctx.state.sum += amount;
      ctx.state.amounts = [...ctx.state.amounts.slice(-99), amount];
      return ctx.state.sum;
    },
    fail() {
      throw new TypeError('broken on purpose');
    },
    nothing() {},
    values: () => [1n, -0, new Map([['a', new Set([1])]]), new Date(0), new Uint8Array([0, 1]), undefined],
    echo: (_ctx, value: unknown) => value,
  },
  queries: {
    sum: (ctx) => ctx.state.sum,
    amounts: (ctx) => ctx.state.amounts,
  },
});

/** Its mailbox holds one message. */
export const narrow: ActorType = actor('narrow', {
  state: () => ({ seen: [] as readonly number[] }),
  commands: {
    see(ctx, place: number) {
      ctx.state.seen = [...ctx.state.seen, place];
      return ctx.state.seen.length;
    },
  },
  queries: { seen: (ctx) => ctx.state.seen },
  mailbox: { limit: 1 },
});
