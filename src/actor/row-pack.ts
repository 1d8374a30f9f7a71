/**
 * Rows that changed, packed one behind the other: how a snapshot travels from the lane to the store, and waits there.
 * As an object with two texts and a byte array each, millions of rows took more heap than a thread has; and what
 * is stored of a row stands here already as it is stored, so that the store copies and never decodes it.
 *
 *   row      [flags u8][length u32][content]     numbers big-endian, as all in the store
 *   content  [text group][text name][value]      a row that is gone has no value
 *   text     [length u32][0][UTF-8] or [length u32][1][UTF-16LE] where a lone surrogate has no UTF-8
 */
import { SynapseError } from '../base/error.ts';
import type { ChangedRow } from './domain-image.ts';

/** The row is of space `state`. */
export const ROW_STATE = 1;
/** The row is gone. */
export const ROW_GONE = 2;

/** Bytes of a row before its content. */
const ROW_HEAD_BYTES = 5;

/** To begin with: a small snapshot. */
const INITIAL_BYTES = 4_096;

/** Up to this many characters a loop here is faster than a call into the engine. */
const BY_HAND_MAX = 64;

export class RowPack {
  #bytes: Uint8Array = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  #count = 0;
  #group: string | undefined = undefined;
  #groupAt = 0;
  #groupBytes = 0;

  get sizeBytes(): number {
    return this.#length;
  }

  /** Number of rows. */
  get count(): number {
    return this.#count;
  }

  add({ space, group, name, value }: ChangedRow): void {
    const start = this.#room(ROW_HEAD_BYTES);
    this.#addGroup(group);
    this.#addText(name);
    if (value !== null) this.#addBytes(value);
    this.#bytes[start] = (space === 'state' ? ROW_STATE : 0) | (value === null ? ROW_GONE : 0);
    this.#putU32(start + 1, this.#length - start - ROW_HEAD_BYTES);
    this.#count += 1;
  }

  /** A copy of what was packed, and an empty pack. */
  take(): Uint8Array {
    const packed = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    this.#count = 0;
    this.#group = undefined;
    return packed;
  }

  /** The rows of an actor come one after another: its name is a copy of the one before. */
  #addGroup(group: string): void {
    const start = this.#length;
    if (group === this.#group) {
      const at = this.#room(this.#groupBytes);
      const bytes = this.#bytes;
      for (let i = 0; i < this.#groupBytes; i++) bytes[at + i] = bytes[this.#groupAt + i] as number;
    } else {
      this.#addText(group);
      this.#group = group;
      this.#groupBytes = this.#length - start;
    }
    this.#groupAt = start;
  }

  #addText(text: string): void {
    const start = this.#room(5 + text.length);
    const bytes = this.#bytes;
    bytes[start + 4] = 0;
    if (!this.#addAscii(text, start + 5)) {
      const isWhole = text.isWellFormed();
      const encoded = Buffer.from(text, isWhole ? 'utf8' : 'utf16le');
      bytes[start + 4] = isWhole ? 0 : 1;
      this.#length = start + 5;
      this.#addBytes(encoded);
    }
    this.#putU32(start, this.#length - start - 4);
  }

  #addAscii(text: string, at: number): boolean {
    if (text.length > BY_HAND_MAX) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return false;
      bytes[at + i] = unit;
    }
    return true;
  }

  #addBytes(added: Uint8Array): void {
    const at = this.#room(added.length);
    if (added.length > BY_HAND_MAX) this.#bytes.set(added, at);
    else for (let i = 0; i < added.length; i++) this.#bytes[at + i] = added[i] as number;
  }

  #putU32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  #room(sizeBytes: number): number {
    const start = this.#length;
    this.#length += sizeBytes;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    return start;
  }
}

/** Some rows, packed. */
export function packRows(rows: Iterable<ChangedRow>): Uint8Array {
  const pack = new RowPack();
  for (const row of rows) pack.add(row);
  return pack.take();
}

/** Walks over packed rows: the fields say where the present one stands. Rows that end too early are STORE_CORRUPT. */
export class RowCursor {
  readonly bytes: Uint8Array;
  flags = 0;
  /** Of the row, with its head. */
  start = 0;
  /** Of its content, where the text of its group begins. */
  content = 0;
  name = 0;
  value = 0;
  end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Goes to the next row; false behind the last. */
  next(): boolean {
    const { bytes, end: start } = this;
    if (start === bytes.length) return false;
    if (start + ROW_HEAD_BYTES > bytes.length) throw cut(bytes.length);
    this.start = start;
    this.flags = bytes[start] as number;
    this.content = start + ROW_HEAD_BYTES;
    this.end = this.content + u32At(bytes, start + 1);
    this.name = this.#behindText(this.content);
    this.value = this.#behindText(this.name);
    if (this.end > bytes.length) throw cut(bytes.length);
    return true;
  }

  #behindText(at: number): number {
    if (at + 4 > this.end) throw cut(this.end);
    const behind = at + 4 + u32At(this.bytes, at);
    if (behind > this.end) throw cut(this.end);
    return behind;
  }
}

function u32At(bytes: Uint8Array, at: number): number {
  const low = ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (bytes[at] as number) * 0x1_00_00_00 + low;
}

function cut(end: number): SynapseError {
  return new SynapseError('STORE_CORRUPT', `packed rows end at byte ${end}, within a row`);
}
