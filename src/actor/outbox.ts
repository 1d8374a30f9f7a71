/**
 * Messages to other tenants that are not acknowledged yet. They are part of the domain, so they
 * leave again after a recovery; the receiver knows them by (sender tenant, incarnation, counter) and
 * answers a repeat with the reply it kept.
 */
import { OpenItems } from '../base/open-items.ts';
import { RareMap } from '../base/rare.ts';

/** What a turn posts; where and when it stands the outbox is told beside. */
export interface Posting {
  /** The receiving tenant. */
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: Uint8Array;
  readonly principal: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly tell: boolean;
  readonly chain: readonly string[];
  /** The call that waits; 0 for a tell. */
  readonly turnId: number;
  readonly callIndex: number;
}

export interface OutboxEntry extends Posting {
  /** Of the sending store, at the time of sending. */
  readonly incarnation: number;
  /** Counts up for each receiving tenant, from 1. */
  readonly counter: number;
  /**
   * Below it nothing sent to `tenant` is open: the receiver may forget those replies. As of the step that sends: what a
   * later step settles is not durable when this one leaves.
   */
  readonly floor: number;
  readonly sourceType: string;
  readonly sourceKey: string;
  readonly timeMs: number;
}

/** The actor that posts. */
interface ActorName {
  readonly type: string;
  readonly key: string;
}

/** An acknowledgement that has come in for a tell. */
export interface Ack {
  readonly tenant: string;
  readonly incarnation: number;
  readonly counter: number;
}

export interface OutboxImage {
  readonly tenant: string;
  readonly next: number;
  readonly entries: readonly OutboxEntry[];
}

/** Slots for the messages to one tenant at the beginning: many tenants have a few under way. */
const FIRST_SLOTS = 8;

export class Outbox {
  /** By receiving tenant, and by counter. */
  readonly #open: RareMap<string, OpenItems<OutboxEntry>> = new RareMap();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  static fromImage(images: readonly OutboxImage[]): Outbox {
    const outbox = new Outbox();
    for (const { tenant, next, entries } of images) {
      const open = entries.map((entry) => [entry.counter, entry] as const);
      outbox.#open.set(tenant, OpenItems.restore(FIRST_SLOTS, open, next));
      outbox.#size += entries.length;
    }
    return outbox;
  }

  image(): OutboxImage[] {
    return [...this.#open].map(([tenant, open]) => ({ tenant, next: open.nextId, entries: open.items() }));
  }

  /** `source` sends it, in the given incarnation of the store, at the step's time. */
  add(posting: Posting, source: ActorName, incarnation: number, timeMs: number): OutboxEntry {
    const { tenant } = posting;
    let open = this.#open.get(tenant);
    if (open === undefined) {
      open = new OpenItems(FIRST_SLOTS);
      this.#open.set(tenant, open);
    }
    // Field by field, in the order that snapshots know: spreading costs more than all else here.
    const entry: OutboxEntry = {
      tenant,
      incarnation,
      tell: posting.tell,
      sourceType: source.type,
      sourceKey: source.key,
      type: posting.type,
      key: posting.key,
      handler: posting.handler,
      args: posting.args,
      principal: posting.principal,
      idempotencyKey: posting.idempotencyKey,
      chain: posting.chain,
      timeMs,
      turnId: posting.turnId,
      callIndex: posting.callIndex,
      counter: open.nextId,
      floor: open.floor(),
    };
    open.add(entry);
    this.#size += 1;
    return entry;
  }

  find(ack: Ack): OutboxEntry | undefined {
    const entry = this.#open.get(ack.tenant)?.get(ack.counter);
    return entry?.incarnation === ack.incarnation ? entry : undefined;
  }

  settle(ack: Ack): OutboxEntry | undefined {
    const entry = this.find(ack);
    if (entry === undefined) return undefined;
    this.#open.get(ack.tenant)?.delete(ack.counter);
    this.#size -= 1;
    return entry;
  }

  *entries(): Generator<OutboxEntry> {
    for (const open of this.#open.values()) yield* open.items();
  }
}
