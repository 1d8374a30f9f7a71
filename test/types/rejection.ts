/**
 * What must not compile. Each `@ts-expect-error` is an error itself once the line under it compiles.
 * The functions are never called: the compiler has done the work.
 */
import { actor, effect, type Ref } from 'synapse-actors';
import type { account } from './account-example.ts';

declare const alice: Ref<typeof account>;

/** One function for each thing that must not compile. */
export const REJECTED: readonly (() => unknown)[] = [
  // @ts-expect-error a wrong argument
  () => alice.deposit('10'),
  // @ts-expect-error a missing argument
  () => alice.deposit(),
  // @ts-expect-error one argument too many
  () => alice.deposit(1, 2),
  // @ts-expect-error an unknown handler
  () => alice.withdraw(1),
  // @ts-expect-error a query is not told
  () => alice.tell.balance(),
  // @ts-expect-error a wrong argument of a tell
  () => alice.tell.deposit('10'),
  // @ts-expect-error an unknown option
  () => alice.with({ timeout: 1 }),
  async () => {
    // @ts-expect-error a wrong result
    const text: string = await alice.balance();
    return text;
  },
  () =>
    actor('wrong', {
      state: () => ({ n: 0, list: [] as number[], when: new Date(0), map: new Map<string, number>() }),
      effects: { mail: effect(async (input: { to: string }) => input.to) },
      commands: {
        // @ts-expect-error an unknown key of the state
        unknownKey: (ctx) => ctx.state.m,
        // @ts-expect-error a key of another type
        otherType: (ctx) => (ctx.state.n = 'one'),
        // @ts-expect-error what lies under a top-level key is frozen
        frozenArray: (ctx) => ctx.state.list.push(1),
        // @ts-expect-error so is a Date
        frozenDate: (ctx) => ctx.state.when.setTime(1),
        // @ts-expect-error so is a Map
        frozenMap: (ctx) => ctx.state.map.set('a', 1),
        // @ts-expect-error the state as a whole is not assignable
        whole: (ctx) => (ctx.state = { n: 1 }),
        // @ts-expect-error an unknown effect
        unknownEffect: (ctx) => ctx.effect('fax', { to: 'a' }),
        // @ts-expect-error a wrong input of an effect
        wrongInput: (ctx) => ctx.effect('mail', { to: 1 }),
        // @ts-expect-error a missing input of an effect
        missingInput: (ctx) => ctx.effect('mail'),
        // @ts-expect-error a wrong argument of another actor's handler
        wrongCall: (ctx, type: typeof account) => ctx.ref(type, 'bob').deposit('1'),
      },
      queries: {
        // @ts-expect-error a query does not write
        writes: (ctx) => (ctx.state.n = 1),
        // @ts-expect-error a query does not write to a table
        writesTable: (ctx) => ctx.table<number>('t').set('a', 1),
        // @ts-expect-error a query sends nothing
        sends: (ctx) => ctx.ref('other', 'key'),
        // @ts-expect-error a query advances nothing
        advances: (ctx) => ctx.random(),
      },
    }),
  // @ts-expect-error a query is synchronous
  () => actor('slow', { state: () => ({ n: 0 }), queries: { n: async (ctx) => ctx.state.n } }),
  // @ts-expect-error the state is required
  () => actor('stateless', { commands: { ping: () => 'pong' } }),
  // @ts-expect-error a state is an object
  () => actor('scalar', { state: () => 1, commands: { ping: () => 'pong' } }),
  () =>
    actor('options', {
      state: () => ({}),
      commands: { ping: () => 'pong' },
      // @ts-expect-error an unknown strategy
      supervise: { strategy: 'one-for-two' },
    }),
  // @ts-expect-error an unknown field
  () => actor('field', { state: () => ({}), command: { ping: () => 'pong' } }),
  // @ts-expect-error an unknown option of an effect
  () => effect(async () => 1, { retry: 3 }),
  // @ts-expect-error what is no effect
  () => actor('noEffect', { state: () => ({}), effects: { mail: async () => 1 }, commands: { ping: () => 'pong' } }),
];
