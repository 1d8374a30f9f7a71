/**
 * Actors in large numbers, for the bench of spawning: idle ones that hold a number, made by a message each, and the
 * skynet of ten children to an actor, which sum up their numbers.
 */
import { actor } from 'synapse-actors';

/** Holds one number; made by its first message. */
export const idler = actor('idler', {
  state: () => ({ value: 0 }),
  commands: {
    keep(ctx, value: number): void {
      ctx.state.value = value;
    },
  },
  // Longer than the bench: what idles must be there to be weighed.
  idleAfterMs: 3_600_000,
});

/** Makes idlers, and counts them. */
export const maker = actor('maker', {
  state: () => ({ made: 0 }),
  commands: {
    make(ctx, count: number): number {
      const from = ctx.state.made;
      for (let i = from; i < from + count; i++) ctx.ref(idler, String(i)).tell.keep(i);
      ctx.state.made += count;
      return ctx.state.made;
    },
    /** So that dead objects are not weighed; only where the process was started with --expose-gc. */
    collect(): boolean {
      const { gc } = globalThis as { gc?: () => void };
      gc?.();
      return gc !== undefined;
    },
  },
});

/** How many children a node of the skynet has. */
const FAN = 10;

/** A node: a leaf answers with its number, others sum up what their children answer. */
export const skynet = actor('skynet', {
  state: () => ({ parent: '', awaited: 0, sum: 0, total: -1 }),
  commands: {
    start(ctx, parent: string, first: number, size: number): void {
      if (size === 1) {
        ctx.ref(skynet, parent).tell.add(first);
        return;
      }
      ctx.state.parent = parent;
      ctx.state.awaited = FAN;
      const part = size / FAN;
      for (let i = 0; i < FAN; i++) {
        const at = first + i * part;
        ctx.ref(skynet, `${part}-${at}`).tell.start(ctx.key, at, part);
      }
    },
    add(ctx, value: number): void {
      ctx.state.sum += value;
      ctx.state.awaited -= 1;
      if (ctx.state.awaited > 0) return;
      if (ctx.state.parent === '') ctx.state.total = ctx.state.sum;
      else ctx.ref(skynet, ctx.state.parent).tell.add(ctx.state.sum);
    },
  },
  queries: {
    total: (ctx) => ctx.state.total,
  },
  idleAfterMs: 3_600_000,
});
