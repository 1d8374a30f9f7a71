/**
 * `docs/benchmarks.md` from what benches kept: a section for each with its question, estimate, machine and parameters, a
 * table whose every row says what is durable and what is not, and the aims. No figure is written that was not printed by a bench.
 */
import { assert } from '../../src/base/assert.ts';
import type { HeadLine, Line, Recording, SkippedLine } from '../rig/bench.ts';
import { aimOutcome, aimText, figureText } from '../rig/print.ts';

/** Reads what `--save` wrote. */
export function parseRecording(text: string): Recording {
  const all = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as HeadLine | Line | SkippedLine);
  const head = all.find((line) => 'question' in line);
  assert(head !== undefined, 'a recording begins with its question');
  return {
    head,
    lines: all.filter((line) => 'median' in line),
    skipped: all.filter((line) => 'skipped' in line),
  };
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

function ratios({ ratio }: Line): string {
  return Object.entries(ratio)
    .map(([arm, value]) => `${figureText(value)} × ${arm}`)
    .join('<br>');
}

function figures(lines: readonly Line[]): string {
  const rows = lines.map((line) =>
    tableRow([
      line.row,
      line.arm,
      line.keeps,
      `${figureText(line.median)} ${line.unit}`,
      `${figureText(line.min)} … ${figureText(line.max)}`,
      ratios(line),
    ]),
  );
  return [
    '| row | arm | what is kept | median | least … greatest | ratio |',
    '| --- | --- | --- | ---: | ---: | --- |',
    ...rows,
  ].join('\n');
}

function aimsOf({ head, lines }: Recording): string {
  const rows = head.aims.flatMap((aim) => {
    const outcome = aimOutcome(aim, lines);
    if (outcome === undefined) return [];
    return tableRow([aimText(aim), figureText(outcome.value), outcome.isMet ? 'met' : '**missed**']);
  });
  return rows.length === 0 ? '' : ['| aim | measured | |', '| --- | ---: | --- |', ...rows].join('\n');
}

function sectionOf(recording: Recording): string {
  const { head, lines, skipped } = recording;
  const [first] = lines;
  assert(first !== undefined, 'a recording has figures');
  const parts = [
    `## ${head.bench}`,
    `${capital(head.question)}`,
    `Estimate before measuring: ${head.estimate}.`,
    `${first.machine}; Node ${first.node}, commit ${first.commit}; ${first.rounds} rounds after a warm-up, arms in alternation, a process each.\n\`${JSON.stringify(first.parameters)}\``,
    `![${head.bench}](benchmarks/${head.bench}.svg)`,
    figures(lines),
    aimsOf(recording),
    ...skipped.map(({ arm, skipped: reason }) => `Not measured: ${arm}, since ${reason}.`),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** The page of all recordings, in their order. */
export function pageOf(recordings: readonly Recording[]): string {
  const head = `# Benchmarks

Written by \`npm run bench -- report\` from what \`npm run bench -- NAME --save\` measured; figures are medians of the rounds, and a
ratio is the median of the rounds' ratios. Every row says what is kept: a figure of something volatile beside one of something
durable is no like for like, which is the point. What limits a figure, and what was tried, stands in performance.md.`;
  return `${[head, ...recordings.map(sectionOf)].join('\n\n')}\n`;
}
