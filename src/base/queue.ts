/**
 * First in, first out, in an array that is cut from time to time: taking out costs no more than putting in,
 * however much waits. (`Array.shift` moves all that is behind, once there are some ten thousand.)
 */

/** Places in front that are free before the array is cut, at the least. */
const SLACK = 64;

/** Places that an empty queue keeps: one that is filled and emptied by turns makes no array for it. */
const KEPT_MAX = 64;

export class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#head;
  }

  push(item: T): void {
    this.#items[this.#end++] = item;
  }

  peek(): T | undefined {
    return this.#head === this.#end ? undefined : this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.#head === this.#end) return undefined;
    const items = this.#items;
    const item = items[this.#head];
    items[this.#head] = undefined; // it may be gone before its place is
    this.#head += 1;
    if (this.#head === this.#end) {
      this.#head = 0;
      this.#end = 0;
      if (items.length > KEPT_MAX) this.#items = [];
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
    return this.#items.slice(this.#head, this.#end) as T[];
  }

  /** The first so many of them. */
  ahead(count: number): T[] {
    return this.#items.slice(this.#head, Math.min(this.#head + count, this.#end)) as T[];
  }

  /** Takes everything out. */
  drain(): T[] {
    const items = this.items();
    this.#items = [];
    this.#head = 0;
    this.#end = 0;
    return items;
  }
}
