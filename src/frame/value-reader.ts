/**
 * Reads the form that value-tag.ts draws, strictly: every byte string that is accepted is exactly what
 * the writer would make of the value. Hostile bytes are refused as UNSERIALIZABLE and cost no more
 * than memory in proportion to their length: a count is checked against the bytes that are left
 * before anything is made for it. Runs no user code.
 */
import { SynapseError } from '../base/error.ts';
import { defineBytes, freezeDate, freezeMap, freezeSet } from './frozen.ts';
import { indexOfName } from './key-order.ts';
import { readF64, readU16, readU32 } from './little-endian.ts';
import * as tag from './value-tag.ts';
import { asBuffer, asciiText, readUtf8 } from './utf8.ts';

const { defineProperty, freeze, hasOwn, is } = Object;
/** Taken when the module is loaded: lanes replace the global one by a Date with a recorded clock. */
const NativeDate = Date;
const NOTHING = new Uint8Array(0);

/** Object keys seen lately, by a hash of their bytes: a name then costs no new string. 1024 x 32 bytes at most. */
const NAME_CACHE_SIZE = 1024;
/** Longer names are rarely keys that repeat. */
const NAME_CACHED_MAX_BYTES = 31;
const nameCache: string[] = Array.from({ length: NAME_CACHE_SIZE }, () => '');

/** One decoder, used again and again. `freezing`: makes deep-frozen values instead of mutable ones. */
export class ValueReader {
  readonly #freezing: boolean;
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  #end = 0;
  #depthLeft = 0;

  constructor(freezing: boolean) {
    this.#freezing = freezing;
  }

  /** The one value that `bytes` holds from `start` to the end; UNSERIALIZABLE when they are anything else. */
  decode(bytes: Uint8Array, depthMax: number, start: number = 0): unknown {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = bytes.length;
    this.#depthLeft = depthMax;
    try {
      const value = this.#value();
      if (this.#position !== this.#end) throw this.#malformed('bytes follow the value');
      return value;
    } catch (error) {
      if (error instanceof SynapseError) throw error;
      // A string or bigint that is longer than this engine can hold.
      throw new SynapseError('UNSERIALIZABLE', 'malformed value: beyond what the engine holds', {}, error);
    } finally {
      this.#bytes = NOTHING;
    }
  }

  #value(): unknown {
    const first = this.#byte();
    if (first < 0x80) return first;
    if (first < tag.TAG_ARRAY) return this.#text(first - tag.TAG_STRING);
    if (first < tag.TAG_OBJECT) return this.#array(first - tag.TAG_ARRAY);
    if (first < tag.TAG_NULL) return this.#object({}, first - tag.TAG_OBJECT);
    if (first >= tag.TAG_NEGATIVE) return first - 0x100;
    switch (first) {
      case tag.TAG_NULL:
        return null;
      case tag.TAG_UNDEFINED:
        return undefined;
      case tag.TAG_FALSE:
        return false;
      case tag.TAG_TRUE:
        return true;
      case tag.TAG_F64:
        return this.#double();
      default:
        return first <= tag.TAG_N32 ? this.#integer(first) : this.#rare(first);
    }
  }

  #rare(first: number): unknown {
    switch (first) {
      case tag.TAG_BIGINT:
      case tag.TAG_BIGINT_NEGATIVE:
        return this.#bigint(first === tag.TAG_BIGINT_NEGATIVE);
      case tag.TAG_STRING_LONG:
      case tag.TAG_STRING_UTF16:
        return this.#textLong(first);
      case tag.TAG_DATE:
        return this.#date();
      case tag.TAG_MAP:
        return this.#map();
      case tag.TAG_SET:
        return this.#set();
      case tag.TAG_ARRAY_LONG:
        return this.#array(this.#countOver(tag.SHORT_COUNT_MAX));
      case tag.TAG_OBJECT_LONG:
        return this.#object({}, this.#countOver(tag.SHORT_COUNT_MAX));
      case tag.TAG_OBJECT_NULL:
        return this.#object(Object.create(null) as Record<string, unknown>, this.#count());
      case tag.TAG_BYTES:
        return this.#copy();
      case tag.TAG_BUFFER:
        return this.#copy().buffer;
      default:
        throw this.#malformed(`unknown tag ${first}`);
    }
  }

  #integer(first: number): number {
    const positive = first <= tag.TAG_U32;
    const form = positive ? first - tag.TAG_U8 : first - tag.TAG_N8;
    const size = 1 << form;
    const at = this.#take(size);
    const bytes = this.#bytes;
    const value = size === 1 ? bytes[at]! : size === 2 ? readU16(bytes, at) : readU32(bytes, at);
    // What the next shorter form would hold.
    const least = form === 0 ? (positive ? 0x80 : 0x20) : form === 1 ? 0x100 : 0x10000;
    if (value < least) throw this.#malformed('an integer is not in its shortest form');
    return positive ? value : -1 - value;
  }

  #double(): number {
    const at = this.#take(8);
    const value = readF64(this.#bytes, at);
    if (value !== value) this.#checkNaN(at);
    const isInteger = value >= -0x1_0000_0000 && value <= 0xffff_ffff && Math.floor(value) === value;
    if (isInteger && !is(value, -0)) throw this.#malformed('an integer is written as a double');
    return value;
  }

  #checkNaN(at: number): void {
    if (readU32(this.#bytes, at) !== 0 || readU32(this.#bytes, at + 4) !== 0x7ff80000) {
      throw this.#malformed('a NaN carries a payload');
    }
  }

  #date(): Date {
    const at = this.#take(8);
    const time = readF64(this.#bytes, at);
    if (time !== time) this.#checkNaN(at);
    else if (!Number.isInteger(time) || Math.abs(time) > tag.DATE_MAX_MS || is(time, -0)) {
      throw this.#malformed('a Date is out of range');
    }
    const date = new NativeDate(time);
    return this.#freezing ? freezeDate(date) : date;
  }

  #bigint(negative: boolean): bigint {
    const size = this.#count();
    const at = this.#take(size);
    if (size === 0) {
      if (negative) throw this.#malformed('a bigint is minus zero');
      return 0n;
    }
    if (this.#bytes[at + size - 1] === 0) throw this.#malformed('a bigint has leading zeros');
    const magnitude = BigInt(
      `0x${Buffer.from(this.#bytes.subarray(at, at + size))
        .reverse()
        .toString('hex')}`,
    );
    return negative ? -magnitude : magnitude;
  }

  #text(size: number): string {
    const at = this.#take(size);
    const text = readUtf8(this.#bytes, at, at + size);
    if (text === undefined) throw this.#malformed('a string is not UTF-8');
    return text;
  }

  #textLong(first: number): string {
    if (first === tag.TAG_STRING_LONG) return this.#text(this.#countOver(tag.SHORT_STRING_MAX_BYTES));
    const size = this.#count() * 2;
    const at = this.#take(size);
    const text = asBuffer(this.#bytes).toString('utf16le', at, at + size);
    if (text.isWellFormed()) throw this.#malformed('a well-formed string is written as UTF-16');
    return text;
  }

  #copy(): Uint8Array {
    const size = this.#count();
    const at = this.#take(size);
    const copy = new Uint8Array(size);
    copy.set(this.#bytes.subarray(at, at + size));
    return copy;
  }

  #array(count: number): unknown[] {
    this.#open(count);
    const freezing = this.#freezing;
    // An empty array takes 17 places with its first entry, and most lists of arguments have one.
    const array: unknown[] = freezing || count === 0 ? [] : [this.#value()];
    for (let i = array.length; i < count; i++) {
      if (freezing && this.#bytesAhead()) defineBytes(array, i, this.#value());
      else array.push(this.#value());
    }
    this.#depthLeft++;
    return freezing ? (freeze(array) as unknown[]) : array;
  }

  #object(object: Record<string, unknown>, count: number): Record<string, unknown> {
    this.#open(count * 2);
    const freezing = this.#freezing;
    let lastIndex = -1;
    let holdsUndefined = false;
    for (let i = 0; i < count; i++) {
      const name = this.#name();
      const first = name.charCodeAt(0);
      if (first <= 0x39 && first >= 0x30) lastIndex = this.#checkOrder(name, lastIndex);
      else lastIndex = Infinity;
      // Something there: a duplicate, or a name that Object.prototype has (`__proto__` for one).
      const special = object[name] !== undefined || holdsUndefined;
      if (special && hasOwn(object, name)) throw this.#malformed('an object has a key twice');
      if (freezing && this.#bytesAhead()) {
        defineBytes(object, name, this.#value());
        continue;
      }
      const value = this.#value();
      if (value === undefined) holdsUndefined = true;
      if (special) defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
      else object[name] = value;
    }
    this.#depthLeft++;
    return freezing ? freeze(object) : object;
  }

  #checkOrder(name: string, lastIndex: number): number {
    const index = indexOfName(name);
    if (index < 0) return Infinity;
    if (index <= lastIndex) throw this.#malformed('object keys are not in order');
    return index;
  }

  #name(): string {
    const first = this.#byte();
    if (first >= tag.TAG_ARRAY || first < tag.TAG_STRING) {
      if (first === tag.TAG_STRING_LONG || first === tag.TAG_STRING_UTF16) return this.#textLong(first);
      throw this.#malformed('an object key is not a string');
    }
    const size = first - tag.TAG_STRING;
    if (size === 0 || size > NAME_CACHED_MAX_BYTES) return this.#text(size);
    const at = this.#take(size);
    const bytes = this.#bytes;
    const slot =
      (size * 37 + bytes[at]! * 17 + bytes[at + size - 1]! * 5 + bytes[at + (size >> 1)]!) & (NAME_CACHE_SIZE - 1);
    const cached = nameCache[slot]!;
    if (cached.length === size) {
      let i = 0;
      while (i < size && cached.charCodeAt(i) === bytes[at + i]) i++;
      // Cached names are ASCII, so equal units mean equal bytes.
      if (i === size) return cached;
    }
    return this.#newName(at, size, slot);
  }

  #newName(at: number, size: number, slot: number): string {
    const bytes = this.#bytes;
    let bits = 0;
    for (let i = at; i < at + size; i++) bits |= bytes[i]!;
    if (bits >= 0x80) {
      this.#position = at;
      return this.#text(size);
    }
    // Taken back from an object's keys it is the engine's one copy of that name, quick as a key.
    const name = Object.keys({ [asciiText(bytes, at, at + size)]: true })[0]!;
    nameCache[slot] = name;
    return name;
  }

  #map(): Map<unknown, unknown> {
    const count = this.#count();
    this.#open(count * 2);
    const map = new Map<unknown, unknown>();
    let holdsBytes = false;
    for (let i = 0; i < count; i++) {
      holdsBytes ||= this.#bytesAhead();
      const key = this.#value();
      holdsBytes ||= this.#bytesAhead();
      map.set(key, this.#value());
      this.#checkMember(key, map.size, i);
    }
    this.#depthLeft++;
    return this.#freezing ? freezeMap(map, holdsBytes) : map;
  }

  #set(): Set<unknown> {
    const count = this.#count();
    this.#open(count);
    const set = new Set<unknown>();
    let holdsBytes = false;
    for (let i = 0; i < count; i++) {
      holdsBytes ||= this.#bytesAhead();
      const member = this.#value();
      set.add(member);
      this.#checkMember(member, set.size, i);
    }
    this.#depthLeft++;
    return this.#freezing ? freezeSet(set, holdsBytes) : set;
  }

  #checkMember(member: unknown, size: number, before: number): void {
    if (size === before) throw this.#malformed('a Map or Set holds a key twice');
    if (is(member, -0)) throw this.#malformed('a Map or Set holds -0');
  }

  /** True when the next value is a Uint8Array or ArrayBuffer. */
  #bytesAhead(): boolean {
    const ahead = this.#bytes[this.#position];
    return ahead === tag.TAG_BYTES || ahead === tag.TAG_BUFFER;
  }

  /** Goes one level down into a container of `count` values, of which each takes at least a byte. */
  #open(count: number): void {
    if (this.#depthLeft-- === 0) throw this.#malformed(`nested deeper than ${tag.DEPTH_MAX} levels`);
    if (count > this.#end - this.#position) throw this.#malformed('a count exceeds the bytes that are left');
  }

  #byte(): number {
    if (this.#position >= this.#end) throw this.#malformed('the bytes end inside a value');
    return this.#bytes[this.#position++]!;
  }

  /** Steps over `size` bytes and returns where they begin. */
  #take(size: number): number {
    const at = this.#position;
    if (size > this.#end - at) throw this.#malformed('the bytes end inside a value');
    this.#position = at + size;
    return at;
  }

  #count(): number {
    let count = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      // Not `<<`: the fifth byte passes 32 bits.
      count += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if ((byte === 0 && shift > 0) || count > 0xffff_ffff) break;
        return count;
      }
    }
    throw this.#malformed('a length is not in its shortest form');
  }

  #countOver(least: number): number {
    const count = this.#count();
    if (count <= least) throw this.#malformed('a length is not in its shortest form');
    return count;
  }

  #malformed(fault: string): SynapseError {
    return new SynapseError('UNSERIALIZABLE', `malformed value: ${fault}`, { offset: this.#position });
  }
}
