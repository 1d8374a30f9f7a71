/**
 * The programs of the Savina suite (Imam and Sarkar, AGERE 2014) that are compared, with its default parameters,
 * tiny ones for a trial, and what each must come to. Every implementation draws from the same sequence of numbers, so
 * that all do the same work. Where Savina has no message that tells of the end, each implementation has one.
 */

/** A program; parameters are handed to every implementation in this order. */
export interface Program {
  readonly name: string;
  readonly full: readonly number[];
  readonly quick: readonly number[];
  /** Which parameter says how much is to be done: a tenth of it warms an implementation up. */
  readonly work: number;
  /** How much a run does, for a rate: the same for all implementations. */
  readonly operations: (given: readonly number[]) => number;
  /** The result that a run must have. */
  readonly expected: (given: readonly number[]) => number;
}

/** The next number of the minimal standard generator: exact in doubles and in small integers of Erlang alike. */
export function nextRandom(previous: number): number {
  return (previous * 16_807) % 2_147_483_647;
}

/** Where the sequence of worker `id` begins. */
export function seedOf(id: number): number {
  return nextRandom(nextRandom(id + 1));
}

/** Keys of the dictionary: Savina bounds them so. */
export const DICTIONARY_KEYS = 524_288;
/** What each account holds at first. */
export const OPENING_BALANCE = 1_000_000;

/** How many keys the workers write, whatever the order in which they come. */
function keysWritten([workers = 0, messages = 0, writePercent = 0]: readonly number[]): number {
  const keys = new Set<number>();
  for (let id = 0; id < workers; id++) {
    let drawn = seedOf(id);
    for (let i = 0; i < messages; i++) {
      drawn = nextRandom(drawn);
      const isWrite = drawn % 100 < writePercent;
      drawn = nextRandom(drawn);
      if (isWrite) keys.add(drawn % DICTIONARY_KEYS);
    }
  }
  return keys.size;
}

const product = ([first = 0, second = 0]: readonly number[]): number => first * second;
const first = ([count = 0]: readonly number[]): number => count;
const second = ([, count = 0]: readonly number[]): number => count;

export const PROGRAMS: readonly Program[] = [
  // Pings.
  { name: 'ping-pong', work: 0, full: [40_000], quick: [100], operations: first, expected: first },
  // Messages.
  { name: 'counting', work: 0, full: [1_000_000], quick: [500], operations: first, expected: first },
  // Messages to each, actors.
  { name: 'fork-join', work: 0, full: [10_000, 60], quick: [20, 6], operations: product, expected: product },
  // Actors.
  { name: 'creation', work: 0, full: [40_000], quick: [100], operations: first, expected: first },
  // Actors, hops. The result is the place of the last in the ring, from 1.
  {
    name: 'thread-ring',
    work: 1,
    full: [100, 100_000],
    quick: [10, 203],
    operations: second,
    expected: ([actors = 1, hops = 0]) => 1 + (hops % actors),
  },
  // Chameneos, meetings. Each meeting counts for two.
  {
    name: 'chameneos',
    work: 1,
    full: [100, 200_000],
    quick: [5, 100],
    operations: second,
    expected: (given) => 2 * second(given),
  },
  // Actors, pings of each.
  { name: 'big', work: 1, full: [120, 20_000], quick: [6, 20], operations: product, expected: product },
  // Workers, messages of each, percentage of writes. The result: answers and keys held.
  {
    name: 'dictionary',
    work: 1,
    full: [20, 10_000, 10],
    quick: [4, 50, 10],
    operations: product,
    expected: (given) => product(given) + keysWritten(given),
  },
  // Places, producers, consumers, items of each producer, cost of an item.
  {
    name: 'bounded-buffer',
    work: 3,
    full: [50, 40, 40, 1_000, 25],
    quick: [5, 3, 3, 10, 1],
    operations: ([, producers = 0, , items = 0]) => producers * items,
    expected: ([, producers = 0, , items = 0]) => producers * items,
  },
  // Philosophers, meals of each.
  { name: 'philosophers', work: 1, full: [20, 10_000], quick: [5, 20], operations: product, expected: product },
  // Accounts, transactions. The result: what all hold, and the transactions answered.
  {
    name: 'bank',
    work: 1,
    full: [1_000, 50_000],
    quick: [20, 100],
    operations: second,
    expected: ([accounts = 0, transactions = 0]) => accounts * OPENING_BALANCE + transactions,
  },
  // Haircuts, chairs, rates of production and of cutting.
  {
    name: 'barber',
    work: 0,
    full: [5_000, 1_000, 1_000, 1_000],
    quick: [50, 10, 10, 10],
    operations: first,
    expected: first,
  },
];

/** Parameters for a run that only warms up. */
export function warmUpOf({ full, work }: Program): readonly number[] {
  return full.map((value, at) => (at === work ? Math.ceil(value / 10) : value));
}
