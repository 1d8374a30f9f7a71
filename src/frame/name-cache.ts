/**
 * What was decoded from the same bytes lately. Most frames name an actor and a handler that have just
 * been named: decoding them anew costs 100 to 200 ns a frame, and their strings would be hashed anew by every
 * Map that they are looked up in, while these are flat and keep their hash. Direct-mapped and bounded: what
 * falls on a slot takes it over. Nothing is known by its hash alone; bytes are compared.
 */

/** Bytes of names that are kept, most: longer ones are rare. */
const ITEM_MAX_BYTES = 112;
/** Words of a slot before the bytes: the shape of what it keeps, the hash of what fell on it last, the place of its value. */
const HEAD_WORDS = 3;
/** One more, for the bytes that fill no word: two lines of the processor's cache, of which most names need one. */
const SLOT_WORDS: number = HEAD_WORDS + ITEM_MAX_BYTES / 4 + 1;

export class NameCache<T> {
  readonly #mask: number;
  /** Slot n from n * SLOT_WORDS on: its head, and the bytes as words that are filled up with 0. */
  readonly #words: Int32Array;
  /** In the order in which slots were filled first: as many as are used. */
  readonly #values: T[] = [];
  /** Of the last search. */
  #slot = 0;
  #hash = 0;

  /** @param slots a power of two */
  constructor(slots: number) {
    this.#mask = slots - 1;
    this.#words = new Int32Array(slots * SLOT_WORDS);
  }

  /** What is kept for `bytes[start, end)`; `shape`, not 0, says how long they are and how divided, and is compared too. */
  find(bytes: Uint8Array, start: number, end: number, shape: number): T | undefined {
    let hash = shape;
    let at = start;
    for (; at + 4 <= end; at += 4) hash = mixed(hash, wordAt(bytes, at));
    hash = mixed(hash, lastWord(bytes, at, end));
    const slot = hash & this.#mask;
    this.#slot = slot;
    this.#hash = hash;
    const words = this.#words;
    let index = slot * SLOT_WORDS;
    if (words[index] !== shape) return undefined;
    const place = words[index + 2] as number;
    index += HEAD_WORDS;
    for (at = start; at + 4 <= end; at += 4) if (words[index++] !== wordAt(bytes, at)) return undefined;
    return words[index] === lastWord(bytes, at, end) ? this.#values[place] : undefined;
  }

  /** Keeps `value` for the bytes that were just looked for in vain, if they were the last time too; says if it does. */
  keep(bytes: Uint8Array, start: number, end: number, shape: number, value: T): boolean {
    if (end - start > ITEM_MAX_BYTES) return false;
    const words = this.#words;
    let index = this.#slot * SLOT_WORDS;
    if (words[index + 1] !== this.#hash) {
      words[index + 1] = this.#hash; // what is named once only is never kept
      return false;
    }
    if (words[index] === 0) words[index + 2] = this.#values.length;
    words[index] = shape;
    this.#values[words[index + 2] as number] = value;
    index += HEAD_WORDS;
    let at = start;
    for (; at + 4 <= end; at += 4) words[index++] = wordAt(bytes, at);
    words[index] = lastWord(bytes, at, end);
    return true;
  }
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e37_79b1);
  return product ^ (product >>> 15);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The up to three bytes that fill no word. */
function lastWord(bytes: Uint8Array, start: number, end: number): number {
  let word = 0;
  for (let at = start; at < end; at++) word = (word << 8) | bytes[at]!;
  return word;
}
