/**
 * The value codec: what a message, a reply, an effect or a state entry holds, as bytes and back.
 *
 * Faithful: `decode(encode(x))` equals x, with -0, NaN, undefined, bigint, Date, Map, Set, bytes and the
 * order of keys. Canonical: one value, one byte string, and only that one is accepted back. Bounded: it
 * stops at its limit and at 64 levels, both ways. What does not travel is refused, never dropped: a
 * function, a symbol, a class instance, a hole, a circle. The form is drawn in value-tag.ts.
 */
import { assert } from '../base/assert.ts';
import type { ByteSink } from '../base/byte-sink.ts';
import { SynapseError } from '../base/error.ts';
import { oneByte } from './one-byte.ts';
import {
  DEPTH_MAX,
  ENVELOPE_DEPTH_MAX,
  TAG_ARRAY,
  TAG_U32,
  TAG_U8,
  TAG_UNDEFINED,
  VALUE_MAX_BYTES,
} from './value-tag.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

/** Lengths in the form are below 2^32; this is the largest limit that keeps every sum of two of them exact and addressable. */
const LIMIT_MAX_BYTES = 0x7fff_ffff;

const { is } = Object;
const NO_BYTES = new Uint8Array(0);
const sharedWriter = new ValueWriter();
const plainReader = new ValueReader(false);
const freezingReader = new ValueReader(true);

/** Lists of one small number, such as the arguments of `add(1)`. Nobody may change bytes that came from here. */
const SMALL_LISTS: readonly Uint8Array[] = Array.from({ length: 0x80 }, (_, number) =>
  Uint8Array.of(TAG_ARRAY + 1, number),
);

/** The bytes of a value that takes one byte and comes often. */
function knownBytes(value: unknown): Uint8Array | undefined {
  if (value === undefined) return oneByte(TAG_UNDEFINED);
  return isSmall(value) ? oneByte(value) : undefined;
}

/** The bytes of a list of arguments that comes often. */
function knownList(args: readonly unknown[]): Uint8Array | undefined {
  if (args.length === 0) return oneByte(TAG_ARRAY);
  const first = args[0];
  return args.length === 1 && isSmall(first) ? SMALL_LISTS[first] : undefined;
}

/** -0 is a double. */
function isSmall(value: unknown): value is number {
  return typeof value === 'number' && value >>> 0 === value && value < 0x80 && !is(value, -0);
}

/**
 * The bytes of `value`. They may lie in memory that other values share: never give their `.buffer` away.
 *
 * @param limitBytes most bytes the result may have; beyond it `TOO_LARGE`, `details` `{ limit, unit, path }`
 * @param root what the path in an error begins with, for instance `args[0]`
 * @param depthMax levels of containers: 64, and up to 4 more where containers of ours stand around the user's value
 * @throws SynapseError `UNSERIALIZABLE`, `details.path` names the value, for instance `$.a[2].b`
 */
export function encodeValue(
  value: unknown,
  limitBytes: number = VALUE_MAX_BYTES,
  root: string = '$',
  depthMax: number = DEPTH_MAX,
): Uint8Array {
  const known = limitBytes > 0 ? knownBytes(value) : undefined;
  return known ?? encodeWith(value, limitBytes, root, depthMax, undefined);
}

/**
 * Writes {@link encodeValue}'s bytes into `sink`, behind their length.
 *
 * @throws SynapseError `UNSERIALIZABLE`, `TOO_LARGE`; nothing is written then
 */
export function encodeValueInto(sink: ByteSink, value: unknown): void {
  if (typeof value === 'number' && value >>> 0 === value && !is(value, -0)) {
    countInto(sink, value);
    return;
  }
  const writer = sharedWriter.busy ? new ValueWriter() : sharedWriter;
  writer.encodeInto(sink, value, VALUE_MAX_BYTES, '$', DEPTH_MAX);
}

/** A whole number from 0 on: what is counted is what turns write most, and needs no room of the writer's first. */
function countInto(sink: ByteSink, value: number): void {
  if (value < 0x80) {
    sink.u32(1);
    sink.u8(value);
  } else if (value < 0x100) {
    sink.u32(2);
    sink.u8(TAG_U8);
    sink.u8(value);
  } else if (value < 0x10000) {
    sink.u32(3);
    sink.u8(TAG_U8 + 1);
    sink.u8(value & 0xff);
    sink.u8(value >>> 8);
  } else {
    sink.u32(5);
    sink.u8(TAG_U32);
    sink.u32(value);
  }
}

/**
 * The bytes of an argument list: those of `encodeValue(args)`, but the list itself, which must be a plain
 * array made by us, takes none of the 64 levels, and paths read `args[0].b`. Read with {@link decodeArguments}.
 *
 * @param head what the bytes begin with, before those of the list
 * @throws SynapseError `UNSERIALIZABLE`, `TOO_LARGE`
 */
export function encodeArguments(
  args: readonly unknown[],
  limitBytes: number = VALUE_MAX_BYTES,
  head: Uint8Array = NO_BYTES,
): Uint8Array {
  const known = head.length === 0 && limitBytes > 1 ? knownList(args) : undefined;
  return known ?? encodeWith(args, limitBytes, 'args', DEPTH_MAX + 1, head);
}

/**
 * A fresh, mutable copy of the value that `bytes` holds.
 *
 * @param start where it begins: a view of what lies behind would cost as much as a short value
 * @throws SynapseError `UNSERIALIZABLE` (`malformed value: …`) for any bytes that `encodeValue` does not make
 */
export function decodeValue(bytes: Uint8Array, depthMax: number = DEPTH_MAX, start: number = 0): unknown {
  return plainReader.decode(bytes, depthMax, start);
}

/** The argument list that {@link encodeArguments} wrote. */
export function decodeArguments(bytes: Uint8Array): unknown[] {
  if (bytes.length === 1 && bytes[0] === TAG_ARRAY) return [];
  const args = plainReader.decode(bytes, DEPTH_MAX + 1);
  if (!Array.isArray(args)) throw new SynapseError('UNSERIALIZABLE', 'malformed value: arguments are not an array');
  return args;
}

/**
 * A deep-frozen copy: mutators of a Map, Set or Date in it throw TypeError, bytes inside it are read as
 * copies. A Uint8Array or ArrayBuffer at the top is a fresh, mutable one: see `copyOfBytes` in frozen.ts.
 *
 * @throws SynapseError `UNSERIALIZABLE`, as {@link decodeValue}
 */
export function decodeFrozen(bytes: Uint8Array, depthMax: number = DEPTH_MAX): unknown {
  return freezingReader.decode(bytes, depthMax);
}

function encodeWith(
  value: unknown,
  limitBytes: number,
  root: string,
  depthMax: number,
  head: Uint8Array | undefined,
): Uint8Array {
  assert(depthMax <= DEPTH_MAX + ENVELOPE_DEPTH_MAX, 'the codec opens at most 68 levels');
  assert(limitBytes >= 0, 'a limit in bytes is not negative');
  // A getter of the value may encode something itself.
  const writer = sharedWriter.busy ? new ValueWriter() : sharedWriter;
  return writer.encode(value, Math.min(limitBytes, LIMIT_MAX_BYTES), root, depthMax, head);
}
