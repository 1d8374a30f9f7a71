/**
 * The calls of one turn: those that leave at the end of the stretch that made them, those that have no
 * result yet, and the results so far. Made with a turn's first call: most turns make none.
 */
import type { SynapseError } from '../base/error.ts';
import type { Arguments } from './arguments.ts';

/** What a turn waits for; `local` names an actor of this domain whose turn has to end first. */
export type Call =
  | {
      readonly kind: 'local';
      readonly index: number;
      readonly actorId: string;
      readonly type: string;
      readonly key: string;
      readonly handler: string;
      readonly query: boolean;
      readonly args: Arguments;
      readonly principal: string | undefined;
      readonly idempotencyKey: string | undefined;
    }
  | {
      readonly kind: 'remote';
      readonly index: number;
      readonly tenant: string;
      readonly type: string;
      readonly key: string;
      readonly handler: string;
      readonly args: Uint8Array;
      readonly principal: string | undefined;
      readonly timeoutMs: number | undefined;
      readonly idempotencyKey: string | undefined;
    }
  | { readonly kind: 'effect'; readonly index: number; readonly name: string; readonly input: Uint8Array }
  | { readonly kind: 'failed'; readonly index: number; readonly error: SynapseError };

/** One delivered result, with the recorded time and seq at which the turn saw it. */
export interface TurnResult {
  readonly callIndex: number;
  readonly ok: boolean;
  readonly payload: Uint8Array;
  readonly nowMs: number;
  readonly seq: number;
}

/** An open call: its index and, where it is to a command of this domain, the actor waited for. */
export type OpenCall = readonly [callIndex: number, actorId: string | undefined];

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const NONE: readonly never[] = []; // not frozen: a loop over a frozen array makes an object a round

export class TurnCalls {
  readonly results: TurnResult[] = [];
  /** Calls that have left: a rerun does not send them again. */
  sentCount = 0;
  // Open calls: the only one, or, where there was more than one, all of them.
  #only: OpenCall | undefined = undefined;
  #several: Map<number, string | undefined> | undefined = undefined;
  // Of the live handler: what it waits with, and what leaves when its stretch ends.
  #waiting: (Waiting | undefined)[] = [];
  #outgoing: readonly Call[] = NONE;

  get openCount(): number {
    return this.#several?.size ?? (this.#only === undefined ? 0 : 1);
  }

  isOpen(callIndex: number): boolean {
    return this.#several?.has(callIndex) ?? this.#only?.[0] === callIndex;
  }

  /** In the order in which they were made. */
  get open(): readonly OpenCall[] {
    if (this.#several !== undefined) return [...this.#several];
    return this.#only === undefined ? NONE : [this.#only];
  }

  openCall(callIndex: number, actorId: string | undefined): void {
    if (this.#several === undefined) {
      if (this.#only === undefined || this.#only[0] === callIndex) {
        this.#only = [callIndex, actorId];
        return;
      }
      this.#several = new Map([this.#only]);
    }
    this.#several.set(callIndex, actorId);
  }

  closeCall(callIndex: number): void {
    if (this.#several !== undefined) this.#several.delete(callIndex);
    else if (this.#only?.[0] === callIndex) this.#only = undefined;
  }

  /** Number of calls made so far by the live handler. */
  get count(): number {
    return this.#waiting.length;
  }

  get hasOutgoing(): boolean {
    return this.#outgoing.length > 0;
  }

  /** A promise for the result of the next call; the call leaves unless it has left before. */
  request(make: (index: number) => Call): Promise<unknown> {
    const waiting = this.#waiting;
    const index = waiting.length;
    const promise = new Promise<unknown>((resolve, reject) => {
      waiting.push({ resolve, reject });
    });
    if (index >= this.sentCount) {
      const call = make(index);
      if (this.#outgoing.length === 0) this.#outgoing = [call];
      else (this.#outgoing as Call[]).push(call);
    }
    return promise;
  }

  /** Takes the calls that the last stretch of code made. */
  takeOutgoing(): readonly Call[] {
    const calls = this.#outgoing;
    this.#outgoing = NONE;
    return calls;
  }

  /** Settles the promise of one call. The caller drains the microtasks. */
  settle({ callIndex, ok }: TurnResult, value: unknown): void {
    const waiting = this.#waiting[callIndex];
    if (waiting === undefined) return;
    this.#waiting[callIndex] = undefined;
    if (ok) waiting.resolve(value);
    else waiting.reject(value);
  }

  /** The handler is thrown away; what it was given stays. */
  disarm(): void {
    this.#waiting = [];
    this.#outgoing = NONE;
  }
}
