/**
 * The effect pool: effects of all tenants, run in a few ordinary, unguarded threads, many at a time
 * in each. It lives in the embedder's thread.
 *
 * An effect gets one outcome, or none once cancelled. A cancel or a time-out touches no other effect
 * of its thread: it aborts a signal over the attempt's own port. A thread that does not answer the
 * abort (an endless loop) is ended; like any death of a thread that is a failed attempt for all that
 * ran on it, tried again as their retries allow.
 *
 * The seam for effects that stream to a caller beside the journal: each attempt has a port of its own
 * (effect-protocol.ts), on which chunk frames would flow from the thread beside `begun`, and a
 * request would name the call they belong to. The journal keeps the outcome alone; a caller that comes
 * after a crash gets that, and no chunk again.
 */
import { MessageChannel } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { ResolvedEffectOptions } from '../actor/effect-definition.ts';
import { assert } from '../base/assert.ts';
import {
  type AttemptResult,
  type EffectOutcome,
  type EffectRequest,
  EffectRun,
  type EffectRunner,
  type EffectTimers,
  failureBytes,
  type RunningAttempt,
  thrown,
} from '../host/effect-attempt.ts';
import type {
  AbortMessage,
  AttemptTask,
  BegunMessage,
  EffectDescription,
  EffectModules,
  EffectName,
} from './effect-protocol.ts';
import { isFault } from './effect-protocol.ts';
import { EffectRegister } from '../host/effect-register.ts';
import { keepInterruptible } from './guard-interrupt.ts';

/** Attempts at a time per thread: they mostly wait for the network. */
const TASKS_PER_THREAD = 256;

/** An aborted attempt answers in the thread's next turn of its loop; one that does not in this time has blocked it. */
const ABORT_GRACE_MS = 5_000;

/** Asks again for an effect's options when the thread asked died; it may have died of another effect. */
const DESCRIBE_TRIES = 3;

/** Time for the functions to hear of the abort when the pool closes. */
const CLOSE_GRACE_MS = 1_000;

export interface EffectPoolOptions {
  /** URLs of modules; every actor type they export is known. */
  readonly actors: readonly string[];
  /** URLs of modules with earlier versions. */
  readonly previous: readonly string[];
  readonly threads: number;
  /** JS heap of one thread, MB; Node's own default when left out. */
  readonly heapMb?: number;
  /** Real timers when left out. */
  readonly timers?: EffectTimers;
  onOutcome(id: string, outcome: EffectOutcome): void;
  /** Something went wrong in an effect thread beside any attempt; a process warning when left out. */
  onFault?(message: string): void;
}

/** Timers of this process. */
const realTimers: EffectTimers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** An {@link EffectRunner} over threads, which it starts with the first effect. */
export class EffectPool implements EffectRunner {
  readonly #options: EffectPoolOptions;
  readonly #timers: EffectTimers;
  readonly #register: EffectRegister;
  /** Options by effect. Only of effects that exist, so definitions bound it. */
  readonly #described: Map<string, ResolvedEffectOptions> = new Map();
  /** Tasks that the threads have not answered. */
  readonly #tasks: Set<Promise<unknown>> = new Set();
  #threads: Piscina | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: EffectPoolOptions) {
    assert(Number.isSafeInteger(options.threads) && options.threads >= 1, 'an effect pool has at least one thread');
    this.#options = options;
    this.#timers = options.timers ?? realTimers;
    this.#register = new EffectRegister(this.#timers);
  }

  get pending(): number {
    return this.#register.size;
  }

  start(request: EffectRequest): void {
    if (this.#closed !== undefined || this.#register.has(request.id)) return;
    let run: EffectRun | undefined;
    let cancelled = false;
    this.#register.set(request.id, () => {
      cancelled = true;
      run?.cancel();
    });
    const end = (outcome: EffectOutcome): void => {
      if (this.#register.remove(request.id)) this.#options.onOutcome(request.id, outcome);
    };
    void this.#describe(request).then((described) => {
      if (cancelled) return;
      if ('fault' in described) return end({ ok: false, error: failureBytes(request, 0, described.fault) });
      run = new EffectRun(request, described.options, {
        timers: this.#timers,
        attempt: (number, begun) => this.#attempt(request, number, begun),
        onOutcome: end,
      });
      run.start();
    });
  }

  cancel(id: string): void {
    this.#register.cancel(id);
  }

  drain(timeoutMs: number): Promise<void> {
    return this.#register.drain(timeoutMs);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#register.cancelAll();
    const threads = this.#threads;
    if (threads === undefined) return;
    if (this.#tasks.size > 0) {
      await new Promise<void>((resolve) => {
        const stop = this.#timers.after(CLOSE_GRACE_MS, resolve);
        void Promise.allSettled(this.#tasks).then(() => {
          stop();
          resolve();
        });
      });
    }
    await threads.destroy();
  }

  #open(): Piscina {
    if (this.#threads !== undefined) return this.#threads;
    const { actors, previous, threads: count, heapMb } = this.#options;
    keepInterruptible();
    const threads = new Piscina({
      filename: fileURLToPath(new URL('./effect-entry.js', import.meta.url)),
      minThreads: count,
      maxThreads: count,
      concurrentTasksPerWorker: TASKS_PER_THREAD,
      idleTimeout: Number.POSITIVE_INFINITY,
      // Else a thread sleeps in Atomics.wait between tasks, and what runs beside a task (a keep-alive socket) with it.
      atomics: 'disabled',
      workerData: { actors, previous } satisfies EffectModules,
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    });
    threads.on('message', (message: unknown) => {
      if (isFault(message)) this.#fault(message.message);
    });
    threads.on('error', (error: unknown) => this.#fault(`an effect thread died: ${thrown(error).message}`));
    this.#threads = threads;
    return threads;
  }

  #fault(message: string): void {
    if (this.#options.onFault === undefined) process.emitWarning(message, 'SynapseEffectWarning');
    else this.#options.onFault(message);
  }

  /** Runs a task; a rejection means that the thread died. */
  #task<Result>(
    name: 'describeEffect' | 'attemptEffect',
    task: object,
    transferList: readonly object[] = [],
  ): Promise<Result> {
    const result = this.#open().run(task, { name, transferList: transferList as never }) as Promise<Result>;
    this.#tasks.add(result);
    const forget = (): void => {
      this.#tasks.delete(result);
    };
    result.then(forget, forget);
    return result;
  }

  async #describe({ type, version, effect }: EffectRequest): Promise<EffectDescription> {
    const key = JSON.stringify([type, version, effect]);
    const known = this.#described.get(key);
    if (known !== undefined) return { options: known };
    let reason = '';
    for (let tries = 0; tries < DESCRIBE_TRIES && this.#closed === undefined; tries++) {
      try {
        const described = await this.#task<EffectDescription>('describeEffect', {
          type,
          version,
          effect,
        } satisfies EffectName);
        if ('options' in described) this.#described.set(key, described.options);
        return described;
      } catch (error) {
        reason = thrown(error).message;
      }
    }
    return { fault: `the threads that load it died: ${reason}` };
  }

  #attempt(request: EffectRequest, number: number, begun: () => void): RunningAttempt {
    const { type, version, effect, idempotencyKey } = request;
    const { port1, port2 } = new MessageChannel();
    let thread: number | undefined;
    port1.on('message', (message: BegunMessage) => {
      thread = message.thread;
      begun();
    });
    port1.unref(); // a pending task keeps the process alive, its port need not
    const input = new Uint8Array(request.input); // a copy of its own to give away: more attempts may follow
    const task: AttemptTask = { type, version, effect, input, idempotencyKey, attempt: number, port: port2 };
    const result = this.#task<AttemptResult>('attemptEffect', task, [port2, input.buffer])
      .catch((error: unknown): AttemptResult => ({ kind: 'died', message: thrown(error).message }))
      .finally(() => port1.close());
    return {
      result,
      abort: () => {
        port1.postMessage({ kind: 'abort' } satisfies AbortMessage);
        const stop = this.#timers.after(ABORT_GRACE_MS, () => this.#end(thread));
        void result.then(stop);
      },
    };
  }

  /** Ends a thread that user code has blocked. */
  #end(thread: number | undefined): void {
    const blocked = this.#threads?.threads.find(({ threadId }) => threadId === thread);
    void blocked?.terminate();
  }
}
