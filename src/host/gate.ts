/**
 * The output gate: durable before visible. What a step puts out waits here until the store has said
 * that everything up to the step's position is on disk. Positions rise, so the gate is a queue.
 */
import type { SynapseError } from '../base/error.ts';

/** Told that an output will never be released; `reason` where it is known better than "not durable". */
type Abandon = (reason?: SynapseError) => void;

/** What waits in the gate. */
export interface Held {
  readonly position: number;
  /** Whose output it is. */
  readonly owner: object;
  release(): void;
  abandon(reason?: SynapseError): void;
}

const GIVEN_UP: Abandon = () => undefined;

export class OutputGate {
  #queue: Held[] = [];
  #head = 0;
  #durable = 0;

  /** Everything up to here is on disk. */
  get durable(): number {
    return this.#durable;
  }

  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** Calls `release` once `position` is durable: now, where it is already; or `abandon`, if it never will be. */
  hold(owner: object, position: number, release: () => void, abandon?: Abandon): void {
    if (position <= this.#durable && this.length === 0) release();
    else this.#queue.push({ position, release, abandon: abandon ?? GIVEN_UP, owner });
  }

  /** The same for an output that is an object already: one for each step, so that a step makes no closures. */
  keep(held: Held): void {
    if (held.position <= this.#durable && this.length === 0) held.release();
    else this.#queue.push(held);
  }

  /** The store has come to `position`. */
  advance(position: number): void {
    if (position > this.#durable) this.#durable = position;
    while (this.#head < this.#queue.length) {
      const held = this.#queue[this.#head];
      if (held === undefined || held.position > this.#durable) break;
      this.#head += 1;
      held.release();
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 4_096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Drops what one owner has waiting: its steps could not be kept, or, by `reason`, nothing of it is. */
  abandonOf(owner: object, reason?: SynapseError): void {
    const waiting = this.#queue.slice(this.#head);
    this.#queue = waiting.filter((held) => held.owner !== owner);
    this.#head = 0;
    for (const held of waiting) if (held.owner === owner) held.abandon(reason);
  }

  /** Drops what is not durable: those steps are undone. */
  abandon(): void {
    const lost = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const held of lost) held.abandon();
  }
}
