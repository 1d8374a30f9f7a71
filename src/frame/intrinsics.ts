/**
 * Built-in methods as they were when this module was loaded, to be used with `.call`. The codec reads
 * values of users through these alone: neither a property of the value nor a later change of a prototype
 * (guards, user code) can make it read something else, or more than is there.
 */
// oxlint-disable typescript/unbound-method -- every use is a `.call` with its receiver

export const mapEntries: (this: Map<unknown, unknown>) => Iterable<[unknown, unknown]> = Map.prototype.entries;
export const setValues: (this: Set<unknown>) => Iterable<unknown> = Set.prototype.values;
export const mapSize: (this: Map<unknown, unknown>) => number = getterOf(Map.prototype, 'size');
export const setSize: (this: Set<unknown>) => number = getterOf(Set.prototype, 'size');
export const dateTime: (this: Date) => number = Date.prototype.getTime;
export const functionText: (this: unknown) => string = Function.prototype.toString;

/** Never `bytes.length`: an own property of that name would make us send what lies behind the bytes. */
export const lengthOfBytes: (this: Uint8Array) => number = getterOf(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  'length',
);

function getterOf(prototype: object, name: string): () => number {
  return Object.getOwnPropertyDescriptor(prototype, name)?.get as () => number;
}
