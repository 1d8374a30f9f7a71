/**
 * The ambient rules of a lane, for one thread that is shared with others: while a turn runs, clock
 * and chance are the recorded ones and what would leave the turn throws; outside of turns the thread
 * is as it was. A lane proper replaces its realm for good (see the runtime's guards); here each
 * stretch of code is wrapped, so the locale and time zone stay the thread's own.
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

/** A name that changes its meaning while the rules are in force. */
interface Stand {
  readonly target: object;
  readonly name: string;
  readonly real: unknown;
  readonly stand: unknown;
}

export class TurnScope {
  #running: Running | undefined;
  #unhandled: unknown[] = [];
  #isInForce = false;
  readonly #stands: readonly Stand[];
  readonly #keep = (reason: unknown): void => void this.#unhandled.push(reason);

  constructor() {
    this.#stands = this.#makeStands();
  }

  enter(running: Running): void {
    this.#running = running;
    if (!this.#isInForce) this.#apply();
  }

  leave(): void {
    this.#running = undefined;
    this.#lift();
  }

  /** Runs all microtasks; what nobody handled is kept, and nobody else hears of it. */
  drain(): void {
    if (drainNode === undefined)
      throw new SynapseError('INVALID_ARGUMENT', 'this version of Node has no way to drain microtasks');
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', this.#keep);
    try {
      drainNode.call(process);
    } finally {
      process.removeListener('unhandledRejection', this.#keep);
      for (const other of others) process.on('unhandledRejection', other);
    }
  }

  takeUnhandled(): readonly unknown[] {
    if (this.#unhandled.length === 0) return this.#unhandled;
    return this.#unhandled.splice(0);
  }

  #apply(): void {
    this.#isInForce = true;
    for (const { target, name, stand } of this.#stands) Reflect.set(target, name, stand);
  }

  #lift(): void {
    this.#isInForce = false;
    for (const one of this.#stands) Reflect.set(one.target, one.name, one.real);
  }

  #makeStands(): Stand[] {
    const nowMs = (): number => this.#running?.nowMs ?? 0;
    const random = (): number => this.#running?.random.random() ?? 0;
    const stands: Stand[] = [
      { target: globalThis, name: 'Date', real: RealDate, stand: dateWith(nowMs) },
      { target: Math, name: 'random', real: realRandom, stand: random },
      { target: performance, name: 'now', real: realNow, stand: nowMs },
    ];
    for (const name of FORBIDDEN) {
      stands.push({ target: globalThis, name, real: real[name], stand: () => forbid(name, this.#running) });
    }
    return stands;
  }
}

function dateWith(nowMs: () => number): DateConstructor {
  const Stand = class extends RealDate {
    constructor(...args: readonly unknown[]) {
      if (args.length === 0) super(nowMs());
      else super(...(args as ConstructorParameters<DateConstructor>));
    }

    static override now(): number {
      return nowMs();
    }
  };
  Object.defineProperty(Stand, 'name', { value: 'Date' });
  Object.defineProperty(Stand, Symbol.hasInstance, { value: (value: unknown) => value instanceof RealDate });
  return Stand as DateConstructor;
}

function forbid(name: string, running: Running | undefined): never {
  throw new SynapseError(
    'AMBIENT_AUTHORITY',
    `${running?.where() ?? 'outside of a turn'}: ${name} is out of reach in an actor; use ctx.after or ctx.effect`,
  );
}
