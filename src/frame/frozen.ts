/**
 * Read-only values: what an actor sees under a key of its state. Arrays and objects are frozen;
 * a Map, Set or Date, whose contents no freeze protects, gets mutators of its own that throw
 * TypeError; byte arrays, which cannot be frozen at all, are read as copies. All remain what they
 * are (`instanceof Map`, deep-equal, encodable to the same bytes).
 *
 * Never a sandbox: `Map.prototype.set.call(map, …)` still reaches the contents. It harms nobody but
 * the actor that does it.
 */
import { types } from 'node:util';

const { defineProperties, defineProperty, freeze } = Object;

/** A property that cannot be seen, changed or removed. */
function hidden(value: unknown): PropertyDescriptor {
  return { value, enumerable: false, configurable: false, writable: false };
}

function refusing(kind: string, names: readonly string[]): PropertyDescriptorMap {
  const descriptors: PropertyDescriptorMap = {};
  for (const name of names) {
    descriptors[name] = hidden(() => {
      throw new TypeError(`Cannot ${name} a frozen ${kind}: assign a changed copy to its top-level key`);
    });
  }
  return descriptors;
}

const MAP_MUTATORS = refusing('Map', ['set', 'delete', 'clear']);
const SET_MUTATORS = refusing('Set', ['add', 'delete', 'clear']);
const DATE_MUTATORS = refusing(
  'Date',
  Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set')),
);

/** True for values that need no freezing and no copying. */
export function isPrimitive(value: unknown): boolean {
  return (typeof value !== 'object' && typeof value !== 'function') || value === null;
}

/** A fresh copy of a Uint8Array or ArrayBuffer, anything else as it is: what a read of frozen state returns. */
export function copyOfBytes(value: unknown): unknown {
  if (types.isUint8Array(value)) return new Uint8Array(value);
  if (types.isArrayBuffer(value)) return value.slice(0);
  return value;
}

/** Defines `key` of an array or object that is about to be frozen as copies of `bytes`. */
export function defineBytes(container: object, key: string | number, bytes: unknown): void {
  defineProperty(container, key, { get: () => copyOfBytes(bytes), enumerable: true, configurable: false });
}

/** Freezes a Date. */
export function freezeDate(date: Date): Date {
  return freeze(defineProperties(date, DATE_MUTATORS));
}

/** Freezes a Map whose keys and values are frozen; `holdsBytes` where some are byte arrays. */
export function freezeMap(map: Map<unknown, unknown>, holdsBytes: boolean): Map<unknown, unknown> {
  defineProperties(map, MAP_MUTATORS);
  if (holdsBytes) {
    const proto = Map.prototype;
    function* entries(): Generator<[unknown, unknown]> {
      for (const [key, value] of proto.entries.call(map)) yield [copyOfBytes(key), copyOfBytes(value)];
    }
    defineProperties(map, {
      get: hidden((key: unknown) => copyOfBytes(proto.get.call(map, key))),
      keys: hidden(() => copies(proto.keys.call(map))),
      values: hidden(() => copies(proto.values.call(map))),
      entries: hidden(entries),
      [Symbol.iterator]: hidden(entries),
      forEach: hidden((visit: (value: unknown, key: unknown, map: unknown) => void, self?: unknown) => {
        for (const [key, value] of entries()) visit.call(self, value, key, map);
      }),
    });
  }
  return freeze(map);
}

/** Freezes a Set whose members are frozen; `holdsBytes` where some are byte arrays. */
export function freezeSet(set: Set<unknown>, holdsBytes: boolean): Set<unknown> {
  defineProperties(set, SET_MUTATORS);
  if (holdsBytes) {
    const values = (): Generator<unknown> => copies(Set.prototype.values.call(set));
    function* entries(): Generator<[unknown, unknown]> {
      for (const member of values()) yield [member, member];
    }
    defineProperties(set, {
      keys: hidden(values),
      values: hidden(values),
      entries: hidden(entries),
      [Symbol.iterator]: hidden(values),
      forEach: hidden((visit: (value: unknown, key: unknown, set: unknown) => void, self?: unknown) => {
        for (const member of values()) visit.call(self, member, member, set);
      }),
    });
  }
  return freeze(set);
}

function* copies(values: Iterable<unknown>): Generator<unknown> {
  for (const value of values) yield copyOfBytes(value);
}
