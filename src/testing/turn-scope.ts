/**
 * The ambient rules of a lane, for one thread that is shared with a test: while a turn runs, clock
 * and chance are the recorded ones and what would leave the turn throws; outside of turns the thread
 * is as it was. A lane proper replaces its realm for good (see the runtime's guards); here each
 * stretch of code is wrapped, so the locale and time zone stay the test's own.
 */
import type { Running } from '../actor/domain-state.ts';
import { SynapseError } from '../base/error.ts';

const RealDate = Date;
const realRandom = Math.random;
const realNow = performance.now.bind(performance);

/** Names on `globalThis` that throw inside a turn. */
const FORBIDDEN = ['fetch', 'setTimeout', 'setInterval', 'setImmediate'] as const;

const real: Record<string, unknown> = Object.fromEntries(FORBIDDEN.map((name) => [name, globalThis[name]]));

/** Runs microtasks and reports of rejections; Node has kept this name since its first versions. */
const drainNode = (process as unknown as { _tickCallback?: () => void })._tickCallback;

export class TurnScope {
  #running: Running | undefined;
  #unhandled: unknown[] = [];

  enter(running: Running): void {
    this.#running = running;
    const nowMs = (): number => this.#running?.nowMs ?? 0;
    globalThis.Date = class extends RealDate {
      constructor(...args: readonly unknown[]) {
        if (args.length === 0) super(nowMs());
        else super(...(args as ConstructorParameters<DateConstructor>));
      }

      static override now(): number {
        return nowMs();
      }
    } as DateConstructor;
    Object.defineProperty(globalThis.Date, 'name', { value: 'Date' });
    Object.defineProperty(globalThis.Date, Symbol.hasInstance, {
      value: (value: unknown) => value instanceof RealDate,
    });
    Math.random = () => running.random.random();
    performance.now = nowMs;
    for (const name of FORBIDDEN) Reflect.set(globalThis, name, () => forbid(name, running));
  }

  leave(): void {
    this.#running = undefined;
    globalThis.Date = RealDate;
    Math.random = realRandom;
    performance.now = realNow;
    for (const name of FORBIDDEN) Reflect.set(globalThis, name, real[name]);
  }

  /** Runs all microtasks; what nobody handled is kept, and nobody else hears of it. */
  drain(): void {
    if (drainNode === undefined)
      throw new SynapseError('INVALID_ARGUMENT', 'this version of Node has no way to drain microtasks');
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const keep = (reason: unknown): void => void this.#unhandled.push(reason);
    process.on('unhandledRejection', keep);
    try {
      drainNode.call(process);
    } finally {
      process.removeListener('unhandledRejection', keep);
      for (const other of others) process.on('unhandledRejection', other);
    }
  }

  takeUnhandled(): readonly unknown[] {
    if (this.#unhandled.length === 0) return [];
    return this.#unhandled.splice(0);
  }
}

function forbid(name: string, running: Running): never {
  throw new SynapseError(
    'AMBIENT_AUTHORITY',
    `${running.where()}: ${name} is out of reach in an actor; use ctx.after or ctx.effect`,
  );
}
