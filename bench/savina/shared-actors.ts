/**
 * Savina's programs about something shared as Synapse actors, all in one tenant: concurrent dictionary, bounded buffer,
 * dining philosophers, bank, sleeping barber. The actor that starts a program is called after it and holds its result.
 */
import { actor } from 'synapse-actors';
import { DICTIONARY_KEYS, nextRandom, OPENING_BALANCE, seedOf } from './programs.ts';

const mailbox = { limit: 4_000_000, limitBytes: 1 << 30 };

export const dictionary = actor('dictionary', {
  state: () => ({ size: 0, answers: 0 }),
  commands: {
    start(ctx, workers: number, messages: number, writePercent: number): void {
      for (let at = 0; at < workers; at++) ctx.ref(reader, String(at)).tell.begin(messages, writePercent);
    },
    write(ctx, key: number, value: number, from: string): void {
      const table = ctx.table<number>('entries');
      table.set(String(key), value);
      ctx.ref(reader, from).tell.answer(value);
    },
    read(ctx, key: number, from: string): void {
      ctx.ref(reader, from).tell.answer(ctx.table<number>('entries').get(String(key)) ?? 0);
    },
    done(ctx, answers: number): void {
      ctx.state.answers += answers;
      ctx.state.size = ctx.table<number>('entries').size;
    },
  },
  queries: { result: (ctx) => ctx.state.answers + ctx.state.size },
});

export const reader = actor('reader', {
  state: () => ({ drawn: 0, messages: 0, left: 0, writePercent: 0 }),
  commands: {
    begin(ctx, messages: number, writePercent: number): void {
      ctx.state.drawn = seedOf(Number(ctx.key));
      ctx.state.messages = messages;
      ctx.state.left = messages;
      ctx.state.writePercent = writePercent;
      ctx.ref(reader, ctx.key).tell.answer(0);
    },
    answer(ctx, _value: number): void {
      const to = ctx.ref(dictionary, 'main').tell;
      if (ctx.state.left === 0) {
        to.done(ctx.state.messages);
        return;
      }
      ctx.state.left -= 1;
      const choice = nextRandom(ctx.state.drawn);
      const drawn = nextRandom(choice);
      ctx.state.drawn = drawn;
      if (choice % 100 < ctx.state.writePercent) to.write(drawn % DICTIONARY_KEYS, drawn, ctx.key);
      else to.read(drawn % DICTIONARY_KEYS, ctx.key);
    },
  },
});

/** Savina's work on an item: a hundred logarithms for each unit of cost. */
function processItem(from: number, cost: number): number {
  let result = from;
  let drawn = seedOf(cost);
  for (let i = 0; i < cost * 100; i++) {
    drawn = nextRandom(drawn);
    result += Math.log(drawn / 2_147_483_647 + 0.01);
  }
  return result;
}

export const boundedBuffer = actor('bounded-buffer', {
  state: () => ({
    limit: 0,
    cost: 0,
    pending: [] as readonly number[],
    producers: [] as readonly string[],
    consumers: [] as readonly string[],
    consumed: 0,
  }),
  commands: {
    start(ctx, places: number, producers: number, consumers: number, items: number, cost: number): void {
      // A producer told to go on may be one item over: so many places are kept free for them.
      ctx.state.limit = Math.max(1, places - producers);
      ctx.state.cost = cost;
      ctx.state.consumers = Array.from({ length: consumers }, (_, at) => String(at));
      for (let at = 0; at < producers; at++) ctx.ref(producer, String(at)).tell.begin(items, cost);
    },
    put(ctx, item: number, from: string): void {
      const [consumerKey, ...others] = ctx.state.consumers;
      if (consumerKey === undefined) ctx.state.pending = [...ctx.state.pending, item];
      else {
        ctx.state.consumers = others;
        ctx.ref(consumer, consumerKey).tell.consume(item, ctx.state.cost);
      }
      if (ctx.state.pending.length >= ctx.state.limit) ctx.state.producers = [...ctx.state.producers, from];
      else ctx.ref(producer, from).tell.produce();
    },
    available(ctx, from: string): void {
      ctx.state.consumed += 1;
      const [item, ...pending] = ctx.state.pending;
      if (item === undefined) {
        ctx.state.consumers = [...ctx.state.consumers, from];
        return;
      }
      ctx.state.pending = pending;
      ctx.ref(consumer, from).tell.consume(item, ctx.state.cost);
      const [producerKey, ...waiting] = ctx.state.producers;
      if (producerKey === undefined) return;
      ctx.state.producers = waiting;
      ctx.ref(producer, producerKey).tell.produce();
    },
  },
  queries: { result: (ctx) => ctx.state.consumed },
});

export const producer = actor('producer', {
  state: () => ({ left: 0, cost: 0, item: 0 }),
  commands: {
    begin(ctx, items: number, cost: number): void {
      ctx.state.left = items;
      ctx.state.cost = cost;
      ctx.ref(producer, ctx.key).tell.produce();
    },
    produce(ctx): void {
      if (ctx.state.left === 0) return;
      ctx.state.left -= 1;
      ctx.state.item = processItem(ctx.state.item, ctx.state.cost);
      ctx.ref(boundedBuffer, 'main').tell.put(ctx.state.item, ctx.key);
    },
  },
});

export const consumer = actor('consumer', {
  state: () => ({ item: 0 }),
  commands: {
    consume(ctx, item: number, cost: number): void {
      ctx.state.item = processItem(ctx.state.item + item, cost);
      ctx.ref(boundedBuffer, 'main').tell.available(ctx.key);
    },
  },
});

export const philosophers = actor('philosophers', {
  // Forks on the table as bits: the left fork of philosopher i is bit i.
  state: () => ({ taken: 0, count: 0, meals: 0 }),
  commands: {
    start(ctx, count: number, meals: number): void {
      ctx.state.count = count;
      for (let at = 0; at < count; at++) ctx.ref(philosopher, String(at)).tell.begin(meals);
    },
    hungry(ctx, at: number): void {
      const forks = (1 << at) | (1 << ((at + 1) % ctx.state.count));
      const { tell } = ctx.ref(philosopher, String(at));
      if ((ctx.state.taken & forks) !== 0) tell.denied();
      else {
        ctx.state.taken |= forks;
        tell.eat();
      }
    },
    done(ctx, at: number): void {
      ctx.state.taken &= ~((1 << at) | (1 << ((at + 1) % ctx.state.count)));
      ctx.state.meals += 1;
    },
  },
  queries: { result: (ctx) => ctx.state.meals },
});

export const philosopher = actor('philosopher', {
  state: () => ({ left: 0 }),
  commands: {
    begin(ctx, meals: number): void {
      ctx.state.left = meals;
      ctx.ref(philosophers, 'main').tell.hungry(Number(ctx.key));
    },
    denied(ctx): void {
      ctx.ref(philosophers, 'main').tell.hungry(Number(ctx.key));
    },
    eat(ctx): void {
      ctx.state.left -= 1;
      const { tell } = ctx.ref(philosophers, 'main');
      tell.done(Number(ctx.key));
      if (ctx.state.left > 0) tell.hungry(Number(ctx.key));
    },
  },
});

export const bank = actor('bank', {
  state: () => ({ answered: 0, held: 0 }),
  commands: {
    start(ctx, accounts: number, transactions: number): void {
      let drawn = seedOf(0);
      const draw = (below: number): number => {
        drawn = nextRandom(drawn);
        return drawn % below;
      };
      for (let i = 0; i < transactions; i++) {
        // Money moves up only, so that no circle of waiting accounts comes about.
        const from = draw(Math.floor(accounts / 10) * 8);
        const to = from + Math.max(1, draw(accounts - from));
        ctx.ref(depositor, String(from)).tell.transfer(String(to), draw(1_000));
      }
    },
    answer(ctx): void {
      ctx.state.answered += 1;
    },
    async sum(ctx, accounts: number): Promise<number> {
      let held = 0;
      for (let at = 0; at < accounts; at++) held += await ctx.ref(depositor, String(at)).balance();
      ctx.state.held = held;
      return held;
    },
  },
  queries: { result: (ctx) => ctx.state.held + ctx.state.answered },
  mailbox,
});

export const depositor = actor('depositor', {
  state: () => ({ balance: OPENING_BALANCE }),
  commands: {
    async transfer(ctx, to: string, amount: number): Promise<void> {
      ctx.state.balance -= amount;
      await ctx.ref(depositor, to).deposit(amount);
      ctx.ref(bank, 'main').tell.answer();
    },
    deposit(ctx, amount: number): void {
      ctx.state.balance += amount;
    },
  },
  queries: { balance: (ctx): number => ctx.state.balance },
  mailbox,
});

/**
 * Savina's customers come about as fast as hair is cut. In one lane no time passes for others while one works, so
 * the pace is kept by messages: as many from customer to customer as from haircut to haircut, and one for the room.
 */
const PRODUCTION_PAUSES = 3;

/** Savina's busy wait, bounded by a rate: what it draws goes on into the next. */
function busyWait(drawn: number, rate: number): number {
  const next = nextRandom(drawn);
  let counted = next;
  for (let i = (next % rate) + 10; i > 0; i--) counted = nextRandom(counted);
  return counted;
}

export const barber = actor('barber', {
  state: () => ({ left: 0, made: 0, drawn: 0, rate: 0, cut: 0 }),
  commands: {
    start(ctx, haircuts: number, chairs: number, rate: number, cutRate: number): void {
      ctx.state.left = haircuts;
      ctx.state.rate = rate;
      ctx.state.drawn = seedOf(0);
      ctx.ref(waitingRoom, 'one').tell.open(chairs, cutRate);
      ctx.ref(barber, 'main').tell.produce(0);
    },
    produce(ctx, pauses: number): void {
      if (pauses > 0) {
        ctx.ref(barber, 'main').tell.produce(pauses - 1);
        return;
      }
      ctx.state.left -= 1;
      ctx.state.made += 1;
      ctx.ref(waitingRoom, 'one').tell.enter(String(ctx.state.made));
      ctx.state.drawn = busyWait(ctx.state.drawn, ctx.state.rate);
      if (ctx.state.left > 0) ctx.ref(barber, 'main').tell.produce(PRODUCTION_PAUSES);
    },
    returned(ctx, from: string): void {
      ctx.ref(waitingRoom, 'one').tell.enter(from);
    },
    done(ctx): void {
      ctx.state.cut += 1;
    },
  },
  queries: { result: (ctx) => ctx.state.cut },
});

export const waitingRoom = actor('waiting-room', {
  state: () => ({ chairs: 0, head: 0, tail: 0, isAsleep: true }),
  commands: {
    open(ctx, chairs: number, cutRate: number): void {
      ctx.state.chairs = chairs;
      ctx.ref(cutter, 'one').tell.open(cutRate);
    },
    enter(ctx, from: string): void {
      if (ctx.state.tail - ctx.state.head === ctx.state.chairs) {
        ctx.ref(customer, from).tell.full();
        return;
      }
      ctx.table<string>('waiting').set(String(ctx.state.tail), from);
      ctx.state.tail += 1;
      if (ctx.state.isAsleep) {
        ctx.state.isAsleep = false;
        ctx.ref(waitingRoom, 'one').tell.next();
      } else ctx.ref(customer, from).tell.wait();
    },
    next(ctx): void {
      const waiting = ctx.table<string>('waiting');
      const at = String(ctx.state.head);
      const from = waiting.get(at);
      if (from === undefined) {
        ctx.state.isAsleep = true;
        return;
      }
      waiting.delete(at);
      ctx.state.head += 1;
      ctx.ref(cutter, 'one').tell.enter(from);
    },
  },
});

export const cutter = actor('cutter', {
  state: () => ({ drawn: 0, rate: 1 }),
  commands: {
    open(ctx, rate: number): void {
      ctx.state.rate = rate;
      ctx.state.drawn = seedOf(1);
    },
    enter(ctx, from: string): void {
      const { tell } = ctx.ref(customer, from);
      tell.begin();
      ctx.state.drawn = busyWait(ctx.state.drawn, ctx.state.rate);
      tell.done();
      ctx.ref(waitingRoom, 'one').tell.next();
    },
  },
});

export const customer = actor('customer', {
  state: () => ({ turnedAway: 0, waits: 0 }),
  commands: {
    full(ctx): void {
      ctx.state.turnedAway += 1;
      ctx.ref(barber, 'main').tell.returned(ctx.key);
    },
    wait(ctx): void {
      ctx.state.waits += 1;
    },
    begin(): void {},
    done(ctx): void {
      ctx.ref(barber, 'main').tell.done();
      ctx.stop();
    },
  },
});
