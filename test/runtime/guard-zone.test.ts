/**
 * Time zone and locale of a lane are UTC and en-US, whatever those of the process are.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const PROCESS = fileURLToPath(new URL('./fixtures/guard-process.js', import.meta.url));
const DATES = new URL('./fixtures/guard-dates.js', import.meta.url).href;

/** Asks a process of its own in the given zone and locale, in a guarded thread or without guards. */
function ask(
  guarded: boolean,
  zone: string,
  locale: string,
  name: string,
  args: readonly unknown[] = [],
): Promise<unknown> {
  const env = { PATH: process.env['PATH'] ?? '', TZ: zone, LANG: locale, LC_ALL: locale };
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [PROCESS], { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${error.message}\n${stderr}`));
      else resolve((JSON.parse(stdout) as { value?: unknown; error?: unknown }).value ?? JSON.parse(stdout));
    });
    child.stdin?.end(JSON.stringify({ guarded, request: { module: DATES, name, args, nowMs: 0, seed: 1 } }));
  });
}

/** The same question to a plain process in UTC and en-US, and to guarded threads elsewhere. */
async function expectAlike(name: string, args: readonly unknown[] = []): Promise<void> {
  const expected = await ask(false, 'UTC', 'en_US.UTF-8', name, args);
  for (const [zone, locale] of [
    ['America/New_York', 'de_DE.UTF-8'],
    ['Asia/Kolkata', 'tr_TR.UTF-8'],
  ] as const) {
    expect(await ask(true, zone, locale, name, args), `${zone} ${locale}`).toEqual(expected);
  }
}

const KNOWN = [
  '2020-01-01',
  '2020-01',
  '2020',
  '2020-01-01T00:00',
  '2020-01-01T00:00:00',
  '2020-01-01T00:00:00.123456',
  '2020-01-01T24:00',
  '2020-01-01T00:00Z',
  '2020-01-01T00:00+01:00',
  '2020-01-01 00:00',
  '2020-1-1',
  '2020-1-1 5:06',
  '2020-02-31',
  '2020-13-01',
  '+002020-01-01T00:00',
  '-000001-01-01T00:00',
  '-000000-01-01',
  'Jan 1 2020',
  'Jan 1, 2020 10:00',
  '1 January 2020 10:00 PM',
  'Wed Jan 01 2020 00:00:00 GMT-0500 (EST)',
  'Jan 1 2020 00:00 EST',
  'Jan 1 2020 00:00EST',
  'Jan 1 2020 10:00 (a (b) c',
  'Jan 1 2020 10:00 (EST)',
  'Jan 1 2020 10:00 (unclosed EST',
  '1/2/2020',
  '1-2-2020 10:00',
  '1-Jan-2020 10:00',
  '10:00 2020-01-02',
  '10:00 Jan-1-2020',
  '10:00 Jan 1 2020 -5',
  '10:00 1 2020 -01',
  '2020-01-01 10:00-0530',
  '2020-01-01 10:00 +05:30',
  'Mon, 25 Dec 1995 13:30:00 GMT',
  'EST Jan 1 2020 10:00',
  'Mar 8 2020 02:30',
  '2020-03-08T02:30',
  '2020-03-08T02:30:00.5',
  '12',
  '49',
  '50',
  '1',
  '13:00',
  'Jan',
  '',
  ' ',
  'x',
  '2020-01-01T',
  'T10:00',
  '12:00 1 1 2020 PM',
  '1 1 2020 12:00:00.5',
  '1 1 2020 12:00:00.5 Z',
  '2020-01-01T10:00:00+0100',
  '1 1 2020 12::30',
  '2020/01/01 00:00z',
];

/** Pieces of which dates in text are made, well and badly. */
const PIECES = [
  '2020',
  '1',
  '12',
  '31',
  '10:00',
  '9:5',
  '23:59:59',
  '10:00:00.5',
  '10:',
  '::',
  'Jan',
  'January',
  'jan',
  'Decem',
  'Wed',
  'EST',
  'gmt',
  'UTC',
  'Z',
  'utcx',
  'PM',
  'am',
  'T',
  '+',
  '-',
  '/',
  ',',
  '.',
  ' ',
  '  ',
  '(',
  ')',
  '(x)',
  '(EST)',
  '0530',
  '05:30',
  '+0100',
  '-05:00',
  '2020-01-02',
  '2020-01-02T03:04',
  'ä',
  '_',
  '\t',
  '24:00',
  '60',
  '999',
];

describe('zone and locale in a lane', () => {
  it('are UTC for every field, setter, constructor and text of a date', async () => {
    await expectAlike('dates');
  });

  it('are en-US for everything that has a locale', async () => {
    await expectAlike('locales');
  });

  it('give the texts known for new Date(2020, 0, 1) in New York and German', async () => {
    const { views } = (await ask(true, 'America/New_York', 'de_DE.UTF-8', 'dates')) as {
      views: { texts: string[]; locale: string[]; offset: number }[];
    };
    expect(views[1]?.texts[0]).toBe('Wed Jan 01 2020 00:00:00 GMT+0000 (Coordinated Universal Time)');
    expect(views[1]?.locale[0]).toBe('1/1/2020, 12:00:00 AM');
    expect(views[1]?.offset).toBe(0);
  });

  it('read texts without a zone as UTC', async () => {
    await expectAlike('parsed', [KNOWN]);
  });

  it('read any text as a process in UTC reads it', async () => {
    const text = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
    const spaced = fc
      .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 7 })
      .map((pieces) => pieces.join(' '));
    // One large batch, since each question starts three processes; the first text that differs is the report.
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    const texts = fc.sample(fc.oneof(text, spaced), { numRuns: 20_000, seed });
    const inUtc = (await ask(false, 'UTC', 'en_US.UTF-8', 'parsed', [texts])) as unknown[];
    const guarded = (await ask(true, 'America/New_York', 'de_DE.UTF-8', 'parsed', [texts])) as unknown[];
    expect(inUtc.filter((answer) => (answer as unknown[])[1] !== 'NaN').length).toBeGreaterThan(200);
    for (const [at, answer] of inUtc.entries()) expect(guarded[at], `SEED=${seed}`).toEqual(answer);
  });
});
