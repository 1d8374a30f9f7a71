/**
 * The heart of `synapse run`: commands in, results out, through a port to the system.
 *
 * Promises: a tenant's commands are sent, and its results written, in input order; across tenants any
 * order. At most `maxInFlight` commands and `maxInFlightBytes` of their lines are held, from reading to
 * writing the result, so that memory does not grow with the input. At one actor no more are under way
 * than its mailbox takes. If a command is refused with `MAILBOX_FULL` all the same (other actors fill that
 * mailbox too), its tenant sends nothing further, waits until its own are answered, and sends the
 * refused ones again, one at a time, before any later one that has not left yet.
 *
 * Never: the whole input in memory, a result without a command, a command without a result.
 */
import { SynapseError, type ErrorCode } from '../base/error.ts';
import { DurationHistogram } from './histogram.ts';
import { readRecord, type CommandRecord } from './command-record.ts';
import { toJson } from './json-value.ts';
import type { Line } from './line-reader.ts';
import { TenantQueue, type Entry, type Mailbox } from './tenant-queue.ts';

/** What the runner asks of a system. */
export interface CommandPort {
  /** Sends one command; rejects with a `SynapseError`. Commands of one tenant keep their order. */
  call(record: CommandRecord): Promise<unknown>;
  /** The mailbox of each actor of a type. */
  mailboxOf(type: string): Mailbox;
}

/** Where results go. */
export interface ResultSink {
  write(line: string): void;
  /** A promise while the reader behind it is slower than we; reading stops until it resolves. */
  pressure(): Promise<void> | undefined;
}

/** Why a run ended before its input did. */
export type StopReason =
  | 'SIGINT'
  | 'SIGTERM'
  | 'output closed'
  | 'output failed'
  | 'input failed'
  | 'store unavailable'
  | 'system failed';

/** What a runner may be given beside its port and sink; left out, the production values below. */
export interface RunnerOptions {
  readonly maxInFlight?: number;
  readonly maxInFlightBytes?: number;
  /** Hears of each line that is no command. */
  readonly onBadLine?: (line: number, fault: string) => void;
  /** Hears once that reading has to end; closes the input, since a read under way cannot be taken back. */
  readonly onStop?: (reason: StopReason) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
  readonly sleep?: (durationMs: number) => Promise<void>;
}

/** What a run has done so far. */
export interface RunCounts {
  /** Commands answered, whatever the answer. */
  commands: number;
  refused: number;
  /** Answers with any other error code than `REFUSED`. */
  failed: number;
  badLines: number;
  /** Bytes of the input that are done with: lines answered and bad ones, with their line ends. */
  doneBytes: number;
  /** Of the failed, those that say that the store itself is wrong: `STORE_CORRUPT`, `DIVERGED`. */
  faults: number;
}

/** Commands held at once: enough to fill the group commits of several lanes, a few MB for usual commands. */
const MAX_IN_FLIGHT = 4_096;
/** Bytes of lines held at once, 64 MiB: a quarter of what the system by default takes in calls. */
const MAX_IN_FLIGHT_BYTES = 64 << 20;
/** Resends of one command after `MAILBOX_FULL`: with the pauses below about 30 s, as long as a call waits by default. */
const MAX_RESENDS = 40;
/** Pauses before a resend, doubling: from about one group commit to a second. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 1_000;

/** Codes after which going on would collect the same answer for every line. */
const STOPPING: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['STORE_UNAVAILABLE', 'CLOSED']);
const STORE_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['STORE_CORRUPT', 'DIVERGED']);

/** One run over one input; use it once. */
export class Runner {
  /** From the first sending of a command to its answer. */
  readonly acknowledgements: DurationHistogram = new DurationHistogram();
  readonly counts: RunCounts = { commands: 0, refused: 0, failed: 0, badLines: 0, doneBytes: 0, faults: 0 };
  readonly #port: CommandPort;
  readonly #sink: ResultSink;
  readonly #options: Required<RunnerOptions>;
  readonly #mailboxOf: (type: string) => Mailbox;
  readonly #queues = new Map<string, TenantQueue>();
  #inFlight = 0;
  #inFlightBytes = 0;
  #stopped: StopReason | undefined;
  #bug: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(port: CommandPort, sink: ResultSink, options: RunnerOptions = {}) {
    this.#port = port;
    this.#sink = sink;
    this.#mailboxOf = (type) => port.mailboxOf(type);
    this.#options = {
      maxInFlight: MAX_IN_FLIGHT,
      maxInFlightBytes: MAX_IN_FLIGHT_BYTES,
      onBadLine: () => {},
      onStop: () => {},
      now: () => performance.now(),
      sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
      ...options,
    };
  }

  /** Why the run ended early, if it did. */
  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Stops reading; what was sent is still answered and written, what was only read is forgotten. The first reason counts. */
  stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = reason;
    this.#wakeUp();
    this.#options.onStop(reason);
  }

  /** Runs all commands of `batches`. Resolves when each that was sent has its result written; rejects when the input fails. */
  async run(batches: AsyncIterable<readonly Line[]>): Promise<void> {
    let inputError: { readonly error: unknown } | undefined;
    try {
      for await (const lines of batches) {
        await this.#takeAll(lines);
        if (this.#stopped !== undefined) break;
      }
    } catch (error) {
      // An input that onStop closed under its reader ends with an error of its own, which says nothing new.
      if (this.#stopped === undefined) inputError = { error };
      this.stop('input failed');
    }
    await this.#drain();
    const failure = this.#bug ?? inputError;
    if (failure !== undefined) throw failure.error;
  }

  async #takeAll(lines: readonly Line[]): Promise<void> {
    for (const line of lines) {
      for (;;) {
        if (this.#stopped !== undefined) return;
        const pressure = this.#sink.pressure();
        if (this.#isFull()) await this.#change();
        else if (pressure !== undefined) await Promise.race([pressure, this.#change()]);
        else break;
      }
      this.#take(line);
    }
  }

  #take(line: Line): void {
    const read = line.text === undefined ? { fault: line.fault ?? 'unreadable' } : readRecord(line.text);
    if ('fault' in read) {
      this.counts.badLines++;
      this.counts.doneBytes += line.sizeBytes + 1;
      this.#options.onBadLine(line.number, read.fault);
      return;
    }
    this.#inFlight++;
    this.#inFlightBytes += line.sizeBytes;
    let queue = this.#queues.get(read.record.tenant);
    if (queue === undefined) {
      queue = new TenantQueue(read.record.tenant);
      this.#queues.set(read.record.tenant, queue);
    }
    queue.push(read.record, line.sizeBytes);
    this.#advance(queue);
  }

  /** Sends what may be sent now, in order. */
  #advance(queue: TenantQueue): void {
    for (
      let entry = queue.takeUnsent(this.#mailboxOf);
      entry !== undefined;
      entry = queue.takeUnsent(this.#mailboxOf)
    ) {
      entry.sentAtMs = this.#options.now();
      void this.#send(queue, entry);
    }
  }

  async #send(queue: TenantQueue, entry: Entry): Promise<void> {
    queue.start(entry);
    try {
      queue.finish(entry, await this.#resultOf(entry));
    } catch (error) {
      this.#bug ??= { error }; // `run` throws it; the store is safe whenever we end
      this.stop('system failed');
      return;
    }
    for (let done = queue.takeAnswered(); done !== undefined; done = queue.takeAnswered()) {
      this.#release(done);
      this.counts.doneBytes += done.sizeBytes + 1;
      this.#sink.write(done.result as string);
    }
    if (queue.hasFull) {
      if (queue.underWay === 0) void this.#resend(queue);
    } else if (this.#stopped === undefined) this.#advance(queue);
    if (queue.isEmpty) this.#queues.delete(queue.tenant);
    this.#wakeUp();
  }

  async #resend(queue: TenantQueue): Promise<void> {
    const entry = queue.firstFull();
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** entry.resends);
    entry.resends++;
    await this.#options.sleep(pauseMs);
    await this.#send(queue, entry);
  }

  /** The result line of a command, or nothing when it has to be sent again. */
  async #resultOf(entry: Entry): Promise<string | undefined> {
    let outcome: object;
    try {
      outcome = { ok: toJson(await this.#port.call(entry.record)) };
    } catch (error) {
      if (!(error instanceof SynapseError)) throw error;
      if (error.code === 'MAILBOX_FULL' && entry.resends < MAX_RESENDS && this.#stopped === undefined) return undefined;
      outcome = { error: { code: error.code, message: error.message } };
      this.#countError(error.code);
    }
    this.counts.commands++;
    this.acknowledgements.record(this.#options.now() - entry.sentAtMs);
    const { id } = entry.record;
    return `${JSON.stringify(id === undefined ? outcome : { id, ...outcome })}\n`;
  }

  #countError(code: ErrorCode): void {
    if (code === 'REFUSED') this.counts.refused++;
    else this.counts.failed++;
    if (STORE_FAULTS.has(code)) this.counts.faults++;
    if (STOPPING.has(code)) this.stop('store unavailable');
  }

  async #drain(): Promise<void> {
    for (let hasDropped = false; this.#bug === undefined; await this.#change()) {
      if (this.#stopped !== undefined && !hasDropped) {
        this.#dropUnsent();
        hasDropped = true;
      }
      if (this.#queues.size === 0) return;
    }
  }

  #dropUnsent(): void {
    for (const queue of this.#queues.values()) {
      for (const entry of queue.dropUnsent()) this.#release(entry);
      if (queue.isEmpty) this.#queues.delete(queue.tenant);
    }
  }

  #release(entry: Entry): void {
    this.#inFlight--;
    this.#inFlightBytes -= entry.sizeBytes;
  }

  #isFull(): boolean {
    return this.#inFlight >= this.#options.maxInFlight || this.#inFlightBytes >= this.#options.maxInFlightBytes;
  }

  /** Resolves at the next answer or stop. One waiter at a time: the loop that reads, then the one that drains. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
