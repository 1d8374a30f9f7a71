/**
 * Histories for tests of the checker: drawn from a register that really is linearizable, written in Jepsen's
 * log form, and judged by trying every order, which is slow and obviously right.
 */
import { SeededRandom } from '../../src/base/seeded.ts';
import { type HistoryEvent, type Operation, operationsOf } from '../../src/testing/history.ts';
import type { HistoryModel } from '../../src/testing/history-models.ts';

/** What a history is drawn by. */
export interface Draw {
  readonly seed: number;
  readonly operations: number;
  readonly processes: number;
  /** Of a hundred operations so many are never answered. */
  readonly timedOutPercent: number;
}

/** A drawn operation under way: it takes effect at one moment, and is answered at a later one. */
interface UnderWay {
  readonly op: string;
  readonly value: unknown;
  answer: { readonly value: unknown } | undefined;
}

/**
 * A history of one register: each operation takes effect at a moment between its events, so it is
 * linearizable whatever is drawn. Of those that time out some took effect and some did not.
 */
export function drawnRegisterHistory({ seed, operations, processes, timedOutPercent }: Draw): HistoryEvent[] {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, seed);
  const random = new SeededRandom(bytes);
  const below = (limit: number): number => Math.floor(random.random() * limit);
  const names = Array.from({ length: processes }, (_, index) => index);
  const underWay = new Map<number, UnderWay>();
  const history: HistoryEvent[] = [];
  let state: unknown = null;
  let nextName = processes;
  for (let invoked = 0; invoked < operations || underWay.size > 0;) {
    const slot = below(processes);
    const process = names[slot] ?? 0;
    const operation = underWay.get(process);
    if (operation === undefined) {
      if (invoked === operations) continue;
      const op = ['read', 'write', 'cas'][below(3)] ?? 'read';
      const value = op === 'read' ? null : op === 'write' ? below(5) : [below(5), below(5)];
      underWay.set(process, { op, value, answer: undefined });
      history.push({ process, type: 'invoke', op, value });
      invoked++;
    } else if (below(100) < timedOutPercent) {
      history.push({ process, type: 'info', op: operation.op, value: ':timed-out' });
      underWay.delete(process);
      names[slot] = nextName++;
    } else if (operation.answer === undefined) {
      const { next, answer } = applied(state, operation);
      state = next;
      operation.answer = { value: answer };
    } else {
      history.push({ process, type: 'ok', op: operation.op, value: operation.answer.value });
      underWay.delete(process);
    }
  }
  return history;
}

function applied(state: unknown, { op, value }: UnderWay): { readonly next: unknown; readonly answer: unknown } {
  if (op === 'read') return { next: state, answer: state };
  if (op === 'write') return { next: value, answer: value };
  const [expected, next] = value as readonly [number, number];
  return state === expected ? { next, answer: value } : { next: state, answer: false };
}

/** The same history as Jepsen's etcd tests log it. */
export function jepsenLogOf(history: readonly HistoryEvent[]): string {
  const asked = new Map<number | string, unknown>();
  return history
    .map(({ process, type, op, value }) => {
      if (type === 'invoke') asked.set(process, value);
      const isRefused = op === 'cas' && type === 'ok' && value === false;
      const shown = isRefused ? asked.get(process) : value;
      return `INFO  jepsen.util - ${process}\t:${isRefused ? 'fail' : type}\t:${op}\t${clojureText(shown)}\n`;
    })
    .join('');
}

function clojureText(value: unknown): string {
  if (value === null || value === undefined) return 'nil';
  if (typeof value === 'string') return value;
  return JSON.stringify(value).replaceAll(',', ' ');
}

/** The verdict by trying every order of every choice of what may have happened. For a dozen operations, no more. */
export function isLinearizableByForce<State>(model: HistoryModel<State>, history: readonly HistoryEvent[]): boolean {
  const fromHere = (state: State, left: readonly Operation[]): boolean => {
    if (left.every(({ answeredAt }) => answeredAt === undefined)) return true;
    return left.some((operation) => {
      const isLate = left.some(({ answeredAt }) => answeredAt !== undefined && answeredAt < operation.invokedAt);
      if (isLate) return false;
      const next = model.step(state, operation.op, operation.input, operation.output);
      if (next === undefined) return false;
      return fromHere(
        next,
        left.filter((other) => other !== operation),
      );
    });
  };
  return fromHere(model.initial, operationsOf(history));
}
