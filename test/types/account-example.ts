/**
 * The example of the public interface, word for word, with a stub for the mail service. It holds no
 * test of its own: it compiles, or the build fails. The other type tests look at what it infers.
 */
import { actor, effect, Refusal } from 'synapse-actors';

async function send(
  input: { to: string; text: string },
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<{ id: string }> {
  signal.throwIfAborted();
  return { id: `${idempotencyKey} to ${input.to}` };
}

// prettier-ignore
export const account = actor('account', {
  version: 1,
  state: () => ({ balance: 0, history: [] as readonly number[] }),
  effects: {
    mail: effect(async (input: { to: string; text: string }, { idempotencyKey, signal }) => send(input, idempotencyKey, signal),
      { retries: 3, backoffMs: [100, 5_000], timeoutMs: 10_000 }),
  },
  commands: {
    deposit(ctx, amount: number) {                       // synchronous or async
      if (amount <= 0) throw new Refusal('amount must be positive', { amount });
      ctx.state.balance += amount;                       // top-level keys are assignable;
      ctx.state.history = [...ctx.state.history, amount]; // what lies under them is frozen
      return ctx.state.balance;
    },
    async transfer(ctx, to: string, amount: number): Promise<void> {   // annotated: it names its own actor
      if (ctx.state.balance < amount) throw new Refusal('insufficient funds');
      ctx.state.balance -= amount;
      await ctx.ref(account, to).deposit(amount);        // same tenant unless a third argument names another
    },
    async notify(ctx, text: string) {
      return ctx.effect('mail', { to: ctx.key, text });
    },
  },
  queries: {
    balance: (ctx) => ctx.state.balance,                 // writing is a type error and throws
  },
  supervise: { strategy: 'one-for-one', onFailure: 'resume', intensity: 3, periodMs: 60_000, backoffMs: [50, 5_000] },
  mailbox: { limit: 10_000, limitBytes: 16 << 20 },
  idleAfterMs: 60_000,
});
