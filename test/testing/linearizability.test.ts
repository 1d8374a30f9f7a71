/** The linearizability checker: known histories, its models, its verdicts' words, its bound. */
import { describe, expect, it } from 'vitest';
import {
  appendListModel,
  checkLinearizable,
  counterModel,
  type HistoryEvent,
  type HistoryModel,
  parseJepsenLog,
  registerModel,
  UNKNOWN,
} from '../../src/testing.ts';
import { SynapseError } from '../../src/base/error.ts';
import { drawnRegisterHistory, isLinearizableByForce, jepsenLogOf } from '../sim/histories.ts';

/** `0 invoke write 1` and so on, one event a line; values are JSON. A word in front of a slash is the key. */
function history(text: string): HistoryEvent[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [process = '', type = '', name = '', ...rest] = line.trim().split(' ');
      const [op = '', key] = name.split('/').reverse();
      return {
        process: Number(process),
        type: type as HistoryEvent['type'],
        op,
        ...(key === undefined ? {} : { key }),
        ...(rest.length === 0 ? {} : { value: JSON.parse(rest.join(' ')) as unknown }),
      };
    });
}

const outcomeOf = (text: string, model: HistoryModel<never> | HistoryModel<unknown> = registerModel): string =>
  checkLinearizable(model as HistoryModel<unknown>, history(text)).outcome;

describe('a register', () => {
  it('may show a write to a read that overlaps it, and must show it to a later one', () => {
    expect(outcomeOf('0 invoke write 1\n1 invoke read\n1 ok read 1\n0 ok write')).toBe('linearizable');
    expect(outcomeOf('0 invoke write 1\n1 invoke read\n1 ok read null\n0 ok write')).toBe('linearizable');
    expect(outcomeOf('0 invoke write 1\n0 ok write\n1 invoke read\n1 ok read null')).toBe('violation');
  });

  it('never goes back to an older value', () => {
    const seen = '0 invoke write 1\n1 invoke read\n1 ok read 1\n2 invoke read\n2 ok read null\n0 ok write';
    expect(outcomeOf(seen)).toBe('violation');
  });

  it('compares before it sets', () => {
    const start = '0 invoke write 1\n0 ok write\n0 invoke cas [1,2]\n';
    expect(outcomeOf(`${start}0 ok cas true\n0 invoke read\n0 ok read 2`)).toBe('linearizable');
    expect(outcomeOf(`${start}0 ok cas true\n0 invoke read\n0 ok read 1`)).toBe('violation');
    expect(outcomeOf(`${start}0 ok cas false`)).toBe('violation');
    expect(outcomeOf('0 invoke cas [1,2]\n0 ok cas false')).toBe('linearizable');
    expect(outcomeOf('0 invoke cas [1,2]\n0 ok cas true')).toBe('violation');
  });

  it('holds values of any form', () => {
    expect(outcomeOf('0 invoke write {"a":[1]}\n0 ok write\n0 invoke read\n0 ok read {"a":[1]}')).toBe('linearizable');
    expect(outcomeOf('0 invoke write {"a":[1]}\n0 ok write\n0 invoke read\n0 ok read {"a":[2]}')).toBe('violation');
    expect(outcomeOf('0 invoke write "1"\n0 ok write\n0 invoke read\n0 ok read 1')).toBe('violation');
  });
});

describe('what was never answered', () => {
  const asked = '0 invoke write 1\n0 info write\n';

  it('may have happened, at once or much later, or not at all', () => {
    expect(outcomeOf(`${asked}1 invoke read\n1 ok read 1`)).toBe('linearizable');
    expect(outcomeOf(`${asked}1 invoke read\n1 ok read null\n1 invoke read\n1 ok read 1`)).toBe('linearizable');
    expect(outcomeOf(`${asked}1 invoke read\n1 ok read null`)).toBe('linearizable');
  });

  it('happens once at most', () => {
    const twice = `${asked}1 invoke read\n1 ok read 1\n1 invoke write 2\n1 ok write\n1 invoke read\n1 ok read 1`;
    expect(outcomeOf(twice)).toBe('violation');
    expect(outcomeOf(`3 invoke write 1\n3 info write\n${twice}`)).toBe('linearizable');
  });

  it('cannot have happened before it was asked', () => {
    expect(outcomeOf(`1 invoke read\n1 ok read 1\n${asked}`)).toBe('violation');
  });

  it('is the same as an operation without a second event, and its process may go on', () => {
    expect(outcomeOf('0 invoke write 1\n1 invoke read\n1 ok read 1')).toBe('linearizable');
    expect(outcomeOf(`${asked}0 invoke read\n0 ok read 1`)).toBe('linearizable');
  });

  it('did not happen when it failed', () => {
    expect(outcomeOf('0 invoke write 1\n0 fail write\n1 invoke read\n1 ok read 1')).toBe('violation');
    expect(outcomeOf('0 invoke write 1\n0 fail write\n1 invoke read\n1 ok read null')).toBe('linearizable');
  });
});

describe('the other models', () => {
  it('a counter adds up, whether or not it tells its sums', () => {
    const adds = '0 invoke add\n1 invoke add 4\n1 ok add 4\n0 ok add\n';
    expect(checkLinearizable(counterModel, history(`${adds}0 invoke read\n0 ok read 5`)).ok).toBe(true);
    expect(checkLinearizable(counterModel, history(`${adds}0 invoke read\n0 ok read 4`)).ok).toBe(false);
    expect(checkLinearizable(counterModel, history('0 invoke add\n0 ok add 2')).ok).toBe(false);
  });

  it('a list keeps the order of its appends and all of them', () => {
    const appends = '0 invoke append "a"\n0 ok append 0\n0 invoke append "b"\n0 ok append\n0 invoke read\n0 ok read ';
    expect(checkLinearizable(appendListModel, history(`${appends}["a","b"]`)).ok).toBe(true);
    expect(checkLinearizable(appendListModel, history(`${appends}["b","a"]`)).ok).toBe(false);
    expect(checkLinearizable(appendListModel, history(`${appends}["b"]`)).ok).toBe(false);
    expect(checkLinearizable(appendListModel, history('0 invoke append 1\n0 ok append 1')).ok).toBe(false);
  });

  it('a model of one’s own is asked for every step, and may see an unknown answer', () => {
    const answers: unknown[] = [];
    const stack: HistoryModel<readonly unknown[]> = {
      name: 'stack',
      initial: [],
      step: (state, op, input, output) => {
        answers.push(output);
        if (op === 'push') return [...state, input];
        return output === UNKNOWN || output === state.at(-1) ? state.slice(0, -1) : undefined;
      },
    };
    const pushes = '0 invoke push 1\n0 ok push\n0 invoke push 2\n0 ok push\n';
    expect(checkLinearizable(stack, history(`${pushes}0 invoke pop\n0 ok pop 2`)).ok).toBe(true);
    expect(checkLinearizable(stack, history(`${pushes}0 invoke pop\n0 ok pop 1`)).ok).toBe(false);
    expect(checkLinearizable(stack, history(`${pushes}1 invoke pop\n1 info pop\n0 invoke pop\n0 ok pop 1`)).ok).toBe(
      true,
    );
    expect(answers).toContain(UNKNOWN);
  });
});

describe('keys', () => {
  it('are objects of their own', () => {
    const apart = '0 invoke a/write 1\n0 ok a/write\n0 invoke b/read\n0 ok b/read null';
    expect(outcomeOf(apart)).toBe('linearizable');
    expect(outcomeOf(apart.replaceAll('b/', 'a/'))).toBe('violation');
  });

  it('name what is wrong, and one process may use several at a time', () => {
    const text =
      '0 invoke a/write 1\n0 invoke b/write 1\n0 ok b/write\n1 invoke b/read\n1 ok b/read null\n0 ok a/write';
    const verdict = checkLinearizable(registerModel, history(text));
    expect(verdict).toMatchObject({ ok: false, outcome: 'violation', key: 'b' });
  });
});

describe('a violation', () => {
  const events = history(
    `0 invoke write 1
     1 invoke read
     0 ok write
     1 ok read 1
     2 invoke read
     2 ok read 7
     3 invoke read
     3 ok read 8`,
  );
  const verdict = checkLinearizable(registerModel, events);

  it('comes with the shortest prefix that shows it', () => {
    expect(verdict).toMatchObject({ outcome: 'violation', prefix: events.slice(0, 6) });
    expect(checkLinearizable(registerModel, events.slice(0, 5)).ok).toBe(true);
  });

  it('is told in words: the events, what agrees, and what does not', () => {
    const message = verdict.ok ? '' : verdict.message;
    expect(message.split('\n')).toEqual([
      'not linearizable as a register: no order explains the last answer of these 6 events',
      '  0 invoke write 1',
      '  1 invoke read',
      '  0 ok write',
      '  1 ok read 1',
      '  2 invoke read',
      '  2 ok read 7',
      'the longest order that agrees: write(1), read() → 1',
      'after it the register is 1, and cannot go on with: read() → 7',
    ]);
  });

  it('is seen where a failure contradicts what was read before it', () => {
    const text = '0 invoke write 1\n1 invoke read\n1 ok read 1\n0 fail write\n1 invoke read\n1 ok read 1';
    expect(checkLinearizable(registerModel, history(text))).toMatchObject({ prefix: history(text).slice(0, 4) });
  });
});

describe('the bound on work', () => {
  const sums = Array.from({ length: 24 }, (_, index) => `${index} invoke add ${2 ** (index + 1)}`).join('\n');
  const hard = history(`${sums}\n99 invoke read\n99 ok read 1`);

  it('ends in an unknown outcome, which is not ok', () => {
    const verdict = checkLinearizable(counterModel, hard, { maxSteps: 1_000 });
    expect(verdict).toMatchObject({ ok: false, outcome: 'unknown', steps: 1_000 });
    expect(verdict.ok ? '' : verdict.message).toContain('gave up after 1000 steps');
  });

  it('does not hide a violation of another key', () => {
    const other = history('0 invoke x/add\n0 ok x/add 5');
    expect(checkLinearizable(counterModel, [...hard, ...other], { maxSteps: 1_000 })).toMatchObject({ key: 'x' });
  });

  it('is not reached by many open operations that ask the same', () => {
    const same = Array.from({ length: 60 }, (_, index) => `${index} invoke add 2`).join('\n');
    const verdict = checkLinearizable(counterModel, history(`${same}\n99 invoke read\n99 ok read 3`), {
      maxSteps: 1_000,
    });
    expect(verdict.outcome).toBe('violation');
  });
});

describe('a malformed history', () => {
  it.each([
    ['an answer to nothing', '0 ok read 1'],
    ['two questions at a time', '0 invoke read\n0 invoke read'],
    ['an answer to another operation', '0 invoke read\n0 ok write'],
    ['an operation the model does not have', '0 invoke increment\n0 ok increment'],
  ])('is refused: %s', (_name, text) => {
    expect(() => checkLinearizable(registerModel, history(text))).toThrow(SynapseError);
    expect(() => checkLinearizable(registerModel, history(text))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { argument: 'history' } }) as Error,
    );
  });
});

describe('logs in the form of Jepsen’s etcd tests', () => {
  it('are read line by line, whatever stands between', () => {
    const text = [
      'INFO  jepsen.core - Running test etcd',
      'INFO  jepsen.util - 0\t:invoke\t:write\t3',
      'INFO  jepsen.util - :nemesis\t:info\t:start\tnil',
      'INFO  jepsen.util - 1\t:invoke\t:read\tnil',
      '2014-05-23 10:00:00,123 INFO  jepsen.util - 2\t:invoke\t:cas\t[1 3]\r',
      'INFO  jepsen.util - 0   :info   :write  :timed-out',
      'INFO  jepsen.util - 1\t:fail\t:read\t:timed-out',
      'INFO  jepsen.util - 2\t:fail\t:cas\t[1 3]',
      '3 :invoke :cas [3 -1]',
      '3 :ok :cas [3 -1]',
      '',
    ].join('\n');
    expect(parseJepsenLog(text)).toEqual([
      { process: 0, type: 'invoke', op: 'write', value: 3 },
      { process: 1, type: 'invoke', op: 'read', value: null },
      { process: 2, type: 'invoke', op: 'cas', value: [1, 3] },
      { process: 0, type: 'info', op: 'write', value: ':timed-out' },
      { process: 1, type: 'fail', op: 'read', value: ':timed-out' },
      { process: 2, type: 'ok', op: 'cas', value: false },
      { process: 3, type: 'invoke', op: 'cas', value: [3, -1] },
      { process: 3, type: 'ok', op: 'cas', value: [3, -1] },
    ]);
  });

  it('whose value has no meaning are refused with the number of the line', () => {
    expect(() => parseJepsenLog('\n0 :invoke :write {:a 1')).toThrow(/line 2/);
  });

  // As large as Jepsen's: 170 operations, five processes, timeouts that leave a dozen operations open.
  const draws = Array.from({ length: 40 }, (_, seed) => ({ seed, operations: 170, processes: 5, timedOutPercent: 6 }));

  it.each(draws)('of a register that keeps its word are good (seed $seed)', (draw) => {
    const events = drawnRegisterHistory(draw);
    const parsed = parseJepsenLog(jepsenLogOf(events));
    expect(parsed).toEqual(events);
    expect(checkLinearizable(registerModel, parsed).outcome).toBe('linearizable');
  });

  it.each(draws)('are bad where one read tells a value that nobody wrote (seed $seed)', (draw) => {
    const events = drawnRegisterHistory(draw);
    const reads = events.flatMap(({ type, op }, index) => (type === 'ok' && op === 'read' ? [index] : []));
    const at = reads[Math.floor(reads.length / 2)] ?? 0;
    const log = jepsenLogOf(events.map((event, index) => (index === at ? { ...event, value: 77 } : event)));
    expect(checkLinearizable(registerModel, parseJepsenLog(log))).toMatchObject({
      outcome: 'violation',
      prefix: { length: at + 1 },
    });
  });

  it('are judged as by trying every order, good and bad', () => {
    const verdicts = Array.from({ length: 300 }, (_, seed) => {
      const events = drawnRegisterHistory({ seed, operations: 7, processes: 3, timedOutPercent: 15 });
      const at = events.findLastIndex(({ type, op }) => type === 'ok' && op === 'read');
      const changed = events.map((event, index) => (index === at ? { ...event, value: seed % 5 } : event));
      const isGood = checkLinearizable(registerModel, parseJepsenLog(jepsenLogOf(changed))).ok;
      expect(isGood, `seed ${seed}`).toBe(isLinearizableByForce(registerModel, changed));
      return isGood;
    });
    expect(new Set(verdicts)).toEqual(new Set([true, false]));
  });
});
