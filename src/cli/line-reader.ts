/**
 * Cuts a stream of bytes into numbered lines without ever holding more than one line and one chunk.
 * Takes LF and CRLF, a byte order mark at the start, and a last line without an end; leaves blank lines
 * out but counts them. A line that is too long or no UTF-8 comes through as a fault, once, and the
 * next line is read as if nothing had been.
 */

/**
 * Longest line in bytes, 16 MiB: an actor's default mailbox holds as many bytes, so a longer command could
 * never be accepted.
 */
const MAX_LINE_BYTES = 16 << 20;

/** One line: its text, or what is wrong with it. `number` counts from 1, `sizeBytes` without the line end. */
export interface Line {
  readonly number: number;
  readonly sizeBytes: number;
  readonly text?: string;
  readonly fault?: string;
}

const LF = 0x0a;
const CR = 0x0d;

/** Lines of a stream, as many at a time as a chunk ends. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<readonly Line[], void, undefined> {
  const cutter = new LineCutter(maxLineBytes);
  for await (const chunk of chunks) {
    const lines = cutter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const rest = cutter.end();
  if (rest.length > 0) yield rest;
}

class LineCutter {
  readonly #maxLineBytes: number;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  #number = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  push(chunk: Uint8Array): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#hold(chunk.subarray(start, end));
      this.#cut(lines);
      start = end + 1;
    }
    this.#hold(chunk.subarray(start));
    return lines;
  }

  end(): Line[] {
    const lines: Line[] = [];
    if (this.#heldBytes > 0) this.#cut(lines);
    return lines;
  }

  #hold(piece: Uint8Array): void {
    this.#heldBytes += piece.byteLength;
    if (this.#heldBytes > this.#maxLineBytes + 1) this.#pieces = []; // + 1: a CR may follow; the count alone says that it was too long
    else if (piece.byteLength > 0) this.#pieces.push(piece);
  }

  #cut(lines: Line[]): void {
    const pieces = this.#pieces;
    const heldBytes = this.#heldBytes;
    this.#pieces = [];
    this.#heldBytes = 0;
    const number = ++this.#number;
    const first = pieces[0];
    let bytes = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
    if (bytes.at(-1) === CR) bytes = bytes.subarray(0, -1);
    const sizeBytes = Math.max(bytes.byteLength, pieces.length === 0 ? heldBytes : 0);
    if (sizeBytes > this.#maxLineBytes) {
      lines.push({ number, sizeBytes, fault: `longer than ${this.#maxLineBytes} bytes` });
      return;
    }
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch {
      lines.push({ number, sizeBytes, fault: 'not UTF-8' });
      return;
    }
    if (number === 1 && text.startsWith('\ufeff')) text = text.slice(1);
    if (text.trim() !== '') lines.push({ number, sizeBytes, text });
  }
}
