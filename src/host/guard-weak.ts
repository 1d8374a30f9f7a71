/**
 * When the collector runs is nobody's input, so nothing that a turn can see may depend on it: a `WeakRef`
 * holds its target for as long as it is there itself, and a `FinalizationRegistry` never calls back. The
 * language allows both (ECMA-262, 9.9: a collector may never collect). What it costs is memory of the
 * lane, which has its limit.
 */
import { type AnyFunction, type Placement, placeConstructor } from './guard-seal.ts';

/** Replaces the constructors; methods and prototypes stay the engine's own. */
export function guardWeak(place: Placement): void {
  const held = new WeakMap<object, unknown>();
  standFor('WeakRef', place, (args, made) => {
    held.set(made, args[0]);
  });
  standFor('FinalizationRegistry', place, () => undefined);
}

function standFor(
  name: 'WeakRef' | 'FinalizationRegistry',
  place: Placement,
  onMade: (args: readonly unknown[], made: object) => void,
): void {
  const Real = globalThis[name] as unknown as AnyFunction & { prototype: object };
  function Stand(this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return Reflect.apply(Real as (...given: unknown[]) => unknown, this, args); // refuses, in the engine's words
    const given = name === 'FinalizationRegistry' && typeof args[0] === 'function' ? [(): void => undefined] : args;
    const target = (new.target as unknown) === Stand ? Real : (new.target as AnyFunction);
    const made = Reflect.construct(Real, given, target) as object;
    onMade(args, made);
    return made;
  }
  placeConstructor(place, globalThis, name, Stand, Real);
}
