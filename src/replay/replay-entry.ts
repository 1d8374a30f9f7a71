/**
 * The thread of a replay: a realm like a lane's, with the same guards and, where an actor is hardened, the
 * same lockdown, put in place before any user module is loaded. So code that is what it was does what it
 * did, its module's top level included. Holds no file: records and rows come by messages.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Running } from '../actor/domain-state.ts';
import { decodeConfig, type Registry } from '../actor/kernel-config.ts';
import { assert } from '../base/assert.ts';
import { ByteSink } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { SeededRandom } from '../base/seeded.ts';
import { encodeError } from '../frame/frame.ts';
import { repairRealm } from '../host/lockdown.ts';
import { loadActors } from '../host/modules.ts';
import { StrictModules } from '../host/strict.ts';
import { installGuards } from '../runtime/guard.ts';
import { type Replayed, ReplayKernel } from './replay-kernel.ts';
import {
  type Detail,
  type ReplayAnswer,
  type ReplayModules,
  type ReplayOrder,
  splitBodies,
} from './replay-protocol.ts';

/** A batch under way. */
interface Batch {
  readonly bodies: readonly Uint8Array[];
  readonly firstSeq: number;
  readonly detail: Detail;
  /** The record that is being replayed. */
  at: number;
}

class ReplayThread {
  readonly #registry: Registry;
  readonly #ports: ConstructorParameters<typeof ReplayKernel>[1];
  readonly #send: (answer: ReplayAnswer) => void;
  readonly #reports: ByteSink = new ByteSink();
  #kernel: ReplayKernel | undefined;
  #batch: Batch | undefined;
  #needs = '';
  /** Batches that wait for the one under way. */
  readonly #waiting: Extract<ReplayOrder, { kind: 'run' }>[] = [];

  constructor(
    registry: Registry,
    ports: ConstructorParameters<typeof ReplayKernel>[1],
    send: (answer: ReplayAnswer) => void,
  ) {
    this.#registry = registry;
    this.#ports = ports;
    this.#send = send;
  }

  take(order: ReplayOrder): void {
    if (order.kind === 'open') this.#open(order);
    else if (order.kind === 'rows') this.#step(() => this.#live().supply(this.#needs, order.rows));
    else if (this.#batch === undefined) this.#start(order);
    else this.#waiting.push(order);
  }

  /** The reports so far, in memory of their own that goes with the message. */
  #sendReports(): void {
    this.#send({ kind: 'steps', bytes: new Uint8Array(this.#reports.view()) });
  }

  #live(): ReplayKernel {
    assert(this.#kernel !== undefined, 'a tenant is opened before its records come');
    return this.#kernel;
  }

  #open(order: Extract<ReplayOrder, { kind: 'open' }>): void {
    this.#batch = undefined;
    this.#waiting.length = 0;
    try {
      this.#kernel = new ReplayKernel(this.#registry, this.#ports, order);
      this.#send({ kind: 'opened' });
    } catch (error) {
      this.#fail(0, error);
    }
  }

  #start({ firstSeq, bodies, detail }: Extract<ReplayOrder, { kind: 'run' }>): void {
    this.#batch = { bodies: splitBodies(bodies), firstSeq, detail, at: 0 };
    this.#reports.clear();
    this.#begin();
  }

  #begin(): void {
    const batch = this.#batch as Batch;
    this.#step(() => this.#live().begin(batch.firstSeq + batch.at, batch.bodies[batch.at] as Uint8Array));
  }

  /** Goes on until the batch is done or an actor has to be read. */
  #step(work: () => Replayed): void {
    const batch = this.#batch as Batch;
    try {
      for (let replayed = work(); ;) {
        if (replayed !== 'ended') {
          this.#needs = replayed.needs;
          this.#send({ kind: 'needs', actorId: replayed.needs });
          return;
        }
        batch.at += 1;
        const isLast = batch.at === batch.bodies.length;
        this.#live().end(this.#reports, batch.detail, isLast);
        if (isLast) break;
        replayed = this.#live().begin(batch.firstSeq + batch.at, batch.bodies[batch.at] as Uint8Array);
      }
    } catch (error) {
      // What came before is good and is told first.
      if (this.#reports.length > 0) this.#sendReports();
      this.#fail(batch.firstSeq + batch.at, error);
      return;
    }
    this.#sendReports();
    this.#batch = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(next);
  }

  #fail(seq: number, error: unknown): void {
    const known =
      error instanceof SynapseError
        ? error
        : new SynapseError('DIVERGED', `the kernel stopped: ${error instanceof Error ? error.message : String(error)}`);
    this.#kernel = undefined;
    this.#send({ kind: 'failed', seq, error: encodeError(known) });
  }
}

/** Whether the newest configuration froze what modules export. */
function isStrict(configs: ReadonlyMap<number, Uint8Array>): boolean {
  const newest = configs.get(Math.max(...configs.keys()));
  return newest !== undefined && decodeConfig(newest).strict === true;
}

async function main(): Promise<void> {
  const port = parentPort;
  assert(port !== null, 'a replay runs in a thread of its own');
  const { actors, previous, isHardened } = workerData as ReplayModules;
  let running: Running | undefined;
  let strict: StrictModules | undefined;
  const loading = new SeededRandom(new Uint8Array(16));
  const unhandled: unknown[] = [];
  const post = port.postMessage.bind(port);
  // SES first, guards on what it has repaired, and only then are both made immutable: each holds.
  const harden = isHardened ? await repairRealm() : undefined;
  const originals = installGuards({
    nowMs: () => running?.nowMs ?? 0,
    random: () => (running?.random ?? loading).random(),
    fillRandom: (bytes) => (running?.random ?? loading).fill(bytes),
    uuid: () => (running?.random ?? loading).uuid(),
    where: () => running?.where() ?? 'outside of a turn',
    isInTurn: () => running !== undefined,
    spoil: (fault) => running?.spoil(fault),
  });
  harden?.();
  process.on('unhandledRejection', (reason) => void unhandled.push(reason));
  const ports = {
    drain: originals.drain,
    takeUnhandled: () => (unhandled.length === 0 ? unhandled : unhandled.splice(0)),
    enter: (turn: Running) => {
      running = turn;
      strict?.enter(turn);
    },
    leave: () => {
      strict?.leave();
      running = undefined;
    },
  };
  try {
    const { registry, modules } = await loadActors(actors, previous);
    const thread = new ReplayThread(registry, ports, (answer) =>
      post(answer, answer.kind === 'steps' ? [answer.bytes.buffer as ArrayBuffer] : []),
    );
    port.on('message', (order: ReplayOrder) => {
      if (order.kind === 'open' && isStrict(order.configs)) strict ??= new StrictModules(modules);
      thread.take(order);
    });
  } catch (error) {
    post({ kind: 'failed', seq: 0, error: encodeError(error as SynapseError) } satisfies ReplayAnswer);
  }
}

await main();
