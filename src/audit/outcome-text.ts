/**
 * What a step came to, in words, from the bytes that its outcome digest is the hash of: one line for each
 * thing that counts. The parts of a line are those that src/replay/step-notes.ts lists; a test holds the
 * two together. The wording is part of the receipt's format: a new wording is a new version of it.
 */
import { ByteReader } from './byte-reader.ts';
import { hexText } from './bytes.ts';
import { nameText, quoted, timeText } from './plain-text.ts';
import { argumentsText, errorText, valueText } from './value-text.ts';

/** Parts of a line by its tag: t text, n number, b bytes. */
const PARTS: Readonly<Record<string, string>> = {
  admit: 'tttt',
  cancel: 't',
  'cancel-effect': 't',
  control: 'tb',
  effect: 'ttb',
  emit: 'tnb',
  escalate: 't',
  failed: 'tttb',
  killed: 'nt',
  migrated: 'tn',
  poisoned: 'nn',
  reply: 'ntb',
  restart: 'tn',
  row: 'ttb',
  'row-gone': 'tt',
  send: 'tntttb',
  spawn: 'tt',
  stop: 't',
  suspended: 'n',
  'tenant-reply': 'tntb',
  timer: 'tntb',
  turn: 'tttb',
  watch: 'tt',
};

/** Longer than any code of an error. */
const CODE_MAX_LENGTH = 64;

/** Most lines that a receipt shows; the others are counted. */
const LINES_MAX = 200;

/** Tags this reader knows, for the test that compares. */
export const OUTCOME_PARTS: Readonly<Record<string, string>> = PARTS;

class Line {
  readonly tag: string;
  readonly #parts: readonly (string | number | Uint8Array)[];

  constructor(tag: string, parts: readonly (string | number | Uint8Array)[]) {
    this.tag = tag;
    this.#parts = parts;
  }

  number(at: number): number {
    return this.#parts[at] as number;
  }

  text(at: number): string {
    return this.#parts[at] as string;
  }

  name(at: number): string {
    return nameText(this.text(at));
  }

  bytes(at: number): Uint8Array {
    return this.#parts[at] as Uint8Array;
  }

  value(at: number): string {
    return valueText(this.bytes(at));
  }

  /** `type/key` of an actor's id, which is `type NUL key`. */
  actor(at: number): string {
    const id = this.text(at);
    const cut = id.indexOf('\0');
    return `${nameText(id.slice(0, cut))}/${nameText(id.slice(cut + 1))}`;
  }
}

/** The lines of an outcome, in words, the answers first. Throws `RangeError` for bytes that are none. */
export function outcomeLines(bytes: Uint8Array): string[] {
  const reader = new ByteReader(bytes);
  const answers: string[] = [];
  const others: string[] = [];
  let more = 0;
  while (reader.rest > 0) {
    const line = readLine(reader);
    const isAnswer = line.tag === 'reply' || line.tag === 'tenant-reply';
    if (answers.length + others.length < LINES_MAX || isAnswer) (isAnswer ? answers : others).push(wordsOf(line));
    else more += 1;
  }
  if (more > 0) others.push(`and ${more} more`);
  const lines = [...answers, ...others];
  return lines.length === 0 ? ['nothing changed'] : lines;
}

function readLine(reader: ByteReader): Line {
  const tag = reader.text(reader.u32());
  const kinds = Object.hasOwn(PARTS, tag) ? PARTS[tag] : undefined;
  if (kinds === undefined) throw new RangeError('an outcome of another version');
  const parts = Array.from(kinds, (kind) => {
    if (kind === 'n') return reader.f64();
    return kind === 't' ? reader.text(reader.u32()) : reader.bytes();
  });
  return new Line(tag, parts);
}

function wordsOf(line: Line): string {
  switch (line.tag) {
    case 'reply':
      return `${answerText(line.text(1), line.bytes(2))}, to the host's own process`;
    case 'tenant-reply':
      return `${answerText(line.text(2), line.bytes(3))}, to tenant ${line.name(0)}`;
    case 'turn':
      return `${line.actor(0)} ran ${line.name(2)} and returned ${line.value(3)}`;
    case 'failed':
      return `${line.actor(0)} ran ${line.name(2)} and failed: ${failureText(line.bytes(3))}`;
    case 'row':
      return `${line.actor(0)} ${rowText(line.text(1))} ${rowValue(line.bytes(2))}`;
    case 'row-gone':
      return `${line.actor(0)} ${rowText(line.text(1))} is gone`;
    case 'send':
      return `sent ${line.name(4)}(${argumentsText(line.bytes(5))}) to ${line.name(2)}/${line.name(3)} of tenant ${line.name(0)}`;
    case 'effect':
      return `asked for effect ${line.name(1)}(${line.value(2)})`;
    case 'emit':
      return `wrote event ${line.number(1)} of topic ${line.name(0)}: ${line.value(2)}`;
    case 'timer':
      return `set a timer for ${timeText(line.number(1))}: ${line.name(2)}(${argumentsText(line.bytes(3))})`;
    case 'control':
      return `carried out the order ${line.name(0)}`;
    default:
      return supervisionText(line);
  }
}

function supervisionText(line: Line): string {
  switch (line.tag) {
    case 'admit':
      return `a message to ${line.name(1)} of tenant ${line.name(0)}, ${line.name(2)}, was ${line.name(3)}`;
    case 'cancel':
      return `cancelled timer ${line.name(0)}`;
    case 'cancel-effect':
      return `cancelled effect ${line.name(0)}`;
    case 'spawn':
      return `${line.actor(1)} spawned ${line.actor(0)}`;
    case 'watch':
      return `${line.actor(1)} watches ${line.actor(0)}`;
    case 'stop':
      return `${line.actor(0)} stopped`;
    case 'restart':
      return `${line.actor(0)} restarts after ${line.number(1)} ms`;
    case 'escalate':
      return `${line.actor(0)} escalated its failure`;
    case 'killed':
      return `a suspended turn was ended: ${line.name(1)}`;
    case 'suspended':
      return `the tenant is suspended until ${timeText(line.number(0))}`;
    case 'migrated':
      return `${line.actor(0)} was brought to version ${line.number(1)}`;
    default:
      return 'the input was set aside as poisoned';
  }
}

function answerText(status: string, payload: Uint8Array): string {
  return status === 'ok' ? `answered ${valueText(payload)}` : `answered with an error: ${failureText(payload)}`;
}

/** Of a refusal everything counts, of another failure its code alone. */
function failureText(payload: Uint8Array): string {
  const isCode =
    payload.length > 0 &&
    payload.length <= CODE_MAX_LENGTH &&
    payload.every((byte) => (byte >= 0x41 && byte <= 0x5a) || byte === 0x5f);
  return isCode ? String.fromCharCode(...payload) : errorText(payload);
}

/** A row of an actor: `s` and a key of its state, or `t`, a table's name, NUL and a key. */
function rowText(name: string): string {
  if (name.startsWith('s')) return `state ${nameText(name.slice(1))}`;
  const cut = name.indexOf('\0');
  if (!name.startsWith('t') || cut < 0) return `row ${quoted(name)}`;
  return `table ${nameText(name.slice(1, cut))} entry ${nameText(name.slice(cut + 1))}`;
}

function rowValue(bytes: Uint8Array): string {
  return bytes.length === 0 ? 'is gone' : `= ${valueText(bytes)}`;
}

/** What is said of an outcome whose bytes are not disclosed. */
export function digestLine(digest: Uint8Array): string {
  return `not disclosed; its digest is ${hexText(digest)}`;
}
