/**
 * The tries of a replayed tenant, kept in memory beside its domain, so that a root can be asked for after
 * any step. Costs nothing until then: between two questions it only remembers which rows changed.
 *
 * Takes the domain's marks of changed rows away after every step; nothing else of a replay needs them.
 */
import { META_ROW, rowGroupOf } from '../actor/cell.ts';
import { type ChangedRow, changedSystemRows, encodeImage, takeSystemMarks, touchTurns } from '../actor/domain-image.ts';
import type { DomainState } from '../actor/domain-state.ts';
import { sha256 } from '../base/hash.ts';
import { MemoryPages, type TriePages, trieRoot, updateTrie } from '../merkle/trie.ts';
import { rowHash } from '../store/schema.ts';
import { domainRootOf } from '../store/snapshot.ts';

/** Rows that one step changed, by actor: names of rows as cell.ts has them. */
export type ChangedNames = ReadonlyMap<string, ReadonlySet<string>>;

const NOTHING: ChangedNames = new Map();

/** Pages of the two tries as a replay finds them: empty at genesis, the store's at a snapshot. */
export interface MirrorGround {
  readonly state: TriePages;
  readonly system: TriePages;
}

export class StateMirror {
  readonly #state: DomainState;
  readonly #pages: MirrorGround;
  /** Rows of actors that changed since the state trie, or the system trie, was brought up to date. */
  #stateDue: Map<string, Set<string>> = new Map();
  readonly #metaDue: Set<string> = new Set();

  constructor(state: DomainState, pages: MirrorGround = { state: new MemoryPages(), system: new MemoryPages() }) {
    this.#state = state;
    this.#pages = pages;
  }

  /** Takes note of what the step that has just ended changed, and says what that was. */
  absorb(): ChangedNames {
    const state = this.#state;
    const { dirty } = state;
    if (dirty.size === 0) return NOTHING;
    state.dirty = new Map();
    state.dirtyRowCount = 0;
    for (const [actorId, names] of dirty) {
      const due = this.#stateDue.get(actorId);
      if (due === undefined) this.#stateDue.set(actorId, new Set(names));
      else for (const name of names) due.add(name);
    }
    return dirty;
  }

  /** Root over actor states and tables, 32 bytes. */
  stateRoot(): Uint8Array {
    const rows: ChangedRow[] = [];
    for (const [actorId, names] of this.#stateDue) {
      const cell = this.#state.cells.get(actorId);
      const group = rowGroupOf(actorId);
      for (const name of names) {
        if (name === META_ROW) this.#metaDue.add(actorId);
        else rows.push({ space: 'state', group, name, value: cell?.rowValue(name) ?? null });
      }
    }
    this.#stateDue = new Map();
    return update(this.#pages.state, rows).slice();
  }

  /** Root over everything the domain consists of, as a snapshot taken now would have it. */
  domainRoot(): Uint8Array {
    const state = this.#state;
    const stateRoot = this.stateRoot();
    touchTurns(state);
    const rows = changedSystemRows(state);
    takeSystemMarks(state);
    for (const actorId of this.#metaDue) {
      const value = state.cells.get(actorId)?.rowValue(META_ROW) ?? null;
      rows.push({ space: 'system', group: rowGroupOf(actorId), name: META_ROW, value });
    }
    this.#metaDue.clear();
    return domainRootOf(stateRoot, update(this.#pages.system, rows), state.seq, sha256(encodeImage(state)));
  }
}

function update(pages: TriePages, rows: readonly ChangedRow[]): Uint8Array {
  if (rows.length === 0) return trieRoot(pages);
  return updateTrie(
    pages,
    rows.map(({ group, name, value }) => ({
      key: rowHash(group, name),
      valueHash: value === null ? null : sha256(value),
    })),
  );
}
