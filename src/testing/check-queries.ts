/**
 * Queries against the model: what a query was answered is what it sees in some committed state, no older than
 * what its caller had heard of or sent before, and no younger than what was durable when the answer left.
 */
import type { KernelConfig } from '../actor/kernel-config.ts';
import { encodeArguments, encodeValue } from '../frame/codec.ts';
import type { KernelModel } from './model-input.ts';
import type { ModelMessage } from './model-message.ts';
import { hex, outcomeText } from './model-state.ts';
import type { Attempt, SimulatedOperation } from './sim-operation.ts';
import type { SimulationRun } from './sim-run.ts';

interface Asked {
  readonly attempt: Attempt;
  readonly operation: SimulatedOperation;
  readonly told: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  /** What it would have seen meanwhile, for the report. */
  readonly seen: string[];
  isExplained: boolean;
}

export class QueryCheck {
  readonly #run: SimulationRun;
  readonly #asked: Map<string, Asked[]> = new Map();

  constructor(run: SimulationRun) {
    this.#run = run;
    for (const attempt of run.users.attempts) {
      const operation = run.setup.operations[attempt.operation] as SimulatedOperation;
      const { answer } = attempt;
      const isQuery = run.setup.registry.newest(operation.type)?.queries.has(operation.handler) === true;
      if (!isQuery || operation.tell === true || answer?.ok !== true) continue;
      const asked: Asked = {
        attempt,
        operation,
        told: `ok ${hex(encodeValue(answer.value))}`,
        fromSeq: Math.max(attempt.sentSeq, this.#sentBefore(attempt, operation)),
        toSeq: attempt.releasedSeq ?? Number.POSITIVE_INFINITY,
        seen: [],
        isExplained: false,
      };
      const list = this.#asked.get(operation.tenant) ?? [];
      this.#asked.set(operation.tenant, list);
      list.push(asked);
    }
  }

  /** The last step that took in a message which its process had sent the actor before the query: more is not promised. */
  #sentBefore({ incarnation, messageId }: Attempt, { tenant, type, key }: SimulatedOperation): number {
    let last = 0;
    for (const { seq, frame } of this.#run.journal.steps(tenant)) {
      const isBefore = frame.source === undefined && frame.incarnation === incarnation && frame.messageId < messageId;
      const isThere = frame.target.type === type && frame.target.key === key;
      if (isBefore && isThere && this.#run.users.attemptOf(incarnation, frame.messageId) !== undefined) last = seq;
    }
    return last;
  }

  /** Looks at the state after a step. */
  look(tenant: string, seq: number, model: KernelModel): void {
    for (const asked of this.#asked.get(tenant) ?? []) {
      if (asked.isExplained || seq < asked.fromSeq || seq > asked.toSeq) continue;
      for (const config of this.#configsOf(model)) {
        const seen = outcomeText(model.query(messageOf(asked.operation), config));
        asked.seen.push(`${seq}: ${seen}`);
        if (seen === asked.told) asked.isExplained = true;
      }
    }
  }

  /**
   * That of the step, and that of a process with newer actors: types that a tenant has not used follow it at once. One
   * without steps has none of its own, and may have been asked before or after.
   */
  #configsOf({ config, seq }: KernelModel): readonly KernelConfig[] {
    const { registry, firstRegistry } = this.#run.setup;
    const newer = { ...config, types: registry.versions() };
    return seq > 0 ? [config, newer] : [config, newer, { ...config, types: firstRegistry.versions() }];
  }

  judge(): void {
    for (const [tenant, list] of this.#asked) {
      if (this.#run.journal.damaged.has(tenant)) continue;
      for (const { attempt, operation, told, fromSeq, toSeq, seen, isExplained } of list) {
        if (isExplained) continue;
        const { type, key, handler } = operation;
        this.#run.report(
          'query',
          `operation ${attempt.operation}: ${tenant}/${type}/${key} ${handler} was answered ${told}; steps ${fromSeq} to ${toSeq} show ${seen.join('; ')}`,
        );
      }
    }
  }
}

function messageOf({ type, key, handler, args, principal }: SimulatedOperation): ModelMessage {
  const sender = principal === undefined ? {} : { principal };
  return {
    role: 'query',
    type,
    key,
    handler,
    args: encodeArguments(args),
    sender,
    replyTo: { kind: 'none' },
    chain: [],
  };
}
