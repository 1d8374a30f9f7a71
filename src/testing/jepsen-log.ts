/**
 * Reads the operations out of a Jepsen log, in the form of its etcd tests:
 *
 * ```
 *  INFO  jepsen.util - 4	:invoke	:write	3            process, type, operation, value
 *  INFO  jepsen.util - 0	:ok	:read	nil                  nil, an integer, a keyword or a [vector] of them
 *  INFO  jepsen.util - 1	:fail	:cas	[1 3]             the comparison failed: an answer
 *  INFO  jepsen.util - 2	:info	:cas	:timed-out        may have happened
 *  INFO  jepsen.util - 3	:fail	:read	:timed-out        did not happen
 * ```
 *
 * What stands before the process may be missing. Other lines (the nemesis, other loggers) are passed over.
 */
import { SynapseError } from '../base/error.ts';
import type { HistoryEvent } from './history.ts';

/** A line about a numbered process: what stands before it ends in ` - `. */
const LINE = /^(?:.*?\s-\s+)?(\d+)\s+:(invoke|ok|fail|info)\s+:([^\s:]+)(?:\s+(.*))?$/;

/**
 * The history that a log tells. A `cas` that came back with its own operands and `:fail` was answered: it becomes an
 * `ok` of value false, which says that another value was found. `INVALID_ARGUMENT` (`argument`) where a value
 * cannot be read.
 */
export function parseJepsenLog(text: string): HistoryEvent[] {
  return text.split('\n').flatMap((line, index) => {
    const match = LINE.exec(line.trim());
    if (match === null) return [];
    const [, process = '', type = '', op = '', rest = 'nil'] = match;
    const value = valueOf(rest.trim(), index + 1);
    const isRefusedCas = type === 'fail' && op === 'cas' && Array.isArray(value);
    const event = { process: Number(process), op };
    if (isRefusedCas) return [{ ...event, type: 'ok' as const, value: false }];
    return [{ ...event, type: type as HistoryEvent['type'], value }];
  });
}

/** A value of Clojure's notation, as far as registers need it. Keywords become strings with their colon. */
function valueOf(text: string, lineNumber: number): unknown {
  if (text === 'nil' || text === '') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d+$/.test(text)) return Number(text);
  if (/^:\S+$/.test(text)) return text;
  if (/^".*"$/.test(text)) return text.slice(1, -1);
  if (/^\[[^[\]]*\]$/.test(text)) {
    const parts = text.slice(1, -1).split(/[\s,]+/);
    return parts.filter((part) => part !== '').map((part) => valueOf(part, lineNumber));
  }
  throw new SynapseError('INVALID_ARGUMENT', `line ${lineNumber} of the log has a value that cannot be read: ${text}`, {
    argument: 'text',
  });
}
