/**
 * Who wants to hear of whose end. A watch is spent when either of the two ends: the watcher is told, or is not
 * there to be told; born again, it asks anew. A row holds the watchers of one actor, in the order they asked.
 */
import { RareMap } from '../base/rare.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { RowMarks } from './row-marks.ts';

export const WATCH_GROUP = 'sys:watch';

export class WatchTable {
  readonly marks: RowMarks = new RowMarks(WATCH_GROUP);
  readonly #watchers: RareMap<string, readonly string[]> = new RareMap();
  /** The same the other way round: by watcher. */
  readonly #watched: RareMap<string, Set<string>> = new RareMap();

  /** False when `watcher` watches `target` already. */
  add(target: string, watcher: string): boolean {
    if (this.#watched.get(watcher)?.has(target) === true) return false;
    this.#watchers.set(target, [...(this.#watchers.get(target) ?? []), watcher]);
    this.#note(target, watcher);
    this.marks.touch(target);
    return true;
  }

  #note(target: string, watcher: string): void {
    const targets = this.#watched.get(watcher);
    if (targets === undefined) this.#watched.set(watcher, new Set([target]));
    else targets.add(target);
  }

  /** Takes out an actor that has ended, with all that it watched; gives those who watched it. */
  end(actorId: string): readonly string[] {
    for (const target of this.#watched.get(actorId) ?? []) {
      const others = (this.#watchers.get(target) ?? []).filter((watcher) => watcher !== actorId);
      this.#set(target, others);
    }
    this.#watched.delete(actorId);
    const watchers = this.#watchers.get(actorId) ?? [];
    for (const watcher of watchers) {
      const targets = this.#watched.get(watcher);
      targets?.delete(actorId);
      if (targets?.size === 0) this.#watched.delete(watcher);
    }
    if (watchers.length > 0) this.#set(actorId, []);
    return watchers;
  }

  #set(target: string, watchers: readonly string[]): void {
    if (watchers.length > 0) {
      this.#watchers.set(target, watchers);
      this.marks.touch(target);
      return;
    }
    this.#watchers.delete(target);
    this.marks.drop(target);
  }

  /** Whether there is a row. */
  has(target: string): boolean {
    return this.#watchers.has(target);
  }

  rowValue(target: string): Uint8Array | null {
    const watchers = this.#watchers.get(target);
    return watchers === undefined ? null : encodeValue(watchers);
  }

  restore(rows: readonly { readonly name: string; readonly value: Uint8Array }[]): void {
    for (const { name, value } of rows) {
      const watchers = decodeValue(value) as readonly string[];
      this.#watchers.set(name, watchers);
      for (const watcher of watchers) this.#note(name, watcher);
      this.marks.stored(name);
    }
  }
}
