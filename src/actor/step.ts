/**
 * The step under way: its place in the total order, what it has put out so far, and the digest of
 * all that, which the journal keeps and a replay compares.
 *
 * The digest covers replies, sends, emits, timers, effects, supervision and every changed row. Of a
 * failure it covers the code alone: an engine's message text may differ between versions of Node. A
 * refusal is the handler's own word and counts whole.
 */
import type { Address } from '../base/address.ts';
import type { ByteSink } from '../base/byte-sink.ts';
import type { ErrorCode } from '../base/error.ts';
import { encodeValueInto } from '../frame/codec.ts';
import { Sha256, sha256 } from '../base/hash.ts';
import type { ResolvedActor } from './definition.ts';
import type { OutboxEntry } from './outbox.ts';

/** An effect to be run outside. `id` is unique in its tenant for good. */
export interface EffectRequest {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly version: number;
  readonly name: string;
  readonly input: Uint8Array;
  readonly turnId: number;
  readonly callIndex: number;
}

/** What a step wants done outside its domain. All of it waits for the step to be durable. */
export type Output =
  | {
      readonly kind: 'reply';
      readonly incarnation: number;
      readonly messageId: number;
      readonly ok: boolean;
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: 'tenant-reply';
      readonly tenant: string;
      readonly incarnation: number;
      readonly messageId: number;
      readonly ok: boolean;
      readonly tell: boolean;
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'send'; readonly entry: OutboxEntry }
  | { readonly kind: 'effect'; readonly request: EffectRequest }
  | { readonly kind: 'cancel-effect'; readonly id: string }
  | {
      readonly kind: 'event';
      readonly topic: string;
      readonly offset: number;
      readonly timeMs: number;
      readonly value: Uint8Array;
    }
  | { readonly kind: 'answered'; readonly idempotencyKey: string; readonly ok: boolean; readonly payload: Uint8Array }
  | {
      readonly kind: 'dead-letter';
      readonly address: Address;
      readonly handler: string;
      readonly args: Uint8Array;
      readonly reason: ErrorCode;
      readonly message: string;
    }
  | {
      readonly kind: 'supervision';
      readonly event: 'restart' | 'escalated' | 'poisoned';
      readonly address: Address | undefined;
      readonly reason: string;
      readonly untilMs: number | undefined;
    };

/** Lines that a step gathers before it hashes them: what the nearest cache holds. */
const PIECE_BYTES: number = 16 << 10;

const NONE: readonly never[] = [];

/** Of a line of the digest. */
type Part = string | number | Uint8Array;

export class Step {
  /** Shared by the turns that begin in this step: they may outlive it. */
  readonly moment: { readonly nowMs: number; readonly seq: number };
  readonly seed: Uint8Array;
  /** Most steps put out one thing and decide nothing; an empty list takes 17 places with its first entry. */
  outputs: readonly Output[] = NONE;
  /** Answers of the `admit` port, in the order they were asked for; a replay reads them back. */
  decisions: readonly boolean[];
  readonly isReplay: boolean;
  turnCount = 0;
  /** An actor ended in this step: its parent may not have been told yet. */
  hasEnds = false;
  /** The type asked for last, and its definition: within a step no version changes. A message is sent and run by two asks. */
  knownType: string | undefined = undefined;
  knownDefinition: ResolvedActor | undefined = undefined;
  #decisionCount = 0;
  readonly #digest: ByteSink;
  /** Of a long step: what has left the sink. */
  #hashed: Sha256 | undefined = undefined;

  /** `sink` is cleared and used for the digest: the steps of a domain share one, since they never overlap. */
  constructor(seq: number, nowMs: number, seed: Uint8Array, sink: ByteSink, recorded: readonly boolean[] | undefined) {
    this.moment = { nowMs, seq };
    this.seed = seed;
    this.isReplay = recorded !== undefined;
    this.decisions = recorded ?? NONE;
    this.#digest = sink;
    sink.clear();
  }

  /** Wants something done outside. */
  put(output: Output): void {
    if (this.outputs.length === 0) this.outputs = [output];
    else (this.outputs as Output[]).push(output);
  }

  /** Asks once and remembers; a replay gets what was answered then. */
  decide(ask: () => boolean): boolean {
    const index = this.#decisionCount++;
    const known = this.decisions[index];
    if (known !== undefined) return known;
    const answer = ask();
    if (this.isReplay || index === 0) this.decisions = [...this.decisions, answer];
    else (this.decisions as boolean[]).push(answer);
    return answer;
  }

  /** One line of the digest: a tag and texts, injective by their lengths. Six parameters, since a list of them is made anew each time. */
  note(tag: string, a?: Part, b?: Part, c?: Part, d?: Part, e?: Part, f?: Part): void {
    this.#digest.text(tag);
    if (a !== undefined) this.#part(a);
    if (b !== undefined) this.#part(b);
    if (c !== undefined) this.#part(c);
    if (d !== undefined) this.#part(d);
    if (e !== undefined) this.#part(e);
    if (f !== undefined) this.#part(f);
    if (this.#digest.length > PIECE_BYTES) this.#fold();
  }

  /** The line of a row that was written. */
  noteRow(actorId: string, name: string, value: unknown): void {
    const sink = this.#digest;
    sink.text('row');
    sink.text(actorId);
    sink.text(name);
    encodeValueInto(sink, value);
    if (sink.length > PIECE_BYTES) this.#fold();
  }

  #part(part: Part): void {
    const sink = this.#digest;
    if (typeof part === 'string') sink.text(part);
    else if (typeof part === 'number') sink.f64(part);
    else sink.bytes(part);
  }

  digest(): Uint8Array {
    const rest = this.#digest.view();
    return this.#hashed === undefined ? sha256(rest) : this.#hashed.add(rest).digest();
  }

  /** Hashes what the sink holds: a step of a million turns would fill it with hundreds of megabytes. */
  #fold(): void {
    this.#hashed = (this.#hashed ?? new Sha256()).add(this.#digest.view());
    this.#digest.clear();
  }
}
