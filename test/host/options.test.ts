/** Options: defaults, ranges, and the name of the one that is wrong. */
import { describe, expect, test } from 'vitest';
import { type SystemOptions, admitter, resolveOptions } from '../../src/host/options.ts';

const actors = new URL('file:///actors.js');

/** Option, least and most allowed value. */
const NUMBERS: readonly (readonly [string, number, number])[] = [
  ['lanes', 1, 256],
  ['effectThreads', 1, 256],
  ['shards', 1, 65_536],
  ['turnTimeoutMs', 10, 2_147_483_647],
  ['callTimeoutMs', 1, 2_147_483_647],
  ['laneHeapMb', 16, 65_536],
  ['bufferMb', 16, 1_048_576],
  ['maxActiveActors', 1, 100_000_000],
  ['maxInFlight', 1, 10_000_000],
  ['maxInFlightBytes', 1_024, 2 ** 40],
  ['maxTurnsPerInput', 1, 1_000_000_000],
  ['idempotencyTermMs', 1, 366 * 86_400_000],
  ['idempotencyLimit', 1, 10_000_000],
  ['snapshotEverySteps', 1, 100_000_000],
  ['snapshotEveryBytes', 1_024, 2 ** 40],
  ['drainTimeoutMs', 0, 2_147_483_647],
];

const given = (more: object): SystemOptions => ({ actors, ...more }) as SystemOptions;

describe.each(NUMBERS)('%s', (option, least, most) => {
  test.each([least - 1, most + 1, least + 0.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null, 5n])(
    'refuses %s by name',
    (value) => {
      expect(() => resolveOptions(given({ [option]: value }))).toThrow(
        expect.objectContaining({
          code: 'INVALID_ARGUMENT',
          details: { option },
          message: expect.stringContaining(option),
        }),
      );
    },
  );

  test('takes its least and its most, and has a default between', () => {
    for (const value of [least, most]) expect(resolveOptions(given({ [option]: value }))).toHaveProperty(option, value);
    const standard = resolveOptions(given({}))[option as 'lanes'];
    expect(standard).toBeGreaterThanOrEqual(least);
    expect(standard).toBeLessThanOrEqual(most);
  });
});

test('every numeric option is in the list above', () => {
  const numeric = Object.entries(resolveOptions(given({}))).filter(([, value]) => typeof value === 'number');
  expect(numeric.map(([name]) => name).sort()).toEqual(NUMBERS.map(([name]) => name).sort());
});

test('the defaults that the interface names are these', () => {
  expect(resolveOptions(given({}))).toMatchObject({
    shards: 64,
    turnTimeoutMs: 5_000,
    callTimeoutMs: 30_000,
    laneHeapMb: 512,
    maxActiveActors: 1_000_000,
    maxInFlight: 100_000,
    maxInFlightBytes: 256 << 20,
    maxTurnsPerInput: 10_000_000,
    idempotencyTermMs: 86_400_000,
    grants: [],
    retention: 'all',
  });
});

test.each<[string, object]>([
  ['actors', { actors: [] }],
  ['actors', { actors: undefined }],
  ['actors', { actors: './relative.js' }],
  ['actors', { actors: [actors, 7] }],
  ['previous', { previous: '' }],
  ['dataDir', { dataDir: '' }],
  ['dataDir', { dataDir: 'a\0b' }],
  ['dataDir', { dataDir: 7 }],
  ['grants', { grants: {} }],
  ['grants[0].from', { grants: [{ from: '', to: 'b', actor: 'c', handlers: [] }] }],
  ['grants[0].to', { grants: [{ from: 'a', actor: 'c', handlers: [] }] }],
  ['grants[0].actor', { grants: [{ from: 'a', to: 'b', actor: 7, handlers: [] }] }],
  [
    'grants[1].handlers',
    {
      grants: [
        { from: 'a', to: 'b', actor: 'c', handlers: [] },
        { from: 'a', to: 'b', actor: 'c' },
      ],
    },
  ],
  ['grants[0].from', { grants: [null] }],
  ['retention', { retention: 'some' }],
  ['retention', { retention: { forever: 1 } }],
  ['retention.keepMs', { retention: { keepMs: -1 } }],
  ['retention.keepSteps', { retention: { keepSteps: 1.5 } }],
  ['lane', { lane: 1 }],
])('a wrong %s is refused by name', (option, more) => {
  expect(() => resolveOptions(given(more))).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { option } }),
  );
});

test.each([undefined, null, 7, 'text'])('%s is no options', (options) => {
  expect(() => resolveOptions(options as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('grants are copied, so that what the caller does to them later grants nothing', () => {
  const handlers = ['deposit'];
  const { grants } = resolveOptions(given({ grants: [{ from: 'a', to: 'b', actor: 'c', handlers }] }));
  handlers.push('withdraw');
  expect(grants[0]?.handlers).toEqual(['deposit']);
});

describe('a grant', () => {
  const admit = admitter([
    { from: 'treasury', to: 'acme', actor: 'account', handlers: ['deposit', 'close'] },
    { from: '*', to: 'public', actor: '*', handlers: ['*'] },
  ]);

  test.each([
    ['treasury', 'acme', 'account', 'deposit', true],
    ['treasury', 'acme', 'account', 'close', true],
    ['treasury', 'acme', 'account', 'withdraw', false],
    ['treasury', 'acme', 'ledger', 'deposit', false],
    ['acme', 'treasury', 'account', 'deposit', false],
    ['Treasury', 'acme', 'account', 'deposit', false],
    ['anyone', 'public', 'board', 'post', true],
    ['*', 'acme', 'account', 'deposit', false],
  ])('from %s to %s for %s.%s: %s', (from, to, actor, handler, isGranted) => {
    expect(admit(from, to, actor, handler)).toBe(isGranted);
  });
});
