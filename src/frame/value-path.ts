/**
 * Names the place of a value inside another, for messages: `$.a[2].b`, `$.m.get("k")`. Built only
 * when something is refused; while encoding, the writer keeps two small stacks and no text.
 */

import { SynapseError } from '../base/error.ts';

/** How a child hangs in its container. */
export const STEP_INDEX = 0;
export const STEP_PROPERTY = 1;
/** Value of a Map; the step's name is the Map's key. */
export const STEP_MAP_VALUE = 2;
/** Key of a Map; the step's name is its position. */
export const STEP_MAP_KEY = 3;
/** Member of a Set; the step's name is its position. */
export const STEP_MEMBER = 4;

/** Longest key shown: keys are the user's and may be of any length. */
const KEY_MAX_LENGTH = 64;

/** The path of `depth` steps below `root`. */
export function pathText(root: string, kinds: Uint8Array, names: readonly unknown[], depth: number): string {
  let path = root;
  for (let i = 0; i < depth; i++) path += stepText(kinds[i]!, names[i]);
  return path;
}

function stepText(kind: number, name: unknown): string {
  switch (kind) {
    case STEP_INDEX:
      return `[${String(name)}]`;
    case STEP_MAP_VALUE:
      return `.get(${keyText(name)})`;
    case STEP_MAP_KEY:
      return `.keys()[${String(name)}]`;
    case STEP_MEMBER:
      return `.values()[${String(name)}]`;
    default:
      return propertyText(String(name));
  }
}

function propertyText(name: string): string {
  return name.length <= KEY_MAX_LENGTH && /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${keyText(name)}]`;
}

function keyText(key: unknown): string {
  switch (typeof key) {
    case 'string':
      return JSON.stringify(key.length <= KEY_MAX_LENGTH ? key : `${key.slice(0, KEY_MAX_LENGTH)}…`);
    case 'bigint':
      return 'bigint'; // Its decimal text costs quadratic time.
    case 'object':
      return key === null ? 'null' : 'object';
    case 'function':
    case 'symbol':
      return typeof key;
    default:
      return String(key);
  }
}

export function tooLarge(root: string, limit: number, path: string): SynapseError {
  const text = `${root} takes more than ${limit} bytes (at ${path})`;
  return new SynapseError('TOO_LARGE', text, { limit, unit: 'bytes', path });
}
