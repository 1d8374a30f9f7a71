/**
 * A bench as an SVG picture: a bar for each arm of each row, as long as its median, with a line from the least to the
 * greatest of its rounds. Rows in which arms are compared are scaled each to its longest; rows of one arm alone are
 * scaled together with those of the same unit.
 *
 *   row          |
 *   arm          |==========|--+--|      median unit
 */
import type { Line } from '../rig/bench.ts';
import { figureText } from '../rig/print.ts';

const WIDTH = 860;
const LABEL_WIDTH = 210;
const BAR_WIDTH = 420;
const BAR_HEIGHT = 14;
const BAR_STEP = 20;
const ROW_GAP = 26;
const TOP = 12;

/** Colours that differ in lightness too; the first is the product's. */
const COLORS = ['#1f5fa8', '#5b9bd5', '#d9822b', '#8a8d91', '#6a4c93', '#2e8b57', '#b03a48'];

/** Text in an element or an attribute. */
export function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

function rowsOf(lines: readonly Line[]): ReadonlyMap<string, readonly Line[]> {
  const rows = new Map<string, Line[]>();
  for (const line of lines) rows.set(line.row, [...(rows.get(line.row) ?? []), line]);
  return rows;
}

function scaleOf(row: readonly Line[], rows: ReadonlyMap<string, readonly Line[]>): number {
  if (row.length > 1) return Math.max(...row.map(({ max }) => max));
  const alike = [...rows.values()].filter((other) => other.length === 1 && other[0]?.unit === row[0]?.unit);
  return Math.max(...alike.flat().map(({ max }) => max));
}

function barText(line: Line, longest: number, y: number, color: string): string {
  const at = (value: number): number => LABEL_WIDTH + Math.round((value / longest) * BAR_WIDTH * 10) / 10;
  const middle = y + BAR_HEIGHT / 2;
  const length = Math.max(1, at(line.median) - LABEL_WIDTH);
  const label = `${figureText(line.median)} ${line.unit}`;
  return `<text x="${LABEL_WIDTH - 8}" y="${y + 11}" text-anchor="end">${escaped(line.arm)}</text>
<rect x="${LABEL_WIDTH}" y="${y}" width="${length}" height="${BAR_HEIGHT}" fill="${color}"/>
<path d="M${at(line.min)} ${middle}H${at(line.max)}M${at(line.min)} ${middle - 4}v8M${at(line.max)} ${middle - 4}v8" stroke="#222" fill="none"/>
<text x="${at(Math.max(line.max, line.median)) + 8}" y="${y + 11}">${escaped(label)}</text>`;
}

/** The picture of all rows of one bench. */
export function plotOf(title: string, lines: readonly Line[]): string {
  const rows = rowsOf(lines);
  const arms = [...new Set(lines.map(({ arm }) => arm))];
  const parts: string[] = [];
  let y = TOP;
  for (const [row, ofRow] of rows) {
    parts.push(`<text x="8" y="${y + 12}" font-weight="bold">${escaped(row)}</text>`);
    y += BAR_STEP;
    const longest = scaleOf(ofRow, rows);
    for (const line of ofRow) {
      parts.push(barText(line, longest, y, COLORS[arms.indexOf(line.arm) % COLORS.length] ?? '#000'));
      y += BAR_STEP;
    }
    y += ROW_GAP - BAR_STEP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + TOP}" viewBox="0 0 ${WIDTH} ${y + TOP}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}
