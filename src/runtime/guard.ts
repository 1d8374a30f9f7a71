/**
 * Guards: what makes user code in a lane deterministic. Before any user module is loaded they replace
 * the ambient authority of the thread's realm: clocks and chance give what is recorded or seeded, zone
 * and locale are UTC and en-US, and what acts on the world throws `AMBIENT_AUTHORITY`.
 *
 * They hold for the whole realm, in turns, microtasks, getters and at module load alike; where a
 * handler runs is known to the source alone. User code can neither assign nor define a guarded name
 * anew. They are a fence against accidents, not a wall against hostile code: that takes hardened
 * intrinsics (docs/adr/0005). The lane's own code uses the originals that it is handed, never the globals.
 */
import { syncBuiltinESMExports } from 'node:module';
import v8 from 'node:v8';
import workerThreads from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { denyIn, guardAuthority } from '../host/guard-authority.ts';
import { guardChance } from '../host/guard-chance.ts';
import { guardClock } from '../host/guard-clock.ts';
import { guardDate } from '../host/guard-date.ts';
import { FOR_GOOD } from '../host/guard-seal.ts';
import { guardWeak } from '../host/guard-weak.ts';
import { quickenObjects } from './fast-objects.ts';
import { guardFrozen } from './guard-frozen.ts';
import { guardImport } from '../host/guard-import.ts';
import { guardLocale } from '../host/guard-locale.ts';

/** What the guards answer with; the lane changes its answers from turn to turn. */
export interface GuardSource {
  /** Recorded time of the current turn in ms since 1970; 0 at module load. */
  nowMs(): number;
  /** In [0, 1), from the seed of the current turn; from a fixed seed at module load. */
  random(): number;
  fillRandom(bytes: Uint8Array): void;
  /** A version 4 UUID (RFC 9562). */
  uuid(): string;
  /** `actor/handler`, for messages. */
  where(): string;
  /** Whether a turn's code runs. */
  isInTurn(): boolean;
  /** Fails the turn whose code runs, though that code need not notice; outside of turns it does nothing. */
  spoil(fault: SynapseError): void;
}

/** The real functions, for the lane's own code. */
export interface RealmOriginals {
  readonly setTimeout: typeof globalThis.setTimeout;
  readonly clearTimeout: typeof globalThis.clearTimeout;
  readonly setInterval: typeof globalThis.setInterval;
  readonly clearInterval: typeof globalThis.clearInterval;
  readonly setImmediate: typeof globalThis.setImmediate;
  readonly clearImmediate: typeof globalThis.clearImmediate;
  readonly nextTick: typeof process.nextTick;
  readonly queueMicrotask: typeof globalThis.queueMicrotask;
  /** Wall clock, in ms since 1970. */
  readonly nowMs: () => number;
  /** Monotonic clock, in ms since the thread started. */
  readonly performanceNow: () => number;
  /** Monotonic clock, in ns. */
  readonly hrtimeNs: () => bigint;
  readonly random: () => number;
  /** Fills with real randomness, for what is recorded as a seed. */
  readonly fillRandom: (bytes: Uint8Array) => void;
  readonly MessageChannel: typeof globalThis.MessageChannel;
  readonly atomicsWait: typeof Atomics.wait;
  /** Bytes of the heap that are in use, and of memory beside it. */
  readonly usedHeapBytes: () => number;
  readonly usedBufferBytes: () => number;
  /** Ends the thread at once, without 'exit' listeners. */
  readonly exit: (code: number) => never;
  /**
   * Runs all microtasks, ticks and reports of unhandled rejections, synchronously (docs/adr/0007; its cost:
   * bench/drain.ts). Only from a macrotask: within a microtask it does nothing. A rejection that nobody
   * handles kills the thread unless `process` has an `unhandledRejection` listener.
   */
  readonly drain: () => void;
}

const INSTALLED: unique symbol = Symbol.for('synapse-actors.guards') as never;

/**
 * Replaces the ambient authority of this thread, for good. Call it once, before user modules are loaded.
 *
 * @throws SynapseError `INVALID_ARGUMENT` when this Node has no way to drain microtasks; nothing is replaced then
 */
export function installGuards(source: GuardSource): RealmOriginals {
  assert(!(INSTALLED in globalThis), 'guards are installed once per thread');
  const originals = captureOriginals();
  const nowMs = (): number => source.nowMs();
  const where = (): string => source.where();
  guardFrozen();
  guardDate(nowMs, FOR_GOOD);
  guardLocale(nowMs, FOR_GOOD);
  guardClock(nowMs, FOR_GOOD);
  guardChance(source, denyIn(where), FOR_GOOD);
  guardWeak(FOR_GOOD);
  guardAuthority(where, FOR_GOOD);
  guardImport(source, FOR_GOOD);
  sealLane();
  syncBuiltinESMExports();
  Object.defineProperty(globalThis, INSTALLED, { value: true });
  quickenObjects();
  return originals;
}

/** What tells a lane's thread from another, or leads to the thread that made it. Modules load as they would in a process of their own. */
function sealLane(): void {
  const members: Readonly<Record<string, unknown>> = { parentPort: null, workerData: null, threadId: 0 };
  for (const [name, value] of Object.entries(members)) FOR_GOOD.value(workerThreads, name, value);
}

function captureOriginals(): RealmOriginals {
  const internals = process as unknown as { _tickCallback?: () => void; reallyExit: (code: number) => never };
  const drain = internals._tickCallback;
  if (typeof drain !== 'function') {
    const message = `Node ${process.version} has no process._tickCallback, with which a lane drains a turn's microtasks; run Node 20 to 24`;
    throw new SynapseError('INVALID_ARGUMENT', message, { node: process.version });
  }
  const { performance, crypto } = globalThis;
  const { getHeapStatistics } = v8;
  const { memoryUsage } = process;
  return Object.freeze({
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
    clearImmediate: globalThis.clearImmediate,
    nextTick: process.nextTick.bind(process),
    queueMicrotask: globalThis.queueMicrotask,
    nowMs: Date.now,
    performanceNow: performance.now.bind(performance),
    hrtimeNs: process.hrtime.bigint,
    random: Math.random,
    fillRandom: captureFill(crypto),
    MessageChannel: globalThis.MessageChannel,
    atomicsWait: Atomics.wait,
    usedHeapBytes: () => getHeapStatistics().used_heap_size,
    usedBufferBytes: () => memoryUsage().arrayBuffers,
    exit: internals.reallyExit.bind(process),
    drain: drain.bind(process),
  });
}

function captureFill(crypto: typeof globalThis.crypto): (bytes: Uint8Array) => void {
  const fill = crypto.getRandomValues.bind(crypto);
  return (bytes) => {
    fill(bytes as Uint8Array<ArrayBuffer>);
  };
}
