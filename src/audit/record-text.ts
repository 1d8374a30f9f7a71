/**
 * A record in words: the lines at the head of a receipt, made from the record's own bytes by whoever
 * writes or checks the receipt. The wording is part of the receipt's format: version 1 never changes.
 */
import { hexText } from './bytes.ts';
import { digestLine, outcomeLines } from './outcome-text.ts';
import { nameText, quoted, timeText } from './plain-text.ts';
import { type FrameView, type RecordView, viewFrame } from './record-view.ts';
import { argumentsText, errorText, valueText } from './value-text.ts';

/** Column at which the words begin. */
const LABEL_WIDTH = 10;

/** What is said beside the record itself. */
export interface RecordPlace {
  /** Number of the entry in the tenant's log, from 1. */
  readonly seq: number;
  /** Entries in the log that the host signed. */
  readonly size: number;
  /** What the record's digest is the hash of, where it is disclosed. */
  readonly outcome: Uint8Array | undefined;
}

/** The lines of a receipt for people. Throws `RangeError` where the record cannot be read. */
export function recordLines(record: RecordView, { seq, size, outcome }: RecordPlace): string[] {
  const { frame } = record;
  const lines: (readonly [string, string])[] = [
    ['tenant', quoted(frame.target.tenant)],
    ['entry', `${seq} of the ${size} in the log that the host signed`],
    ['time', `${timeText(record.timeMs)}, by the host's clock`],
    ['input', inputText(frame)],
  ];
  if (frame.kind === 'call' || frame.kind === 'tell') {
    lines.push(['to', `${nameText(frame.target.type)}/${nameText(frame.target.key)}`], ['from', senderText(frame)]);
  }
  if (frame.principal !== undefined) lines.push(['by', quoted(frame.principal)]);
  if (frame.idempotencyKey !== undefined) lines.push(['key', quoted(frame.idempotencyKey)]);
  for (const { tenant, counter } of record.acks)
    lines.push(['noted', `tenant ${nameText(tenant)} has message ${counter}`]);
  if (record.roots !== undefined) {
    lines.push(['state', `root ${hexText(record.roots.state)}`], ['domain', `root ${hexText(record.roots.domain)}`]);
  }
  const came = outcome === undefined ? [digestLine(record.digest)] : outcomeLines(outcome);
  came.forEach((line, at) => lines.push([at === 0 ? 'outcome' : '', line]));
  return lines.map(([label, words]) => `${label.padEnd(LABEL_WIDTH)} ${words}`);
}

function inputText(frame: FrameView): string {
  const { kind, handler, payload, correlation } = frame;
  switch (kind) {
    case 'call':
    case 'tell':
      return `${kind} ${nameText(handler)}(${argumentsText(payload)})`;
    case 'reply':
      return `reply of tenant ${nameText(frame.source?.tenant ?? '')} to message ${correlation}: ${resultText(frame)}`;
    case 'effect-result':
      return `result of effect ${nameText(handler)}: ${resultText(frame)}`;
    case 'timer':
      return `timer ${nameText(handler)} was due`;
    case 'poison':
      return `set aside, having killed its lane repeatedly: ${poisonedText(payload)}`;
    case 'control':
      return `order ${nameText(handler)}${payload.length === 0 ? '' : ` ${valueText(payload)}`}`;
  }
}

function resultText({ flags, payload }: FrameView): string {
  return flags === 0 ? valueText(payload) : `error ${errorText(payload)}`;
}

/** One level: what was set aside is never itself something set aside. */
function poisonedText(payload: Uint8Array): string {
  const frame = viewFrame(payload);
  if (frame.kind === 'poison') throw new RangeError('a poisoned input within another');
  const { type, key } = frame.target;
  return type === '' ? inputText(frame) : `${inputText(frame)} to ${nameText(type)}/${nameText(key)}`;
}

function senderText({ source }: FrameView): string {
  if (source === undefined) return "the host's own process";
  return `${nameText(source.type)}/${nameText(source.key)} of tenant ${quoted(source.tenant)}`;
}
