/**
 * `synapse run`: opens input, system and output, lets a {@link Runner} work between them, shows progress,
 * and ends with a summary. Results go to standard output or a file, everything else to standard error.
 */
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { EXIT_STATUS, failureText, type ExitStatus } from './exit.ts';
import type { RunSystem, SystemSettings } from './host.ts';
import { readLines } from './line-reader.ts';
import { Progress } from './progress.ts';
import { ResultOutput } from './result-output.ts';
import { actorUrl, openInput, openOutput, readGrants, type RunInput } from './run-input.ts';
import { Runner, type StopReason } from './runner.ts';
import { stateRootOf, summaryText, type Summary } from './summary.ts';
import type { Context } from './terminal.ts';

/** Options of the command as commander hands them over. */
export interface RunOptions {
  readonly input: string;
  readonly output?: string;
  readonly data: string;
  readonly memory?: boolean;
  readonly lanes?: number;
  readonly shards?: number;
  readonly turnTimeoutMs?: number;
  readonly callTimeoutMs: number;
  readonly encryption?: boolean;
  readonly grants?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** How often the bar is redrawn: fast enough to look alive, too slow to cost anything. */
const PROGRESS_INTERVAL_MS = 200;

const STATUS_OF_STOP: Readonly<Record<StopReason, ExitStatus>> = {
  SIGINT: EXIT_STATUS.interrupted,
  SIGTERM: EXIT_STATUS.terminated,
  'output closed': EXIT_STATUS.outputClosed,
  'output failed': EXIT_STATUS.couldNotRun,
  'input failed': EXIT_STATUS.couldNotRun,
  'store unavailable': EXIT_STATUS.couldNotRun,
  'system failed': EXIT_STATUS.couldNotRun,
};

/** Runs the commands of an input; resolves to the status of the process, rejects when it could not run at all. */
export async function runCommands(
  actors: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<ExitStatus> {
  const { terminal } = context;
  const settings = await settingsOf(actors, options, terminal.workDir);
  const input = await openInput(options.input, terminal);
  try {
    const system = await context.host.openSystem(settings);
    try {
      const output =
        options.output === undefined ? undefined : await openOutput(options.output, options.input, terminal);
      try {
        return await new Run(context, options, settings.dataDir, input, system, output ?? terminal.stdout).run();
      } finally {
        output?.end();
      }
    } finally {
      await system.close();
    }
  } finally {
    input.stream.destroy();
  }
}

async function settingsOf(actors: readonly string[], options: RunOptions, workDir: string): Promise<SystemSettings> {
  const { lanes, shards, turnTimeoutMs, callTimeoutMs } = options;
  return {
    actors: actors.map((name) => actorUrl(name, workDir)),
    callTimeoutMs,
    ...(options.memory === true ? {} : { dataDir: resolve(workDir, options.data) }),
    ...(lanes === undefined ? {} : { lanes }),
    ...(shards === undefined ? {} : { shards }),
    ...(turnTimeoutMs === undefined ? {} : { turnTimeoutMs }),
    ...(options.encryption === true ? { encryption: true } : {}),
    ...(options.grants === undefined ? {} : { grants: await readGrants(options.grants, workDir) }),
  };
}

/** One run with everything open. */
class Run {
  readonly #context: Context;
  readonly #options: RunOptions;
  readonly #dataDir: string | undefined;
  readonly #input: RunInput;
  readonly #system: RunSystem;
  readonly #output: ResultOutput;
  readonly #runner: Runner;
  readonly #startMs: number = performance.now();
  readonly #progress: Progress | undefined;

  constructor(
    context: Context,
    options: RunOptions,
    dataDir: string | undefined,
    input: RunInput,
    system: RunSystem,
    stream: Writable,
  ) {
    this.#context = context;
    this.#options = options;
    this.#dataDir = dataDir;
    this.#input = input;
    this.#system = system;
    this.#output = new ResultOutput(stream, (error) => this.#onOutputLost(error));
    this.#runner = new Runner(system, this.#output, {
      onBadLine: (line, fault) => this.#say(this.#isJson ? JSON.stringify({ line, fault }) : `line ${line}: ${fault}`),
      onStop: (reason) => this.#onStop(reason),
    });
    const isSilent = options.quiet === true || this.#isJson;
    if (!isSilent) this.#progress = new Progress(context.terminal.stderr, this.#startMs, input.totalBytes);
  }

  async run(): Promise<ExitStatus> {
    const timer = setInterval(() => this.#showProgress(), PROGRESS_INTERVAL_MS);
    const offSignal = this.#context.terminal.onSignal((signal) => {
      if (this.#runner.stopped === 'SIGINT' || this.#runner.stopped === 'SIGTERM')
        this.#context.terminal.exitNow(STATUS_OF_STOP[signal]);
      this.#runner.stop(signal);
    });
    try {
      await this.#runner.run(readLines(this.#input.stream));
    } catch (error) {
      this.#say(
        `synapse: ${this.#runner.stopped === 'input failed' ? 'cannot read the input further: ' : ''}${failureText(error)}`,
      );
    } finally {
      clearInterval(timer);
      offSignal();
      this.#progress?.clear();
    }
    const elapsedMs = performance.now() - this.#startMs;
    await this.#output.end();
    await this.#summarise(elapsedMs);
    return this.#status();
  }

  get #isJson(): boolean {
    return this.#options.json === true;
  }

  #status(): ExitStatus {
    const { stopped, counts } = this.#runner;
    if (stopped !== undefined) return STATUS_OF_STOP[stopped];
    return counts.badLines > 0 || counts.faults > 0 ? EXIT_STATUS.foundWrong : EXIT_STATUS.done;
  }

  #onStop(reason: StopReason): void {
    this.#input.stream.destroy();
    if (reason === 'SIGINT' || reason === 'SIGTERM')
      this.#say(`${reason}: finishing what is under way; once more ends at once`);
    if (reason === 'store unavailable') {
      this.#say(
        'synapse: the store takes no more commands (see the last results); put that right and run the same input again',
      );
    }
  }

  #onOutputLost(error: Error): void {
    const isClosed = (error as NodeJS.ErrnoException).code === 'EPIPE';
    if (!isClosed) this.#say(`synapse: cannot write results: ${failureText(error)}`);
    this.#runner.stop(isClosed ? 'output closed' : 'output failed');
  }

  async #summarise(elapsedMs: number): Promise<void> {
    const { counts, acknowledgements, stopped } = this.#runner;
    if (stopped === 'output closed' || (this.#options.quiet === true && !this.#isJson)) return;
    const isBroken = stopped === 'store unavailable' || stopped === 'system failed';
    const tenants = isBroken ? undefined : await this.#system.tenants();
    const summary: Summary = {
      ...(tenants === undefined
        ? {}
        : { tenants: tenants.length, repeated: await this.#system.repeats(), stateRoot: stateRootOf(tenants) }),
      commands: counts.commands,
      refused: counts.refused,
      failed: counts.failed,
      badLines: counts.badLines,
      elapsedMs: Math.round(elapsedMs),
      commandsPerSecond: Math.round((counts.commands * 1000) / Math.max(1, elapsedMs)),
      ackP50Ms: acknowledgements.quantileMs(0.5),
      ackP99Ms: acknowledgements.quantileMs(0.99),
      ...(this.#dataDir === undefined ? {} : { dataDir: this.#dataDir }),
      ...(stopped === undefined ? {} : { stopped }),
    };
    this.#context.terminal.stderr.write(this.#isJson ? `${JSON.stringify(summary)}\n` : summaryText(summary));
  }

  #showProgress(): void {
    this.#progress?.update(performance.now(), this.#runner.counts.doneBytes, this.#runner.counts.commands);
  }

  #say(line: string): void {
    this.#progress?.clear();
    this.#context.terminal.stderr.write(`${line}\n`);
  }
}
