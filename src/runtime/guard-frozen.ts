/**
 * Makes frozen mean frozen. A Map, Set or Date in an actor's state is frozen and has mutators of its
 * own that throw; but `Map.prototype.set.call(map, …)` would get past those, and change state behind
 * the journal's back. So in a lane the mutators of the prototypes refuse an object that is not
 * extensible, as arrays and plain objects do by themselves. It changes nothing for other objects.
 */
import { type AnyFunction, disguise, FOR_GOOD, type Members } from '../host/guard-seal.ts';

const { isExtensible } = Object;
const { set: mapSet, delete: mapDelete, clear: mapClear } = Map.prototype;
const { add: setAdd, delete: setDelete, clear: setClear } = Set.prototype;

/** Each written out: a Map is written to in every turn, and a guard that all mutators shared would call them by table. */
const MAP_GUARDS = {
  set(this: Map<unknown, unknown>, key: unknown, value: unknown): unknown {
    if (!isExtensible(this)) check(this, 'set');
    return mapSet.call(this, key, value);
  },
  delete(this: Map<unknown, unknown>, key: unknown): boolean {
    if (!isExtensible(this)) check(this, 'delete');
    return mapDelete.call(this, key);
  },
  clear(this: Map<unknown, unknown>): void {
    check(this, 'clear');
    mapClear.call(this);
  },
};

const SET_GUARDS = {
  add(this: Set<unknown>, member: unknown): unknown {
    if (!isExtensible(this)) check(this, 'add');
    return setAdd.call(this, member);
  },
  delete(this: Set<unknown>, member: unknown): boolean {
    if (!isExtensible(this)) check(this, 'delete');
    return setDelete.call(this, member);
  },
  clear(this: Set<unknown>): void {
    check(this, 'clear');
    setClear.call(this);
  },
};

/** Puts the guards in place; before the guards of Date, which build on its setters. */
export function guardFrozen(): void {
  guardAll(Map.prototype, MAP_GUARDS);
  guardAll(Set.prototype, SET_GUARDS);
  const members = Date.prototype as unknown as Members;
  for (const name of Object.getOwnPropertyNames(members)) {
    if (!name.startsWith('set')) continue;
    const real = members[name] as AnyFunction;
    // The guards of Date replace some setters again; the others stand for good from here on.
    members[name] = disguise(setterGuard(real, name), name, real.length);
  }
}

function guardAll(prototype: object, guards: Readonly<Record<string, object>>): void {
  for (const [name, guard] of Object.entries(guards)) {
    const real = (prototype as Members)[name] as AnyFunction;
    FOR_GOOD.value(prototype, name, disguise(guard, name, real.length));
  }
}

function check(value: unknown, name: string): void {
  if (typeof value === 'object' && value !== null && !isExtensible(value)) {
    throw new TypeError(`Cannot ${name}: the object is frozen`);
  }
}

/** A setter of Date tells by the number of its arguments what it is to set. */
function setterGuard(real: AnyFunction, name: string): AnyFunction {
  return function (this: unknown, ...args: never[]): unknown {
    check(this, name);
    return real.apply(this, args);
  };
}
