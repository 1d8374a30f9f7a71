/**
 * account: a ledger entry that holds money, in whole cents, and can send it to another account.
 *
 * What it teaches:
 * - A refusal (`Refusal`) rolls its turn back, so a check may stand anywhere in a command.
 * - A transfer inside the tenant is atomic without further care: both accounts change in one step, and
 *   where the other account refuses, the error thrown here undoes the withdrawal.
 * - A transfer to another tenant takes a grant and leaves the step. Its answer may be an honest "no"
 *   (then all is undone here) or `TIMEOUT`, which says that the deposit may still happen. Then the
 *   money must not come back by itself: it stays withdrawn and is listed as unsettled. Where such
 *   transfers have to settle themselves, use saga.ts.
 * - An `id` makes a repeat harmless, however often it is sent and over however many calls.
 * - A state is rewritten as a whole key, so the history is bounded; what may grow lies in tables.
 */
import { actor, Refusal, SynapseError } from 'synapse-actors';

/** Changes of the balance that are kept, newest last: enough for a statement, small enough to rewrite. */
const HISTORY_LIMIT = 20;

/** Money that left for another tenant and whose arrival is not known. */
interface Unsettled {
  readonly tenant: string;
  readonly to: string;
  readonly amount: number;
}

/** What an account keeps in `state`. */
interface Ledger {
  /** Cents. */
  balance: number;
  /** The latest changes in cents, newest last. */
  history: readonly number[];
}

// Behaviour that several commands share is a plain function of the state.
function change(ledger: Ledger, amount: number): number {
  ledger.balance += amount;
  ledger.history = [...ledger.history, amount].slice(-HISTORY_LIMIT);
  return ledger.balance;
}

function checkAmount(amount: number): void {
  if (!Number.isSafeInteger(amount) || amount <= 0)
    throw new Refusal('the amount must be a positive number of whole cents', { amount });
}

function checkFunds(ledger: Readonly<Ledger>, amount: number): void {
  if (ledger.balance < amount) throw new Refusal('insufficient funds', { balance: ledger.balance, amount });
}

export const account = actor('account', {
  state: (): Ledger => ({ balance: 0, history: [] }),
  commands: {
    /** Adds `amount` cents and returns the balance. With an `id`, at most once. */
    deposit(ctx, amount: number, id?: string) {
      checkAmount(amount);
      const done = ctx.table<number>('done');
      if (id !== undefined && done.has(id)) return ctx.state.balance;
      if (id !== undefined) done.set(id, amount);
      return change(ctx.state, amount);
    },

    /** Takes `amount` cents and returns the balance; refused where the balance is smaller. With an `id`, at most once. */
    withdraw(ctx, amount: number, id?: string) {
      checkAmount(amount);
      const done = ctx.table<number>('done');
      if (id !== undefined && done.has(id)) return ctx.state.balance;
      checkFunds(ctx.state, amount);
      if (id !== undefined) done.set(id, -amount);
      return change(ctx.state, -amount);
    },

    /** Forgets ids that will not be repeated any more, so that their table does not grow for ever. */
    forget(ctx, ids: readonly string[]) {
      for (const id of ids) ctx.table<number>('done').delete(id);
    },

    /**
     * Sends `amount` cents to the account `to`, of this tenant or of `tenant`.
     * Resolves to `'arrived'`, or to `'unsettled'` when the other tenant did not answer in time.
     */
    async transfer(ctx, to: string, amount: number, tenant: string = ctx.tenant): Promise<'arrived' | 'unsettled'> {
      checkAmount(amount);
      checkFunds(ctx.state, amount);
      if (to === ctx.key && tenant === ctx.tenant) throw new Refusal('an account cannot pay itself');
      const id = ctx.uuid();
      change(ctx.state, -amount);
      try {
        await ctx.ref(account, to, tenant).deposit(amount);
        return 'arrived';
      } catch (error) {
        if (!(error instanceof SynapseError) || error.code !== 'TIMEOUT') throw error;
        ctx.table<Unsettled>('unsettled').set(id, { tenant, to, amount });
        return 'unsettled';
      }
    },

    /** Strikes an unsettled transfer off the list, and takes the money back where it did not arrive. */
    settle(ctx, id: string, arrived: boolean) {
      const unsettled = ctx.table<Unsettled>('unsettled');
      const transfer = unsettled.get(id);
      if (transfer === undefined) throw new Refusal('no such transfer', { id });
      unsettled.delete(id);
      return arrived ? ctx.state.balance : change(ctx.state, transfer.amount);
    },
  },
  queries: {
    /** Cents. */
    balance: (ctx) => ctx.state.balance,
    /** The latest changes in cents, newest last. */
    history: (ctx) => ctx.state.history,
    /** Transfers to other tenants whose arrival is not known, by id. */
    unsettled: (ctx) => new Map(ctx.table<Unsettled>('unsettled').entries()),
  },
});
