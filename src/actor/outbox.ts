/**
 * Messages to other tenants that are not acknowledged yet. They are part of the domain, so they
 * leave again after a recovery; the receiver knows them by (sender tenant, incarnation, counter) and
 * answers a repeat with the reply it kept.
 */
import { RareMap } from '../base/rare.ts';

export interface OutboxEntry {
  /** The receiving tenant. */
  readonly tenant: string;
  /** Of the sending store, at the time of sending. */
  readonly incarnation: number;
  /** Counts up for each receiving tenant, from 1. */
  readonly counter: number;
  /** The floor as of the step that sends: what a later step settles is not durable when this one leaves. */
  readonly floor: number;
  readonly tell: boolean;
  readonly sourceType: string;
  readonly sourceKey: string;
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: Uint8Array;
  readonly principal: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly chain: readonly string[];
  readonly timeMs: number;
  /** The call that waits; 0 for a tell. */
  readonly turnId: number;
  readonly callIndex: number;
}

/** An acknowledgement that has come in for a tell. */
export interface Ack {
  readonly tenant: string;
  readonly incarnation: number;
  readonly counter: number;
}

interface Lane {
  next: number;
  readonly entries: Map<number, OutboxEntry>;
}

export interface OutboxImage {
  readonly tenant: string;
  readonly next: number;
  readonly entries: readonly OutboxEntry[];
}

export class Outbox {
  readonly #lanes: RareMap<string, Lane> = new RareMap();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  static fromImage(images: readonly OutboxImage[]): Outbox {
    const outbox = new Outbox();
    for (const image of images) {
      const entries = new Map(image.entries.map((entry) => [entry.counter, entry]));
      outbox.#lanes.set(image.tenant, { next: image.next, entries });
      outbox.#size += entries.size;
    }
    return outbox;
  }

  image(): OutboxImage[] {
    return [...this.#lanes].map(([tenant, lane]) => ({ tenant, next: lane.next, entries: [...lane.entries.values()] }));
  }

  add(entry: Omit<OutboxEntry, 'counter' | 'floor'>): OutboxEntry {
    let lane = this.#lanes.get(entry.tenant);
    if (lane === undefined) {
      lane = { next: 1, entries: new Map() };
      this.#lanes.set(entry.tenant, lane);
    }
    const whole: OutboxEntry = { ...entry, counter: lane.next, floor: this.floor(entry.tenant) };
    lane.next += 1;
    lane.entries.set(whole.counter, whole);
    this.#size += 1;
    return whole;
  }

  find(ack: Ack): OutboxEntry | undefined {
    const entry = this.#lanes.get(ack.tenant)?.entries.get(ack.counter);
    return entry?.incarnation === ack.incarnation ? entry : undefined;
  }

  settle(ack: Ack): OutboxEntry | undefined {
    const entry = this.find(ack);
    if (entry === undefined) return undefined;
    this.#lanes.get(ack.tenant)?.entries.delete(ack.counter);
    this.#size -= 1;
    return entry;
  }

  /** Below this counter nothing sent to `tenant` is open: the receiver may forget those replies. */
  floor(tenant: string): number {
    const lane = this.#lanes.get(tenant);
    if (lane === undefined) return 0;
    for (const counter of lane.entries.keys()) return counter; // counters were added in rising order
    return lane.next;
  }

  *entries(): Generator<OutboxEntry> {
    for (const lane of this.#lanes.values()) yield* lane.entries.values();
  }
}
