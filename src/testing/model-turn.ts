/**
 * A turn of the model: the handler's own promise, a copy of its actor's state and tables that nobody else
 * sees, and what it has asked for. The copy becomes the actor's when the turn succeeds, or is thrown away.
 */
import type { CallOptions } from '../actor/reference-types.ts';
import type { Address } from '../base/address.ts';
import type { SynapseError } from '../base/error.ts';
import { SeededRandom } from '../base/seeded.ts';
import { decodeFrozen, encodeValue } from '../frame/codec.ts';
import type { ModelActor, ModelMessage } from './model-message.ts';

export type ModelCall =
  | { readonly kind: 'failed'; readonly error: SynapseError }
  | { readonly kind: 'effect'; readonly name: string; readonly input: Uint8Array }
  | {
      readonly kind: 'call';
      readonly address: Address;
      readonly handler: string;
      readonly args: Uint8Array;
      readonly options: CallOptions;
      readonly principal: string | undefined;
    };

export type ModelOrder =
  | {
      readonly kind: 'tell';
      readonly address: Address;
      readonly handler: string;
      readonly args: Uint8Array;
      readonly principal: string | undefined;
    }
  | { readonly kind: 'emit'; readonly topic: string; readonly value: Uint8Array }
  | {
      readonly kind: 'timer';
      readonly id: string;
      readonly dueMs: number;
      readonly cron: string | undefined;
      readonly command: string;
      readonly args: Uint8Array;
    }
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'spawn' | 'watch'; readonly type: string; readonly key: string }
  | { readonly kind: 'stop' };

/** What a turn takes of its step. */
export interface TurnBegin {
  readonly nextTurnId: number;
  readonly seed: Uint8Array;
  readonly nowMs: number;
  readonly seq: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Bag = Record<string, unknown>;

/** A value as a cell holds it: a frozen copy. */
export function frozen(value: unknown): unknown {
  return decodeFrozen(encodeValue(value));
}

export class ModelTurn {
  readonly id: number;
  readonly message: ModelMessage;
  readonly actor: ModelActor;
  readonly version: number;
  readonly random: SeededRandom;
  nowMs: number;
  seq: number;
  state: Bag;
  tables: Map<string, Map<string, unknown>>;
  orders: ModelOrder[] = [];
  outgoing: ModelCall[] = [];
  /** Calls without a result, with the actor of this tenant that is waited for. */
  readonly open: Map<number, string | undefined> = new Map();
  settled: { readonly ok: boolean; readonly value: unknown } | undefined = undefined;
  isOver = false;
  readonly #waiting: (Waiting | undefined)[] = [];
  #orderCount = 0;

  constructor(begun: TurnBegin, message: ModelMessage, actor: ModelActor, version: number) {
    const { nextTurnId, seed, nowMs, seq } = begun;
    this.id = nextTurnId;
    this.message = message;
    this.actor = actor;
    this.version = version;
    this.random = new SeededRandom(seed, nextTurnId);
    this.nowMs = nowMs;
    this.seq = seq;
    this.state = { ...actor.state };
    this.tables = new Map([...actor.tables].map(([name, rows]) => [name, new Map(rows)]));
  }

  where(): string {
    const { type, key, handler } = this.message;
    return `${type}/${key} ${handler}`;
  }

  /** What the guards found. */
  fault: SynapseError | undefined = undefined;

  spoil(fault: SynapseError): void {
    this.fault ??= fault;
  }

  get callCount(): number {
    return this.#waiting.length;
  }

  request(make: () => ModelCall): Promise<unknown> {
    const promise = new Promise<unknown>((resolve, reject) => void this.#waiting.push({ resolve, reject }));
    try {
      this.outgoing.push(make());
    } catch (error) {
      this.outgoing.push({ kind: 'failed', error: error as SynapseError });
    }
    return promise;
  }

  settle(callIndex: number, ok: boolean, value: unknown): void {
    const waiting = this.#waiting[callIndex];
    this.#waiting[callIndex] = undefined;
    if (ok) waiting?.resolve(value);
    else waiting?.reject(value);
  }

  nextOrderId(): string {
    this.#orderCount += 1;
    return `${this.id}.${this.#orderCount}`;
  }
}
