/**
 * A replay's thread as its owner sees it: orders go in, answers come out in order. A thread that dies (a
 * full heap, code that ends it) rejects whoever waits. One thread replays one tenant after another.
 */
import { Worker } from 'node:worker_threads';
import { SynapseError } from '../base/error.ts';
import { decodeError } from '../frame/frame.ts';
import { loadRegistry } from '../host/modules.ts';
import { checkSes } from '../host/lockdown.ts';
import type { ActorModules } from '../store/store-head.ts';
import { keepInterruptible } from '../runtime/guard-interrupt.ts';
import type { ReplayAnswer, ReplayModules, ReplayOrder } from './replay-protocol.ts';

/** JavaScript heap of the thread, MiB: a whole tenant is in memory, and none of it leaves. */
const HEAP_MB = 8_192;

/** Its nursery, MiB, as a lane's: what a step makes mostly dies with it. */
const YOUNG_MB = 64;

export class ReplayWorker {
  readonly #worker: Worker;
  readonly #answers: ReplayAnswer[] = [];
  #waiter: { readonly resolve: (answer: ReplayAnswer) => void; readonly reject: (error: unknown) => void } | undefined;
  #death: SynapseError | undefined;

  /** Loads the modules here too, to read from their definitions what kind of thread they need. `INVALID_ARGUMENT` as `createSystem`. */
  static async start({ actors, previous }: ActorModules): Promise<ReplayWorker> {
    const { isHardened } = await loadRegistry(actors, previous, 'read');
    if (isHardened) checkSes();
    return new ReplayWorker({ actors, previous, isHardened });
  }

  private constructor(modules: ReplayModules) {
    keepInterruptible();
    this.#worker = new Worker(new URL('./replay-entry.js', import.meta.url), {
      name: 'synapse-replay',
      workerData: modules,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker.on('message', (answer: ReplayAnswer) => this.#take(answer));
    this.#worker.on('error', (error) => this.#die(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', () => this.#die('it ended'));
  }

  #take(answer: ReplayAnswer): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#answers.push(answer);
    else waiter.resolve(answer);
  }

  #die(reason: string): void {
    this.#death ??= new SynapseError('DIVERGED', `the thread of the replay died: ${reason}`);
    this.#waiter?.reject(this.#death);
    this.#waiter = undefined;
  }

  send(order: ReplayOrder): void {
    this.#worker.postMessage(order, order.kind === 'run' ? [order.bodies.buffer as ArrayBuffer] : []);
  }

  /** The next answer; a thread that died rejects with `DIVERGED`. One waits at a time. */
  next(): Promise<ReplayAnswer> {
    const answer = this.#answers.shift();
    if (answer !== undefined) return Promise.resolve(answer);
    if (this.#death !== undefined) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Opens a tenant; what was under way of another is over. */
  async open(order: Extract<ReplayOrder, { kind: 'open' }>): Promise<void> {
    this.send(order);
    for (;;) {
      const answer = await this.next();
      if (answer.kind === 'opened') return;
      if (answer.kind === 'failed' && answer.seq === 0) throw decodeError(answer.error);
    }
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.#death ??= new SynapseError('CLOSED', 'the replay was closed');
    await this.#worker.terminate();
  }
}
