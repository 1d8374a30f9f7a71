/**
 * counter: the smallest useful actor, and the one to read first.
 *
 * An actor type is a name and a definition. `state` makes what a new actor starts with. A command may
 * change it: each runs as a turn, one after the other, and a turn that throws leaves no trace. A query
 * only reads. Arguments and results are inferred, so `ref.increment('2')` does not compile.
 *
 *   const visits = system.ref(counter, 'acme', 'front-door');   // tenant, key: made by its first message
 *   await visits.increment();                                   // 1, and on disk
 */
import { actor, Refusal } from 'synapse-actors';

export const counter = actor('counter', {
  state: () => ({ count: 0 }),
  commands: {
    /** Adds `by`, which may be negative, and returns the new count. */
    increment(ctx, by: number = 1) {
      const count = ctx.state.count + by;
      // A refusal is an expected outcome: the caller gets `REFUSED` and no supervisor hears of it.
      if (!Number.isSafeInteger(count)) throw new Refusal('the count must stay a whole number', { by });
      ctx.state.count = count;
      return count;
    },
    /** Starts again from 0 and returns what had been counted. */
    reset(ctx) {
      const { count } = ctx.state;
      ctx.state.count = 0;
      return count;
    },
  },
  queries: {
    count: (ctx) => ctx.state.count,
  },
});
