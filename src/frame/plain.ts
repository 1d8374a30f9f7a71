/**
 * Which objects travel: the built-in kinds themselves, of this realm or another, and never a class
 * that extends one. Asks the engine where it can (a brand cannot be faked by a proxy or a prototype)
 * and may throw only what a proxy's trap throws.
 */
import { types } from 'node:util';
import { functionText } from './intrinsics.ts';

/** The kinds of object that travel. */
export type ObjectKind = 'object' | 'null-object' | 'array' | 'map' | 'set' | 'date' | 'bytes' | 'buffer';

const { getPrototypeOf } = Object;
const OBJECT = Object.prototype;
const ARRAY = Array.prototype;
const MAP = Map.prototype;
const SET = Set.prototype;
const DATE = Date.prototype;
const BYTES = Uint8Array.prototype;
const NODE_BUFFER = Buffer.prototype;
const BUFFER = ArrayBuffer.prototype;

/** The kind of `value`, or undefined when it does not travel. */
export function kindOf(value: object): ObjectKind | undefined {
  const prototype: unknown = getPrototypeOf(value);
  if (prototype === OBJECT) return 'object';
  if (prototype === ARRAY) return Array.isArray(value) ? 'array' : undefined;
  if (prototype === null) return 'null-object';
  if (prototype === BYTES || prototype === NODE_BUFFER) return types.isUint8Array(value) ? 'bytes' : undefined;
  if (prototype === MAP) return types.isMap(value) ? 'map' : undefined;
  if (prototype === SET) return types.isSet(value) ? 'set' : undefined;
  if (prototype === DATE) return types.isDate(value) ? 'date' : undefined;
  if (prototype === BUFFER) return types.isArrayBuffer(value) ? 'buffer' : undefined;
  return foreignKindOf(value, prototype as object);
}

/** The kind of an object of another realm: its prototype must be that realm's own, not a class's. */
function foreignKindOf(value: object, prototype: object): ObjectKind | undefined {
  if (types.isProxy(value)) return undefined;
  if (Array.isArray(value)) return isNative(prototype, 'Array') ? 'array' : undefined;
  if (types.isMap(value)) return isNative(prototype, 'Map') ? 'map' : undefined;
  if (types.isSet(value)) return isNative(prototype, 'Set') ? 'set' : undefined;
  if (types.isDate(value)) return isNative(prototype, 'Date') ? 'date' : undefined;
  if (types.isUint8Array(value)) return isNative(prototype, 'Uint8Array') ? 'bytes' : undefined;
  if (types.isArrayBuffer(value)) return isNative(prototype, 'ArrayBuffer') ? 'buffer' : undefined;
  return getPrototypeOf(prototype) === null && isNative(prototype, 'Object') ? 'object' : undefined;
}

/** True when `prototype` is the `prototype` of a realm's built-in function `name`. */
function isNative(prototype: object, name: string): boolean {
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return (
    typeof maker === 'function' &&
    maker.prototype === prototype &&
    functionText.call(maker) === `function ${name}() { [native code] }`
  );
}

/** Longest class name shown in a message: a name is the user's and may be of any length. */
const CLASS_NAME_MAX_LENGTH = 64;

/** What `value` is, in words, for the message of a refusal; never throws. */
export function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  if (types.isProxy(value)) return 'a proxy';
  try {
    const maker: unknown = (value as { constructor?: unknown }).constructor;
    const name = typeof maker === 'function' ? maker.name : '';
    if (typeof name === 'string' && name !== '' && name !== 'Object') {
      return `an instance of ${name.slice(0, CLASS_NAME_MAX_LENGTH)}`;
    }
  } catch {
    // A getter named `constructor` that throws: the general words will do.
  }
  return 'an object with a prototype of its own';
}
