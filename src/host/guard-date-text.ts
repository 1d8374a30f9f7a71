/**
 * Dates as text, in UTC whatever zone the process has: `toString` and the parsing of texts that name
 * no zone, which the engine reads as local time.
 *
 * Parsing leaves all the work to the engine's parser: a text without a zone gets one appended. Only
 * the question "does it name a zone?" is answered here, by V8's own grammar (src/date/dateparser-inl.h):
 *
 *   ISO date            2020-01-02              UTC by the standard
 *   ISO date and time   2020-01-02T10:00        local: 'Z' is appended
 *   legacy              Jan 2 2020 10:00        local: ' UTC' is appended, unless after a number there
 *                                               is a zone's name, or after a time a sign
 */

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const ISO_DATE = /^(?!-000000)(?:\d{4}|[+-]\d{6})(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?$/;
const ISO_TIME = /^(?:[01]\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$/;

/** What V8 takes for the start of an ISO date, whatever follows: digits there are no time even before a colon. */
const ISO_START =
  /^(?:\d{4}|[+-]\d{6})(?!\d)(?:-(?:(?:0[1-9]|1[0-2])(?!\d)(?:-(?:(?:0[1-9]|[12]\d|3[01])(?!\d))?)?)?)?/;

/** Names that V8 takes for a zone when they follow a number. */
const ZONES: ReadonlySet<string> = new Set([
  'ut',
  'utc',
  'z',
  'gmt',
  'est',
  'edt',
  'cst',
  'cdt',
  'mst',
  'mdt',
  'pst',
  'pdt',
]);

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

/** `Wed Jan 01 2020`, of a valid date. */
export function dayText(date: Date): string {
  const year = date.getUTCFullYear();
  const digits = `${Math.abs(year)}`.padStart(4, '0');
  return `${DAYS[date.getUTCDay()]} ${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())} ${year < 0 ? '-' : ''}${digits}`;
}

/** `00:00:00 GMT+0000 (Coordinated Universal Time)`, of a valid date. */
export function timeText(date: Date): string {
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return `${clock} GMT+0000 (Coordinated Universal Time)`;
}

/** `Date.parse(text)` as a process in UTC would answer: ms since 1970, or NaN. `parse` is the engine's own. */
export function parseInUtc(text: string, parse: (text: string) => number): number {
  const split = text.indexOf('T');
  const day = split < 0 ? text : text.slice(0, split);
  if (ISO_DATE.test(day)) {
    if (split < 0) return parse(text);
    if (ISO_TIME.test(text.slice(split + 1))) return parse(`${text}Z`);
  }
  const scan = scanLegacy(text);
  // A parenthesis left open swallows the rest of the text, so it is closed first.
  return parse(scan.zone ? text : `${text}${')'.repeat(scan.open)} UTC`);
}

/** Follows V8's legacy grammar as far as to find a zone; texts that V8 refuses may get either answer. */
function scanLegacy(text: string): { zone: boolean; open: number } {
  const start = ISO_START.exec(text)?.[0].length ?? 0;
  let sawNumber = start > 0;
  let timeParts = 0; // hour, minute, second, millisecond
  for (let i = start; i < text.length;) {
    const unit = text.charCodeAt(i);
    if (isDigit(unit)) {
      const end = spanOf(text, i, isDigit);
      const number = Number(text.slice(i, end));
      sawNumber = true;
      i = end;
      if (text[i] === ':') {
        i += 1;
        timeParts += text[i] === ':' ? 2 : 1;
        if (text[i] === ':') i += 1;
      } else {
        const point = text[i] === '.';
        if (point) i += 1;
        if (expectsTime(timeParts, number)) {
          if (point) i = spanOf(text, i, isDigit); // milliseconds, of any length
          timeParts = 4;
        } else if (text[i] === '-') {
          i += 1; // the hyphen of a date, as in 1-2-2020
        }
      }
    } else if (unit === 0x28) {
      const depth = depthOf(text, i);
      if (depth.open > 0) return { zone: false, open: depth.open };
      i = depth.end;
    } else if (isWord(unit)) {
      const end = spanOf(text, i, isWord);
      const word = text.slice(i, end).toLowerCase();
      if (sawNumber && ZONES.has(word)) return { zone: true, open: 0 };
      i = end;
      if (MONTHS.some((month) => word.startsWith(month.toLowerCase())) && text[i] === '-') i += 1; // 1-Jan-2020
    } else {
      if ((unit === 0x2b || unit === 0x2d) && timeParts > 0) return { zone: true, open: 0 };
      i += 1;
    }
  }
  return { zone: false, open: 0 };
}

/** True when a number without a colon behind it belongs to the time. */
function expectsTime(timeParts: number, number: number): boolean {
  if (timeParts === 1 || timeParts === 2) return number < 60;
  return timeParts === 3 && number < 1_000;
}

/** Where the parenthesis at `from` ends, or how many are open at the end of the text. */
function depthOf(text: string, from: number): { end: number; open: number } {
  let open = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '(') open += 1;
    else if (text[i] === ')') open -= 1;
    if (open === 0) return { end: i + 1, open: 0 };
  }
  return { end: text.length, open };
}

function spanOf(text: string, from: number, belongs: (unit: number) => boolean): number {
  let end = from;
  while (end < text.length && belongs(text.charCodeAt(end))) end += 1;
  return end;
}

function isDigit(unit: number): boolean {
  return unit >= 0x30 && unit <= 0x39;
}

/** V8: every unit from 'A' up that is no white space, letters or not. */
function isWord(unit: number): boolean {
  return unit >= 0x41 && !/\s/.test(String.fromCharCode(unit));
}
