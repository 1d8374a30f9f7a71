/**
 * Messages that this lane has answered and of which no record tells: they were refused, or repeated an idempotency
 * key. Their sender may have sent them again before it heard the answer (after an outage, say), and the second
 * copy must not run: whoever waits was told that it was refused, or what the first of its key gave.
 *
 *   sender   m ─────▶ sends all again: m ─────▶                … hears that m was refused
 *   lane          refuses m                 refuses m again
 *
 * A copy comes within what a sender may have under way, so two generations of that many are enough.
 */
import type { Frame } from '../frame/frame.ts';

/** Answers of a generation: as many as the embedder may have under way by default (`maxInFlight`). */
export const UNRECORDED_MAX = 100_000;

export interface Answer {
  readonly ok: boolean;
  readonly payload: Uint8Array;
}

export class UnrecordedAnswers {
  /** Answers by message; of the embedder's none, since what it was told reaches it. */
  #young: Map<number | string, Answer | undefined> = new Map();
  #old: Map<number | string, Answer | undefined> = new Map();
  /** Of the embedder: one process at a time. */
  #incarnation = 0;

  /** A call or tell was answered. Of another tenant's a refusal alone is kept: what a key gave may be large. */
  note(frame: Frame, answer: Answer): void {
    if (frame.source === undefined) this.#meet(frame.incarnation);
    else if (answer.ok) return;
    if (this.#young.size === UNRECORDED_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(nameOf(frame), frame.source === undefined ? undefined : answer);
  }

  /** Of a message that was sent before: true where it was answered; `again` gets the answer where it may be needed again. */
  covers(frame: Frame, again: (answer: Answer) => void): boolean {
    if (frame.source === undefined && frame.incarnation !== this.#incarnation) return false;
    const name = nameOf(frame);
    const generation = this.#young.has(name) ? this.#young : this.#old;
    if (!generation.has(name)) return false;
    const answer = generation.get(name);
    if (answer !== undefined) again(answer);
    return true;
  }

  #meet(incarnation: number): void {
    if (incarnation === this.#incarnation) return;
    this.#incarnation = incarnation;
    this.#old = new Map();
    this.#young = new Map();
  }
}

/** The embedder's messages have one numbering, those of a tenant one for each tenant that it writes to. */
function nameOf({ source, target, incarnation, messageId }: Frame): number | string {
  return source === undefined ? messageId : `${messageId} ${incarnation} ${source.tenant}\0${target.tenant}`;
}
