/** Cron of actors: UTC whatever the host's zone, from the recorded time alone. */
import { afterEach, expect, test } from 'vitest';
import { nextCronMs } from '../../src/actor/cron.ts';

const zone = process.env['TZ'];

afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const at = (text: string): number => Date.parse(text);

test.each([
  ['0 3 * * *', '2024-01-01T00:00:00Z', '2024-01-01T03:00:00Z'],
  ['0 3 * * *', '2024-01-01T03:00:00Z', '2024-01-02T03:00:00Z'],
  ['* * * * *', '2024-02-28T23:59:30Z', '2024-02-29T00:00:00Z'],
  ['0 0 29 2 *', '2024-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['*/15 * * * * *', '2024-01-01T00:00:01Z', '2024-01-01T00:00:15Z'],
])('%s after %s is due at %s', (expression, after, due) => {
  expect(new Date(nextCronMs(expression, at(after))).toISOString()).toBe(new Date(at(due)).toISOString());
});

test.each(['America/New_York', 'Asia/Kolkata', 'Pacific/Kiritimati'])('a host in %s computes the same', (host) => {
  process.env['TZ'] = host;
  // 2024-03-10 is the day on which New York springs forward at 02:00.
  expect(nextCronMs('30 2 * * *', at('2024-03-10T00:00:00Z'))).toBe(at('2024-03-10T02:30:00Z'));
});

test.each(['', 'every day', '61 * * * *', '* * * * * * * * *'])('%j is no expression', (expression) => {
  expect(() => nextCronMs(expression, 0)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('an expression that never comes is refused', () => {
  expect(() => nextCronMs('0 0 31 2 *', 0)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
