/**
 * `checkLinearizable`: could one object that does one thing at a time have given these answers? Every key is
 * judged apart, which loses nothing (Herlihy and Wing's locality) and keeps the search small.
 *
 * It never says yes or no by exhaustion of patience: beyond a bound on its work the outcome is `unknown`, and
 * `ok` is true for what was shown and for nothing else.
 *
 * @example
 * const verdict = checkLinearizable(registerModel, parseJepsenLog(text));
 * if (!verdict.ok) throw new Error(verdict.message);
 */
import { type HistoryEvent, type Operation, eventText, operationsOf, partition, valueText } from './history.ts';
import type { HistoryModel } from './history-models.ts';
import { type SearchOutcome, searchLinearization } from './linearization-search.ts';

/** What was found. */
export type LinearizabilityVerdict =
  | { readonly ok: true; readonly outcome: 'linearizable'; readonly steps: number }
  | {
      readonly ok: false;
      readonly outcome: 'violation';
      readonly key: string | undefined;
      /** The key's events up to the first answer that no order explains: one event less and it is linearizable. */
      readonly prefix: readonly HistoryEvent[];
      /** For people: the prefix's end, the longest order that does agree, and what it cannot go on with. */
      readonly message: string;
      readonly steps: number;
    }
  | {
      readonly ok: false;
      readonly outcome: 'unknown';
      readonly key: string | undefined;
      readonly message: string;
      readonly steps: number;
    };

/** Options of {@link checkLinearizable}. */
export interface LinearizabilityOptions {
  /** Steps of the model after which a key is given up, about half a microsecond and a hundred bytes each. Default 2,000,000. */
  readonly maxSteps?: number;
}

const MAX_STEPS = 2_000_000; // some 200 MB of memory at worst; the hardest of Jepsen's 103 etcd logs takes 40,000

const SHOWN_EVENTS = 24; // of a prefix: what led to a violation is near its end

/**
 * Judges a history against a model. `INVALID_ARGUMENT` (`argument`) for a history in which a process answers what
 * it was not asked, or for an operation that the model does not have.
 */
export function checkLinearizable<State>(
  model: HistoryModel<State>,
  history: readonly HistoryEvent[],
  options: LinearizabilityOptions = {},
): LinearizabilityVerdict {
  const maxSteps = options.maxSteps ?? MAX_STEPS;
  let steps = 0;
  let unknown: LinearizabilityVerdict | undefined;
  for (const [key, events] of partition(history)) {
    const { end, steps: taken } = searchLinearization(model, operationsOf(events), maxSteps);
    steps += taken;
    if (end === 'exhausted') return violation(model, key, events, maxSteps, steps);
    if (end === 'bounded' && unknown === undefined) {
      const message = `gave up after ${taken} steps of the ${model.name}${ofKey(key)}: give more, or a smaller history`;
      unknown = { ok: false, outcome: 'unknown', key, message, steps: taken };
    }
  }
  return unknown === undefined ? { ok: true, outcome: 'linearizable', steps } : { ...unknown, steps };
}

function ofKey(key: string | undefined): string {
  return key === undefined ? '' : ` of key '${key}'`;
}

/**
 * The shortest prefix that is no longer linearizable. Longer ones are not either, so halving finds it; where a
 * search reaches its bound the prefix is taken for good, and the one found may be longer than need be.
 */
function violation<State>(
  model: HistoryModel<State>,
  key: string | undefined,
  events: readonly HistoryEvent[],
  maxSteps: number,
  stepsBefore: number,
): LinearizabilityVerdict {
  let steps = stepsBefore;
  let good = 0;
  let bad = events.length;
  let outcome: SearchOutcome<State> | undefined;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    const tried = searchLinearization(model, operationsOf(events.slice(0, middle)), maxSteps);
    steps += tried.steps;
    if (tried.end === 'exhausted') {
      bad = middle;
      outcome = tried;
    } else good = middle;
  }
  const prefix = events.slice(0, bad);
  const operations = operationsOf(prefix);
  outcome ??= searchLinearization(model, operations, maxSteps);
  const message = messageOf(model.name, key, prefix, operations, outcome);
  return { ok: false, outcome: 'violation', key, prefix, message, steps };
}

function messageOf<State>(
  name: string,
  key: string | undefined,
  prefix: readonly HistoryEvent[],
  operations: readonly Operation[],
  { order, state }: SearchOutcome<State>,
): string {
  const hidden = Math.max(0, prefix.length - SHOWN_EVENTS);
  const placed = new Set(order);
  const texts = (positions: readonly number[]): string =>
    positions.flatMap((position) => operationText(operations[position])).join(', ');
  const left = operations.flatMap(({ answeredAt }, position) =>
    answeredAt === undefined || placed.has(position) ? [] : [position],
  );
  const skipped = Math.max(0, order.length - SHOWN_EVENTS);
  return [
    `not linearizable as a ${name}${ofKey(key)}: no order explains the last answer of these ${prefix.length} events`,
    ...(hidden === 0 ? [] : [`  … ${hidden} earlier events`]),
    ...prefix.slice(hidden).map((event) => `  ${eventText(event)}`),
    `the longest order that agrees: ${skipped === 0 ? '' : `… ${skipped} more, `}${texts(order.slice(skipped)) || 'none'}`,
    `after it the ${name} is ${valueText(state)}, and cannot go on with: ${texts(left)}`,
  ].join('\n');
}

function operationText(operation: Operation | undefined): readonly string[] {
  if (operation === undefined) return [];
  const input = operation.input === undefined || operation.input === null ? '' : valueText(operation.input);
  const output = operation.output === undefined ? '' : ` → ${valueText(operation.output)}`;
  return [`${operation.op}(${input})${output}`];
}
