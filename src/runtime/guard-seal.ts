/**
 * How a guard is put in place: as a property that user code can neither assign nor define anew, so
 * that one tenant's code cannot undo it for the others. It changes nothing but the named property.
 */

/** A function of any shape; guards replace functions whose types differ by Node version. */
export type AnyFunction = (this: unknown, ...args: never[]) => unknown;

/** An object whose members are looked up by name. */
export type Members = Record<PropertyKey, unknown>;

/** Puts `value` at `target[name]` for good; a property that was enumerable stays so. */
export function seal(target: object, name: PropertyKey, value: unknown): void {
  const known = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, {
    value,
    writable: false,
    configurable: false,
    enumerable: known?.enumerable ?? false,
  });
}

/** Like {@link seal} for a getter. */
export function sealGetter(target: object, name: PropertyKey, get: (this: unknown) => unknown): void {
  const known = Object.getOwnPropertyDescriptor(target, name);
  Object.defineProperty(target, name, { get, configurable: false, enumerable: known?.enumerable ?? false });
}

/** Gives `stand` the name and length of the function it stands for, since libraries read them. */
export function disguise<F extends object>(stand: F, name: string, length: number): F {
  Object.defineProperty(stand, 'name', { value: name, configurable: true });
  Object.defineProperty(stand, 'length', { value: length, configurable: true });
  return stand;
}

/** Puts `stand` in the place of the constructor `real`: same prototype, so that `instanceof` keeps its meaning. */
export function sealConstructor(
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
  seal(real.prototype, 'constructor', stand);
  seal(target, name, stand);
}
