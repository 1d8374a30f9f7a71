/**
 * From the rounds' figures to lines: median, spread and ratios. A ratio is taken within each round and the
 * median of those stands, since arms in alternation share what disturbs a round.
 */
import type { Arm, Line, Round } from './bench.ts';

/** The middle one; of an even number the mean of the two. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** Rounds to four significant digits: no bench here is better than that. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** What every line of a run shares. */
export type Setting = Pick<Line, 'bench' | 'parameters' | 'machine' | 'node' | 'commit'>;

function valueOf(round: Round, arm: string, row: string): number | undefined {
  return round.get(arm)?.find((measure) => measure.row === row)?.value;
}

function ratiosOf(rounds: readonly Round[], arm: string, row: string, arms: readonly string[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const other of arms) {
    if (other === arm) continue;
    const ofRounds = rounds.flatMap((round) => {
      const [mine, theirs] = [valueOf(round, arm, row), valueOf(round, other, row)];
      return mine === undefined || theirs === undefined || theirs === 0 ? [] : [mine / theirs];
    });
    if (ofRounds.length > 0) ratios[other] = rounded(medianOf(ofRounds));
  }
  return ratios;
}

/** A line for each row and arm, rows in the order in which they were met first. */
export function linesOf(setting: Setting, arms: readonly Arm<never>[], rounds: readonly Round[]): Line[] {
  const { bench, ...where } = setting;
  const units = new Map<string, string>();
  for (const round of rounds) {
    for (const measures of round.values()) for (const { row, unit } of measures) units.set(row, unit);
  }
  const names = arms.map(({ name }) => name);
  const lines: Line[] = [];
  for (const [row, unit] of units) {
    for (const { name, keeps } of arms) {
      const values = rounds.flatMap((round) => valueOf(round, name, row) ?? []);
      if (values.length === 0) continue;
      lines.push({
        bench,
        row,
        arm: name,
        unit,
        median: rounded(medianOf(values)),
        min: rounded(Math.min(...values)),
        max: rounded(Math.max(...values)),
        ratio: ratiosOf(rounds, name, row, names),
        keeps,
        rounds: values.length,
        ...where,
      });
    }
  }
  return lines;
}
