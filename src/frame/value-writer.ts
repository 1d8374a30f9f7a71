/**
 * Writes a value in the form that value-tag.ts draws, in one pass, into a slab that its calls share.
 * Reads of the value may run user code (getters, proxy traps): whatever that throws becomes
 * UNSERIALIZABLE, and whatever that changes meanwhile is refused rather than written wrongly.
 * Never writes past its limit, never keeps a reference to the value once it is done.
 */
import type { ByteSink } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { dateTime, lengthOfBytes, mapEntries, mapSize, setSize, setValues } from './intrinsics.ts';
import { inOrder, ordered } from './key-order.ts';
import { writeF64, writeU16, writeU32 } from './little-endian.ts';
import { describe, kindOf } from './plain.ts';
import { createSlab, INLINE_MAX_BYTES, KEPT_SHARE, SLAB_BYTES, SLAB_ITEM_MAX_BYTES, SPARE_BYTES } from './slab.ts';
import * as tag from './value-tag.ts';
import * as step from './value-path.ts';

const { keys: keysOf, getOwnPropertySymbols: symbolsOf, hasOwn, is } = Object;

/** One encoder; not re-entrant (a getter that encodes needs another one), see {@link encode}. */
export class ValueWriter {
  #buffer: Buffer = Buffer.from(createSlab());
  /** Where this value begins; what lies before belongs to earlier values. */
  #start = 0;
  #position = 0;
  /** Writing stops here: the end of the buffer or the limit, whichever comes first. */
  #end = 0;
  /** With the head, if there is one. */
  #limitBytes = 0;
  #headBytes = 0;
  #depth = 0;
  #depthMax = 0;
  #root = '';
  /** Containers that are open, to tell a circle from mere depth. */
  readonly #open: unknown[] = [];
  readonly #stepKinds = new Uint8Array(tag.DEPTH_MAX + tag.ENVELOPE_DEPTH_MAX);
  readonly #stepNames: unknown[] = [];
  #failure: SynapseError | undefined = undefined;

  /** True while a value is being written. */
  busy = false;

  /** The bytes of `value`; UNSERIALIZABLE or TOO_LARGE. With a `head`, that comes first and `value` is a list of ours. */
  encode(value: unknown, limitBytes: number, root: string, depthMax: number, head: Uint8Array | undefined): Uint8Array {
    this.#write(value, limitBytes, root, depthMax, head);
    return this.#finish();
  }

  /** Writes the bytes of `value`, with their length, where no array of their own is needed: 208 bytes of heap less. */
  encodeInto(sink: ByteSink, value: unknown, limitBytes: number, root: string, depthMax: number): void {
    this.#write(value, limitBytes, root, depthMax, undefined);
    sink.piece(this.#buffer, this.#start, this.#position);
    if (this.#buffer.length > SLAB_BYTES) this.#renew();
  }

  #write(value: unknown, limitBytes: number, root: string, depthMax: number, head: Uint8Array | undefined): void {
    this.busy = true;
    this.#position = this.#start;
    this.#headBytes = head === undefined ? 0 : head.length;
    this.#limitBytes = limitBytes + this.#headBytes;
    this.#end = Math.min(this.#buffer.length, this.#start + this.#limitBytes);
    this.#root = root;
    this.#depthMax = depthMax;
    try {
      if (head !== undefined) this.#copy(head);
      if (head !== undefined) this.#elements(value as unknown[]);
      else this.#value(value);
    } catch (error) {
      const failure = error === this.#failure ? error : this.#refusal('threw while it was read', error);
      this.#abandon();
      throw failure;
    } finally {
      this.#depth = 0;
      this.#failure = undefined;
      this.busy = false;
    }
  }

  #finish(): Uint8Array {
    const start = this.#start;
    const size = this.#position - start;
    const buffer = this.#buffer;
    if (size <= INLINE_MAX_BYTES) {
      // A copy that needs no memory of its own, so that a small value kept for long keeps no slab.
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i++) bytes[i] = buffer[start + i]!;
      return bytes;
    }
    const isGrown = buffer.length > SLAB_BYTES;
    if (isGrown ? buffer.length - size > size / KEPT_SHARE : size > SLAB_ITEM_MAX_BYTES) {
      const bytes = new Uint8Array(size);
      bytes.set(buffer.subarray(start, this.#position));
      if (isGrown) this.#renew();
      return bytes;
    }
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset + start, size);
    this.#start = (this.#position + 7) & ~7;
    // A grown buffer goes with the value that fills it; a slab's last bytes would only make the next one grow.
    if (isGrown || this.#start > SLAB_BYTES - INLINE_MAX_BYTES) this.#renew();
    return bytes;
  }

  #abandon(): void {
    if (this.#buffer.length > SLAB_BYTES) this.#renew();
    this.#open.fill(undefined);
    this.#stepNames.fill(undefined);
  }

  #renew(): void {
    this.#buffer = Buffer.from(createSlab());
    this.#start = 0;
  }

  #value(value: unknown): void {
    switch (typeof value) {
      case 'number':
        return this.#number(value);
      case 'string':
        return this.#string(value);
      case 'object':
        return value === null ? this.#byte(tag.TAG_NULL) : this.#object(value);
      case 'boolean':
        return this.#byte(value ? tag.TAG_TRUE : tag.TAG_FALSE);
      case 'undefined':
        return this.#byte(tag.TAG_UNDEFINED);
      case 'bigint':
        return this.#bigint(value);
      default:
        throw this.#refusal(`is ${describe(value)}`);
    }
  }

  #number(value: number): void {
    // -0 passes `value >>> 0 === value` too; it belongs to the doubles.
    if (value >>> 0 === value && (value !== 0 || is(value, 0))) {
      if (value < 0x80) return this.#byte(value);
      return this.#sized(tag.TAG_U8, value);
    }
    const mirror = -1 - value;
    if (mirror >>> 0 === mirror) {
      if (mirror < 32) return this.#byte(255 - mirror);
      return this.#sized(tag.TAG_N8, mirror);
    }
    this.#room(9);
    this.#buffer[this.#position] = tag.TAG_F64;
    writeF64(this.#buffer, this.#position + 1, value);
    this.#position += 9;
  }

  /** `first` is the tag of the 8-bit form; those of 16 and 32 bits follow it. */
  #sized(first: number, value: number): void {
    const form = value < 0x100 ? 0 : value < 0x10000 ? 1 : 2;
    const size = 1 << form;
    this.#room(1 + size);
    const at = this.#position;
    this.#buffer[at] = first + form;
    if (form === 0) this.#buffer[at + 1] = value;
    else if (form === 1) writeU16(this.#buffer, at + 1, value);
    else writeU32(this.#buffer, at + 1, value);
    this.#position = at + 1 + size;
  }

  #string(text: string): void {
    const length = text.length;
    this.#room(length + 1);
    if (length <= tag.SHORT_STRING_MAX_BYTES) {
      const buffer = this.#buffer;
      const at = this.#position + 1;
      let i = 0;
      for (; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit >= 0x80) break;
        buffer[at + i] = unit;
      }
      if (i === length) {
        buffer[at - 1] = tag.TAG_STRING + length;
        this.#position = at + length;
        return;
      }
    }
    this.#stringLong(text);
  }

  #stringLong(text: string): void {
    const size = Buffer.byteLength(text, 'utf8');
    if (size !== text.length && !text.isWellFormed()) {
      this.#counted(tag.TAG_STRING_UTF16, text.length);
      this.#room(text.length * 2);
      this.#buffer.write(text, this.#position, 'utf16le');
      this.#position += text.length * 2;
      return;
    }
    if (size <= tag.SHORT_STRING_MAX_BYTES) this.#byte(tag.TAG_STRING + size);
    else this.#counted(tag.TAG_STRING_LONG, size);
    this.#room(size);
    this.#buffer.write(text, this.#position, size === text.length ? 'latin1' : 'utf8');
    this.#position += size;
  }

  #bigint(value: bigint): void {
    const magnitude = value < 0n ? -value : value;
    const roomBits = (this.#limitBytes - (this.#position - this.#start)) * 8;
    // Its hex text takes twice its bytes: look at the size first, which asUintN does without making any.
    if (BigInt.asUintN(roomBits, magnitude) !== magnitude) throw this.#overflow();
    let hex = magnitude === 0n ? '' : magnitude.toString(16);
    if (hex.length % 2 === 1) hex = `0${hex}`;
    const bytes = Buffer.from(hex, 'hex').reverse();
    this.#raw(value < 0n ? tag.TAG_BIGINT_NEGATIVE : tag.TAG_BIGINT, bytes);
  }

  #object(value: object): void {
    switch (kindOf(value)) {
      case 'object':
        return this.#plain(value, false);
      case 'array':
        return this.#array(value as unknown[]);
      case 'null-object':
        return this.#plain(value, true);
      case 'map':
        return this.#map(value as Map<unknown, unknown>);
      case 'set':
        return this.#set(value as Set<unknown>);
      case 'date':
        this.#room(9);
        this.#buffer[this.#position] = tag.TAG_DATE;
        writeF64(this.#buffer, this.#position + 1, dateTime.call(value as Date));
        this.#position += 9;
        return this.#refuseExtras(value);
      case 'bytes':
        return this.#raw(tag.TAG_BYTES, value as Uint8Array);
      case 'buffer':
        this.#refuseExtras(value);
        return this.#raw(tag.TAG_BUFFER, new Uint8Array(value as ArrayBuffer));
      default:
        throw this.#refusal(`is ${describe(value)}`);
    }
  }

  #array(array: unknown[]): void {
    // Holes and extra properties could cancel out here; the elements' loop finds holes.
    const named = keysOf(array).length - array.length;
    if (named > 0) throw this.#refusal('is an array with properties besides its elements');
    if (symbolsOf(array).length > 0) throw this.#refusal('is an array with a symbol key');
    this.#elements(array);
  }

  #elements(array: readonly unknown[]): void {
    const count: unknown = array.length;
    // A proxy may call anything its length.
    if (typeof count !== 'number' || count >>> 0 !== count) throw this.#refusal('is an array without a length');
    this.#head(tag.TAG_ARRAY, tag.TAG_ARRAY_LONG, count);
    const depth = this.#enter(array);
    this.#stepKinds[depth] = step.STEP_INDEX;
    for (let i = 0; i < count; i++) {
      const element = array[i];
      this.#stepNames[depth] = i;
      if (element === undefined && !hasOwn(array, i)) throw this.#refusal('is a hole in an array');
      this.#value(element);
    }
    this.#leave(depth);
  }

  #plain(object: object, withoutPrototype: boolean): void {
    let names = keysOf(object);
    if (symbolsOf(object).length > 0) throw this.#refusal('is an object with a symbol key');
    if (withoutPrototype) this.#counted(tag.TAG_OBJECT_NULL, names.length);
    else this.#head(tag.TAG_OBJECT, tag.TAG_OBJECT_LONG, names.length);
    const depth = this.#enter(object);
    this.#stepKinds[depth] = step.STEP_PROPERTY;
    if (!inOrder(names)) names = ordered(names);
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      this.#stepNames[depth] = name;
      this.#string(name);
      this.#value((object as Record<string, unknown>)[name]);
    }
    this.#leave(depth);
  }

  #map(map: Map<unknown, unknown>): void {
    this.#refuseExtras(map);
    const count = mapSize.call(map);
    this.#counted(tag.TAG_MAP, count);
    const depth = this.#enter(map);
    let seen = 0;
    for (const [key, value] of mapEntries.call(map)) {
      this.#stepKinds[depth] = step.STEP_MAP_KEY;
      this.#stepNames[depth] = seen++;
      this.#value(key);
      this.#stepKinds[depth] = step.STEP_MAP_VALUE;
      this.#stepNames[depth] = key;
      this.#value(value);
    }
    this.#stepNames[depth] = undefined;
    this.#leave(depth);
    if (seen !== count) throw this.#refusal('is a Map that changed while it was read');
  }

  #set(set: Set<unknown>): void {
    this.#refuseExtras(set);
    const count = setSize.call(set);
    this.#counted(tag.TAG_SET, count);
    const depth = this.#enter(set);
    this.#stepKinds[depth] = step.STEP_MEMBER;
    let seen = 0;
    for (const member of setValues.call(set)) {
      this.#stepNames[depth] = seen++;
      this.#value(member);
    }
    this.#leave(depth);
    if (seen !== count) throw this.#refusal('is a Set that changed while it was read');
  }

  #refuseExtras(value: object): void {
    if (keysOf(value).length > 0) throw this.#refusal(`is ${describe(value)} with properties of its own`);
  }

  /** Opens a container and returns its depth, where its children's steps are noted. */
  #enter(container: object): number {
    const depth = this.#depth;
    if (depth >= this.#depthMax) {
      const first = this.#open.indexOf(container);
      const circle = `holds itself (a circle through ${this.#path(first)})`;
      throw this.#refusal(first >= 0 ? circle : `is nested deeper than ${tag.DEPTH_MAX} levels`);
    }
    this.#open[depth] = container;
    this.#depth = depth + 1;
    return depth;
  }

  #leave(depth: number): void {
    this.#open[depth] = undefined;
    this.#depth = depth;
  }

  #head(short: number, long: number, count: number): void {
    if (count <= tag.SHORT_COUNT_MAX) this.#byte(short + count);
    else this.#counted(long, count);
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#buffer[this.#position++] = byte;
  }

  /** A tag and a LEB128 number. */
  #counted(first: number, count: number): void {
    this.#byte(first);
    let rest = count;
    while (rest >= 0x80) {
      this.#byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.#byte(rest);
  }

  #raw(first: number, bytes: Uint8Array): void {
    const size = lengthOfBytes.call(bytes);
    this.#counted(first, size);
    this.#copy(bytes, size);
  }

  #copy(bytes: Uint8Array, size: number = bytes.length): void {
    this.#room(size);
    this.#buffer.set(bytes, this.#position);
    this.#position += size;
  }

  /** Makes room for exactly `size` more bytes, or throws TOO_LARGE. */
  #room(size: number): void {
    if (this.#position + size > this.#end) this.#grow(size);
  }

  #grow(size: number): void {
    const used = this.#position - this.#start;
    if (used + size > this.#limitBytes) throw this.#overflow();
    // Doubles what is written, so that the copies cost no more than the writing, with some room behind what comes.
    const capacity = Math.max(SLAB_BYTES, Math.min(this.#limitBytes, 2 * used + size + SPARE_BYTES));
    const grown = Buffer.from(capacity === SLAB_BYTES ? createSlab() : new ArrayBuffer(capacity));
    grown.set(this.#buffer.subarray(this.#start, this.#position));
    this.#buffer = grown;
    this.#start = 0;
    this.#position = used;
    this.#end = Math.min(capacity, this.#limitBytes);
  }

  #path(depth: number): string {
    return step.pathText(this.#root, this.#stepKinds, this.#stepNames, depth);
  }

  #refusal(fault: string, cause?: unknown): SynapseError {
    const path = this.#path(this.#depth);
    this.#failure = new SynapseError('UNSERIALIZABLE', `${path} ${fault}, which cannot travel`, { path }, cause);
    return this.#failure;
  }

  #overflow(): SynapseError {
    this.#failure = step.tooLarge(this.#root, this.#limitBytes - this.#headBytes, this.#path(this.#depth));
    return this.#failure;
  }
}
