/** A reply written in place is the frame that its fields make, byte for byte. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FRAME_KIND, FRAME_STATUS, Frame, encodeFrame } from '../../src/frame/frame.ts';
import { encodeReply } from '../../src/frame/reply.ts';

test('replies of any size, one after the other, are what encodeFrame makes of their fields', () => {
  const id = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const replies = fc.record({ messageId: id, incarnation: id, ok: fc.boolean(), timeMs: fc.integer() });
  fc.assert(
    fc.property(fc.array(fc.tuple(replies, fc.uint8Array({ maxLength: 1_200 })), { maxLength: 20 }), (all) => {
      for (const [fields, payload] of all) {
        const { messageId, incarnation, ok, timeMs } = fields;
        const expected = encodeFrame({
          kind: FRAME_KIND.reply,
          flags: ok ? FRAME_STATUS.ok : FRAME_STATUS.error,
          shard: 0,
          messageId: 0,
          correlation: messageId,
          timeMs,
          incarnation,
          target: { tenant: '', type: '', key: '' },
          payload,
        });
        const bytes = encodeReply(fields, payload);
        expect([...bytes]).toEqual([...expected]);
        expect(Frame.parse(bytes.slice()).correlation).toBe(messageId);
      }
    }),
  );
});
