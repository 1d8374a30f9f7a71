/** Step records: a round trip of everything, and damage that is never taken for a record. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type StepBody, decodeRecord, encodeRecord } from '../../src/actor/record.ts';

const bodyArb: fc.Arbitrary<StepBody> = fc.record({
  configId: fc.nat(),
  nowMs: fc.nat(),
  seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  decisions: fc.array(fc.boolean()),
  acks: fc.array(
    fc.record({ tenant: fc.string({ unit: 'grapheme' }), incarnation: fc.maxSafeNat(), counter: fc.maxSafeNat() }),
  ),
  frame: fc.uint8Array({ maxLength: 200 }),
});

test('a record reads back as it was written', () => {
  const plain = (bytes: Uint8Array): number[] => [...bytes];
  fc.assert(
    fc.property(bodyArb, (body) => {
      const { seed, digest, frame, ...read } = decodeRecord(encodeRecord(body));
      const { seed: _seed, digest: _digest, frame: _frame, ...rest } = body;
      expect(read).toEqual(rest);
      expect([seed, digest, frame].map(plain)).toEqual([body.seed, body.digest, body.frame].map(plain));
    }),
  );
});

test('a record cut short is corrupt, never another record', () => {
  fc.assert(
    fc.property(bodyArb, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (body, part) => {
      const bytes = encodeRecord(body);
      const cut = bytes.slice(0, Math.floor(bytes.length * part));
      expect(() => decodeRecord(cut)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }),
  );
});

test('a record of another version is refused by name', () => {
  const bytes = encodeRecord({
    configId: 0,
    nowMs: 0,
    seed: new Uint8Array(16),
    digest: new Uint8Array(32),
    decisions: [],
    acks: [],
    frame: new Uint8Array(),
  });
  bytes[0] = 2;
  expect(() => decodeRecord(bytes)).toThrow(/record version 2, expected 1/);
});
