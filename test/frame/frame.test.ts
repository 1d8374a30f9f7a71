/** Frames: one encoding, read lazily, with strangers' bytes checked to the last length. */
import { describe, expect, test } from 'vitest';
import { SynapseError, type ErrorCode } from '../../src/base/error.ts';
import { hexOf } from '../../src/base/hash.ts';
import { encodeValue } from '../../src/frame/codec.ts';
import { decodeExtension, encodeExtension, type Extension } from '../../src/frame/extension.ts';
import {
  decodeError,
  encodeError,
  encodeFrame,
  Frame,
  FRAME_KIND,
  FRAME_STATUS,
  type FrameFields,
} from '../../src/frame/frame.ts';
import {
  FRAME_MAX_BYTES,
  frameCorrelation,
  frameFlags,
  frameFloor,
  frameIncarnation,
  frameKind,
  frameMessageId,
  frameShard,
  frameTimeMs,
  HEADER_BYTES,
  withFloor,
} from '../../src/frame/header.ts';

const FULL: FrameFields = {
  kind: FRAME_KIND.reply,
  flags: FRAME_STATUS.error,
  shard: 4_000_000_000,
  messageId: Number.MAX_SAFE_INTEGER,
  correlation: 2 ** 32 + 5,
  floor: 77,
  timeMs: 1_732_152_000_000.25,
  incarnation: 2 ** 40 + 1,
  source: { tenant: 'acme', type: 'account', key: 'алиса' },
  target: { tenant: 'globex €', type: 'ledger', key: 'k'.repeat(256) },
  handler: 'deposit',
  extension: encodeExtension({ principal: 'user:7' }),
  payload: encodeValue(['x'.repeat(1000)]),
};
const SPARE: FrameFields = {
  kind: FRAME_KIND.tell,
  shard: 0,
  messageId: 1,
  timeMs: 0,
  target: { tenant: 't', type: 'a', key: 'b' },
  payload: new Uint8Array(0),
};

function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof SynapseError) return error.code;
    throw error;
  }
  return undefined;
}

describe('a frame', () => {
  test('gives back every field', () => {
    const frame = Frame.parse(encodeFrame(FULL));
    for (const name of [
      'kind',
      'flags',
      'shard',
      'messageId',
      'correlation',
      'floor',
      'timeMs',
      'incarnation',
    ] as const) {
      expect(frame[name]).toBe(FULL[name]);
    }
    expect(frame.source).toEqual(FULL.source);
    expect(frame.target).toEqual(FULL.target);
    expect(frame.handler).toBe('deposit');
    expect(frame.extension).toEqual(FULL.extension);
    expect(frame.payload).toEqual(FULL.payload);
  });

  test('without its optional fields has zeros, no source and empty bytes', () => {
    const frame = Frame.parse(encodeFrame(SPARE));
    expect([frame.flags, frame.correlation, frame.floor, frame.incarnation]).toEqual([0, 0, 0, 0]);
    expect([frame.source, frame.handler, frame.extension.length, frame.payload.length]).toEqual([undefined, '', 0, 0]);
    expect(frame.bytes.length).toBe(HEADER_BYTES + 3);
  });

  test('has bytes that never change, since journals and audit leaves hold them', () => {
    const bytes = encodeFrame({
      ...SPARE,
      handler: 'h',
      payload: Uint8Array.of(0xa1, 0x0a),
      correlation: 2,
      floor: 3,
      incarnation: 4,
    });
    expect(hexOf(bytes)).toBe(
      '0100020056000000' +
        '0000000002000000' +
        '0100000000000000' +
        '0200000000000000' +
        '0300000000000000' +
        '0000000000000000' +
        '0400000000000000' +
        '0000000000000100' +
        '0100010001000000' +
        '0000000000000000' +
        '74616268a10a',
    );
  });

  test('is routed from raw bytes at fixed offsets', () => {
    const bytes = encodeFrame(FULL);
    expect([frameKind(bytes), frameFlags(bytes), frameShard(bytes)]).toEqual([FULL.kind, FULL.flags, FULL.shard]);
    expect([frameMessageId(bytes), frameCorrelation(bytes)]).toEqual([FULL.messageId, FULL.correlation]);
    expect([frameFloor(bytes), frameTimeMs(bytes)]).toEqual([FULL.floor, FULL.timeMs]);
    expect(frameIncarnation(bytes)).toBe(FULL.incarnation);
  });

  test('takes another floor in place and changes nothing else', () => {
    const bytes = encodeFrame(FULL);
    expect(withFloor(bytes, 2 ** 45)).toBe(bytes);
    expect(bytes).toEqual(encodeFrame({ ...FULL, floor: 2 ** 45 }));
    expect(() => withFloor(bytes, -1)).toThrow('bug');
  });

  test('is one of many made one after another, each its own', () => {
    const made = Array.from({ length: 500 }, (_, i) =>
      encodeFrame({ ...FULL, messageId: i, handler: 'h'.repeat(i % 90) }),
    );
    made.forEach((bytes, i) => {
      const frame = Frame.parse(bytes);
      expect([frame.messageId, frame.handler.length, frame.target.key]).toEqual([i, i % 90, FULL.target.key]);
    });
  });

  test('may lie anywhere in a larger buffer', () => {
    const bytes = encodeFrame(FULL);
    const larger = new Uint8Array(bytes.length + 20);
    larger.set(bytes, 13);
    expect(Frame.parse(larger.subarray(13, 13 + bytes.length)).target).toEqual(FULL.target);
    expect(Frame.parse(Buffer.from(bytes)).handler).toBe('deposit');
  });

  test('over 16 MiB is refused with its limit, at 16 MiB it travels', () => {
    const room = FRAME_MAX_BYTES - HEADER_BYTES - 3;
    expect(Frame.parse(encodeFrame({ ...SPARE, payload: new Uint8Array(room) })).payload.length).toBe(room);
    expect(codeOf(() => encodeFrame({ ...SPARE, payload: new Uint8Array(room + 1) }))).toBe('TOO_LARGE');
  });

  test('with a name that is no text, or too long for its field, is refused', () => {
    expect(codeOf(() => encodeFrame({ ...SPARE, handler: '\ud800' }))).toBe('UNSERIALIZABLE');
    expect(codeOf(() => encodeFrame({ ...SPARE, handler: 'x'.repeat(70_000) }))).toBe('TOO_LARGE');
  });

  test('with numbers that are no ids is a bug of the caller', () => {
    for (const messageId of [-1, 0.5, NaN, 2 ** 53]) expect(() => encodeFrame({ ...SPARE, messageId })).toThrow('bug');
    expect(() => encodeFrame({ ...SPARE, timeMs: NaN })).toThrow('bug');
    expect(() => encodeFrame({ ...SPARE, shard: 2 ** 32 })).toThrow('bug');
    expect(() => encodeFrame({ ...SPARE, flags: 256 })).toThrow('bug');
  });
});

describe("a stranger's frame", () => {
  test('of another major version is refused by that name, of a later minor version accepted', () => {
    const bytes = encodeFrame(FULL);
    bytes[0] = 2;
    expect(codeOf(() => Frame.parse(bytes))).toBe('PROTOCOL_VERSION');
    expect(codeOf(() => Frame.parse(bytes.subarray(0, 1)))).toBe('PROTOCOL_VERSION');
    bytes[0] = 1;
    bytes[1] = 9;
    bytes[76] = 1;
    expect(Frame.parse(bytes).messageId).toBe(FULL.messageId);
  });

  test('cut anywhere, or with a byte more, is malformed', () => {
    const bytes = encodeFrame(FULL);
    for (let size = 0; size < bytes.length; size++)
      expect(codeOf(() => Frame.parse(bytes.slice(0, size)))).toBe('UNSERIALIZABLE');
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    expect(codeOf(() => Frame.parse(longer))).toBe('UNSERIALIZABLE');
  });

  test('with any length changed is malformed', () => {
    for (const offset of [4, 5, 6, 7, 12, 13, 14, 15, 56, 57, 58, 60, 62, 64, 66, 68, 69, 72, 73, 75]) {
      const bytes = encodeFrame(FULL);
      bytes[offset]! ^= 0x40;
      expect(codeOf(() => Frame.parse(bytes))).toBe('UNSERIALIZABLE');
    }
  });

  test.each([
    ['an unknown kind', 2, 11],
    ['kind 0', 2, 0],
    ['spare bytes in use', 70, 1],
    ['other spare bytes in use', 79, 1],
    ['a message id beyond 2^53', 23, 1],
    ['a correlation beyond 2^53', 31, 1],
    ['a floor beyond 2^53', 39, 1],
    ['an incarnation beyond 2^53', 55, 1],
    ['a name that is not UTF-8', 80, 0xff],
  ])('with %s is malformed', (_, offset, byte) => {
    const bytes = encodeFrame(FULL);
    bytes[offset] = byte;
    expect(codeOf(() => Frame.parse(bytes))).toBe('UNSERIALIZABLE');
  });

  test('with a time that is not finite, or half a source, is malformed', () => {
    const timeless = encodeFrame(FULL);
    timeless.set([0, 0, 0, 0, 0, 0, 0xf0, 0x7f], 40);
    expect(codeOf(() => Frame.parse(timeless))).toBe('UNSERIALIZABLE');
    const half = encodeFrame(SPARE);
    half[56 + 6] = 0; // the target's tenant goes to the source's type: the sum stays the same
    half[56 + 2] = 1;
    expect(codeOf(() => Frame.parse(half))).toBe('UNSERIALIZABLE');
  });
});

describe('an extension', () => {
  const full: Extension = {
    principal: 'user:é',
    deadlineMs: 1_732_152_000_000.5,
    trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    idempotencyKey: '',
    chain: ['acme/account/alice', 'acme/account/bob'],
  };

  test('gives back its entries, and only those it has', () => {
    expect(decodeExtension(encodeExtension(full))).toEqual(full);
    expect(decodeExtension(encodeExtension({ trace: 't' }))).toEqual({ trace: 't' });
    expect(encodeExtension({})).toHaveLength(0);
    expect(decodeExtension(new Uint8Array(0))).toEqual({});
  });

  test('passes over entries of a later version', () => {
    const bytes = encodeExtension(full);
    const later = Uint8Array.from([...bytes, 6, 2, 0, 0, 0, 0xff, 0xfe, 200, 0, 0, 0, 0]);
    expect(decodeExtension(later)).toEqual(full);
  });

  test('that is cut, out of order or of the wrong shape is malformed', () => {
    const bytes = encodeExtension({ principal: 'a', deadlineMs: 5 });
    for (const size of [1, 4, 5, 8, bytes.length - 1])
      expect(codeOf(() => decodeExtension(bytes.slice(0, size)))).toBe('UNSERIALIZABLE');
    const bad: number[][] = [
      [3, 0, 0, 0, 0, 1, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 1, 0, 0, 0, 0],
      [1, 1, 0, 0, 0, 0xff],
      [2, 1, 0, 0, 0, 0],
      [5, 1, 0, 0, 0, 0],
      [5, 2, 0, 0, 0, 0xa1, 0x01],
      [1, 0xff, 0xff, 0xff, 0xff],
    ];
    for (const entry of bad) expect(codeOf(() => decodeExtension(Uint8Array.from(entry)))).toBe('UNSERIALIZABLE');
    expect(codeOf(() => encodeExtension({ idempotencyKey: '\udc00' }))).toBe('UNSERIALIZABLE');
  });
});

describe('an error that travels', () => {
  test('keeps code, message and details, and never its stack or cause', () => {
    const error = new SynapseError('REFUSED', 'no €', { amount: -1, at: new Date(5) }, new Error('hidden cause'));
    const bytes = encodeError(error);
    const copy = decodeError(bytes);
    expect(copy).toBeInstanceOf(SynapseError);
    expect([copy.code, copy.message, copy.details]).toEqual(['REFUSED', 'no €', { amount: -1, at: new Date(5) }]);
    expect(copy.cause).toBeUndefined();
    expect(Buffer.from(bytes).toString('latin1')).not.toMatch(/hidden|frame\.test/);
  });

  test('with details that cannot travel says so instead of failing', () => {
    const copy = decodeError(encodeError(new SynapseError('HANDLER_FAILED', 'm', { a: { b: () => 1 } })));
    expect(copy.code).toBe('HANDLER_FAILED');
    expect(copy.details['detailsOmitted']).toContain('details.a.b');
    const large = decodeError(encodeError(new SynapseError('REFUSED', 'm', { a: 'x'.repeat(1_000_000) })));
    expect(large.details['detailsOmitted']).toContain('bytes');
  });

  test('with details 64 levels deep keeps them', () => {
    let deep: Record<string, unknown> = { end: 1 };
    for (let i = 0; i < 63; i++) deep = { deep };
    expect(decodeError(encodeError(new SynapseError('REFUSED', 'm', deep))).details).toEqual(deep);
  });

  test('with a huge message is cut, with a lone surrogate is kept', () => {
    expect(decodeError(encodeError(new SynapseError('REFUSED', 'x'.repeat(5_000_000)))).message).toHaveLength(16_384);
    expect(decodeError(encodeError(new SynapseError('REFUSED', 'a\ud800'))).message).toBe('a\ud800');
  });

  test('with a code of a later version becomes HANDLER_FAILED that names it', () => {
    const copy = decodeError(encodeValue(['QUOTA', 'too much', { limit: 3 }]));
    expect([copy.code, copy.message, copy.details]).toEqual([
      'HANDLER_FAILED',
      'QUOTA: too much',
      { limit: 3, code: 'QUOTA' },
    ]);
  });

  test.each([[[1, 'm', {}]], [['REFUSED', 1, {}]], [['REFUSED', 'm', null]], [['REFUSED', 'm']], [{}]])(
    '%j is malformed',
    (value) => {
      expect(codeOf(() => decodeError(encodeValue(value)))).toBe('UNSERIALIZABLE');
    },
  );
});
