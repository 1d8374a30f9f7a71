/**
 * What the model holds and moves: actors, messages, outcomes. Plain values; see model-state.ts for what the
 * model is.
 */
import type { Sender } from '../actor/context-types.ts';

/** An actor, whole. */
export interface ModelActor {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  version: number;
  /** False until a turn of it has succeeded. */
  exists: boolean;
  state: Record<string, unknown>;
  tables: Map<string, Map<string, unknown>>;
  parent: string | undefined;
  children: string[];
  restarts: number[];
}

export type ModelReplyTo =
  | { readonly kind: 'none' }
  | { readonly kind: 'client'; readonly incarnation: number; readonly messageId: number }
  | {
      readonly kind: 'tenant';
      readonly tenant: string;
      readonly incarnation: number;
      readonly messageId: number;
      readonly tell: boolean;
    }
  | { readonly kind: 'turn'; readonly turnId: number; readonly callIndex: number };

export interface ModelMessage {
  readonly role: 'command' | 'query' | 'started' | 'restarted' | 'terminated';
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: Uint8Array;
  readonly sender: Sender;
  readonly replyTo: ModelReplyTo;
  readonly chain: readonly string[];
  readonly idempotencyKey?: string;
}

export interface ModelOutcome {
  readonly ok: boolean;
  readonly payload: Uint8Array;
}
