/**
 * What a bench is: a question, an estimate, arms that answer it side by side, and aims. `bench/NAME.ts` declares
 * one and hands it to `main`; everything else of the rig only reads what is declared here.
 */

/** One figure of one run of an arm. Arms that give the same row are compared. */
export interface Measure {
  readonly row: string;
  /** What `value` counts: `commands/s`, `µs`, `bytes/actor`. */
  readonly unit: string;
  readonly value: number;
}

/** What else must stand on the machine for an arm. */
export type Need = 'otp' | 'peers';

/** Figures of the round so far, of arms that ran before this one, by arm. */
export type Seen = Readonly<Record<string, readonly Measure[]>>;

/** One way of doing the work, run in a process of its own. */
export interface Arm<Parameters> {
  readonly name: string;
  /** What is left after a crash: stands in every row of the report. */
  readonly keeps: string;
  readonly needs?: Need;
  /** Parts that this arm does not take part in. */
  readonly without?: readonly string[];
  /**
   * Does the work of one part, checks that all of it was done and that the result is right (throws else), and
   * returns the figures.
   */
  run(parameters: Parameters, part: string, seen: Seen): Promise<readonly Measure[]>;
}

/** What a figure should be; a missed aim is printed, it fails nothing. */
export interface Aim {
  readonly row: string;
  readonly arm: string;
  /** The aim is about the ratio to this arm; left out: about the value. */
  readonly over?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** Figures of one round, by arm; what {@link Bench.derive} adds to them. */
export type Round = ReadonlyMap<string, readonly Measure[]>;

export interface Bench<Parameters> {
  readonly name: string;
  readonly question: string;
  readonly estimate: string;
  readonly full: Parameters;
  /** So small that all benches together run within `npm test`. */
  readonly quick: Parameters;
  /** Parts of the work that are run in a process each; one when left out. */
  readonly parts?: (parameters: Parameters) => readonly string[];
  readonly arms: readonly Arm<Parameters>[];
  readonly aims?: readonly Aim[];
  /** Figures that follow from a round's, such as a geometric mean. */
  readonly derive?: (round: Round) => readonly (Measure & { readonly arm: string })[];
  /** Longest that one run of an arm may take, ms; 300,000 when left out. */
  readonly armTimeoutMs?: number;
  /** Flags for Node, where the work needs some: with one of V8's, threads start without its code cache. */
  readonly nodeFlags?: readonly string[];
}

/** How a bench was asked to run. */
export interface BenchOptions {
  readonly isQuick: boolean;
  readonly isJson: boolean;
  readonly rounds: number;
  /** Only these arms, when given. */
  readonly only: readonly string[] | undefined;
  /** Where lines are kept for the report, when they are. */
  readonly saveTo: string | undefined;
}

/** One arm's figures of one row over all rounds: a line of `--json`. */
export interface Line {
  readonly bench: string;
  readonly row: string;
  readonly arm: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** This arm's figure by each other arm's of the row: the median of the rounds' ratios. */
  readonly ratio: Readonly<Record<string, number>>;
  readonly keeps: string;
  readonly rounds: number;
  readonly parameters: unknown;
  readonly machine: string;
  readonly node: string;
  readonly commit: string;
}

/** Stands in `--json` for an arm that could not run. */
export interface SkippedLine {
  readonly bench: string;
  readonly arm: string;
  readonly skipped: string;
}

/** The first line of what `--save` keeps: what the figures are about. */
export interface HeadLine {
  readonly bench: string;
  readonly question: string;
  readonly estimate: string;
  readonly aims: readonly Aim[];
}

/** What `--save` kept of one run of a bench. */
export interface Recording {
  readonly head: HeadLine;
  readonly lines: readonly Line[];
  readonly skipped: readonly SkippedLine[];
}
