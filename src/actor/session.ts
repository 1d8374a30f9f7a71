/**
 * At most once, for every sender outside: a session per (source, incarnation) remembers which of its
 * messages were taken in and keeps each reply until the sender says that it has it. The sender says
 * so with the floor that every frame carries: all its messages below are settled.
 */
import { OneMap } from '../base/rare.ts';
import type { Outcome } from './message.ts';

/** What is known of a message: nothing, taken in and not answered yet, or its answer. */
export type Known = undefined | 'pending' | 'settled' | Outcome;

export interface SessionImage {
  readonly source: string;
  readonly floor: number;
  readonly replies: readonly (readonly [messageId: number, reply: Outcome | null])[];
}

/** The key of a session: the embedding process, or another tenant. */
export function sourceOf(tenant: string | undefined, incarnation: number): string {
  // Asked three times and more for each message, the text is made once for those that come in a row.
  if (tenant !== undefined) {
    if (incarnation !== lastTenantIncarnation || tenant !== lastTenant) {
      lastTenant = tenant;
      lastTenantIncarnation = incarnation;
      lastTenantText = `t${incarnation} ${tenant}`;
    }
    return lastTenantText;
  }
  // One process at a time.
  if (incarnation !== lastIncarnation) {
    lastIncarnation = incarnation;
    lastClient = `c${incarnation}`;
  }
  return lastClient;
}

let lastTenant = '';
let lastTenantIncarnation = 0;
let lastTenantText = '';
let lastIncarnation = 0;
let lastClient = 'c0';

/** Settled entries in front that are kept before the arrays are cut: cutting costs their length. */
const SLACK = 64;

/** In the place of an id: of no message. */
const NO_ID = -1;

/** Of a session that has no arrays yet; never written to. */
const NONE: never[] = [];

/**
 * The messages of one sender, in the order in which they came: nearly always that of their ids, so that one is
 * found by halving and what is settled is found in front. (A Map used as a queue looks for its first key behind
 * all deleted ones, and a search through all of them for each message costs as much as the message.)
 *
 * The first one stands in the session itself and the others in arrays behind it: a tenant that is called once in a
 * while has one at a time, and two arrays are four lines more that are in no cache of the processor.
 */
class Session {
  floor: number;
  /** The first message, or none; then there are no others. */
  #firstId: number = NO_ID;
  /** null: taken in, no reply yet. */
  #first: Outcome | null = null;
  #ids: number[] = NONE;
  #replies: (Outcome | null)[] = NONE;
  #head = 0;
  /** Each id is above the one before it. */
  #isAscending = true;

  constructor(floor: number) {
    this.floor = floor;
  }

  /** Place in the arrays of a message, -1 where it does not stand there. */
  #placeOf(id: number): number {
    if (!this.#isAscending) return this.#ids.indexOf(id, this.#head);
    const ids = this.#ids;
    let low = this.#head;
    let high = ids.length - 1;
    // Most are asked for when they are new, and when they are the latest.
    if (low > high || (ids[high] as number) < id) return -1;
    if (ids[high] === id) return high;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = ids[middle] as number;
      if (found === id) return middle;
      if (found < id) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** The reply, null before there is one; undefined for a message not taken in. */
  get(id: number): Outcome | null | undefined {
    if (id === this.#firstId) return this.#first;
    const at = this.#placeOf(id);
    return at < 0 ? undefined : this.#replies[at];
  }

  add(id: number, reply: Outcome | null): void {
    if (this.#firstId === NO_ID || this.#firstId === id) {
      this.#firstId = id;
      this.#first = reply;
      return;
    }
    const { length } = this.#ids;
    const last = length > this.#head ? (this.#ids[length - 1] as number) : this.#firstId;
    if (last >= id) {
      const at = this.#placeOf(id);
      if (at >= 0) {
        this.#replies[at] = reply;
        return;
      }
      this.#isAscending = false;
    }
    if (this.#ids === NONE) {
      this.#ids = [];
      this.#replies = [];
    }
    this.#ids.push(id);
    this.#replies.push(reply);
  }

  answer(id: number, reply: Outcome): void {
    if (id === this.#firstId) {
      this.#first ??= reply;
      return;
    }
    const at = this.#placeOf(id);
    if (at >= 0 && this.#replies[at] === null) this.#replies[at] = reply;
  }

  /** Forgets what lies below the floor. */
  settle(floor: number): void {
    this.floor = floor;
    if (!this.#isAscending) {
      this.#keep((id) => id >= floor);
      return;
    }
    if (this.#firstId >= floor || this.#firstId === NO_ID) return;
    const ids = this.#ids;
    let head = this.#head;
    for (; head < ids.length && (ids[head] as number) < floor; head++) this.#replies[head] = null;
    this.#head = head;
    this.#takeFirst();
    if (this.#head < SLACK || this.#head * 2 < ids.length) return;
    this.#ids = ids.slice(this.#head);
    this.#replies = this.#replies.slice(this.#head);
    this.#head = 0;
  }

  /** What is first in the arrays becomes the first of all. */
  #takeFirst(): void {
    const head = this.#head;
    const isThere = head < this.#ids.length;
    this.#firstId = isThere ? (this.#ids[head] as number) : NO_ID;
    this.#first = isThere ? (this.#replies[head] as Outcome | null) : null;
    if (!isThere) return;
    this.#replies[head] = null;
    this.#head = head + 1;
  }

  #keep(isKept: (id: number) => boolean): void {
    const kept = this.entries().filter(([id]) => isKept(id));
    this.#ids = kept.map(([id]) => id);
    this.#replies = kept.map(([, reply]) => reply);
    this.#head = 0;
    this.#isAscending = this.#ids.every((id, at) => at === 0 || id > (this.#ids[at - 1] as number));
    this.#takeFirst();
  }

  entries(): (readonly [number, Outcome | null])[] {
    if (this.#firstId === NO_ID) return [];
    const rest = this.#ids.slice(this.#head);
    return [
      [this.#firstId, this.#first] as const,
      ...rest.map((id, at) => [id, this.#replies[this.#head + at] ?? null] as const),
    ];
  }
}

export class SessionTable {
  readonly #sessions: OneMap<string, Session> = new OneMap();

  static fromImage(images: readonly SessionImage[]): SessionTable {
    const table = new SessionTable();
    for (const { source, floor, replies } of images) {
      const session = new Session(floor);
      for (const [id, reply] of replies) session.add(id, reply);
      table.#sessions.set(source, session);
    }
    return table;
  }

  image(): SessionImage[] {
    return [...this.#sessions].map(([source, session]) => ({
      source,
      floor: session.floor,
      replies: session.entries(),
    }));
  }

  known(source: string, messageId: number): Known {
    const session = this.#sessions.get(source);
    if (session === undefined) return undefined;
    if (messageId < session.floor) return 'settled';
    const reply = session.get(messageId);
    return reply === null ? 'pending' : reply;
  }

  /** Takes a message in and forgets the replies below `floor`. */
  open(source: string, messageId: number, floor: number): void {
    let session = this.#sessions.get(source);
    if (session === undefined) {
      // A process has one incarnation at a time: the sessions of those before it are over.
      if (source.startsWith('c')) this.#dropClients();
      session = new Session(floor);
      this.#sessions.set(source, session);
    }
    if (floor > session.floor) session.settle(floor);
    session.add(messageId, null);
  }

  #dropClients(): void {
    for (const source of this.#sessions.keys()) if (source.startsWith('c')) this.#sessions.delete(source);
  }

  answer(source: string, messageId: number, outcome: Outcome): void {
    this.#sessions.get(source)?.answer(messageId, outcome);
  }
}
