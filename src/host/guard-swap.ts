/**
 * Guards for a thread that is shared with others: they are in force while a turn runs, and outside of
 * turns the thread is as it was.
 *
 * Globals and methods of prototypes are exchanged back and forth. Functions of Node's modules, which
 * somebody may have imported by name long ago, cannot be; so each of them gets, once and for good, a
 * stand-in in front of it that asks whether a turn runs and else passes everything on.
 */
import { syncBuiltinESMExports } from 'node:module';
import type { Placement } from './guard-seal.ts';

/** One property and its two meanings. */
interface Exchange {
  readonly target: object;
  readonly name: PropertyKey;
  readonly real: PropertyDescriptor | undefined;
  readonly stand: PropertyDescriptor;
}

type Callable = (this: unknown, ...args: unknown[]) => unknown;

export class GuardSwap implements Placement {
  readonly #exchanges: Exchange[] = [];
  #isInForce = false;

  get isInForce(): boolean {
    return this.#isInForce;
  }

  value(target: object, name: PropertyKey, value: unknown): void {
    this.#exchange(target, name, { value, writable: true });
  }

  getter(target: object, name: PropertyKey, get: (this: unknown) => unknown): void {
    this.#exchange(target, name, { get });
  }

  member(target: object, name: PropertyKey, stand: object): void {
    const real = (target as Record<PropertyKey, unknown>)[name] as object;
    const known = Object.getOwnPropertyDescriptor(target, name);
    if (known?.configurable === false && known.writable !== true) return;
    const now = (): object => (this.#isInForce ? stand : real);
    const front: object = new Proxy(real, {
      apply: (_real, self, args: unknown[]): unknown => Reflect.apply(now() as Callable, self, args),
      construct: (_real, args: unknown[], newTarget): object =>
        Reflect.construct(now() as Callable, args, newTarget === front ? (now() as Callable) : newTarget) as object,
      // A prototype is fixed, and a proxy may not tell another.
      get: (_real, key): unknown => Reflect.get(key === 'prototype' ? real : now(), key),
    });
    Object.defineProperty(target, name, { value: front, writable: true, configurable: true, enumerable: true });
  }

  /** Nothing is frozen here: it would stay so. */
  freeze(): void {}

  #exchange(target: object, name: PropertyKey, stand: PropertyDescriptor): void {
    const real = Object.getOwnPropertyDescriptor(target, name);
    // A realm that is locked down by SES keeps what it has.
    if (real === undefined ? !Object.isExtensible(target) : real.configurable !== true) return;
    const enumerable = real?.enumerable ?? false;
    const setter = real?.set === undefined || stand.get === undefined ? {} : { set: real.set };
    this.#exchanges.push({ target, name, real, stand: { ...stand, ...setter, enumerable, configurable: true } });
  }

  /** Lets importers of names see the stand-ins; to be called once all guards are placed. */
  publish(): void {
    syncBuiltinESMExports();
  }

  apply(): void {
    if (this.#isInForce) return;
    this.#isInForce = true;
    for (const exchange of this.#exchanges) put(exchange, exchange.stand);
  }

  lift(): void {
    if (!this.#isInForce) return;
    this.#isInForce = false;
    for (const exchange of this.#exchanges) {
      if (exchange.real === undefined) Reflect.deleteProperty(exchange.target, exchange.name);
      else put(exchange, exchange.real);
    }
  }
}

/** An assignment where both are plain values: it takes a tenth of the time, and turns are many. */
function put({ target, name, real, stand }: Exchange, descriptor: PropertyDescriptor): void {
  if (real?.writable === true && stand.writable === true) {
    (target as Record<PropertyKey, unknown>)[name] = descriptor.value;
  } else Reflect.defineProperty(target, name, descriptor);
}
