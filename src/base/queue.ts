/**
 * First in, first out, in an array that is cut from time to time: taking out costs no more than putting in,
 * however much waits. (`Array.shift` moves all that is behind, once there are some ten thousand.)
 */

/** Places in front that are free before the array is cut, at the least. */
const SLACK = 64;

export class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    const items = this.#items;
    if (this.#head === items.length) return undefined;
    const item = items[this.#head];
    items[this.#head] = undefined; // it may be gone before its place is
    this.#head += 1;
    if (this.#head === items.length) {
      items.length = 0;
      this.#head = 0;
    } else if (this.#head > SLACK && this.#head * 2 > items.length) {
      // Half of the array lies behind the head: cutting it now costs no more than what was taken since.
      this.#items = items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** What waits, in its order. */
  items(): T[] {
    return this.#items.slice(this.#head) as T[];
  }

  /** Takes everything out. */
  drain(): T[] {
    const items = this.items();
    this.#items = [];
    this.#head = 0;
    return items;
  }
}
