/**
 * Which rows of one group changed since the last snapshot. A row that came and went in between was
 * never stored and leaves no trace.
 */
import { RareSet } from '../base/rare.ts';

export class RowMarks {
  readonly group: string;
  readonly #stored: RareSet<string> = new RareSet();
  #changed: RareSet<string> = new RareSet();

  constructor(group: string) {
    this.group = group;
  }

  get size(): number {
    return this.#changed.size;
  }

  /** The row exists and is new or changed. */
  touch(name: string): void {
    this.#changed.add(name);
  }

  /** The row is gone. */
  drop(name: string): void {
    if (this.#stored.has(name)) this.#changed.add(name);
    else this.#changed.delete(name);
  }

  /** The row came from the store. */
  stored(name: string): void {
    this.#stored.add(name);
  }

  /** Names that changed, without forgetting them. */
  names(): readonly string[] {
    return [...this.#changed];
  }

  /** Takes the changed names out for a snapshot; `exists` tells which of them are still there. */
  take(exists: (name: string) => boolean): readonly string[] {
    const names = [...this.#changed];
    this.#changed = new RareSet();
    for (const name of names) {
      if (exists(name)) this.#stored.add(name);
      else this.#stored.delete(name);
    }
    return names;
  }
}
