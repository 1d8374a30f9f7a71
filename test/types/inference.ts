/**
 * What TypeScript infers from definitions, proven by compiling: each element of `Proven` is an error
 * unless the inferred type is exactly the one written beside it.
 */
import {
  actor,
  type ActorType,
  addressOf,
  type CommandContext,
  effect,
  type ReadonlyDate,
  type Ref,
  type UntypedRef,
} from 'synapse-actors';
import type { account } from './account-example.ts';
import type { Equal, Expect } from './expect.ts';

type Account = Ref<typeof account>;

interface Note {
  readonly text: string;
  tags: string[];
}

/** `exactly<T>()(value)` compiles only where the type of `value` is T and nothing else. */
function exactly<T>(): <V>(value: V, ...proof: Equal<V, T> extends true ? [] : [never]) => void {
  return () => undefined;
}

const wide = actor('wide', {
  version: 2,
  state: () => ({
    count: 0,
    note: { text: '', tags: [] } as Note,
    when: new Date(0),
    byName: new Map<string, number[]>(),
    names: new Set<string>(),
    bytes: new Uint8Array(),
    big: 1n,
    later: undefined as string | undefined,
    pair: [1, 'a'] as [number, string],
  }),
  effects: {
    mail: effect(async (input: { to: string }) => ({ id: input.to.length })),
    ping: effect(async () => 'pong' as const),
    plain: effect((input?: number) => input ?? 0, { afterCrash: 'fail' }),
  },
  commands: {
    none: () => 'pong',
    unannotated: (_ctx, x) => x,
    optional: (ctx, by?: number, ...more: string[]) => (ctx.state.count += (by ?? 1) + more.length),
    nested(ctx) {
      exactly<number>()(ctx.state.count);
      exactly<{ readonly text: string; readonly tags: readonly string[] }>()(ctx.state.note);
      exactly<ReadonlyDate>()(ctx.state.when);
      exactly<ReadonlyMap<string, readonly number[]>>()(ctx.state.byName);
      exactly<ReadonlySet<string>>()(ctx.state.names);
      exactly<Uint8Array<ArrayBuffer>>()(ctx.state.bytes);
      exactly<bigint>()(ctx.state.big);
      exactly<string | undefined>()(ctx.state.later);
      exactly<readonly [number, string]>()(ctx.state.pair);
      // Mutable values may be assigned to top-level keys, fresh Dates and Maps included.
      ctx.state.when = new Date(ctx.now());
      ctx.state.byName = new Map();
      ctx.state.note = { ...ctx.state.note, tags: [...ctx.state.note.tags, 'x'] };
      return ctx.state.note;
    },
    async effects(ctx) {
      const sent = await ctx.effect('mail', { to: ctx.key });
      exactly<{ id: number }>()(sent);
      exactly<'pong'>()(await ctx.effect('ping'));
      exactly<number>()(await ctx.effect('plain'));
      exactly<number>()(await ctx.effect('plain', 3));
      return sent;
    },
    members(ctx) {
      exactly<string>()(ctx.tenant);
      exactly<number>()(ctx.seq);
      exactly<number>()(ctx.random());
      exactly<string>()(ctx.uuid());
      exactly<string>()(ctx.after(10, 'none'));
      exactly<string>()(ctx.cron('* * * * *', 'optional', 1));
      exactly<string | undefined>()(ctx.sender.principal);
      exactly<UntypedRef>()(ctx.ref('other', 'key', 'tenant'));
      exactly<Account>()(ctx.ref<typeof account>('account', 'key'));
      exactly<Note | undefined>()(ctx.table<Note>('notes').get('a'));
      ctx.log.info('seen', { key: ctx.key });
    },
    async named(ctx, to: string): Promise<number> {
      const other = ctx.ref(wide, to);
      exactly<Ref<typeof wide>>()(other);
      const child = ctx.spawn(wide, `${to}-child`);
      ctx.watch(child);
      child.tell.none();
      return other.with({ timeoutMs: 10 }).total();
    },
  },
  queries: {
    total: (ctx) => ctx.state.count,
    plus: (ctx, by: number = 1) => ctx.state.count + by,
    note: (ctx) => ctx.state.note,
    size: (ctx) => ctx.table('notes').size,
    fails: () => {
      throw new Error('always');
    },
  },
  started(ctx) {
    ctx.state.count = 1;
  },
  restarted(ctx, reason) {
    exactly<string>()(reason);
    ctx.state.count = 2;
  },
  terminated(ctx, ref) {
    ctx.state.later = addressOf(ref).key;
  },
  migrate: { 1: (old) => ({ count: old['n'] }) },
});

const lazy = actor('lazy', {
  state: () => ({}),
  effects: () => import('./mail-effects.ts'),
  commands: {
    post: (ctx, to: string) => ctx.effect('mail', { to }),
  },
});

const readable = actor('readable', { state: () => ({ n: 1 }), queries: { n: (ctx) => ctx.state.n } });

type Wide = Ref<typeof wide>;

/** The proofs; their number stands beside them, so that none goes missing. */
type Proven = [
  // The example of the public interface.
  Expect<Equal<Account['deposit'], (amount: number) => Promise<number>>>,
  Expect<Equal<Account['transfer'], (to: string, amount: number) => Promise<void>>>,
  Expect<Equal<Account['notify'], (text: string) => Promise<{ id: string }>>>,
  Expect<Equal<Account['balance'], () => Promise<number>>>,
  Expect<Equal<keyof Account['tell'], 'deposit' | 'transfer' | 'notify'>>,
  Expect<Equal<Account['tell']['deposit'], (amount: number) => void>>,
  Expect<Equal<ReturnType<Account['with']>, Account>>,
  // Arguments and results.
  Expect<Equal<Wide['none'], () => Promise<string>>>,
  Expect<Equal<Wide['unannotated'], (x: unknown) => Promise<unknown>>>,
  Expect<Equal<Wide['optional'], (by?: number, ...more: string[]) => Promise<number>>>,
  Expect<Equal<Wide['nested'], () => Promise<{ readonly text: string; readonly tags: readonly string[] }>>>,
  Expect<Equal<Wide['effects'], () => Promise<{ id: number }>>>,
  Expect<Equal<Wide['members'], () => Promise<void>>>,
  Expect<Equal<Wide['named'], (to: string) => Promise<number>>>,
  Expect<Equal<Wide['total'], () => Promise<number>>>,
  Expect<Equal<Wide['plus'], (by?: number) => Promise<number>>>,
  Expect<Equal<Wide['note'], () => Promise<{ readonly text: string; readonly tags: readonly string[] }>>>,
  Expect<Equal<Wide['size'], () => Promise<number>>>,
  Expect<Equal<Wide['fails'], () => Promise<never>>>,
  // A loader's effects.
  Expect<Equal<Ref<typeof lazy>['post'], (to: string) => Promise<{ readonly id: string }>>>,
  // Left-out parts.
  Expect<Equal<keyof Ref<typeof readable>['tell'], never>>,
  Expect<Equal<Ref<typeof readable>['n'], () => Promise<number>>>,
  Expect<Equal<Parameters<CommandContext<object, unknown>['effect']>[0], never>>,
  // Every typed reference is not thenable, and an actor of unknown type gives an untyped one.
  Expect<Equal<'then' extends keyof Account ? true : false, false>>,
  Expect<Equal<Ref<ActorType>, UntypedRef>>,
];

/** How many equalities the compiler proved. */
export const PROVEN: Proven['length'] = 25;

/** The names of the types looked at, so that the definitions also run. */
export const NAMES: readonly string[] = [wide.name, lazy.name, readable.name];
