/**
 * saga: a transfer between accounts of two tenants that ends in one of two ways, whatever happens.
 *
 *   new -> withdrawing -> depositing -> done
 *               |              |
 *               v              v
 *            refused     compensating -> compensated
 *
 * No transaction spans two tenants. So each step is a turn of its own: it makes one call, writes down
 * what came of it and sets a timer for the next step; both take effect together at the turn's end, so a
 * crash between two steps loses nothing. Where the second half refuses, the first is compensated.
 *
 * A call to another tenant ends in one of three ways. The account did it; or it said no; or nobody knows
 * (`TIMEOUT`: the message may still be on its way). What is not known is asked again with the same id,
 * which the account applies once. So a step may run any number of times. Money that was taken is never
 * given up: depositing or paying back is repeated, ever more slowly, until there is an answer.
 *
 * One saga is one transfer; its key names it. Grants: the saga's tenant needs `withdraw`, `deposit` and
 * `forget` of `account` at both ends, where those are other tenants.
 */
import { actor, Refusal, SynapseError } from 'synapse-actors';
import { account } from './account.ts';

/** First and longest pause before a call whose outcome is not known is made again, in ms. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 300_000;

/** Where a saga stands. */
export type SagaStatus = 'new' | 'withdrawing' | 'depositing' | 'compensating' | 'done' | 'refused' | 'compensated';

/** One end of the transfer. */
export interface Party {
  readonly tenant: string;
  readonly key: string;
}

interface Plan {
  readonly from: Party;
  readonly to: Party;
  /** Cents. */
  readonly amount: number;
  /** Makes the ids of the steps: no other saga has it. */
  readonly id: string;
}

interface Progress {
  status: SagaStatus;
  plan: Plan | undefined;
  /** Calls of the present step whose outcome is not known. */
  doubts: number;
  /** Why it was refused or compensated. */
  reason: string;
}

type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unknown' };

/** What became of a call. `doubts` counts earlier calls that may still arrive, or have. */
async function outcomeOf(call: Promise<unknown>, doubts: number): Promise<Outcome> {
  try {
    await call;
    return { kind: 'done' };
  } catch (error) {
    if (!(error instanceof SynapseError)) throw error;
    // A refusal's words are the account's own; any other error's may differ between hosts, and what is
    // written to the state must not. So of those only the code is kept.
    const reason = error.code === 'REFUSED' ? error.message : error.code;
    const refused: Outcome = { kind: 'refused', reason };
    switch (error.code) {
      // The account itself answered. Messages arrive in order, so it has seen the earlier calls too.
      case 'REFUSED':
      case 'HANDLER_FAILED':
        return refused;
      // This call never reached the account; an earlier one may have.
      case 'DENIED':
      case 'UNKNOWN_ACTOR':
      case 'UNKNOWN_HANDLER':
      case 'INVALID_ADDRESS':
        return doubts === 0 ? refused : { kind: 'unknown' };
      default:
        return { kind: 'unknown' };
    }
  }
}

/** Where a step leads once its outcome is known. A refused payment back is tried again: the money is owed. */
const NEXT: Readonly<Record<string, Readonly<Record<'done' | 'refused', SagaStatus>>>> = {
  withdrawing: { done: 'depositing', refused: 'refused' },
  depositing: { done: 'done', refused: 'compensating' },
  compensating: { done: 'compensated', refused: 'compensating' },
};

function samePlan(plan: Plan, from: Party, to: Party, amount: number): boolean {
  return (
    plan.amount === amount &&
    plan.from.tenant === from.tenant &&
    plan.from.key === from.key &&
    plan.to.tenant === to.tenant &&
    plan.to.key === to.key
  );
}

export const saga = actor('saga', {
  state: (): Progress => ({ status: 'new', plan: undefined, doubts: 0, reason: '' }),
  commands: {
    /** Begins the transfer and returns its status. Said again, it changes nothing; another transfer needs another key. */
    start(ctx, from: Party, to: Party, amount: number): SagaStatus {
      const { plan } = ctx.state;
      if (plan !== undefined) {
        if (!samePlan(plan, from, to, amount)) throw new Refusal('this saga is about another transfer', { plan });
        return ctx.state.status;
      }
      if (!Number.isSafeInteger(amount) || amount <= 0)
        throw new Refusal('the amount must be a positive number of whole cents', { amount });
      ctx.state.plan = { from: { ...from }, to: { ...to }, amount, id: ctx.uuid() };
      ctx.state.status = 'withdrawing';
      ctx.after(0, 'advance');
      return ctx.state.status;
    },

    /** What the timers send: one step. */
    async advance(ctx): Promise<void> {
      const { status, plan, doubts } = ctx.state;
      const next = NEXT[status];
      if (plan === undefined || next === undefined) return; // it has ended: a late timer has nothing to do
      const payer = ctx.ref(account, plan.from.key, plan.from.tenant);
      const payee = ctx.ref(account, plan.to.key, plan.to.tenant);
      const call =
        status === 'withdrawing'
          ? payer.withdraw(plan.amount, `${plan.id}-out`)
          : status === 'depositing'
            ? payee.deposit(plan.amount, `${plan.id}-in`)
            : payer.deposit(plan.amount, `${plan.id}-back`);
      const outcome = await outcomeOf(call, doubts);
      if (outcome.kind === 'unknown' || next[outcome.kind] === status) {
        ctx.state.doubts = doubts + 1;
        ctx.after(Math.min(RETRY_MS * 2 ** doubts, RETRY_MAX_MS), 'advance');
        return;
      }
      if (outcome.kind === 'refused') ctx.state.reason = outcome.reason;
      ctx.state.status = next[outcome.kind];
      ctx.state.doubts = 0;
      if (NEXT[ctx.state.status] !== undefined) {
        ctx.after(0, 'advance');
        return;
      }
      ctx.emit('transfers', { key: ctx.key, status: ctx.state.status, reason: ctx.state.reason });
      // Nothing will be asked again: the accounts need not remember the ids.
      payer.tell.forget([`${plan.id}-out`, `${plan.id}-back`]);
      payee.tell.forget([`${plan.id}-in`]);
    },
  },
  queries: {
    status: (ctx) => ctx.state.status,
    /** Status, reason and the plan. */
    report: (ctx) => ({ status: ctx.state.status, reason: ctx.state.reason, plan: ctx.state.plan }),
  },
});
