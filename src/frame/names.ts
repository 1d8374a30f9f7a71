/**
 * The names of a frame as strings: addresses and handlers. Frames that name the same actor or handler share
 * one object or string, as long as the cache keeps it: equal names may also come as different objects.
 */
import type { Address } from '../base/address.ts';
import * as at from './header.ts';
import { NameCache } from './name-cache.ts';
import { readUtf8 } from './utf8.ts';

/** Actors spoken of lately: 16,384 slots of 128 bytes, of which those take memory that were used. */
const addresses = new NameCache<Address>(16_384);
const handlers = new NameCache<string>(512);

const { freeze } = Object;

/** The address whose tenant is name `first`, and whose type and key follow. */
export function addressAt(bytes: Uint8Array, first: number): Address {
  const start = at.nameOffset(bytes, first);
  const tenantSize = at.nameLength(bytes, first);
  const typeSize = at.nameLength(bytes, first + 1);
  const keySize = at.nameLength(bytes, first + 2);
  const typeStart = start + tenantSize;
  const keyStart = typeStart + typeSize;
  const end = keyStart + keySize;
  const shape = shapeOf(tenantSize, typeSize, keySize);
  let address = shape === 0 ? undefined : addresses.find(bytes, start, end, shape);
  if (address !== undefined) return address;
  address = {
    tenant: text(bytes, start, typeStart),
    type: text(bytes, typeStart, keyStart),
    key: text(bytes, keyStart, end),
  };
  // What nobody shares need not be frozen, which costs as much as the rest.
  if (shape !== 0 && addresses.keep(bytes, start, end, shape, address)) freeze(address);
  return address;
}

/** Name `index`. */
export function nameAt(bytes: Uint8Array, index: number): string {
  const start = at.nameOffset(bytes, index);
  const size = at.nameLength(bytes, index);
  if (size === 0) return '';
  const end = start + size;
  const known = handlers.find(bytes, start, end, size);
  if (known !== undefined) return known;
  const name = text(bytes, start, end);
  handlers.keep(bytes, start, end, size, name);
  return name;
}

/** The three lengths in one number that is not 0 and fits 31 bits; 0 when one is too long, or all are empty. */
function shapeOf(tenantSize: number, typeSize: number, keySize: number): number {
  if ((tenantSize | typeSize | keySize) >= 1 << 10) return 0;
  return tenantSize | (typeSize << 10) | (keySize << 20);
}

function text(bytes: Uint8Array, start: number, end: number): string {
  const name = readUtf8(bytes, start, end);
  if (name === undefined) throw at.malformed('a name is not UTF-8');
  return name;
}
