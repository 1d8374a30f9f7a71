/**
 * What waits for an answer, by number. Numbers rise by one and most answers come soon, so the latest stand in an
 * array that is used round and round, and what it overruns moves to a map: a call that waits for long makes nothing
 * longer. (A map for all costs three times as much, most of it in the garbage collector.)
 */
import { assert } from '../base/assert.ts';

/** Slots at the beginning: enough for most, and little for a system that is hardly used. */
const FIRST_SLOTS = 256;

export class OpenCalls<T> {
  /** The latest, number n at n modulo the length, a power of two. */
  #slots: (T | undefined)[] = emptySlots(FIRST_SLOTS);
  /** Those that were overrun; their numbers rise too. */
  readonly #overrun: Map<number, T> = new Map();
  #size = 0;
  #nextId = 1;
  /** No open number lies below. */
  #lowestId = 1;

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

  /** Twice the slots: at least half of them were in use. */
  #grow(): (T | undefined)[] {
    const before = this.#slots;
    const slots = emptySlots<T>(before.length * 2);
    for (let id = Math.max(1, this.#nextId - before.length); id < this.#nextId; id++) {
      slots[id & (slots.length - 1)] = before[id & (before.length - 1)];
    }
    for (const [id, item] of this.#overrun) {
      if (id < this.#nextId - slots.length) continue;
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
