/**
 * Maps and sets that are mostly empty: the table is made with the first entry. An empty `Map` takes 180 bytes, and
 * an idle tenant had 36 of them. And maps that mostly have one entry, which needs no table either.
 */

export class RareMap<K, V> {
  #entries: Map<K, V> | undefined;

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get(key: K): V | undefined {
    return this.#entries?.get(key);
  }

  has(key: K): boolean {
    return this.#entries?.has(key) ?? false;
  }

  set(key: K, value: V): void {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    return this.#entries?.delete(key) ?? false;
  }

  clear(): void {
    this.#entries = undefined;
  }

  keys(): Iterable<K> {
    return this.#entries?.keys() ?? [];
  }

  values(): Iterable<V> {
    return this.#entries?.values() ?? [];
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#entries ?? ([] as [K, V][]))[Symbol.iterator]();
  }
}

export class RareSet<T> {
  #items: Set<T> | undefined;

  get size(): number {
    return this.#items?.size ?? 0;
  }

  has(item: T): boolean {
    return this.#items?.has(item) ?? false;
  }

  add(item: T): void {
    this.#items ??= new Set();
    this.#items.add(item);
  }

  delete(item: T): boolean {
    return this.#items?.delete(item) ?? false;
  }

  clear(): void {
    this.#items = undefined;
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#items ?? ([] as T[]))[Symbol.iterator]();
  }
}

/**
 * A map of one entry, or of none, without a table: that is made with the second. A table is three lines of the
 * processor's cache and more, and of thousands of tenants called in turn each line has to come from the memory.
 * Entries stand in the order in which they came, as in a Map.
 */
export class OneMap<K, V extends NonNullable<unknown>> {
  #key: K | undefined;
  /** Of the only entry; nothing where there is none, or a table. */
  #value: V | undefined;
  #entries: Map<K, V> | undefined;

  get size(): number {
    return this.#entries?.size ?? (this.#value === undefined ? 0 : 1);
  }

  get(key: K): V | undefined {
    if (this.#entries !== undefined) return this.#entries.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  set(key: K, value: V): void {
    if (this.#entries === undefined) {
      if (this.#value === undefined || this.#key === key) {
        this.#key = key;
        this.#value = value;
        return;
      }
      this.#entries = new Map([[this.#key as K, this.#value]]);
      this.#key = undefined;
      this.#value = undefined;
    }
    this.#entries.set(key, value);
  }

  delete(key: K): boolean {
    if (this.#entries !== undefined) {
      const isGone = this.#entries.delete(key);
      if (this.#entries.size === 0) this.#entries = undefined;
      return isGone;
    }
    if (this.#value === undefined || this.#key !== key) return false;
    this.#key = undefined;
    this.#value = undefined;
    return true;
  }

  keys(): Iterable<K> {
    return this.#entries?.keys() ?? (this.#value === undefined ? [] : [this.#key as K]);
  }

  values(): Iterable<V> {
    return this.#entries?.values() ?? (this.#value === undefined ? [] : [this.#value]);
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    const only: [K, V][] = this.#value === undefined ? [] : [[this.#key as K, this.#value]];
    return (this.#entries ?? only)[Symbol.iterator]();
  }
}
