/**
 * Encoded values as text, for verifiers without Node: the form that src/frame/value-tag.ts draws, read
 * again in its plainest way. Prints much like JavaScript source; stops at a length. Runs no user code
 * and makes nothing but text, so that a hostile value costs no more than its bytes.
 */
import { ByteReader } from './byte-reader.ts';
import { base64Text, hexText } from './bytes.ts';
import { nameText, quoted, timeText } from './plain-text.ts';

/** Containers in each other: 64 of a user, 4 around them, as the codec allows. */
const DEPTH_MAX = 68;
/** Longest text of one value: enough to recognise it, few enough to read. Part of the receipt's format. */
const TEXT_MAX_LENGTH = 2_000;

/** Not throwing: what is no encoded value is `(n bytes that are no value)`. */
export function valueText(bytes: Uint8Array): string {
  return textOf(bytes, (printer) => printer.value());
}

/** An encoded list of arguments, without brackets around it. */
export function argumentsText(bytes: Uint8Array): string {
  const text = valueText(bytes);
  return text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
}

/** An encoded error: `[code, message, details]`. */
export function errorText(bytes: Uint8Array): string {
  return textOf(bytes, (printer) => printer.error());
}

function textOf(bytes: Uint8Array, print: (printer: ValuePrinter) => void): string {
  const printer = new ValuePrinter(bytes);
  try {
    print(printer);
    if (printer.rest === 0 || printer.isFull) return cut(printer.text, bytes.length);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return `(${bytes.length} bytes that are no value)`;
}

function cut(text: string, sizeBytes: number): string {
  return text.length <= TEXT_MAX_LENGTH ? text : `${text.slice(0, TEXT_MAX_LENGTH)}… (${sizeBytes} bytes in all)`;
}

class ValuePrinter {
  readonly #reader: ByteReader;
  #depth = 0;
  text = '';

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes);
  }

  get rest(): number {
    return this.#reader.rest;
  }

  /** More than will be shown is there already: the rest need not be read. */
  get isFull(): boolean {
    return this.text.length > TEXT_MAX_LENGTH;
  }

  /** `CODE: "message" {details}`, as src/frame/frame.ts encodes an error. */
  error(): void {
    if (this.#reader.u8() !== 0xa3) throw new RangeError('an error has three parts');
    this.text += `${nameText(this.#string())}: ${quoted(this.#string())}`;
    const at = this.text.length;
    this.value();
    if (this.text.slice(at) === '{}') this.text = this.text.slice(0, at);
    else this.text = `${this.text.slice(0, at)} ${this.text.slice(at)}`;
  }

  value(): void {
    if (this.isFull) return;
    const first = this.#reader.u8();
    if (first < 0x80) this.text += String(first);
    else if (first < 0xa0) this.text += quoted(this.#reader.text(first - 0x80));
    else if (first < 0xb0) this.#items('[', ']', first - 0xa0);
    else if (first < 0xc0) this.#entries('{', '}', first - 0xb0);
    else if (first >= 0xe0) this.text += String(first - 0x100);
    else this.#rare(first);
  }

  #rare(first: number): void {
    const reader = this.#reader;
    switch (first) {
      case 0xc0:
      case 0xc1:
      case 0xc2:
      case 0xc3:
        this.text += ['null', 'undefined', 'false', 'true'][first - 0xc0] as string;
        return;
      case 0xca:
        this.text += numberText(reader.f64());
        return;
      case 0xcb:
      case 0xcc:
        this.#bigint(first === 0xcc);
        return;
      case 0xcd:
      case 0xce:
        this.text += quoted(this.#longString(first), TEXT_MAX_LENGTH);
        return;
      case 0xcf:
        this.text += `Date(${timeText(reader.f64())})`;
        return;
      case 0xd5:
      case 0xd6:
        // Of what will be cut anyway only the beginning is made.
        this.text += `${first === 0xd5 ? 'bytes' : 'buffer'}(${base64Text(reader.raw(reader.count()).subarray(0, TEXT_MAX_LENGTH))})`;
        return;
      default:
        if (first < 0xca) this.text += this.#integer(first);
        else this.#container(first);
    }
  }

  #container(first: number): void {
    const count = this.#reader.count();
    if (first === 0xd0) this.#entries('Map{', '}', count, ' => ');
    else if (first === 0xd1) this.#items('Set{', '}', count);
    else if (first === 0xd2) this.#items('[', ']', count);
    else if (first === 0xd3 || first === 0xd4) this.#entries('{', '}', count);
    else throw new RangeError('an unknown tag');
  }

  #integer(first: number): string {
    const form = first < 0xc7 ? first - 0xc4 : first - 0xc7;
    const reader = this.#reader;
    const value = form === 0 ? reader.u8() : form === 1 ? reader.u16() : reader.u32();
    return String(first < 0xc7 ? value : -1 - value);
  }

  #bigint(isNegative: boolean): void {
    const bytes = this.#reader.raw(this.#reader.count());
    // The highest are the last. More than is shown anyway stays in hex: the decimal form of a long one takes long to make.
    const highest = bytes.slice(-TEXT_MAX_LENGTH - 1).reverse();
    const isLong = bytes.length > TEXT_MAX_LENGTH;
    const value = isLong ? `0x${hexText(highest)}` : String(BigInt(`0x0${hexText(highest)}`));
    this.text += `${isNegative ? '-' : ''}${value}n`;
  }

  #string(): string {
    const first = this.#reader.u8();
    if (first >= 0x80 && first < 0xa0) return this.#reader.text(first - 0x80);
    if (first === 0xcd || first === 0xce) return this.#longString(first);
    throw new RangeError('a key is a string');
  }

  #longString(first: number): string {
    const size = this.#reader.count();
    if (first === 0xcd) return this.#reader.text(size);
    let text = '';
    const units = new ByteReader(this.#reader.raw(2 * size));
    while (units.rest > 0 && text.length <= TEXT_MAX_LENGTH) text += String.fromCharCode(units.u16());
    return text;
  }

  #items(open: string, close: string, count: number): void {
    this.#within(open, close, count, () => this.value());
  }

  #entries(open: string, close: string, count: number, between?: string): void {
    this.#within(open, close, count, () => {
      if (between === undefined) this.text += `${nameText(this.#string())}: `;
      else {
        this.value();
        this.text += between;
      }
      this.value();
    });
  }

  #within(open: string, close: string, count: number, item: () => void): void {
    // Every item takes a byte at least, so the loop is no longer than the bytes.
    if (++this.#depth > DEPTH_MAX || count > this.#reader.rest) throw new RangeError('more than the bytes can hold');
    this.text += open;
    for (let i = 0; i < count && !this.isFull; i++) {
      if (i > 0) this.text += ', ';
      item();
    }
    this.text += close;
    this.#depth -= 1;
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
