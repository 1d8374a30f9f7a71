/**
 * How a guard is put in place. In a lane for good: as a property that user code can neither assign nor
 * define anew, so that one tenant's code cannot undo it for the others. In a thread that is shared
 * with others only while a turn runs (guard-swap.ts). It changes nothing but the named property.
 */

/** A function of any shape; guards replace functions whose types differ by Node version. */
export type AnyFunction = (this: unknown, ...args: never[]) => unknown;

/** An object whose members are looked up by name. */
export type Members = Record<PropertyKey, unknown>;

/** Where and for how long guards are put. */
export interface Placement {
  /** A global, or a method of a prototype. */
  value(target: object, name: PropertyKey, value: unknown): void;
  /** The same for a getter; a setter that is there stays. */
  getter(target: object, name: PropertyKey, get: (this: unknown) => unknown): void;
  /** A function or constructor of one of Node's modules, which others may have imported by its name. */
  member(target: object, name: PropertyKey, stand: object): void;
  /** An object of the language that nobody may change further. */
  freeze(target: object): void;
}

/** For good, for the whole thread. A property that was enumerable stays so. */
export const FOR_GOOD: Placement = {
  value: seal,
  getter(target, name, get) {
    const known = Object.getOwnPropertyDescriptor(target, name);
    const accessor: PropertyDescriptor = { get, configurable: false, enumerable: known?.enumerable ?? false };
    if (known?.set !== undefined) accessor.set = known.set;
    Object.defineProperty(target, name, accessor);
  },
  member: seal,
  freeze: (target) => void Object.freeze(target),
};

function seal(target: object, name: PropertyKey, value: unknown): void {
  const known = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, {
    value,
    writable: false,
    configurable: false,
    enumerable: known?.enumerable ?? false,
  });
}

/** Gives `stand` the name and length of the function it stands for, since libraries read them. */
export function disguise<F extends object>(stand: F, name: string, length: number): F {
  Object.defineProperty(stand, 'name', { value: name, configurable: true });
  Object.defineProperty(stand, 'length', { value: length, configurable: true });
  return stand;
}

/** Puts `stand` in the place of the constructor `real`: same prototype, so that `instanceof` keeps its meaning. */
export function placeConstructor(
  place: Placement,
  target: object,
  name: string,
  stand: object,
  real: { prototype: object; length: number },
): void {
  disguise(stand, name, real.length);
  Object.defineProperty(stand, 'prototype', {
    value: real.prototype,
    writable: false,
    configurable: false,
    enumerable: false,
  });
  place.value(real.prototype, 'constructor', stand);
  place.value(target, name, stand);
}
