/**
 * The lines that a step's digest is made over, read back: what each turn did, key by key, in the order in
 * which it happened. The digest itself is a hash and tells nothing; its lines tell everything that counts.
 *
 *   text tag, then its parts by the table below: t text, n number (f64), b bytes (of a text, its UTF-8)
 */
import { assert } from '../base/assert.ts';
import { ByteSource } from '../base/byte-sink.ts';

/** Parts of every line, by its tag; a test holds the table to the kernel's own calls of `note`. */
const PARTS = {
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
} as const;

/** What a line is about. */
export type NoteTag = keyof typeof PARTS;

/** One line. */
export interface StepNote {
  readonly tag: NoteTag;
  readonly parts: readonly (string | number | Uint8Array)[];
}

/** Every tag, for the test that compares. */
export const NOTE_TAGS: readonly string[] = Object.keys(PARTS);

/** The lines of `bytes`, in order. */
export function readNotes(bytes: Uint8Array): StepNote[] {
  const source = new ByteSource(bytes);
  const notes: StepNote[] = [];
  while (source.rest > 0) {
    const tag = source.text() as NoteTag;
    assert(tag in PARTS, 'every line of a digest has a tag of the table');
    const parts = Array.from(PARTS[tag], (kind) => {
      if (kind === 't') return source.text();
      return kind === 'n' ? source.f64() : source.bytes();
    });
    notes.push({ tag, parts });
  }
  return notes;
}

/** The part at `at`, which is a text. */
export function textOf(note: StepNote, at: number): string {
  return note.parts[at] as string;
}

/** The part at `at`, which is a number. */
export function numberOf(note: StepNote, at: number): number {
  return note.parts[at] as number;
}

/** The part at `at`, which is bytes. */
export function bytesOf(note: StepNote, at: number): Uint8Array {
  return note.parts[at] as Uint8Array;
}
