/**
 * Queries: synchronous, read-only, not recorded. A query sees the committed state, before whatever a
 * suspended command has written; it creates nothing, and its failure is its caller's alone.
 */
import { SynapseError } from '../base/error.ts';
import { SEED_BYTES, SeededRandom } from '../base/seeded.ts';
import { encodeValue } from '../frame/codec.ts';
import { QueryScope } from './context.ts';
import { freshCell } from './cell.ts';
import type { Handler, ResolvedActor } from './definition.ts';
import { type DomainState, type Running, failureOf } from './domain-state.ts';
import { failureFrom, outOfReach } from './failure.ts';
import { type Message, type Outcome, actorIdOf } from './message.ts';
import { migratedView } from './migration.ts';
import { touchCell } from './residency.ts';
import type { ViewScope } from './state-view.ts';

class QueryRun implements ViewScope, Running {
  readonly writes = undefined;
  readonly nowMs: number;
  readonly random: SeededRandom = new SeededRandom(new Uint8Array(SEED_BYTES));
  readonly #tenant: string;
  readonly #message: Message;
  isOver = false;
  fault: SynapseError | undefined = undefined;

  constructor(tenant: string, message: Message, nowMs: number) {
    this.#tenant = tenant;
    this.#message = message;
    this.nowMs = nowMs;
  }

  assertRunning(what: string): void {
    if (this.isOver) throw outOfReach(this.#tenant, this.#message, 'this query is over', what);
  }

  isNewLine(): boolean {
    return true;
  }

  spoil(fault: SynapseError): void {
    this.fault ??= fault;
  }

  where(): string {
    const { type, key, handler } = this.#message;
    return `${type}/${key} ${handler}`;
  }
}

/** Answers a query whose actor is in memory, or known not to exist. */
export function runQuery(state: DomainState, message: Message): Outcome {
  const definition = state.definitionOf(message.type);
  const handler = definition?.queries.get(message.handler);
  if (definition === undefined || handler === undefined) {
    const { type, handler: name } = message;
    return failureOf(new SynapseError('UNKNOWN_HANDLER', `${type} has no query '${name}'`, { type, handler: name }));
  }
  const run = new QueryRun(state.tenant, message, state.nowMs);
  const outcome = answerOf(state, message, definition, handler, run);
  return run.fault === undefined ? outcome : failureOf(run.fault);
}

function answerOf(
  state: DomainState,
  message: Message,
  definition: ResolvedActor,
  handler: Handler,
  run: QueryRun,
): Outcome {
  state.ports.enter(run);
  try {
    const actorId = actorIdOf(message.type, message.key);
    const known = touchCell(state, actorId);
    const cell =
      known === undefined || !known.exists ? freshCell(definition, actorId) : migratedView(known, definition);
    const context = new QueryScope(state, cell, run, message.sender);
    const value = handler(context as never, ...message.args.values());
    if (value instanceof Promise) {
      value.catch(() => undefined); // it has failed already, by being a promise
      throw new TypeError('a query is synchronous and must not return a promise');
    }
    return { ok: true, payload: encodeValue(value, undefined, 'result') };
  } catch (error) {
    const isOwn = error instanceof SynapseError && error.code === 'UNSERIALIZABLE';
    return failureOf(isOwn ? error : failureFrom(error, run.where()));
  } finally {
    run.isOver = true;
    state.ports.drain();
    state.ports.takeUnhandled();
    state.ports.leave();
  }
}
