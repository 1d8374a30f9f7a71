/**
 * A store on disk taken into memory, so that thousands of edits of it can be tried and undone in no time.
 */
import { MemoryKeyValue } from '../../src/store/memory.ts';
import type { Row } from '../../src/store/key-value.ts';
import { FileKeySlots } from '../../src/store/key-slots.ts';
import { openStoreView, type StoreView, viewOf } from '../../src/store/store-view.ts';

/** Rows of a store, and a driver that holds them. */
export class StoredRows {
  readonly driver: MemoryKeyValue = new MemoryKeyValue();
  readonly rows: readonly Row[];
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    const view = openStoreView(dataDir);
    this.rows = view.driver.range(Uint8Array.of(0), new Uint8Array(8).fill(0xff));
    view.close();
    this.driver.commit(this.rows);
  }

  view(): StoreView {
    return viewOf(this.driver, () => undefined, 'memory', new FileKeySlots(this.#dataDir));
  }

  /** Puts `changed` in the place of `row` while `look` looks; null takes the row away. */
  async edited<T>([key, value]: Row, changed: Row | null, look: () => Promise<T>): Promise<T> {
    const covered = changed === null ? undefined : this.driver.get(changed[0]);
    this.driver.commit([[key, null], ...(changed === null ? [] : [changed])]);
    try {
      return await look();
    } finally {
      if (changed !== null) this.driver.commit([[changed[0], covered ?? null]]);
      this.driver.commit([[key, value]]);
    }
  }
}
