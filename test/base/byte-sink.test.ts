/** What a sink wrote, a source reads; what is cut short is corrupt, and different writes differ. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSink, ByteSource } from '../../src/base/byte-sink.ts';

type Piece =
  | { readonly kind: 'u8' | 'u32' | 'f64'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array };

const pieceArb: fc.Arbitrary<Piece> = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map((value): Piece => ({ kind: 'u8', value })),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value): Piece => ({ kind: 'u32', value })),
  fc.double().map((value): Piece => ({ kind: 'f64', value })),
  fc.string({ unit: 'grapheme' }).map((value): Piece => ({ kind: 'text', value })),
  fc.uint8Array({ maxLength: 3_000 }).map((value): Piece => ({ kind: 'bytes', value })),
);

function write(sink: ByteSink, pieces: readonly Piece[]): Uint8Array {
  sink.clear();
  for (const piece of pieces) {
    if (piece.kind === 'text') sink.text(piece.value);
    else if (piece.kind === 'bytes') sink.bytes(piece.value);
    else sink[piece.kind](piece.value);
  }
  return sink.take();
}

test('a source reads what a sink wrote, whatever was in it before', () => {
  const sink = new ByteSink();
  fc.assert(
    fc.property(fc.array(pieceArb), (pieces) => {
      const source = new ByteSource(write(sink, pieces));
      for (const { kind, value } of pieces) {
        const read = source[kind]();
        if (kind === 'bytes') expect([...(read as Uint8Array)]).toEqual([...value]);
        else expect(read).toEqual(value);
      }
      expect(source.rest).toBe(0);
    }),
  );
});

test('every cut of a record is found', () => {
  const whole = write(new ByteSink(), [
    { kind: 'u32', value: 7 },
    { kind: 'text', value: 'text' },
    { kind: 'bytes', value: new Uint8Array(5) },
  ]);
  for (let length = 0; length < whole.length; length++) {
    const source = new ByteSource(whole.subarray(0, length));
    expect(() => [source.u32(), source.text(), source.bytes()]).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT' }),
    );
  }
});

test('two texts never give the bytes of two others', () => {
  const sink = new ByteSink();
  const bytes = (...texts: string[]): string =>
    Buffer.from(
      write(
        sink,
        texts.map((value): Piece => ({ kind: 'text', value })),
      ),
    ).toString('hex');
  expect(bytes('ab', 'c')).not.toBe(bytes('a', 'bc'));
});

test('a copy taken stays what it was when the sink goes on', () => {
  const sink = new ByteSink();
  sink.text('first');
  const taken = sink.take();
  const before = [...taken];
  sink.clear();
  sink.text('other');
  expect([...taken]).toEqual(before);
});

test('a short text that comes again has the same bytes, whatever came in its place meanwhile', () => {
  // Texts of one length with the same first and last letters share a place among those written lately.
  const names = ['actor-one-main', 'actor-two-main', 'äctor-two-main', 'main', 'a'.repeat(48), 'a'.repeat(49)];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names), { maxLength: 200 }), (texts) => {
      const sink = new ByteSink();
      const pieces = texts.map((value): Piece => ({ kind: 'text', value }));
      const expected = texts.flatMap((text) => {
        const bytes = Buffer.from(text, 'utf8');
        return [bytes.length, 0, 0, 0, ...bytes];
      });
      expect([...write(sink, pieces)]).toEqual(expected);
    }),
  );
});
