/** Laws of the linearizability checker: on small histories of any kind it says what trying every order says. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../src/testing/history.ts';
import { appendListModel, counterModel, type HistoryModel, registerModel } from '../../src/testing/history-models.ts';
import { checkLinearizable } from '../../src/testing/linearizability.ts';
import { isLinearizableByForce } from '../sim/histories.ts';

/** One drawn moment of one process: it asks when it is idle, and is told something when it is not. */
interface Moment {
  readonly process: number;
  readonly op: number;
  readonly type: 'ok' | 'fail' | 'info';
  readonly value: number;
  readonly other: number;
}

const moments = fc.array(
  fc.record({
    process: fc.nat(2),
    op: fc.nat(2),
    type: fc.constantFrom('ok' as const, 'ok' as const, 'ok' as const, 'fail' as const, 'info' as const),
    value: fc.nat(2),
    other: fc.nat(2),
  }),
  { minLength: 2, maxLength: 14 },
);

/** How a model's operations are asked and answered. */
interface Dialogue {
  readonly ops: readonly string[];
  readonly input: (op: string, moment: Moment) => unknown;
  readonly output: (op: string, moment: Moment) => unknown;
}

function historyOf(drawn: readonly Moment[], { ops, input, output }: Dialogue): HistoryEvent[] {
  const underWay = new Map<number, string>();
  return drawn.map((moment) => {
    const { process, type } = moment;
    const op = underWay.get(process);
    if (op === undefined) {
      const asked = ops[moment.op % ops.length] ?? '';
      underWay.set(process, asked);
      return { process, type: 'invoke', op: asked, value: input(asked, moment) };
    }
    underWay.delete(process);
    return { process, type, op, value: output(op, moment) };
  });
}

function agrees<State>(model: HistoryModel<State>, history: readonly HistoryEvent[]): void {
  const verdict = checkLinearizable(model, history);
  expect(verdict.ok).toBe(isLinearizableByForce(model, history));
  if (verdict.outcome !== 'violation') return;
  const { prefix } = verdict;
  expect(prefix).toEqual(history.slice(0, prefix.length));
  expect(isLinearizableByForce(model, prefix)).toBe(false);
  expect(isLinearizableByForce(model, prefix.slice(0, -1))).toBe(true);
}

const RUNS = 3_000; // about a third of the drawn histories are good: both sides are met a thousand times

describe('the checker says what trying every order says, and its prefix is the shortest', () => {
  it('of a register', () => {
    const register: Dialogue = {
      ops: ['read', 'write', 'cas'],
      input: (op, { value, other }) => (op === 'read' ? undefined : op === 'write' ? value : [value, other]),
      output: (op, { value, other }) =>
        op === 'read' ? (value === 2 ? null : value) : op === 'cas' ? other > 0 : undefined,
    };
    fc.assert(
      fc.property(moments, (drawn) => agrees(registerModel, historyOf(drawn, register))),
      { numRuns: RUNS },
    );
  });

  it('of a counter', () => {
    const counter: Dialogue = {
      ops: ['add', 'read'],
      input: (op, { value }) => (op === 'add' ? value : undefined),
      output: (op, { value, other }) => (op === 'read' || other === 0 ? value : undefined),
    };
    fc.assert(
      fc.property(moments, (drawn) => agrees(counterModel, historyOf(drawn, counter))),
      { numRuns: RUNS },
    );
  });

  it('of a list', () => {
    const list: Dialogue = {
      ops: ['append', 'read'],
      input: (op, { value }) => (op === 'append' ? value : undefined),
      output: (op, { value, other }) => (op === 'append' ? undefined : [value, other].slice(0, value)),
    };
    fc.assert(
      fc.property(moments, (drawn) => agrees(appendListModel, historyOf(drawn, list))),
      { numRuns: RUNS },
    );
  });

  it('and keys change nothing but that each is judged apart', () => {
    const register: Dialogue = {
      ops: ['read', 'write'],
      input: (op, { value }) => (op === 'read' ? undefined : value),
      output: (op, { value }) => (op === 'read' ? value : undefined),
    };
    fc.assert(
      fc.property(moments, moments, (left, right) => {
        const parts = [historyOf(left, register), historyOf(right, register)];
        const keyed = parts.map((part, index) => part.map((event) => ({ ...event, key: `k${index}` })));
        const longest = Math.max(left.length, right.length);
        const both = Array.from({ length: longest }, (_, at) => keyed.flatMap((part) => part.slice(at, at + 1))).flat();
        expect(both.length).toBe(keyed.flat().length);
        expect(checkLinearizable(registerModel, both).ok).toBe(
          parts.every((part) => isLinearizableByForce(registerModel, part)),
        );
      }),
      { numRuns: RUNS },
    );
  });
});
