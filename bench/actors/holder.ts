/**
 * An actor that holds much and changes little, for the bench of scale: what a command costs should go by
 * what it changed.
 */
import { actor } from 'synapse-actors';

/** Holds bytes, and counts beside them. */
export const holder = actor('holder', {
  state: () => ({ count: 0, held: new Uint8Array(0) }),
  commands: {
    hold(ctx, sizeBytes: number): number {
      ctx.state.held = new Uint8Array(sizeBytes).fill(7);
      return sizeBytes;
    },
    increment(ctx): number {
      ctx.state.count += 1;
      return ctx.state.count;
    },
  },
  queries: {
    count: (ctx) => ctx.state.count,
  },
});
