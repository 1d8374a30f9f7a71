/** Lent frames: the bytes of frames of their own, whatever was lent before. */
import { expect, test } from 'vitest';
import { encodeExtension } from '../../src/frame/extension.ts';
import { FRAME_KIND, Frame, type FrameFields, encodeFrame } from '../../src/frame/frame.ts';
import { lendFrame } from '../../src/frame/lent-frame.ts';
import { Chance } from '../../src/testing/chance.ts';

const FIELDS: FrameFields = {
  kind: FRAME_KIND.tell,
  shard: 3,
  messageId: 9,
  timeMs: 1.5,
  target: { tenant: 'umbrella', type: 'unit', key: 'b' },
  payload: new Uint8Array(0),
};

test('a lent frame is what a frame of its own is, whatever was lent before', () => {
  const chance = new Chance(1);
  const one = <T>(...choices: T[]): T => choices[chance.below(choices.length)] as T;
  const extensions = [encodeExtension({ chain: [] }), encodeExtension({ principal: 'p', chain: ['a', 'b'] })];
  for (let round = 0; round < 20_000; round++) {
    const fields: FrameFields = {
      kind: one(FRAME_KIND.tell, FRAME_KIND.call, FRAME_KIND.ack),
      flags: one(0, 1),
      shard: one(3, 4),
      messageId: round,
      correlation: one(0, round),
      floor: one(0, 7),
      timeMs: round / 2,
      incarnation: one(0, 2 ** 40),
      source: one(undefined, { tenant: one('acme', 'ömer'), type: one('', 'unit'), key: one('a', 'aa') }),
      target: { tenant: one('umbrella', 'acme'), type: one('unit', ''), key: one('b', '日本') },
      handler: one('', 'take', 'give'),
      extension: one(new Uint8Array(0), ...extensions),
      payload: new Uint8Array(one(0, 0, 1, 20, 20, 400, round % 100 === 0 ? one(2_000, 70_000, 300_000) : 3)).fill(
        round,
      ),
    };
    const repeats = one(1, 3);
    for (let i = 0; i < repeats; i++) {
      const again = { ...fields, messageId: round + i };
      const lent = lendFrame(again);
      if (Buffer.compare(lent, encodeFrame(again)) !== 0) expect(lent).toEqual(encodeFrame(again));
    }
  }
  expect(Frame.parse(lendFrame(FIELDS)).target).toEqual(FIELDS.target);
});

test('it holds until the next one', () => {
  const first = lendFrame(FIELDS);
  lendFrame({ ...FIELDS, messageId: 10 });
  expect(new Frame(first).messageId).toBe(10);
});

test('one that is refused leaves nothing behind', () => {
  expect(() => lendFrame({ ...FIELDS, handler: '\ud800' })).toThrow('lone surrogate');
  expect(() => lendFrame({ ...FIELDS, payload: new Uint8Array(16 << 20) })).toThrow('at most');
  expect(Buffer.compare(lendFrame(FIELDS), encodeFrame(FIELDS))).toBe(0);
});
