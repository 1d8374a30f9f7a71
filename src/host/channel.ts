/**
 * A bounded queue that is read as an async iterable: each value goes to one reader. Over the limit
 * the oldest value gives way and is counted, since nobody may be reading.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #values: T[] = [];
  readonly #readers: ((result: IteratorResult<T>) => void)[] = [];
  #isClosed = false;
  droppedCount = 0;
  totalCount = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(value: T): void {
    if (this.#isClosed) return;
    this.totalCount += 1;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value });
      return;
    }
    this.#values.push(value);
    if (this.#values.length <= this.#limit) return;
    this.#values.shift();
    this.droppedCount += 1;
  }

  /** Readers get what is left, and then the end. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#readers.splice(0)) reader({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    let waiting: ((result: IteratorResult<T>) => void) | undefined;
    return {
      next: () =>
        new Promise((resolve) => {
          const value = this.#values.shift();
          if (value !== undefined) resolve({ done: false, value });
          else if (this.#isClosed) resolve({ done: true, value: undefined });
          else {
            waiting = resolve;
            this.#readers.push(resolve);
          }
        }),
      return: () => {
        const at = waiting === undefined ? -1 : this.#readers.indexOf(waiting);
        if (at >= 0) {
          this.#readers.splice(at, 1);
          waiting?.({ done: true, value: undefined });
        }
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}
