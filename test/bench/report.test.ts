/**
 * The report of the benches, written from recorded lines: every row says what it keeps, aims are judged by the
 * figures, pictures are well formed, and the page in docs/ is the one that its recordings give.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pageOf, parseRecording } from '../../bench/report/page.ts';
import { plotOf } from '../../bench/report/plot.ts';
import type { Line } from '../../bench/rig/bench.ts';
import { BENCHES } from '../../bench/rig/catalogue.ts';
import { linesOf, medianOf } from '../../bench/rig/figures.ts';

/** This file runs as `dist/test/bench/report.test.js`. */
const DOCS = new URL('../../../docs/', import.meta.url);

const setting = {
  bench: 'durable',
  parameters: { tenants: 2 },
  machine: 'a machine × 2',
  node: 'v20.0.0',
  commit: 'abc1234',
};

const arms = [
  { name: 'synapse', keeps: 'durable & audited', run: () => Promise.resolve([]) },
  { name: 'otp', keeps: 'volatile', run: () => Promise.resolve([]) },
];

function round(
  synapse: number,
  otp: number,
): ReadonlyMap<string, readonly { row: string; unit: string; value: number }[]> {
  return new Map(
    Object.entries({ synapse, otp }).map(([arm, value]) => [arm, [{ row: '<64> | 2', unit: 'commands/s', value }]]),
  );
}

const lines = linesOf(setting, arms, [round(100, 50), round(300, 400), round(200, 100)]);
const recordingText = [
  {
    bench: 'durable',
    question: 'what does it cost?',
    estimate: 'a lot',
    aims: [
      { row: '<64> | 2', arm: 'synapse', over: 'otp', atLeast: 1 },
      { row: '<64> | 2', arm: 'synapse', atMost: 150 },
      { row: 'absent', arm: 'synapse', atLeast: 1 },
    ],
  },
  ...lines,
  { bench: 'durable', arm: 'comedy', skipped: 'the peers cannot be installed' },
]
  .map((line) => `${JSON.stringify(line)}\n`)
  .join('');

describe('figures', () => {
  it('the median of an even number is the mean of the middle two', () => {
    expect([medianOf([3, 1, 2]), medianOf([4, 1, 3, 2])]).toEqual([2, 2.5]);
  });

  it('a line has median, spread and the median of the rounds’ ratios', () => {
    expect(lines).toMatchObject([
      { arm: 'synapse', median: 200, min: 100, max: 300, ratio: { otp: 2 }, rounds: 3, keeps: 'durable & audited' },
      { arm: 'otp', median: 100, min: 50, max: 400, ratio: { synapse: 0.5 }, keeps: 'volatile' },
    ]);
  });
});

describe('the page', () => {
  const page = pageOf([parseRecording(recordingText)]);

  it('says in every row what is kept', () => {
    const rows = page.split('\n').filter((line) => line.includes('commands/s'));
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain('| durable & audited |');
    expect(rows[1]).toContain('| volatile |');
  });

  it('judges aims by what was measured, and leaves out what was not', () => {
    expect(page).toContain('synapse ≥ 1 × otp | 2 | met |');
    expect(page).toContain('synapse ≤ 150 | 200 | **missed** |');
    expect(page).not.toContain('absent');
  });

  it('names what was not measured, and why', () => {
    expect(page).toContain('Not measured: comedy, since the peers cannot be installed.');
  });

  it('keeps a bar in a name from ending a cell', () => {
    expect(page).toContain(String.raw`<64> \| 2`);
  });
});

describe('the picture', () => {
  const picture = plotOf('durable: <what>', lines as readonly Line[]);

  it('has a bar for each arm, the longest as long as there is room', () => {
    const widths = [...picture.matchAll(/<rect x="210"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toEqual([210, 105]);
  });

  it('is well formed: text is escaped and every element is closed', () => {
    expect(picture).toContain('&lt;64&gt; | 2');
    const open: string[] = [];
    for (const [, slash, name, end] of picture.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
      if (slash === '/') expect(open.pop()).toBe(name);
      else if (end !== '/') open.push(name ?? '');
    }
    expect(open).toEqual([]);
  });
});

it('docs/benchmarks.md is what its recordings give', () => {
  const texts = Object.keys(BENCHES).flatMap((name) => {
    const file = new URL(`benchmarks/${name}.jsonl`, DOCS);
    return existsSync(file) ? [readFileSync(file, 'utf8')] : [];
  });
  const page = new URL('benchmarks.md', DOCS);
  expect(existsSync(page)).toBe(texts.length > 0);
  if (texts.length > 0) expect(readFileSync(page, 'utf8')).toBe(pageOf(texts.map(parseRecording)));
});
