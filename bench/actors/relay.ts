/**
 * Two actors of two tenants, for the bench of lanes: one sends a burst to the other. The bytes are made once and
 * kept, so that what is measured is the way between the lanes.
 */
import { actor } from 'synapse-actors';

/** Counts what arrives, in messages and bytes. */
export const sink = actor('sink', {
  state: () => ({ messages: 0, bytes: 0 }),
  commands: {
    take(ctx, payload: Uint8Array): void {
      ctx.state.messages += 1;
      ctx.state.bytes += payload.length;
    },
  },
  queries: {
    messages: (ctx) => ctx.state.messages,
    bytes: (ctx) => ctx.state.bytes,
  },
});

/** Sends bursts to the sink of another tenant. */
export const source = actor('source', {
  state: () => ({ sent: 0 }),
  commands: {
    burst(ctx, to: string, count: number, sizeBytes: number): number {
      const payload = new Uint8Array(sizeBytes).fill(7);
      const { tell } = ctx.ref(sink, 'one', to);
      for (let i = 0; i < count; i++) tell.take(payload);
      ctx.state.sent += count;
      return ctx.state.sent;
    },
  },
});
