/**
 * Histories: what concurrent processes asked of something and what they were told, in the order in which
 * it was observed. The events are those of Jepsen, so that its logs can be read as they are.
 *
 * ```
 *  process 0   invoke write 1 ───────────── ok        answered: it happened, between its two events
 *  process 1        invoke write 2 ── fail            did not happen, so it leaves the history
 *  process 2             invoke write 3 ─── info …    may have happened at any moment after its invoke
 *  process 3                   invoke read …          no second event: as info
 * ```
 */
import { SynapseError } from '../base/error.ts';
import { encodeValue } from '../frame/codec.ts';

/** One line of a history. */
export interface HistoryEvent {
  /** Who asked: a process has one operation under way at a time. */
  readonly process: number | string;
  /** `invoke`: asked; `ok`: answered; `fail`: it certainly did not happen; `info`: nobody knows, now or ever. */
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  /** The operation's name, as the model knows it: `read`, `write`, … */
  readonly op: string;
  /** Which object: operations on different keys are judged apart. Left out: there is one object. */
  readonly key?: string;
  /** With `invoke` what was asked, with `ok` what was answered; elsewhere it means nothing. Any value that travels. */
  readonly value?: unknown;
}

/** An operation of which nobody knows the answer has this one: a model accepts it as whatever it must be. */
export const UNKNOWN: unique symbol = Symbol('unknown');

/** An operation that happened, or may have. */
export interface Operation {
  readonly op: string;
  readonly input: unknown;
  /** {@link UNKNOWN} where it may have happened. */
  readonly output: unknown;
  /** Where in the history it began; no other event has this position. */
  readonly invokedAt: number;
  /** Where it was answered; never where it may have happened. */
  readonly answeredAt: number | undefined;
}

/** The events of each key, in their order. Without keys there is one part, under undefined. */
export function partition(history: readonly HistoryEvent[]): ReadonlyMap<string | undefined, readonly HistoryEvent[]> {
  const parts = new Map<string | undefined, HistoryEvent[]>();
  for (const event of history) {
    const part = parts.get(event.key);
    if (part === undefined) parts.set(event.key, [event]);
    else part.push(event);
  }
  return parts;
}

/**
 * Pairs the events of one key into operations, in the order in which they were invoked. After an `info` its
 * process may go on. `INVALID_ARGUMENT` (`argument`) where an event answers nothing, or another operation
 * than the one under way, or where a process asks twice at a time.
 */
export function operationsOf(events: readonly HistoryEvent[]): readonly Operation[] {
  const underWay = new Map<number | string, number>();
  const operations: (Operation | undefined)[] = [];
  events.forEach((event, position) => {
    const slot = underWay.get(event.process);
    if (event.type === 'invoke') {
      if (slot !== undefined) throw malformed(event, 'while another operation of its process is under way');
      underWay.set(event.process, operations.length);
      const { op, value } = event;
      operations.push({ op, input: value, output: UNKNOWN, invokedAt: position, answeredAt: undefined });
      return;
    }
    const operation = slot === undefined ? undefined : operations[slot];
    if (slot === undefined || operation === undefined) throw malformed(event, 'where nothing is under way');
    if (operation.op !== event.op) throw malformed(event, `where '${operation.op}' is under way`);
    underWay.delete(event.process);
    if (event.type === 'ok') operations[slot] = { ...operation, output: event.value, answeredAt: position };
    else if (event.type === 'fail') operations[slot] = undefined;
  });
  return operations.filter((operation) => operation !== undefined);
}

function malformed(event: HistoryEvent, where: string): SynapseError {
  return new SynapseError('INVALID_ARGUMENT', `the history has '${eventText(event)}' ${where}`, {
    argument: 'history',
  });
}

/** One event as a line: process, type, operation, value. */
export function eventText({ process, type, op, value }: HistoryEvent): string {
  const shown = value === undefined || type === 'fail' || type === 'info' ? '' : ` ${valueText(value)}`;
  return `${process} ${type} ${op}${shown}`;
}

/** A value for people: as JSON where it has such a form. */
export function valueText(value: unknown): string {
  if (value === UNKNOWN) return 'unknown';
  if (typeof value === 'bigint') return `${value}n`;
  return (
    JSON.stringify(value, (_name, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part)) ?? String(value)
  );
}

/** A text that differs for values that differ. `UNSERIALIZABLE` for what does not travel. */
export function valueKey(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${value}`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'object':
      if (value !== null) return `=${Buffer.from(encodeValue(value)).toString('latin1')}`;
      return 'null';
    case 'bigint':
      return `${value}n`;
    case 'undefined':
    case 'boolean':
      return String(value);
    default:
      return value === UNKNOWN ? '?' : `=${Buffer.from(encodeValue(value)).toString('latin1')}`;
  }
}
