/**
 * The tries of a replayed tenant, kept in memory beside its replay, so that a root can be asked for after
 * any step. Until then rows that changed are only put aside.
 */
import { META_ROW } from '../actor/cell.ts';
import { sha256 } from '../base/hash.ts';
import { type TriePages, trieRoot, updateTrie } from '../merkle/trie.ts';
import { rowHash } from '../store/schema.ts';
import { domainRootOf, type Roots } from '../store/snapshot.ts';
import type { MirrorRow, StepReport } from './replay-protocol.ts';

/** Pages of the two tries as a replay finds them: empty at genesis, the store's at a snapshot. */
export interface MirrorGround {
  readonly state: TriePages;
  readonly system: TriePages;
}

/** Reports put aside undecoded: many enough that one row that changes often is decoded once, few enough for memory. */
const ASIDE_MAX = 1_024;

export class StateMirror {
  readonly #pages: MirrorGround;
  #aside: StepReport[] = [];
  #stateRoot: Uint8Array | undefined;
  /** By group and name, as both tries need them. */
  readonly #stateDue: Map<string, MirrorRow> = new Map();
  readonly #systemDue: Map<string, MirrorRow> = new Map();

  constructor(pages: MirrorGround) {
    this.#pages = pages;
  }

  /** Takes note of what a step, or a batch of them, changed. */
  take(report: StepReport): void {
    this.#aside.push(report);
    if (this.#aside.length >= ASIDE_MAX) this.#fold();
  }

  #fold(): void {
    for (const report of this.#aside) {
      for (const row of report.rows()) put(row.name === META_ROW ? this.#systemDue : this.#stateDue, row);
      for (const row of report.systemRows()) put(this.#systemDue, row);
    }
    this.#aside = [];
  }

  /** Root over actor states and tables after what was taken, 32 bytes. */
  stateRoot(): Uint8Array {
    this.#fold();
    if (this.#stateDue.size > 0 || this.#stateRoot === undefined)
      this.#stateRoot = update(this.#pages.state, this.#stateDue);
    return this.#stateRoot.slice();
  }

  /** Both roots after what was taken: the last report was made with detail `domain`. */
  roots({ seq, imageHash }: StepReport): Roots {
    const stateRoot = this.stateRoot();
    const systemRoot = update(this.#pages.system, this.#systemDue);
    return { stateRoot, domainRoot: domainRootOf(stateRoot, systemRoot, seq, imageHash) };
  }
}

function put(due: Map<string, MirrorRow>, row: MirrorRow): void {
  due.set(`${row.group}\n${row.name}`, row); // a group holds no line feed: types and keys have no control characters but NUL
}

function update(pages: TriePages, due: Map<string, MirrorRow>): Uint8Array {
  if (due.size === 0) return trieRoot(pages);
  const changes = [...due.values()].map(({ group, name, value }) => ({
    key: rowHash(group, name),
    valueHash: value === null ? null : sha256(value),
  }));
  due.clear();
  return updateTrie(pages, changes);
}
