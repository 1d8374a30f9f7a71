/**
 * Makes frozen mean frozen. A Map, Set or Date in an actor's state is frozen and has mutators of its
 * own that throw; but `Map.prototype.set.call(map, …)` would get past those, and change state behind
 * the journal's back. So in a lane the mutators of the prototypes refuse an object that is not
 * extensible, as arrays and plain objects do by themselves. It changes nothing for other objects.
 */
import { type AnyFunction, disguise, FOR_GOOD, type Members } from '../host/guard-seal.ts';

const MUTATORS: readonly (readonly [prototype: object, names: readonly string[]])[] = [
  [Map.prototype, ['set', 'delete', 'clear']],
  [Set.prototype, ['add', 'delete', 'clear']],
  [Date.prototype, Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'))],
];

/** Puts the guards in place; before the guards of Date, which build on its setters. */
export function guardFrozen(): void {
  for (const [prototype, names] of MUTATORS) {
    for (const name of names) {
      const real = (prototype as Members)[name] as AnyFunction;
      const isSetter = prototype === Date.prototype;
      const guarded = disguise(isSetter ? setterGuard(real, name) : guardOf(real, name), name, real.length);
      // The guards of Date replace some setters again; the others stand for good from here on.
      if (isSetter) (prototype as Members)[name] = guarded;
      else FOR_GOOD.value(prototype, name, guarded);
    }
  }
}

function check(value: unknown, name: string): void {
  if (typeof value === 'object' && value !== null && !Object.isExtensible(value)) {
    throw new TypeError(`Cannot ${name}: the object is frozen`);
  }
}

/** Two parameters and no more: a Map is written to in every turn, and an array of arguments costs more than the write. */
function guardOf(real: AnyFunction, name: string): AnyFunction {
  return function (this: unknown, key: never, value: never): unknown {
    check(this, name);
    return real.call(this, key, value);
  };
}

/** A setter of Date tells by the number of its arguments what it is to set. */
function setterGuard(real: AnyFunction, name: string): AnyFunction {
  return function (this: unknown, ...args: never[]): unknown {
    check(this, name);
    return real.apply(this, args);
  };
}
