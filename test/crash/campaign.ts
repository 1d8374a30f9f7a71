/**
 * A campaign of kills over one dataDir: start the process under load, kill it at a moment that the caller
 * chooses, keep what it acknowledged, start it again; at the end compare all of it with the data.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child, killAll } from './child.ts';
import { checkLedger } from './ledger-check.ts';
import { type LoadOrder, PLAIN_PER_ROUND, STREAMS, isKeyed } from './load.ts';

const TENANTS: readonly string[] = ['ada', 'bob', 'cy', 'dot'];

/** How hard the process works in one round. */
export type Effort = Pick<LoadOrder, 'inFlight' | 'lanes' | 'chores'>;

function firstMissing(numbers: ReadonlySet<number>, from: number): number {
  let n = from;
  while (numbers.has(n)) n += 1;
  return n;
}

function spread(label: string, values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `${label}: min ${sorted[0]} ms, median ${sorted[sorted.length >> 1]} ms, max ${sorted.at(-1)} ms (${sorted.length})`;
}

export class Campaign {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'synapse-kill.'));
  readonly #acknowledged: readonly Set<number>[][] = TENANTS.map(() => STREAMS.map(() => new Set<number>()));
  readonly #first: number[][] = TENANTS.map(() => STREAMS.map(() => 0));
  readonly #failures: string[] = [];
  readonly #opened: number[] = [];
  readonly #recovered: number[] = [];
  #rounds = 0;
  /** Kills that came between the begin and the end of a move or snapshot. */
  choresKilled = 0;

  constructor() {
    for (const path of [this.#effectFile, `${this.#effectFile}.once`]) writeFileSync(path, '');
  }

  get #effectFile(): string {
    return join(this.#folder, 'effects');
  }

  get #dataDir(): string {
    return join(this.#folder, 'store');
  }

  /** Starts the process, waits until `moment` has come, kills it and reads what it said. */
  async round(effort: Effort, moment: (child: Child) => Promise<void>): Promise<void> {
    const order: LoadOrder = {
      ...effort,
      dataDir: this.#dataDir,
      effectFile: this.#effectFile,
      tenants: TENANTS,
      from: this.#first.map((streams, t) => streams.map((_, s) => this.#begin(t, s))),
    };
    this.#rounds += 1;
    const child = new Child(new URL('./load-process.js', import.meta.url), order);
    await moment(child);
    await child.kill();
    if (child.status !== 'SIGKILL' || child.errors !== '') this.#failures.push(`${child.status}: ${child.errors}`);
    for (const line of child.lines) this.#take(line.split(' '), line);
    const begun = child.lines.filter((line) => line.startsWith('chore ')).length;
    this.choresKilled += begun - child.lines.filter((line) => line.startsWith('chored ')).length;
  }

  /** What was not acknowledged is sent again; un-keyed commands cannot be, they go on with higher numbers. */
  #begin(t: number, s: number): number {
    const first = this.#first[t] ?? [];
    const numbers = this.#acknowledged[t]?.[s] ?? new Set();
    first[s] = isKeyed(STREAMS[s] ?? 'plain') ? firstMissing(numbers, first[s] ?? 0) : this.#rounds * PLAIN_PER_ROUND;
    return first[s];
  }

  #take([word, first, second, third]: readonly string[], line: string): void {
    if (word === 'A') this.#acknowledged[Number(first)]?.[Number(second)]?.add(Number(third));
    else if (word === 'E') this.#failures.push(line);
    else if (word === 'opened') this.#opened.push(Number(first));
    else if (word === 'recovered') this.#recovered.push(Number(first));
  }

  /** Looks at the data, prints the figures and returns all that is lost, repeated, out of order or failed. */
  async faults(title: string): Promise<string[]> {
    const { lost, twice, swapped, effects, applied } = await checkLedger(
      this.#dataDir,
      this.#effectFile,
      TENANTS,
      this.#acknowledged,
      2,
    );
    const count = this.#acknowledged.flat().reduce((sum, numbers) => sum + numbers.size, 0);
    console.log(
      [
        `${title}: ${this.#rounds} kills, ${this.choresKilled} of them in the middle of a move or snapshot`,
        `${count} commands acknowledged, ${applied} effects of commands found (relayed ones and timers count twice)`,
        spread('createSystem after a kill', this.#opened),
        spread('until every tenant answered', this.#recovered),
      ].join('\n'),
    );
    const idle = count > this.#rounds ? [] : [`${count} acknowledged in ${this.#rounds} rounds: no load`];
    return [
      ...this.#failures,
      ...lost.map((what) => `lost: ${what}`),
      ...twice.map((what) => `twice: ${what}`),
      ...swapped.map((what) => `out of order: ${what}`),
      ...effects.map((what) => `effect: ${what}`),
      ...idle,
    ];
  }

  async end(): Promise<void> {
    await killAll();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
