/**
 * What a bench prints for people: its question, estimate, machine and parameters, then a table with a line for each
 * row and arm, the aims with met or missed, and which arms were skipped and why.
 */
import type { Aim, Bench, Line, SkippedLine } from './bench.ts';
import type { Setting } from './figures.ts';

/** A figure with at most four digits that say something. */
export function figureText(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

export function headText(
  bench: Pick<Bench<never>, 'name' | 'question' | 'estimate'>,
  setting: Setting,
  rounds: number,
): string {
  return `${bench.name}: ${bench.question}
  estimate    ${bench.estimate}
  machine     ${setting.machine}
  Node        ${setting.node}, commit ${setting.commit}
  parameters  ${JSON.stringify(setting.parameters)}
  rounds      ${rounds}, arms in alternation, a process each

`;
}

function ratioText({ ratio }: Line): string {
  return Object.entries(ratio)
    .map(([arm, value]) => `${figureText(value)} × ${arm}`)
    .join(', ');
}

/** Whether an aim is met by what was measured; undefined where that was not measured. */
export function aimOutcome(
  aim: Aim,
  lines: readonly Line[],
): { readonly value: number; readonly isMet: boolean } | undefined {
  const line = lines.find(({ row, arm }) => row === aim.row && arm === aim.arm);
  const value = aim.over === undefined ? line?.median : line?.ratio[aim.over];
  if (value === undefined) return undefined;
  return { value, isMet: value >= (aim.atLeast ?? -Infinity) && value <= (aim.atMost ?? Infinity) };
}

/** An aim in words: `durable, 4,096: synapse ≥ 1 × otp`. */
export function aimText({ row, arm, over, atLeast, atMost }: Aim): string {
  const bound = atLeast === undefined ? `≤ ${figureText(atMost ?? 0)}` : `≥ ${figureText(atLeast)}`;
  return `${row}: ${arm} ${bound}${over === undefined ? '' : ` × ${over}`}`;
}

function cellsOf(line: Line): readonly string[] {
  return [
    line.row,
    line.arm,
    figureText(line.median),
    `${figureText(line.min)} … ${figureText(line.max)}`,
    line.unit,
    line.keeps,
    ratioText(line),
  ];
}

export function tableText(aims: readonly Aim[], lines: readonly Line[], skipped: readonly SkippedLine[]): string {
  const table = [['row', 'arm', 'median', 'min … max', 'unit', 'keeps', 'ratio'], ...lines.map(cellsOf)];
  const widths = table[0]?.map((_, at) => Math.max(...table.map((cells) => cells[at]?.length ?? 0))) ?? [];
  const text = table.map((cells) =>
    cells
      .map((cell, at) => (at === 2 || at === 3 ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  for (const aim of aims) {
    const outcome = aimOutcome(aim, lines);
    if (outcome === undefined) continue;
    text.push(`aim  ${aimText(aim)}: ${outcome.isMet ? 'met' : 'MISSED'}, ${figureText(outcome.value)}`);
  }
  for (const { arm, skipped: reason } of skipped) text.push(`skipped  ${arm}: ${reason}`);
  return `${text.join('\n')}\n`;
}
