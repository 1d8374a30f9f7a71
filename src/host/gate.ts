/**
 * The output gate: durable before visible. What a step puts out waits here until the store has said
 * that everything up to the step's position is on disk. Positions rise, so the gate is a queue.
 */
import type { SynapseError } from '../base/error.ts';
import { Queue } from '../base/queue.ts';

/** Told that an output will never be released; `reason` where it is known better than "not durable". */
type Abandon = (reason?: SynapseError) => void;

/** What waits in the gate. */
export interface Held {
  readonly position: number;
  /** Whose output it is. */
  readonly owner: object;
  /** Its release sends nothing: nobody waits for it. */
  readonly isQuiet: boolean;
  release(): void;
  abandon(reason?: SynapseError): void;
}

const GIVEN_UP: Abandon = () => undefined;

export class OutputGate {
  readonly #queue: Queue<Held> = new Queue();
  #durable = 0;
  #awaitedCount = 0;

  /** Everything up to here is on disk. */
  get durable(): number {
    return this.#durable;
  }

  /** What waits here and is not quiet. */
  get awaitedCount(): number {
    return this.#awaitedCount;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Calls `release` once `position` is durable: now, where it is already; or `abandon`, if it never will be. */
  hold(owner: object, position: number, release: () => void, abandon: Abandon = GIVEN_UP): void {
    this.keep({ position, release, abandon, owner, isQuiet: false });
  }

  /** The same for an output that is an object already: one for each step, so that a step makes no closures. */
  keep(held: Held): void {
    if (held.position <= this.#durable && this.length === 0) held.release();
    else this.#push(held);
  }

  #push(held: Held): void {
    this.#queue.push(held);
    if (!held.isQuiet) this.#awaitedCount += 1;
  }

  /** The store has come to `position`. */
  advance(position: number): void {
    if (position > this.#durable) this.#durable = position;
    for (;;) {
      const held = this.#queue.peek();
      if (held === undefined || held.position > this.#durable) break;
      this.#queue.shift();
      if (!held.isQuiet) this.#awaitedCount -= 1;
      held.release();
    }
  }

  /** Drops what one owner has waiting: its steps could not be kept, or, by `reason`, nothing of it is. */
  abandonOf(owner: object, reason?: SynapseError): void {
    const waiting = this.#drain();
    for (const held of waiting) if (held.owner !== owner) this.#push(held);
    for (const held of waiting) if (held.owner === owner) held.abandon(reason);
  }

  /** Drops what is not durable: those steps are undone. */
  abandon(): void {
    for (const held of this.#drain()) held.abandon();
  }

  #drain(): readonly Held[] {
    this.#awaitedCount = 0;
    return this.#queue.drain();
  }
}
