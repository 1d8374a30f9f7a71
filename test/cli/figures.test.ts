/** Figures, tables, progress and summary as text. */
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/base/hash.ts';
import { clockText, countText, latencyText, sizeText, tableText } from '../../src/cli/figures.ts';
import { Progress } from '../../src/cli/progress.ts';
import { stateRootOf, summaryText } from '../../src/cli/summary.ts';

describe('figures', () => {
  it('read the same in every locale', () => {
    expect(countText(1_234_567)).toBe('1,234,567');
    expect([sizeText(0), sizeText(1023), sizeText(1536), sizeText(5 * 2 ** 40), sizeText(2 ** 55)]).toEqual([
      '0 B',
      '1,023 B',
      '1.5 KiB',
      '5.0 TiB',
      '32,768.0 TiB',
    ]);
    expect([clockText(0), clockText(7_000), clockText(754_000), clockText(3_723_000)]).toEqual([
      '0:00',
      '0:07',
      '12:34',
      '1:02:03',
    ]);
    expect([latencyText(0.25), latencyText(12.34)]).toEqual(['250 µs', '12.3 ms']);
  });

  it('stand in tables with figures to the right', () => {
    expect(
      tableText([
        ['name', 'seq'],
        ['a', '5'],
        ['long', '1,000'],
      ]),
    ).toBe('name    seq\na         5\nlong  1,000\n');
    expect(tableText([])).toBe('');
  });
});

describe('progress', () => {
  it('is a bar redrawn in place on a terminal, never wider than it, and can be taken away', () => {
    const written: string[] = [];
    const progress = new Progress({ isTTY: true, columns: 60, write: (text) => written.push(text) }, 0, 1_000);
    progress.clear();
    expect(written).toEqual([]);
    progress.update(1_000, 500, 2_000);
    expect(written[0]).toBe('\r\u001b[2K[############------------]  50 %  2,000 commands  2,000/s  E'.slice(0, 5 + 59));
    progress.clear();
    progress.clear();
    expect(written.slice(1)).toEqual(['\r\u001b[2K']);
  });

  it('is a plain line at every tenth elsewhere, and after ten seconds of silence', () => {
    const written: string[] = [];
    const progress = new Progress({ write: (text) => written.push(text) }, 0, 1_000);
    for (const [nowMs, doneBytes] of [
      [500, 50],
      [1_000, 100],
      [1_500, 150],
      [2_000, 500],
      [11_999, 501],
      [12_000, 502],
    ] as const) {
      progress.update(nowMs, doneBytes, doneBytes);
    }
    expect(written).toEqual([
      ' 10 %  100 commands  100/s  ETA 0:09\n',
      ' 50 %  500 commands  250/s  ETA 0:02\n',
      ' 50 %  502 commands  42/s  ETA 0:12\n',
    ]);
  });

  it('counts only where the end of the input is not known', () => {
    const written: string[] = [];
    new Progress({ write: (text) => written.push(text) }, 0).update(10_000, 5, 20_000);
    expect(written).toEqual(['20,000 commands  2,000/s\n']);
  });
});

describe('the summary', () => {
  const root = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

  it('has one root for all tenants, whatever order they come in', () => {
    const a = { tenant: 'a', stateRoot: root(1) };
    const b = { tenant: 'b', stateRoot: root(2) };
    expect(stateRootOf([b, a])).toBe(stateRootOf([a, b]));
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 1, 0x61]), root(1), Buffer.from([0, 0, 0, 1, 0x62]), root(2)]);
    expect(stateRootOf([a, b])).toBe(sha256Hex(bytes));
    expect(stateRootOf([])).toBe(sha256Hex(''));
  });

  it('has another root when names and states swap, or a name takes bytes of its neighbour', () => {
    const roots = [
      stateRootOf([
        { tenant: 'a', stateRoot: root(1) },
        { tenant: 'b', stateRoot: root(2) },
      ]),
      stateRootOf([
        { tenant: 'a', stateRoot: root(2) },
        { tenant: 'b', stateRoot: root(1) },
      ]),
      stateRootOf([{ tenant: 'ab', stateRoot: root(1) }]),
    ];
    expect(new Set(roots).size).toBe(3);
  });

  it('says unknown for what a broken store cannot tell, and why it stopped', () => {
    const figures = {
      commands: 5,
      refused: 1,
      failed: 2,
      badLines: 0,
      elapsedMs: 10,
      commandsPerSecond: 500,
      ackP50Ms: 0.5,
      ackP99Ms: 2,
    };
    const text = summaryText({ ...figures, stopped: 'store unavailable' });
    expect(text).toContain('tenants        unknown\n');
    expect(text).toContain('acknowledged   p50 500 µs, p99 2.0 ms\n');
    expect(text).toContain('data           in memory, gone now\n');
    expect(text).toContain('stopped early  store unavailable\n');
  });
});
