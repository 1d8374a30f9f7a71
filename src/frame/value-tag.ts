/**
 * The tags and limits of the value codec, and its picture. One byte says what follows; every value
 * has exactly one form (canonical), so equal values made in the same order have equal bytes. A tag
 * is never given a second meaning: journals and audit leaves hold these bytes for good.
 */

/*
 *   byte      value                      followed by
 *   00..7f    integer 0..127             nothing
 *   80..9f    string of 0..31 bytes      UTF-8, well-formed
 *   a0..af    array of 0..15             the elements, no holes
 *   b0..bf    object of 0..15 keys       key (a string), value, key, value ... in the object's own order
 *   c0 c1     null, undefined            nothing
 *   c2 c3     false, true                nothing
 *   c4 c5 c6  integer n >= 128           n in u8, u16, u32, the shortest that holds it
 *   c7 c8 c9  integer -1-n, n >= 32      n in u8, u16, u32, the shortest that holds it
 *   ca        any other number           f64; -0 and integers beyond 32 bits too; one NaN only (7ff8 0...)
 *   cb cc     bigint >= 0, < 0           length, then the magnitude's bytes, last one not 0
 *   cd        string of >= 32 bytes      length in bytes, UTF-8, well-formed
 *   ce        string, lone surrogates    length in units, UTF-16
 *   cf        Date                       f64 of ms since 1970, or NaN (invalid)
 *   d0        Map                        count, then key, value, key, value ... in insertion order
 *   d1        Set                        count, then the members in insertion order
 *   d2        array of >= 16             count, then the elements
 *   d3        object of >= 16 keys       count, then key, value ...
 *   d4        object without prototype   count, then key, value ...
 *   d5 d6     Uint8Array, ArrayBuffer    length, then the bytes
 *   d7..df    free                       refused
 *   e0..ff    integer -32..-1            nothing (the tag as a signed byte)
 *
 *   Lengths and counts: unsigned LEB128, shortest form, below 2^32. Everything is little endian.
 *   Object keys stand in the order JavaScript lists them: array indices ascending, then the others
 *   as they were inserted. No key stands twice; no Map key or Set member is -0 (Map makes it 0).
 */
export const TAG_STRING = 0x80;
export const TAG_ARRAY = 0xa0;
export const TAG_OBJECT = 0xb0;
export const TAG_NULL = 0xc0;
export const TAG_UNDEFINED = 0xc1;
export const TAG_FALSE = 0xc2;
export const TAG_TRUE = 0xc3;
/** Tags of the 16 and 32-bit forms follow that of the 8-bit form. */
export const TAG_U8 = 0xc4;
export const TAG_U32 = 0xc6;
export const TAG_N8 = 0xc7;
export const TAG_N32 = 0xc9;
export const TAG_F64 = 0xca;
export const TAG_BIGINT = 0xcb;
export const TAG_BIGINT_NEGATIVE = 0xcc;
export const TAG_STRING_LONG = 0xcd;
export const TAG_STRING_UTF16 = 0xce;
export const TAG_DATE = 0xcf;
export const TAG_MAP = 0xd0;
export const TAG_SET = 0xd1;
export const TAG_ARRAY_LONG = 0xd2;
export const TAG_OBJECT_LONG = 0xd3;
export const TAG_OBJECT_NULL = 0xd4;
export const TAG_BYTES = 0xd5;
export const TAG_BUFFER = 0xd6;
/** First tag of -32..-1. */
export const TAG_NEGATIVE = 0xe0;

/** Longest string in bytes whose tag holds its length: 5 bits. */
export const SHORT_STRING_MAX_BYTES = 31;
/** Most elements or keys that a tag holds: 4 bits. */
export const SHORT_COUNT_MAX = 15;

/** Containers (arrays, objects, Maps, Sets) one inside another: fixed by the public interface. */
export const DEPTH_MAX = 64;

/**
 * Containers of ours that may stand around a user's value, so that wrapping does not take from the
 * user's 64: an argument list, a details block, a record around them, and one to spare.
 */
export const ENVELOPE_DEPTH_MAX = 4;

/**
 * Largest encoded value, in bytes, where the caller names no limit: four frames. 64 nested arrays
 * that share their elements stand for 2^64 leaves, so without a cap one small value fills memory.
 */
export const VALUE_MAX_BYTES: number = 64 * 1024 * 1024;

/** Largest time value of a Date in ms (ECMA-262, 21.4.1.1). */
export const DATE_MAX_MS = 8.64e15;
