/**
 * What waits for an answer, by number. Numbers rise by one and most answers come soon, so the latest stand in an
 * array that is used round and round, and what it overruns moves to a map: an item that waits for long makes nothing
 * longer. (A map for all costs three times as much, most of it in the garbage collector; and its first key is found
 * behind all deleted ones.)
 */
import { assert } from './assert.ts';

/** Slots that are given back once nothing is open. */
const KEPT_SLOTS = 16_384;

export class OpenItems<T> {
  readonly #firstSlots: number;
  /** The latest, number n at n modulo the length, a power of two. */
  #slots: (T | undefined)[];
  /** Those that were overrun; their numbers rise too. */
  readonly #overrun: Map<number, T> = new Map();
  #size = 0;
  #nextId = 1;
  /** No open number lies below. */
  #lowestId = 1;

  /** @param firstSlots slots at the beginning, a power of two: enough for most, and little where little is open */
  constructor(firstSlots: number) {
    this.#firstSlots = firstSlots;
    this.#slots = emptySlots(firstSlots);
  }

  /** What was open, by rising numbers, and the number that the next one gets. */
  static restore<T>(
    firstSlots: number,
    open: readonly (readonly [id: number, item: T])[],
    nextId: number,
  ): OpenItems<T> {
    const items = new OpenItems<T>(firstSlots);
    items.#nextId = nextId;
    items.#lowestId = open[0]?.[0] ?? nextId;
    items.#size = open.length;
    const slots = items.#slots;
    for (const [id, item] of open) {
      if (id >= nextId - slots.length) slots[id & (slots.length - 1)] = item;
      else items.#overrun.set(id, item);
    }
    return items;
  }

  get size(): number {
    return this.#size;
  }

  /** The number that the next one gets. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Adds it under `nextId`. */
  add(item: T): void {
    const id = this.#nextId;
    let slots = this.#slots;
    const before = slots[id & (slots.length - 1)];
    if (before !== undefined) {
      if (this.#size * 2 > slots.length) slots = this.#grow();
      else this.#overrun.set(id - slots.length, before);
    }
    slots[id & (slots.length - 1)] = item;
    this.#nextId = id + 1;
    this.#size += 1;
  }

  get(id: number): T | undefined {
    const slots = this.#slots;
    if (id >= this.#nextId) return undefined;
    return id >= this.#nextId - slots.length ? slots[id & (slots.length - 1)] : this.#overrun.get(id);
  }

  delete(id: number): void {
    const slots = this.#slots;
    assert(this.get(id) !== undefined, 'only what is open is closed');
    if (id >= this.#nextId - slots.length) slots[id & (slots.length - 1)] = undefined;
    else this.#overrun.delete(id);
    this.#size -= 1;
    if (this.#size === 0 && slots.length > KEPT_SLOTS) this.#slots = emptySlots(this.#firstSlots);
  }

  /** Below it all is answered. */
  floor(): number {
    while (this.#lowestId < this.#nextId && this.get(this.#lowestId) === undefined) this.#lowestId += 1;
    return this.#lowestId;
  }

  /** The numbers of all that is open, in order. */
  ids(): number[] {
    const ids = [...this.#overrun.keys()];
    for (let id = Math.max(1, this.#nextId - this.#slots.length); id < this.#nextId; id++) {
      if (this.get(id) !== undefined) ids.push(id);
    }
    return ids;
  }

  /** All that is open, in order. */
  items(): T[] {
    return this.ids().map((id) => this.get(id) as T);
  }

  /** Twice the slots: at least half of them were in use. */
  #grow(): (T | undefined)[] {
    const before = this.#slots;
    const slots = emptySlots<T>(before.length * 2);
    for (let id = Math.max(1, this.#nextId - before.length); id < this.#nextId; id++) {
      slots[id & (slots.length - 1)] = before[id & (before.length - 1)];
    }
    for (const [id, item] of this.#overrun) {
      if (id <= this.#nextId - slots.length) continue; // its slot is for the one that is being added
      slots[id & (slots.length - 1)] = item;
      this.#overrun.delete(id);
    }
    this.#slots = slots;
    return slots;
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
