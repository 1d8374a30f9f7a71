/**
 * meter: counts the tokens that a tenant spends on one model against a budget.
 *
 * One actor per tenant and model: the key names the model. What it teaches:
 * - A durable timer. `ctx.after` survives restarts; one that came due while the process was down fires
 *   once after recovery. Each refill sets the next, so there is never more than one.
 * - A timer is an input like any other. With the refill off, nothing here depends on time, and the same
 *   requests always give the same state.
 * - A number that somebody else sends is checked before it is used.
 *
 *   const gpt = system.ref(meter, 'acme', 'small-model');
 *   await gpt.configure({ budget: 100_000, refillMs: 60_000 });   // a hundred thousand tokens a minute
 *   await gpt.use(374, 44);                                       // 99582: what is left
 */
import { actor, Refusal } from 'synapse-actors';

/** Tokens a meter grants before it is configured: enough to try it, too few to hurt. */
const FIRST_BUDGET = 1_000_000;

/** Longest refill interval: a year. */
const REFILL_MAX_MS = 366 * 86_400_000;

/** How much may be spent, and how often it is granted again. */
interface Plan {
  /** Tokens granted by each refill, and at once by `configure`. */
  readonly budget?: number;
  /** Milliseconds between refills; 0 means never. */
  readonly refillMs?: number;
}

function checkWhole(name: string, value: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > most) {
    throw new Refusal(`${name} must be a whole number from 0 to ${most}`, { [name]: value });
  }
}

export const meter = actor('meter', {
  state: () => ({
    budget: FIRST_BUDGET,
    refillMs: 0,
    remaining: FIRST_BUDGET,
    requests: 0,
    contextTokens: 0,
    generatedTokens: 0,
    /** Id of the timer that refills next; empty while the refill is off. */
    timer: '',
  }),
  commands: {
    /** Sets budget and interval, whichever is given, and fills the budget up. */
    configure(ctx, plan: Plan) {
      const { budget = ctx.state.budget, refillMs = ctx.state.refillMs } = plan;
      checkWhole('budget', budget);
      checkWhole('refillMs', refillMs, REFILL_MAX_MS);
      if (ctx.state.timer !== '') ctx.cancel(ctx.state.timer);
      ctx.state.budget = budget;
      ctx.state.refillMs = refillMs;
      ctx.state.remaining = budget;
      ctx.state.timer = refillMs === 0 ? '' : ctx.after(refillMs, 'refill');
    },

    /** Accounts for one request and returns the tokens that are left; refused where it does not fit the budget. */
    use(ctx, contextTokens: number, generatedTokens: number) {
      checkWhole('contextTokens', contextTokens);
      checkWhole('generatedTokens', generatedTokens);
      const tokens = contextTokens + generatedTokens;
      if (tokens > ctx.state.remaining) {
        throw new Refusal('over budget', { tokens, remaining: ctx.state.remaining, refillMs: ctx.state.refillMs });
      }
      ctx.state.remaining -= tokens;
      ctx.state.requests += 1;
      ctx.state.contextTokens += contextTokens;
      ctx.state.generatedTokens += generatedTokens;
      return ctx.state.remaining;
    },

    /** What the timer sends: fills the budget up and sets the next timer. Unused tokens do not add up. */
    refill(ctx) {
      if (ctx.state.refillMs === 0) throw new Refusal('the refill is off');
      if (ctx.state.timer !== '') ctx.cancel(ctx.state.timer); // somebody else called it: still one timer only
      ctx.state.remaining = ctx.state.budget;
      ctx.state.timer = ctx.after(ctx.state.refillMs, 'refill');
    },
  },
  queries: {
    /** Tokens left until the next refill. */
    remaining: (ctx) => ctx.state.remaining,
    /** Everything accounted for so far, over all refills. */
    totals: (ctx) => ({
      requests: ctx.state.requests,
      contextTokens: ctx.state.contextTokens,
      generatedTokens: ctx.state.generatedTokens,
      tokens: ctx.state.contextTokens + ctx.state.generatedTokens,
    }),
    /** The plan in force. */
    plan: (ctx) => ({ budget: ctx.state.budget, refillMs: ctx.state.refillMs }),
  },
});
