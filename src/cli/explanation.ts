/**
 * A step explained, as text for people and as JSON for programs. Values are written as Node shows them in
 * the text, and without loss (json-value.ts) in the JSON.
 */
import { addressText } from '../base/address.ts';
import { hexOf } from '../base/hash.ts';
import { type Explanation, placeText } from '../replay/explain.ts';
import { inputLine, type ReplayInput } from '../replay/step-input.ts';
import { type ReplayOutcome, textOfValue } from '../replay/step-outcome.ts';
import { toJson } from './json-value.ts';

/** What a person reads. */
export function explanationText({ tenant, seq, input, outcome, changes, stateRoot }: Explanation): string {
  const sections: [string, readonly string[]][] = [
    ['input', [inputLine(input)]],
    ['time', [new Date(input.time).toISOString()]],
    ['from', [senderText(input)]],
    ['outcome', [outcomeText(outcome)]],
    [
      'changed',
      changes.map((change) => `${placeText(change)}: ${valueText(change.before)} → ${valueText(change.after)}`),
    ],
    ['sent', sentLines(outcome)],
    ['in order', outcome.lines],
    ['digest', [hexOf(outcome.digest)]],
    ['state root', [hexOf(stateRoot)]],
  ];
  const lines = sections.flatMap(([name, entries]) =>
    (entries.length === 0 ? ['nothing'] : entries).map((entry, at) => `${(at === 0 ? name : '').padEnd(12)}${entry}`),
  );
  return [`tenant ${tenant}, step ${seq}`, ...lines, ''].join('\n');
}

function valueText(value: unknown): string {
  return value === undefined ? 'not there' : textOfValue(value);
}

function senderText({ kind, sender, principal, idempotencyKey, messageId, incarnation, id }: ReplayInput): string {
  const key = idempotencyKey === undefined ? '' : `, idempotency key ${JSON.stringify(idempotencyKey)}`;
  const by = principal === undefined ? '' : `, principal ${principal}`;
  switch (kind) {
    case 'timer':
      return `the timer ${id ?? ''} of the tenant`;
    case 'effect-result':
      return `the effect ${id ?? ''} of the tenant`;
    case 'control':
    case 'poison':
      return 'the system itself';
    default:
      return `${sender === undefined ? 'the embedding process' : addressText(sender)}, message ${messageId} of incarnation ${incarnation}${by}${key}`;
  }
}

function outcomeText({ result, value, error }: ReplayOutcome): string {
  if (error !== undefined) {
    const details = Object.keys(error.details).length === 0 ? '' : ` ${textOfValue(error.details)}`;
    return `${result}: ${error.code}${error.message === '' ? '' : `: ${error.message}`}${details}`;
  }
  if (result === 'ok') return `ok: ${textOfValue(value)}`;
  return result === 'open' ? 'open: it waits for something' : 'done, nobody waits for an answer';
}

function sentLines(outcome: ReplayOutcome): string[] {
  const { replies, sends, effects, events, timers, cancelled } = outcome;
  const argsText = (args: readonly unknown[]): string => `(${args.map(textOfValue).join(', ')})`;
  return [
    ...replies.map(
      ({ tenant, messageId, ok, value, error }) =>
        `reply to message ${messageId}${tenant === undefined ? '' : ` of ${tenant}`}: ${ok ? textOfValue(value) : `${error?.code}: ${error?.message}`}`,
    ),
    ...sends.map(
      ({ kind, from, to, handler, args }) =>
        `${kind} from ${addressText(from)} to ${addressText(to)} ${handler}${argsText(args)}`,
    ),
    ...effects.map(({ id, actor, name, input }) => `effect ${id} ${addressText(actor)} ${name}(${textOfValue(input)})`),
    ...events.map(({ topic, offset, value }) => `event ${topic} at ${offset}: ${textOfValue(value)}`),
    ...timers.map(
      ({ id, due, command, args }) => `timer ${id} for ${new Date(due).toISOString()}: ${command}${argsText(args)}`,
    ),
    ...cancelled.map((id) => `cancels ${id}`),
  ];
}

/** What a program reads: what does not apply, or is not there, is left out. */
export function explanationJson({ tenant, seq, input, outcome, changes, stateRoot }: Explanation): object {
  const { killed, ...told } = input;
  const { digest, changes: _changes, replies, ...rest } = outcome;
  return {
    tenant,
    seq,
    input: jsonOf({ ...told, killed: killed === undefined ? undefined : inputLine(killed) }),
    outcome: { ...jsonOf({ ...rest }), replies: replies.map((reply) => jsonOf({ ...reply })), digest: hexOf(digest) },
    changes: changes.map((change) => jsonOf({ ...change })),
    stateRoot: hexOf(stateRoot),
  };
}

function jsonOf(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, toJson(value)]),
  );
}
