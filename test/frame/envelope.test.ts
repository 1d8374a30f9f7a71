/** Envelopes: byte for byte the frames that are encoded at once, with the same errors. */
import { expect, test } from 'vitest';
import { encodeArguments } from '../../src/frame/codec.ts';
import { Envelope } from '../../src/frame/envelope.ts';
import { encodeExtension } from '../../src/frame/extension.ts';
import { FRAME_KIND, encodeFrame } from '../../src/frame/frame.ts';
import { FRAME_MAX_BYTES } from '../../src/frame/header.ts';

const target = { tenant: 'acme', type: 'account', key: 'алиса' };
const LISTS: readonly (readonly unknown[])[] = [
  [],
  [1],
  ['x'.repeat(40), { a: [1, 2, { b: null }] }],
  ['y'.repeat(5_000)],
  ['z'.repeat(100_000)],
  [new Uint8Array(1_000_000)],
];

test('a sealed envelope is the frame that encodeFrame makes', () => {
  const fields = { kind: FRAME_KIND.call, shard: 7, target, handler: 'deposit' };
  for (const extension of [new Uint8Array(0), encodeExtension({ principal: 'p'.repeat(400) })]) {
    const envelope = new Envelope({ ...fields, extension });
    for (let round = 0; round < 300; round++) {
      const args = LISTS[round % LISTS.length]!;
      const numbers = { messageId: 2 ** 40 + round, timeMs: 1_732_152_000_000.25 + round, incarnation: 2 ** 47 - 5 };
      const frame = encodeFrame({ ...fields, ...numbers, extension, payload: encodeArguments(args) });
      const sealed = envelope.seal(args, numbers.messageId, numbers.timeMs, numbers.incarnation);
      expect(Buffer.compare(sealed, frame)).toBe(0);
    }
  }
});

test('sealed frames stay as they are when others are sealed', () => {
  const envelope = new Envelope({ kind: FRAME_KIND.tell, shard: 1, target, handler: 'note' });
  const sealed = Array.from({ length: 1_000 }, (_, i) => envelope.seal([i, 'k'.repeat(i % 300)], i, i, i));
  for (const [i, bytes] of sealed.entries()) {
    expect(Buffer.compare(bytes, envelope.seal([i, 'k'.repeat(i % 300)], i, i, i))).toBe(0);
  }
});

test('what cannot travel is refused, and the next message travels', () => {
  const envelope = new Envelope({ kind: FRAME_KIND.call, shard: 1, target, handler: 'note' });
  expect(() => envelope.seal([1, () => undefined], 1, 1, 1)).toThrow('args[1] is a function');
  expect(() => envelope.seal([new Uint8Array(FRAME_MAX_BYTES)], 1, 1, 1)).toThrow('a frame takes');
  const reentrant = {
    get a() {
      return envelope.seal(['inner'], 2, 2, 2).length;
    },
  };
  const length = envelope.seal(['inner'], 2, 2, 2).length;
  expect(envelope.seal([reentrant], 3, 3, 3)).toEqual(envelope.seal([{ a: length }], 3, 3, 3));
  expect(() => new Envelope({ kind: FRAME_KIND.call, shard: 1, target, handler: '\ud800' })).toThrow('lone surrogate');
});
