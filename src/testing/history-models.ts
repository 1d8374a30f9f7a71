/**
 * Models: what an object does when operations reach it one at a time. A history is linearizable when some
 * order of its operations, true to their real time, is one that the model could have shown.
 *
 * States are immutable: `step` returns the next one and never changes the one it was given.
 */
import { SynapseError } from '../base/error.ts';
import { UNKNOWN, valueKey } from './history.ts';

/**
 * An object by its states.
 *
 * @example
 * const stack: HistoryModel<readonly number[]> = {
 *   name: 'stack',
 *   initial: [],
 *   step: (state, op, input, output) => {
 *     if (op === 'push') return [...state, input as number];
 *     return output === UNKNOWN || output === state.at(-1) ? state.slice(0, -1) : undefined;
 *   },
 * };
 */
export interface HistoryModel<State> {
  /** For messages. */
  readonly name: string;
  /** Where every key begins; anything but undefined. */
  readonly initial: State;
  /**
   * The state after `op` with `input` was answered with `output`, or undefined where this state never gives
   * that answer. `output` is `UNKNOWN` for an operation that may have happened and was never answered.
   */
  step(state: State, op: string, input: unknown, output: unknown): State | undefined;
  /** A text that is the same for equal states only. Left out: one is made of any state that travels. */
  key?(state: State): string;
}

function fits(output: unknown, truth: unknown): boolean {
  return output === UNKNOWN || output === undefined || isSame(output, truth);
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || valueKey(left) === valueKey(right);
}

function unknownOperation(model: string, op: string): SynapseError {
  return new SynapseError('INVALID_ARGUMENT', `a ${model} has no operation '${op}'`, { argument: 'history' });
}

/**
 * A register that starts as null: `read` (answer: the value), `write` (input: the value), `cas` (input:
 * `[expected, next]`; the answer `false` says that something else than `expected` was found, any other that it was done).
 */
export const registerModel: HistoryModel<unknown> = {
  name: 'register',
  initial: null,
  key: valueKey,
  step(state, op, input, output) {
    if (op === 'read') return output === UNKNOWN || isSame(output ?? null, state) ? state : undefined;
    if (op === 'write') return input ?? null;
    if (op !== 'cas') throw unknownOperation('register', op);
    const [expected, next] = input as readonly [unknown, unknown];
    const isFound = isSame(expected, state);
    if (output !== UNKNOWN && (output === false) === isFound) return undefined;
    return isFound ? next : state;
  },
};

/** A counter that starts at 0: `add` (input: by how much, 1 if left out; an answer is the sum), `read` (answer: the sum). */
export const counterModel: HistoryModel<number> = {
  name: 'counter',
  initial: 0,
  key: String,
  step(state, op, input, output) {
    if (op === 'read') return fits(output, state) ? state : undefined;
    if (op !== 'add') throw unknownOperation('counter', op);
    const sum = state + (input === undefined ? 1 : (input as number));
    return fits(output, sum) ? sum : undefined;
  },
};

/** A list that starts empty: `append` (input: the element; an answer is its index), `read` (answer: all elements in order). */
export const appendListModel: HistoryModel<readonly unknown[]> = {
  name: 'append list',
  initial: [],
  step(state, op, input, output) {
    if (op === 'read') return fits(output, state) ? state : undefined;
    if (op !== 'append') throw unknownOperation('append list', op);
    return fits(output, state.length) ? [...state, input] : undefined;
  },
};
