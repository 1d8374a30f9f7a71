/** Order of text: that of the UTF-8 bytes, not of the UTF-16 units that JavaScript compares. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8, hasControl, utf8Length } from '../../src/base/text.ts';

test('text is ordered as memcmp orders its UTF-8', () => {
  const textArb = fc.string({
    unit: fc.constantFrom('a', 'b', '\u00e9', '\uffff', '\ue000', '\u{10000}', '\u{10ffff}'),
  });
  fc.assert(
    fc.property(textArb, textArb, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test('a character beyond the basic plane sorts behind U+FFFF', () => {
  expect(['\u{10000}', '\uffff'].sort(compareUtf8)).toEqual(['\uffff', '\u{10000}']);
  expect(['\u{10000}', '\uffff'].sort()).toEqual(['\u{10000}', '\uffff']);
});

test('length counts bytes', () => {
  expect(utf8Length('aé日\u{10000}')).toBe(1 + 2 + 3 + 4);
});

test.each(['\u0000', '\u001f', '\u007f', '\u009f'])('%j is a control character', (text) => {
  expect(hasControl(`a${text}`)).toBe(true);
});

test.each([' ', '~', '\u00a0', '日'])('%j is none', (text) => {
  expect(hasControl(text)).toBe(false);
});
