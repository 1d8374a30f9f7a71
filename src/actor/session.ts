/**
 * At most once, for every sender outside: a session per (source, incarnation) remembers which of its
 * messages were taken in and keeps each reply until the sender says that it has it. The sender says
 * so with the floor that every frame carries: all its messages below are settled.
 */
import type { Outcome } from './message.ts';

/** What is known of a message: nothing, taken in and not answered yet, or its answer. */
export type Known = undefined | 'pending' | 'settled' | Outcome;

interface Session {
  floor: number;
  /** null: taken in, no reply yet. */
  readonly replies: Map<number, Outcome | null>;
}

export interface SessionImage {
  readonly source: string;
  readonly floor: number;
  readonly replies: readonly (readonly [messageId: number, reply: Outcome | null])[];
}

/** The key of a session: the embedding process, or another tenant. */
export function sourceOf(tenant: string | undefined, incarnation: number): string {
  return tenant === undefined ? `c${incarnation}` : `t${incarnation} ${tenant}`;
}

export class SessionTable {
  readonly #sessions: Map<string, Session> = new Map();

  static fromImage(images: readonly SessionImage[]): SessionTable {
    const table = new SessionTable();
    for (const image of images) {
      table.#sessions.set(image.source, { floor: image.floor, replies: new Map(image.replies) });
    }
    return table;
  }

  image(): SessionImage[] {
    return [...this.#sessions].map(([source, session]) => ({
      source,
      floor: session.floor,
      replies: [...session.replies],
    }));
  }

  known(source: string, messageId: number): Known {
    const session = this.#sessions.get(source);
    if (session === undefined) return undefined;
    if (messageId < session.floor) return 'settled';
    const reply = session.replies.get(messageId);
    return reply === null ? 'pending' : reply;
  }

  /** Takes a message in and forgets the replies below `floor`. */
  open(source: string, messageId: number, floor: number): void {
    let session = this.#sessions.get(source);
    if (session === undefined) {
      // A process has one incarnation at a time: the sessions of those before it are over.
      if (source.startsWith('c')) this.#dropClients();
      session = { floor, replies: new Map() };
      this.#sessions.set(source, session);
    }
    if (floor > session.floor) {
      session.floor = floor;
      for (const id of session.replies.keys()) if (id < floor) session.replies.delete(id);
    }
    session.replies.set(messageId, null);
  }

  #dropClients(): void {
    for (const source of this.#sessions.keys()) if (source.startsWith('c')) this.#sessions.delete(source);
  }

  answer(source: string, messageId: number, outcome: Outcome): void {
    const session = this.#sessions.get(source);
    if (session?.replies.get(messageId) === null) session.replies.set(messageId, outcome);
  }
}
