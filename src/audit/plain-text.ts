/**
 * Texts of strangers, made safe to print: what could move a cursor, turn the direction of writing or
 * hide is written as `\u{…}`. Which characters pass is a fixed list, not the engine's idea of Unicode:
 * receipts compare such lines byte for byte, on every engine and in every year.
 */

/** What is printed as it is: ranges of code points, first and last. Left to right, no mark that joins, no blank but a space. */
const PRINTED: readonly (readonly [number, number])[] = [
  [0x20, 0x7e], // ASCII
  [0xa1, 0xac], // Latin, IPA
  [0xae, 0x2af],
  [0x391, 0x3a1], // Greek
  [0x3a3, 0x3ce],
  [0x400, 0x482], // Cyrillic
  [0x48a, 0x4ff],
  [0x3041, 0x3096], // kana
  [0x30a1, 0x30fa],
  [0x4e00, 0x9fa5], // CJK, Hangul
  [0xac00, 0xd7a3],
];

/** Names that need no quotes. */
const BARE_NAME = /^[A-Za-z0-9_.:@-]{1,256}$/;

/** `text` in quotes, on one line. What is made is no longer than `mostLength` and one character more: the rest is not looked at. */
export function quoted(text: string, mostLength: number = Number.POSITIVE_INFINITY): string {
  let out = '"';
  for (const character of text) {
    if (out.length > mostLength) break;
    const code = character.codePointAt(0) as number;
    if (character === '"' || character === '\\') out += `\\${character}`;
    else if (PRINTED.some(([first, last]) => code >= first && code <= last)) out += character;
    else out += `\\u{${code.toString(16)}}`;
  }
  return `${out}"`;
}

/** A name: as it is where nobody can mistake it, else in quotes. */
export function nameText(name: string): string {
  return BARE_NAME.test(name) ? name : quoted(name);
}

/** A time in UTC to the millisecond; a number where it is no time. */
export function timeText(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}
