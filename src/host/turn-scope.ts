/**
 * The ambient rules of a lane, for one thread that is shared with others: while a turn runs, clock
 * and chance are the recorded ones and what would leave the turn throws; outside of turns the thread
 * is as it was. A lane proper replaces its realm for good (see the runtime's guards); here the same
 * guards are put up and taken down around each stretch of code (guard-swap.ts).
 */
import type { Running } from '../actor/domain-state.ts';
import type { Registry } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import { denyIn, guardAuthority } from './guard-authority.ts';
import { guardChance } from './guard-chance.ts';
import { guardClock } from './guard-clock.ts';
import { guardDate } from './guard-date.ts';
import { guardImport } from './guard-import.ts';
import { guardLocale } from './guard-locale.ts';
import { GuardSwap } from './guard-swap.ts';
import { guardWeak } from './guard-weak.ts';
import type { LoadedActors } from './modules.ts';
import { StrictModules } from './strict.ts';

/** Runs microtasks and reports of rejections; Node has kept this name since its first versions. */
const drainNode = (process as unknown as { _tickCallback?: () => void })._tickCallback;

/** One set of guards for the thread, whoever runs turns in it: made with the first scope. */
let shared: GuardSwap | undefined;
let running: Running | undefined;

/** In a realm that is locked down zone and locale cannot be guarded, so they have to be what a lane has. */
function checkZone(): void {
  if (!Object.isFrozen(Date.prototype)) return;
  const { timeZone, locale } = Intl.DateTimeFormat().resolvedOptions();
  if (timeZone === 'UTC' && locale === 'en-US') return;
  const message = `this thread is locked down with the zone ${timeZone} and the locale ${locale}: run the process with TZ=UTC and LANG=en_US.UTF-8`;
  throw new SynapseError('INVALID_ARGUMENT', message, { option: 'actors' });
}

function swapOf(): GuardSwap {
  if (shared !== undefined) return shared;
  checkZone();
  const swap = new GuardSwap();
  const nowMs = (): number => running?.nowMs ?? 0;
  const where = (): string => running?.where() ?? 'outside of a turn';
  const chance = {
    random: () => running?.random.random() ?? 0,
    fillRandom: (bytes: Uint8Array) => running?.random.fill(bytes),
    uuid: () => running?.random.uuid() ?? '',
  };
  guardDate(nowMs, swap);
  guardLocale(nowMs, swap);
  guardClock(nowMs, swap);
  guardChance(chance, denyIn(where), swap);
  guardWeak(swap);
  guardAuthority(where, swap);
  const spoil = (fault: SynapseError): void => running?.spoil(fault);
  guardImport({ where, spoil, isInTurn: () => running !== undefined }, swap);
  swap.publish();
  shared = swap;
  return swap;
}

export class TurnScope {
  readonly #swap: GuardSwap = swapOf();
  #strict: StrictModules | undefined;
  #unhandled: unknown[] = [];
  readonly #keep = (reason: unknown): void => void this.#unhandled.push(reason);

  /** Takes what was loaded for these turns: the modules' exports are frozen where `isStrict`. */
  admit({ registry, modules }: LoadedActors, isStrict: boolean): Registry {
    this.#strict = isStrict ? new StrictModules(modules) : undefined;
    return registry;
  }

  enter(turn: Running): void {
    running = turn;
    this.#strict?.enter(turn);
    this.#swap.apply();
  }

  leave(): void {
    this.#strict?.leave();
    running = undefined;
    this.#swap.lift();
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
}
