/**
 * The search of Wing and Gong with Lowe's memory: depth first over the orders in which the operations of one
 * object may have happened, never through the same configuration twice. No recursion; work has a bound.
 *
 * A configuration is what has been placed and the state after it. Operations that were never answered are kept
 * apart: none of them must be placed, so a configuration with more of them placed can do nothing that one
 * with fewer cannot, and is left out.
 *
 * ```
 *  answered   HEAD ⇄ call a ⇄ call b ⇄ return a ⇄ call c ⇄ return b ⇄ …     placing takes both nodes out,
 *             └ may come next: the calls ┘ └ before the first return         undoing puts them back
 *  never      call p ⇄ call q ⇄ …   may come next when they stand before that return
 * ```
 *
 * Sources: Wing and Gong, "Testing and verifying concurrent objects" (1993); Lowe, "Testing for
 * linearizability" (2017).
 */
import { type Operation, valueKey } from './history.ts';
import type { HistoryModel } from './history-models.ts';

/** How a search ended. */
export interface SearchOutcome<State> {
  /** `exhausted`: no order is left to try. `bounded`: the bound on work was reached first. */
  readonly end: 'found' | 'exhausted' | 'bounded';
  /** Steps of the model that were taken. */
  readonly steps: number;
  /** The longest order that was reached, in it the operations by their position in the list given. */
  readonly order: readonly number[];
  /** The state after it. */
  readonly state: State;
}

const HEAD = 0;

/** A doubly linked list of nodes 1 … size whose nodes are taken out and put back in reverse (Knuth's dancing links). */
class Chain {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;

  constructor(order: readonly number[]) {
    this.#next = new Int32Array(order.length + 1);
    this.#previous = new Int32Array(order.length + 1);
    let last = HEAD;
    for (const node of order) {
      this.#next[last] = node;
      this.#previous[node] = last;
      last = node;
    }
    this.#next[last] = HEAD;
    this.#previous[HEAD] = last;
  }

  after(node: number): number {
    return this.#next[node] ?? HEAD;
  }

  takeOut(node: number): void {
    const next = this.#next[node] ?? HEAD;
    const previous = this.#previous[node] ?? HEAD;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  putBack(node: number): void {
    this.#next[this.#previous[node] ?? HEAD] = node;
    this.#previous[this.#next[node] ?? HEAD] = node;
  }
}

/** A set of small numbers that fills up from below: what is full at its bottom is one number of its key. */
class FillingSet {
  readonly #words: Uint16Array;
  #full = 0;

  constructor(size: number) {
    this.#words = new Uint16Array((size >>> 4) + 1);
  }

  flip(index: number): void {
    const word = index >>> 4;
    this.#words[word] = (this.#words[word] ?? 0) ^ (1 << (index & 15));
    if (word < this.#full) this.#full = word;
    while (this.#words[this.#full] === 0xffff) this.#full++;
  }

  key(): string {
    let end = this.#words.length;
    while (end > this.#full && this.#words[end - 1] === 0) end--;
    return `${this.#full}:${String.fromCharCode(...this.#words.subarray(this.#full, end))}`;
  }
}

/** One placed operation, with what is needed to go back behind it. */
interface Placed<State> {
  readonly operation: number;
  readonly before: State;
}

class Search<State> {
  readonly #model: HistoryModel<State>;
  readonly #operations: readonly Operation[];
  /** Positions of those with an answer and of those without. Node `1 + 2 * rank` is a call, the next one its return. */
  readonly #answered: readonly number[];
  readonly #open: readonly number[];
  readonly #rankOf: Int32Array;
  readonly #events: Chain;
  readonly #pending: Chain;
  /** For each open operation the nearest earlier one that asks the same, or -1: of such twins the earlier goes first. */
  readonly #twinOf: readonly number[];
  readonly #isOpenPlaced: Uint8Array;
  readonly #placedAnswered: FillingSet;
  #openSet = 0n;
  readonly #seen: Map<string, bigint[]> = new Map();
  readonly #path: Placed<State>[] = [];
  #state: State;
  #steps = 0;
  #answeredPlaced = 0;
  #longestAnswered = 0;
  #longest: readonly number[] = [];
  #longestState: State;

  constructor(model: HistoryModel<State>, operations: readonly Operation[]) {
    this.#model = model;
    this.#operations = operations;
    this.#answered = positionsOf(operations, (operation) => operation.answeredAt !== undefined);
    this.#open = positionsOf(operations, (operation) => operation.answeredAt === undefined);
    this.#rankOf = new Int32Array(operations.length);
    for (const positions of [this.#answered, this.#open])
      positions.forEach((position, rank) => (this.#rankOf[position] = rank));
    this.#events = new Chain(this.#nodesInTime());
    this.#pending = new Chain(this.#open.map((_, rank) => rank + 1));
    this.#twinOf = twinsOf(this.#open.map((position) => operations[position]));
    this.#isOpenPlaced = new Uint8Array(this.#open.length);
    this.#placedAnswered = new FillingSet(this.#answered.length);
    this.#state = model.initial;
    this.#longestState = model.initial;
  }

  #nodesInTime(): readonly number[] {
    const nodes: { readonly node: number; readonly at: number }[] = [];
    this.#answered.forEach((position, rank) => {
      const operation = this.#operations[position];
      nodes.push({ node: 1 + 2 * rank, at: operation?.invokedAt ?? 0 });
      nodes.push({ node: 2 + 2 * rank, at: operation?.answeredAt ?? 0 });
    });
    return nodes.sort((left, right) => left.at - right.at).map(({ node }) => node);
  }

  run(maxSteps: number): SearchOutcome<State> {
    let candidate = this.#firstCandidate();
    while (this.#events.after(HEAD) !== HEAD) {
      if (candidate === undefined) {
        this.#noteLongest();
        const last = this.#path.pop();
        if (last === undefined) return this.#outcome('exhausted');
        this.#undo(last);
        candidate = this.#candidateAfter(last.operation);
      } else if (this.#steps >= maxSteps) return this.#outcome('bounded');
      else candidate = this.#place(candidate) ? this.#firstCandidate() : this.#candidateAfter(candidate);
    }
    return this.#outcome('found');
  }

  #outcome(end: SearchOutcome<State>['end']): SearchOutcome<State> {
    this.#noteLongest();
    return { end, steps: this.#steps, order: this.#longest, state: this.#longestState };
  }

  #firstCandidate(): number | undefined {
    return this.#callAt(this.#events.after(HEAD));
  }

  /** Answered operations first: the fewer open ones are placed, the more the memory leaves out later. */
  #candidateAfter(operation: number): number | undefined {
    const rank = this.#rankOf[operation] ?? 0;
    if (this.#isOpen(operation)) return this.#pendingFrom(this.#pending.after(rank + 1));
    return this.#callAt(this.#events.after(1 + 2 * rank));
  }

  #callAt(node: number): number | undefined {
    const isCall = (node & 1) === 1;
    return isCall ? this.#answered[node >>> 1] : this.#pendingFrom(this.#pending.after(HEAD));
  }

  #pendingFrom(start: number): number | undefined {
    if (start === HEAD) return undefined;
    const boundary = this.#firstReturn();
    for (let node = start; node !== HEAD; node = this.#pending.after(node)) {
      const position = this.#open[node - 1] ?? 0;
      if ((this.#operations[position]?.invokedAt ?? 0) > boundary) return undefined;
      const twin = this.#twinOf[node - 1] ?? -1;
      if (twin === -1 || this.#isOpenPlaced[twin] === 1) return position;
    }
    return undefined;
  }

  #firstReturn(): number {
    let node = this.#events.after(HEAD);
    while ((node & 1) === 1) node = this.#events.after(node);
    const position = this.#answered[(node >>> 1) - 1] ?? 0;
    return this.#operations[position]?.answeredAt ?? 0;
  }

  /** Places it where the model allows and the configuration after it is new. */
  #place(position: number): boolean {
    const operation = this.#operations[position];
    if (operation === undefined) return false;
    this.#steps++;
    const before = this.#state;
    const after = this.#model.step(before, operation.op, operation.input, operation.output);
    if (after === undefined) return false;
    this.#state = after;
    this.#flip(position);
    if (!this.#isNew()) {
      this.#flip(position);
      this.#state = before;
      return false;
    }
    const node = this.#rankOf[position] ?? 0;
    if (this.#isOpen(position)) this.#pending.takeOut(node + 1);
    else {
      this.#answeredPlaced++;
      this.#events.takeOut(1 + 2 * node);
      this.#events.takeOut(2 + 2 * node);
    }
    this.#path.push({ operation: position, before });
    return true;
  }

  #undo({ operation, before }: Placed<State>): void {
    this.#state = before;
    this.#flip(operation);
    const node = this.#rankOf[operation] ?? 0;
    if (this.#isOpen(operation)) this.#pending.putBack(node + 1);
    else {
      this.#answeredPlaced--;
      this.#events.putBack(2 + 2 * node);
      this.#events.putBack(1 + 2 * node);
    }
  }

  #isOpen(position: number): boolean {
    return this.#operations[position]?.answeredAt === undefined;
  }

  #flip(position: number): void {
    const rank = this.#rankOf[position] ?? 0;
    if (this.#isOpen(position)) {
      this.#isOpenPlaced[rank] = 1 - (this.#isOpenPlaced[rank] ?? 0);
      this.#openSet ^= 1n << BigInt(rank);
    } else this.#placedAnswered.flip(rank);
  }

  /** True, and remembered, unless a configuration was met that differs by fewer open operations or by nothing. */
  #isNew(): boolean {
    const key = `${this.#placedAnswered.key()}|${this.#model.key?.(this.#state) ?? valueKey(this.#state)}`;
    const met = this.#seen.get(key);
    const open = this.#openSet;
    if (met === undefined) {
      this.#seen.set(key, [open]);
      return true;
    }
    if (met.some((smaller) => (smaller & open) === smaller)) return false;
    this.#seen.set(key, [...met.filter((larger) => (larger & open) !== open), open]);
    return true;
  }

  /** Called before every step back and at the end. What explains more answers is longer. */
  #noteLongest(): void {
    if (this.#answeredPlaced <= this.#longestAnswered) return;
    this.#longestAnswered = this.#answeredPlaced;
    // What stands behind the last answer explains nothing.
    let end = this.#path.length;
    let state = this.#state;
    for (
      let last = this.#path[end - 1];
      last !== undefined && this.#isOpen(last.operation);
      last = this.#path[end - 1]
    ) {
      state = last.before;
      end--;
    }
    this.#longest = this.#path.slice(0, end).map(({ operation }) => operation);
    this.#longestState = state;
  }
}

function positionsOf(operations: readonly Operation[], test: (operation: Operation) => boolean): readonly number[] {
  return operations.flatMap((operation, position) => (test(operation) ? [position] : []));
}

function twinsOf(open: readonly (Operation | undefined)[]): readonly number[] {
  const last = new Map<string, number>();
  return open.map((operation, rank) => {
    const key = `${operation?.op} ${valueKey(operation?.input)}`;
    const twin = last.get(key) ?? -1;
    last.set(key, rank);
    return twin;
  });
}

/** Looks for an order of `operations`, which stand as they were invoked, that `model` allows; gives up after `maxSteps` of its steps. */
export function searchLinearization<State>(
  model: HistoryModel<State>,
  operations: readonly Operation[],
  maxSteps: number,
): SearchOutcome<State> {
  return new Search(model, operations).run(maxSteps);
}
