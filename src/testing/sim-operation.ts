/**
 * What users of a simulated host do, and what came of it: operations, their attempts, and the history
 * that checks read. Plain values, so that a failing run can be cut down and printed.
 */
import type { HistoryEvent } from './history.ts';

/** One thing that a user does. Users are numbered; each does its operations in their order. */
export interface SimulatedOperation {
  /** The user, from 0. */
  readonly process: number;
  readonly tenant: string;
  /** Name of the actor type. */
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: readonly unknown[];
  /** A tell instead of a call. */
  readonly tell?: boolean;
  /** A call with a key is asked again, with the same key, until it has a definite answer. */
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
  readonly principal?: string;
  /** The user thinks before it sends, ms of simulated time. */
  readonly pauseMs?: number;
}

/** An answer as the caller got it. */
export type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** One sending of an operation. */
export interface Attempt {
  /** Index of the operation. */
  readonly operation: number;
  /** From 1. */
  readonly number: number;
  /** The process that sent it, and its number there: its name in the journal. */
  readonly incarnation: number;
  readonly messageId: number;
  /** Place in the order of all events of the run. */
  readonly sentAt: number;
  readonly sentMs: number;
  /** Durable steps of its tenant when it was sent. */
  readonly sentSeq: number;
  answer: Answer | undefined;
  answeredAt: number | undefined;
  answeredMs: number | undefined;
  /** Durable steps of its tenant when its answer left the lane. */
  releasedSeq: number | undefined;
}

/**
 * One line of a run's history, as checkers of histories read it. Each operation is a process of its own, since
 * a user may have several under way; `op` is the handler, `key` the address.
 */
export interface SimulatedEvent extends HistoryEvent {
  /** Index of the operation. */
  readonly operation: number;
}

/** An actor as it is when all is quiet. */
export interface FinalActor {
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
  readonly state: Readonly<Record<string, unknown>>;
  /** Entries by table. */
  readonly tables: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What a check has found: its name, and the fault in words. */
export interface Violation {
  readonly check: string;
  readonly text: string;
}

/** One line for people. */
export function operationText(operation: SimulatedOperation): string {
  const { process, tenant, type, key, handler, args, tell, idempotencyKey, pauseMs } = operation;
  const how = tell === true ? 'tells' : 'calls';
  const named = idempotencyKey === undefined ? '' : `  key ${idempotencyKey}`;
  const pause = pauseMs === undefined ? '' : `  after ${pauseMs} ms`;
  return `user ${process} ${how} ${tenant}/${type}/${key} ${handler}(${args.map(textOf).join(', ')})${named}${pause}`;
}

function textOf(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
}
