/**
 * First in, first out, in an array that is cut from time to time: taking out costs no more than putting in,
 * however much waits. (`Array.shift` moves all that is behind, once there are some ten thousand.)
 */

/** Places in front that are free before the array is cut, at the least. */
const SLACK = 64;

/** Places that an empty queue keeps: one that is filled and emptied by turns makes no array for it. */
const KEPT_MAX = 64;

/** Of a queue that has no array yet; never written to. */
const NONE: never[] = [];

export class Queue<T> {
  /**
   * The one that is next; the others stand in the array behind it. Most queues have one item at a time, and of those of
   * thousands of tenants an array is two lines more that are in no cache of the processor.
   */
  #first: T | undefined;
  #length = 0;
  #items: (T | undefined)[] = NONE;
  #head = 0;
  #end = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    this.#length += 1;
    if (this.#length === 1) {
      this.#first = item;
      return;
    }
    if (this.#items === NONE) this.#items = [];
    this.#items[this.#end++] = item;
  }

  peek(): T | undefined {
    return this.#first;
  }

  shift(): T | undefined {
    const first = this.#first;
    if (this.#length === 0) return undefined;
    this.#length -= 1;
    this.#first = this.#length === 0 ? undefined : this.#next();
    return first;
  }

  /** Takes the first item out of the array. */
  #next(): T | undefined {
    const items = this.#items;
    const item = items[this.#head];
    items[this.#head] = undefined; // it may be gone before its place is
    this.#head += 1;
    if (this.#head === this.#end) {
      this.#head = 0;
      this.#end = 0;
      if (items.length > KEPT_MAX) this.#items = NONE;
    } else if (this.#head > SLACK && this.#head * 2 > this.#end) {
      // Half of the array lies behind the head: cutting it now costs no more than what was taken since.
      this.#items = items.slice(this.#head, this.#end);
      this.#end -= this.#head;
      this.#head = 0;
    }
    return item;
  }

  /** Puts back in front what was taken. */
  unshift(item: T): void {
    if (this.#length > 0) this.#putBack(this.#first as T);
    this.#first = item;
    this.#length += 1;
  }

  #putBack(item: T): void {
    if (this.#head === 0) {
      this.#items = [item, ...this.#items.slice(0, this.#end)];
      this.#end += 1;
    } else {
      this.#head -= 1;
      this.#items[this.#head] = item;
    }
  }

  /** What waits, in its order. */
  items(): T[] {
    return this.ahead(this.#length);
  }

  /** The first so many of them. */
  ahead(count: number): T[] {
    if (this.#length === 0 || count === 0) return [];
    const rest = this.#items.slice(this.#head, Math.min(this.#head + count - 1, this.#end)) as T[];
    return [this.#first as T, ...rest];
  }

  /** Takes everything out. */
  drain(): T[] {
    const items = this.items();
    this.#first = undefined;
    this.#length = 0;
    this.#items = NONE;
    this.#head = 0;
    this.#end = 0;
    return items;
  }
}
