/**
 * The durable timers of a domain: those that actors set, the end of a restart's back-off, and the
 * deadline of a call to another tenant. A binary heap over (due, order) finds the next; ties fire in
 * the order they were set. Entries are rows of the store (group `sys:timer`).
 */
import { RareMap } from '../base/rare.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { RowMarks } from './row-marks.ts';

export interface Timer {
  readonly id: string;
  readonly purpose: 'command' | 'back-off' | 'deadline';
  readonly actorId: string;
  readonly dueMs: number;
  /** Place among timers of the same due time. */
  readonly order: number;
  /** The expression of a cron; it is set again when it fires. */
  readonly cron?: string | undefined;
  readonly command?: string;
  readonly args?: Uint8Array;
  readonly turnId?: number;
  readonly callIndex?: number;
}

export const TIMER_GROUP = 'sys:timer';

export class TimerTable {
  readonly #timers: RareMap<string, Timer> = new RareMap();
  readonly #byActor: RareMap<string, Set<string>> = new RareMap();
  #heap: Timer[] = [];
  readonly marks: RowMarks = new RowMarks(TIMER_GROUP);

  get size(): number {
    return this.#timers.size;
  }

  get(id: string): Timer | undefined {
    return this.#timers.get(id);
  }

  set(timer: Timer): void {
    if (this.#timers.has(timer.id)) this.delete(timer.id);
    this.#add(timer);
    this.marks.touch(timer.id);
  }

  #add(timer: Timer): void {
    this.#timers.set(timer.id, timer);
    let ids = this.#byActor.get(timer.actorId);
    if (ids === undefined) {
      ids = new Set();
      this.#byActor.set(timer.actorId, ids);
    }
    ids.add(timer.id);
    this.#push(timer);
  }

  delete(id: string): Timer | undefined {
    const timer = this.#timers.get(id);
    if (timer === undefined) return undefined;
    this.#timers.delete(id);
    this.marks.drop(id);
    const ids = this.#byActor.get(timer.actorId);
    ids?.delete(id);
    if (ids?.size === 0) this.#byActor.delete(timer.actorId);
    // The heap forgets lazily; it is built anew when most of it is dead.
    if (this.#heap.length > 64 && this.#heap.length > this.#timers.size * 2) this.#rebuild();
    return timer;
  }

  idsOf(actorId: string): readonly string[] {
    return [...(this.#byActor.get(actorId) ?? [])];
  }

  /** The timer that is due first. */
  next(): Timer | undefined {
    if (this.#timers.size === 0) return undefined; // of most tenants, and asked after each turn
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#timers.get(top.id) === top) return top;
      this.#pop();
    }
    return undefined;
  }

  /** Whether there is a row. */
  has(id: string): boolean {
    return this.#timers.has(id);
  }

  rowValue(id: string): Uint8Array | null {
    const timer = this.#timers.get(id);
    return timer === undefined ? null : encodeValue(timer);
  }

  restore(rows: readonly { readonly name: string; readonly value: Uint8Array }[]): void {
    for (const row of rows) {
      this.#add(decodeValue(row.value) as Timer);
      this.marks.stored(row.name);
    }
  }

  #rebuild(): void {
    this.#heap = [];
    for (const timer of this.#timers.values()) this.#push(timer);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      const left = heap[down];
      if (left === undefined) break;
      const right = heap[down + 1];
      let child = left;
      if (right !== undefined && isBefore(right, left)) {
        child = right;
        down += 1;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
