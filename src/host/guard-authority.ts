/**
 * Everything through which a turn could act on, or wait for, the world beside `ctx`: each throws
 * `AMBIENT_AUTHORITY` when it is called, naming what was called, where, and what to use instead.
 * Reading the names costs nothing, so libraries that only look whether `fetch` exists go on to load.
 *
 * Node's own code calls `process.nextTick` through the same object as user code (`console.log` does,
 * by way of the stream behind it), so that one asks who calls: a caller in `node:` goes through. It
 * is harmless when user code finds a way through: the tick queue is drained within the turn. So does
 * `process.exit`, for the one file that ends a thread after an uncaught exception.
 */
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import dnsPromises from 'node:dns/promises';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import inspector from 'node:inspector';
import net from 'node:net';
import os from 'node:os';
import perfHooks from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import tls from 'node:tls';
import v8 from 'node:v8';
import vm from 'node:vm';
import workerThreads from 'node:worker_threads';
import { SynapseError } from '../base/error.ts';
import { type AnyFunction, disguise, type Members, type Placement } from './guard-seal.ts';

const AFTER = 'use ctx.after(ms, command, ...args), which is durable';
const EFFECT = 'use ctx.effect(name, input), which runs outside the lane';
const MICROTASK = 'use queueMicrotask, or await what ctx gave';
const EXIT = 'throw to fail the turn, or use ctx.stop() to end the actor';
const THREAD = 'use ctx.effect(name, input) for work beside the turn, ctx.spawn(type, key) for another actor';
const MEASURE = 'measure in an effect, or outside of the system';
const CLOCK = 'use ctx.now(): a turn has one recorded time';

/** Object, its name in messages, what to use instead, members. Members that a Node version lacks are passed over. */
type Row = readonly [target: object | undefined, prefix: string, instead: string, names: readonly string[]];

function rows(): readonly Row[] {
  const realm = globalThis as unknown as Members;
  const temporal = realm['Temporal'] as { Now?: object } | undefined;
  return [
    [globalThis, '', AFTER, ['setTimeout', 'setInterval', 'setImmediate']],
    [timers, 'timers.', AFTER, ['setTimeout', 'setInterval', 'setImmediate', 'enroll', 'active', '_unrefActive']],
    [timersPromises, 'timers/promises.', AFTER, ['setTimeout', 'setInterval', 'setImmediate']],
    [prototypeOf(timersPromises.scheduler), 'scheduler.', AFTER, ['wait', 'yield']],
    [AbortSignal, 'AbortSignal.', AFTER, ['timeout']],
    [globalThis, '', EFFECT, ['fetch']],
    [http, 'http.', EFFECT, ['request', 'get', 'createServer']],
    [https, 'https.', EFFECT, ['request', 'get', 'createServer']],
    [http2, 'http2.', EFFECT, ['connect', 'createServer', 'createSecureServer']],
    [net, 'net.', EFFECT, ['connect', 'createConnection', 'createServer']],
    [tls, 'tls.', EFFECT, ['connect', 'createServer']],
    [dgram, 'dgram.', EFFECT, ['createSocket']],
    [dns, 'dns.', EFFECT, ['lookup', 'lookupService', 'resolve', 'resolve4', 'resolve6', 'reverse']],
    [dnsPromises, 'dns/promises.', EFFECT, ['lookup', 'lookupService', 'resolve', 'resolve4', 'resolve6', 'reverse']],
    [
      childProcess,
      'child_process.',
      EFFECT,
      ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'],
    ],
    // A new realm has clocks and chance of its own.
    [vm, 'vm.', 'use code of this realm', ['createContext', 'runInNewContext']],
    [vm.Script.prototype, 'vm.Script#', 'use code of this realm', ['runInNewContext']],
    [process, 'process.', EXIT, ['abort', 'kill', '_kill', 'execve']],
    [
      process,
      'process.',
      EFFECT,
      ['chdir', 'umask', 'setuid', 'seteuid', 'setgid', 'setegid', 'setgroups', 'initgroups'],
    ],
    [process, 'process.', CLOCK, ['cpuUsage', 'resourceUsage', 'threadCpuUsage']],
    // What differs from moment to moment, by host or by what else the thread did.
    [process, 'process.', MEASURE, ['memoryUsage', 'availableMemory', 'constrainedMemory', 'getActiveResourcesInfo']],
    [
      v8,
      'v8.',
      MEASURE,
      [
        'getHeapStatistics',
        'getHeapSpaceStatistics',
        'getHeapCodeStatistics',
        'getHeapSnapshot',
        'writeHeapSnapshot',
        'queryObjects',
        'takeCoverage',
        'stopCoverage',
        'setFlagsFromString',
      ],
    ],
    [os, 'os.', MEASURE, ['uptime', 'freemem', 'loadavg', 'setPriority']],
    [perfHooks, 'perf_hooks.', CLOCK, ['monitorEventLoopDelay', 'createHistogram', 'eventLoopUtilization', 'timerify']],
    // Node's insides, with timers and sockets of their own.
    [process, 'process.', EFFECT, ['binding', '_linkedBinding', 'setUncaughtExceptionCaptureCallback']],
    [workerThreads, 'worker_threads.', THREAD, ['postMessageToThread', 'setEnvironmentData', 'getEnvironmentData']],
    [inspector, 'inspector.', EFFECT, ['open', 'close', 'waitForDebugger']],
    [prototypeOf(globalThis.performance), 'performance.', CLOCK, ['eventLoopUtilization', 'timerify']],
    [
      temporal?.Now,
      'Temporal.Now.',
      CLOCK,
      temporal?.Now === undefined ? [] : Object.getOwnPropertyNames(temporal.Now),
    ],
    [Atomics, 'Atomics.', 'use await on what ctx gave', ['wait', 'waitAsync']],
  ];
}

/** Constructors: the same, with a bare prototype, since the real one leads to the real constructor. */
const CLASSES: readonly (readonly [name: string, instead: string])[] = [
  ['WebSocket', EFFECT],
  ['EventSource', EFFECT],
  ['XMLHttpRequest', EFFECT],
  ['Worker', THREAD],
  ['BroadcastChannel', THREAD],
  ['MessageChannel', AFTER],
  ['PerformanceObserver', CLOCK],
  ['Session', EFFECT], // of node:inspector
];

/** Makes the function that throws in the place of `what`. */
export type Deny = (what: string, instead?: string) => AnyFunction;

/** `where()` names the actor and handler that run. */
export function denyIn(where: () => string): Deny {
  return (what, instead = EFFECT) =>
    disguise(
      // A plain function, so that `new` reaches it too.
      function (this: unknown): never {
        throw ambient(what, where(), instead);
      },
      /\w*$/.exec(what)?.[0] ?? '',
      0,
    );
}

function ambient(what: string, where: string, instead: string): SynapseError {
  return new SynapseError('AMBIENT_AUTHORITY', `${what} is not available in ${where}: ${instead}`, { what, where });
}

/** Replaces all of it. */
export function guardAuthority(where: () => string, place: Placement): void {
  const deny = denyIn(where);
  for (const [target, prefix, instead, names] of rows()) {
    for (const name of names) {
      if (target !== undefined && typeof (target as Members)[name] === 'function')
        put(place, target, name, deny(`${prefix}${name}`, instead));
    }
  }
  for (const [name, instead] of CLASSES) {
    for (const target of [globalThis, workerThreads, perfHooks, inspector])
      if (name in target) put(place, target, name, deny(`new ${name}`, instead));
  }
  guardShared('nextTick', 'node:', where, MICROTASK, place);
  // What ends a thread after an uncaught exception calls one, which calls the other.
  guardShared('exit', 'node:internal/main/worker_thread', where, EXIT, place);
  guardShared('reallyExit', 'node:internal/process/per_thread', where, EXIT, place);
  place.freeze(Atomics);
}

function put(place: Placement, target: object, name: string, stand: AnyFunction): void {
  if (target === globalThis || target === Atomics || target === AbortSignal) place.value(target, name, stand);
  else place.member(target, name, stand);
}

/** Guards a member of `process` that Node's own files beginning with `callers` must go on calling. */
function guardShared(
  name: 'nextTick' | 'exit' | 'reallyExit',
  callers: string,
  where: () => string,
  instead: string,
  place: Placement,
): void {
  const real = (process as unknown as Members)[name] as (this: unknown, ...args: unknown[]) => void;
  const stand = (...args: unknown[]): void => {
    if (!callerOf(stand).startsWith(callers)) throw ambient(`process.${name}`, where(), instead);
    Reflect.apply(real, process, args);
  };
  // Never behind a stand-in: it has to see its own caller.
  place.value(process, name, disguise(stand, name, 1));
}

/** The file that `callee` was called from; empty when it cannot be told, as for a call by the engine. */
export function callerOf(callee: AnyFunction): string {
  const { stackTraceLimit, prepareStackTrace } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_error, frames) => frames[0]?.getFileName();
    Error.captureStackTrace(holder, callee);
    return typeof holder.stack === 'string' ? holder.stack : '';
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Error.prepareStackTrace = prepareStackTrace;
  }
}

function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) as object;
}
