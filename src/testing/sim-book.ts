/**
 * Books and wisps: actors of the simulator's workload whose every answer can be judged. They keep lists of
 * tokens that nobody uses twice, so what is missing, doubled, out of order or not taken back shows.
 *
 * A book never ends: what users enter, what other books send it and what its alarms ring stand in lists
 * of their own. A wisp may vanish at any moment, and the next one of its name knows nothing of it.
 */
import { actor } from '../actor/definition.ts';
import { effect } from '../actor/effect-definition.ts';
import { Refusal } from '../base/error.ts';
import type { CommandContext } from '../actor/context-types.ts';
import type { Chance } from './chance.ts';
import type { SimulatedOperation } from './sim-operation.ts';

/** What a book tells of itself. */
export interface BookPage {
  /** Steps of the tenant that it shows. */
  readonly seq: number;
  readonly entries: readonly (readonly [token: string, nowMs: number])[];
  /** The table's copy of the entries' tokens, by index. */
  readonly lines: readonly (readonly [index: string, token: string])[];
  /** Letters to others so far, by `tenant/key`. */
  readonly sent: Readonly<Record<string, number>>;
  readonly mail: readonly (readonly [from: string, number: number])[];
  readonly alarms: Readonly<Record<string, number>>;
  readonly disarmed: readonly string[];
  readonly rings: readonly (readonly [token: string, nowMs: number])[];
}

/** The state of a book; what of it shows stands in {@link BookPage}. */
export interface BookState {
  entries: BookPage['entries'];
  sent: BookPage['sent'];
  mail: BookPage['mail'];
  /** Due times by token. */
  alarms: BookPage['alarms'];
  ids: Readonly<Record<string, string>>;
  disarmed: readonly string[];
  rings: BookPage['rings'];
}

const ask = effect((input: unknown) => input, { retries: 2, backoffMs: [20, 200], timeoutMs: 1_000 });

type BookContext = Pick<CommandContext<BookState, unknown>, 'state' | 'table' | 'now'>;

/** Enters a token in the state and in the table; gives its index. */
function enter(ctx: BookContext, token: string): number {
  const index = ctx.state.entries.length;
  ctx.state.entries = [...ctx.state.entries, [token, ctx.now()]];
  ctx.table('lines').set(String(index), token);
  return index;
}

function thinkBetter(how: string): never {
  if (how === 'refuse') throw new Refusal('struck');
  throw new TypeError('struck');
}

export const book = actor('book', {
  state: (): BookState => ({ entries: [], sent: {}, mail: [], alarms: {}, ids: {}, disarmed: [], rings: [] }),
  effects: { ask },
  idleAfterMs: 2_000,
  commands: {
    enter: (ctx, token: string): number => enter(ctx, token),
    async enterLate(ctx, token: string, input: string): Promise<number> {
      const index = enter(ctx, token);
      await ctx.effect('ask', [input, ctx.seq]).catch(() => undefined);
      return index;
    },
    strike(ctx, token: string, how: string): void {
      enter(ctx, token);
      thinkBetter(how);
    },
    async strikeLate(ctx, token: string, how: string): Promise<void> {
      enter(ctx, token);
      await ctx.effect('ask', ['good', ctx.seq]).catch(() => undefined);
      thinkBetter(how);
    },
    post(ctx, tenant: string, key: string): number {
      const to = `${tenant}/${key}`;
      const number = (ctx.state.sent[to] ?? 0) + 1;
      ctx.state.sent = { ...ctx.state.sent, [to]: number };
      ctx.ref('book', key, tenant).tell['deliver']?.(`${ctx.tenant}/${ctx.key}`, number);
      return number;
    },
    deliver(ctx, from: string, number: number): void {
      ctx.state.mail = [...ctx.state.mail, [from, number]];
    },
    alarm(ctx, token: string, ms: number): void {
      ctx.state.alarms = { ...ctx.state.alarms, [token]: ctx.now() + ms };
      ctx.state.ids = { ...ctx.state.ids, [token]: ctx.after(ms, 'ring', token) };
    },
    /** Silences the latest alarm, unless it is due: its ring may wait for the book already. */
    disarm(ctx): string | undefined {
      const token = Object.keys(ctx.state.ids).at(-1);
      if (token === undefined || (ctx.state.alarms[token] ?? 0) <= ctx.now()) return undefined;
      ctx.cancel(ctx.state.ids[token] ?? '');
      ctx.state.disarmed = [...ctx.state.disarmed, token];
      ctx.state.ids = without(ctx.state.ids, token);
      return token;
    },
    ring(ctx, token: string): void {
      ctx.state.rings = [...ctx.state.rings, [token, ctx.now()]];
      ctx.state.ids = without(ctx.state.ids, token);
    },
  },
  queries: {
    read: (ctx): BookPage => {
      const { entries, sent, mail, alarms, disarmed, rings } = ctx.state;
      return {
        seq: ctx.seq,
        entries,
        sent,
        mail,
        alarms,
        disarmed,
        rings,
        lines: [...ctx.table<string>('lines').entries()],
      } as BookPage;
    },
  },
});

function without(ids: Readonly<Record<string, string>>, token: string): Record<string, string> {
  return Object.fromEntries(Object.entries(ids).filter(([name]) => name !== token));
}

/** What a wisp tells of itself. */
export interface WispPage {
  readonly seq: number;
  readonly tokens: readonly string[];
  /** Tokens of alarms that rang, with whether the wisp that hears them has set them. */
  readonly rings: readonly (readonly [token: string, isOwn: boolean])[];
}

/** The state of a wisp. */
export interface WispState {
  tokens: readonly string[];
  set: readonly string[];
  rings: WispPage['rings'];
}

export const wisp = actor('wisp', {
  state: (): WispState => ({ tokens: [], set: [], rings: [] }),
  idleAfterMs: 2_000,
  commands: {
    put(ctx, token: string): number {
      ctx.state.tokens = [...ctx.state.tokens, token];
      ctx.table('lines').set(token, ctx.seq);
      return ctx.state.tokens.length - 1;
    },
    alarm(ctx, token: string, ms: number): void {
      ctx.state.set = [...ctx.state.set, token];
      ctx.after(ms, 'ring', token);
    },
    ring(ctx, token: string): void {
      ctx.state.rings = [...ctx.state.rings, [token, ctx.state.set.includes(token)]];
    },
    vanish(ctx): void {
      ctx.stop();
    },
  },
  queries: {
    read: (ctx): WispPage => ({ seq: ctx.seq, tokens: ctx.state.tokens, rings: ctx.state.rings }) as WispPage,
  },
});

type Call = readonly [type: string, key: string, handler: string, ...args: unknown[]];

const KEYS = ['x', 'y'] as const;
const INPUTS = ['good', 'good', 'shaky', 'bad'] as const;
const HOW = ['refuse', 'fail'] as const;
const WAITS_MS = [0, 20, 400, 5_000] as const;

/** What users do with books and wisps. `token` is nobody else's. */
export function drawBookCall(chance: Chance, tenant: string, tenants: readonly string[], token: string): Call {
  const key = chance.one(KEYS);
  // In one tenant only: what escalates suspends it, and then its letters may be refused.
  const fail = (): Call => (tenant === tenants.at(-1) ? ['phoenix', 'x', 'fail', 1] : ['book', key, 'enter', token]);
  const calls: readonly (() => Call)[] = [
    () => ['book', key, 'enter', token],
    () => ['book', key, 'enter', token],
    () => ['book', key, 'enterLate', token, chance.one(INPUTS)],
    () => ['book', key, 'strike', token, chance.one(HOW)],
    () => ['book', key, 'strikeLate', token, chance.one(HOW)],
    () => ['book', key, 'post', chance.one(tenants), chance.one(KEYS)],
    () => ['book', key, 'post', chance.one(tenants), chance.one(KEYS)],
    () => ['book', key, 'alarm', token, chance.one(WAITS_MS)],
    () => ['book', key, 'disarm'],
    () => ['book', key, 'read'],
    () => ['book', key, 'read'],
    () => ['wisp', key, 'put', token],
    () => ['wisp', key, 'put', token],
    () => ['wisp', key, 'alarm', token, chance.one(WAITS_MS)],
    () => ['wisp', key, 'vanish'],
    ...Array.from({ length: 3 }, () => fail),
    () => ['wisp', key, 'read'],
  ];
  return chance.one(calls)();
}

/**
 * How long the first of the survey thinks before it begins, and the second after that, ms: longer than most
 * users need with all their thoughts, and shorter than the silence after which a run is over.
 */
const REST_MS = 140_000;

/** Commands asked again at the end: enough to meet some from before the last crash. */
const ASKED_AGAIN = 6;

/**
 * What two more users do when all is quiet. The first asks some commands again, with their keys; the
 * second, when all is quiet once more, reads every book, wisp and unit that anybody wrote in.
 */
export function surveyOf(
  operations: readonly SimulatedOperation[],
  firstUser: number,
  chance: Chance,
): SimulatedOperation[] {
  const keyed = operations.filter(({ idempotencyKey, tell }) => idempotencyKey !== undefined && tell !== true);
  const again = Array.from({ length: Math.min(ASKED_AGAIN, keyed.length) }, (_, index): SimulatedOperation => {
    const { pauseMs: _pause, ...operation } = chance.one(keyed);
    return { ...operation, process: firstUser, ...(index === 0 ? { pauseMs: REST_MS } : {}) };
  });
  const reads = new Map<string, SimulatedOperation>();
  const read = (tenant: string, type: string, key: string, handler = 'read'): void => {
    const pause = reads.size === 0 ? { pauseMs: 2 * REST_MS } : {};
    const name = `${tenant}/${type}/${key}`;
    if (reads.has(name)) return;
    reads.set(name, { process: firstUser + 1, tenant, type, key, handler, args: [], ...pause });
  };
  for (const { tenant, type, key, handler, args } of operations) {
    if (type === 'book' || type === 'wisp') read(tenant, type, key);
    if (type === 'unit') read(tenant, type, key, 'look');
    if (handler === 'post') read(String(args[0]), 'book', String(args[1]));
  }
  return [...again, ...reads.values()];
}
