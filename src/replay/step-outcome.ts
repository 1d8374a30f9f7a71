/**
 * What a step came to, for people: how the input was answered, what changed key by key, and what left
 * the tenant. Made from the step's outputs and the lines of its digest.
 */
import { inspect } from 'node:util';
import { actorPartsOf } from '../actor/message.ts';
import type { Output } from '../actor/step.ts';
import { type Address, addressText } from '../base/address.ts';
import { decodeArguments, decodeValue } from '../frame/codec.ts';
import { FRAME_KIND, type Frame } from '../frame/frame.ts';
import type { StepReport } from './replay-protocol.ts';
import { type ReplayError, errorOf } from './step-input.ts';
import { type StepNote, bytesOf, numberOf, readNotes, textOf } from './step-notes.ts';

/** One key of an actor's state, or one entry of a table of it, that a step wrote or deleted. */
export interface ReplayChange {
  readonly actor: Address;
  /** Undefined for a key of `ctx.state`. */
  readonly table: string | undefined;
  readonly key: string;
  /** The value it has now; undefined where it is gone. */
  readonly value: unknown;
  readonly isGone: boolean;
}

/** An answer that a step gave to the embedding process or to another tenant. */
export interface ReplayReply {
  /** Undefined for the embedding process. */
  readonly tenant: string | undefined;
  readonly messageId: number;
  readonly ok: boolean;
  readonly value: unknown;
  readonly error: ReplayError | undefined;
}

/** A message to another tenant. */
export interface ReplaySend {
  readonly kind: 'call' | 'tell';
  readonly from: Address;
  readonly to: Address;
  readonly handler: string;
  readonly args: readonly unknown[];
}

/** What leaves the turn for the world. */
export interface ReplayEffect {
  readonly id: string;
  readonly actor: Address;
  readonly name: string;
  readonly input: unknown;
}

/** A value that `ctx.emit` wrote. */
export interface ReplayEvent {
  readonly topic: string;
  readonly offset: number;
  readonly time: number;
  readonly value: unknown;
}

/** A timer that was set. */
export interface ReplayTimer {
  readonly id: string;
  /** ms since 1970. */
  readonly due: number;
  readonly command: string;
  readonly args: readonly unknown[];
}

/**
 * How the input was answered: `open` waits for something, `done` had nobody to answer.
 */
export type ReplayResult = 'ok' | 'refused' | 'failed' | 'open' | 'done';

/** What one step came to. Lists are in the order in which things happened. */
export interface ReplayOutcome {
  readonly result: ReplayResult;
  /** What its sender was answered. */
  readonly value: unknown;
  /** Why it was refused or failed. */
  readonly error: ReplayError | undefined;
  readonly changes: readonly ReplayChange[];
  readonly replies: readonly ReplayReply[];
  readonly sends: readonly ReplaySend[];
  readonly effects: readonly ReplayEffect[];
  readonly events: readonly ReplayEvent[];
  readonly timers: readonly ReplayTimer[];
  /** Ids of timers and effects that were cancelled. */
  readonly cancelled: readonly string[];
  /** Everything that counts for the digest, a line each. */
  readonly lines: readonly string[];
  /** The outcome digest, as recorded. 32 bytes. */
  readonly digest: Uint8Array;
}

/** The outcome of a step of `tenant`, told as a whole. */
export function outcomeOf(tenant: string, frame: Frame, report: StepReport): ReplayOutcome {
  const notes = readNotes(report.notes);
  const { digest } = report;
  const outputs = report.outputs();
  const replies = outputs.flatMap(replyOf);
  const waits = frame.kind === FRAME_KIND.call;
  const answer = replies.find(
    (reply) => reply.tenant === frame.source?.tenant && reply.messageId === frame.messageId && waits,
  );
  return {
    result: resultOf(answer, waits),
    value: answer?.value,
    error: answer?.error ?? failureOf(notes),
    changes: changesOf(tenant, notes),
    replies,
    sends: outputs.flatMap((output) => sendOf(tenant, output)),
    effects: outputs.flatMap((output) => effectOf(tenant, output)),
    events: outputs.flatMap(eventOf),
    timers: notes.flatMap(timerOf),
    cancelled: notes.flatMap((note) =>
      note.tag === 'cancel' || note.tag === 'cancel-effect' ? [textOf(note, 0)] : [],
    ),
    lines: notes.map((note) => lineOf(tenant, note)),
    digest,
  };
}

function resultOf(answer: ReplayReply | undefined, waits: boolean): ReplayResult {
  if (answer === undefined) return waits ? 'open' : 'done';
  if (answer.ok) return 'ok';
  return answer.error?.code === 'REFUSED' ? 'refused' : 'failed';
}

/** Of an input that nobody waits for: the refusal of its first turn, where there was one. */
function failureOf(notes: readonly StepNote[]): ReplayError | undefined {
  const failed = notes.find((note) => note.tag === 'failed');
  if (failed === undefined) return undefined;
  const payload = bytesOf(failed, 3);
  const code = Buffer.from(payload).toString('latin1');
  if (/^[A-Z_]+$/.test(code)) return { code: code as ReplayError['code'], message: '', details: {} };
  return errorOf(payload);
}

function replyOf(output: Output): ReplayReply[] {
  if (output.kind !== 'reply' && output.kind !== 'tenant-reply') return [];
  const { messageId, ok, payload } = output;
  return [
    {
      tenant: output.kind === 'reply' ? undefined : output.tenant,
      messageId,
      ok,
      value: ok ? decodeValue(payload) : undefined,
      error: ok ? undefined : errorOf(payload),
    },
  ];
}

function sendOf(tenant: string, output: Output): ReplaySend[] {
  if (output.kind !== 'send') return [];
  const { entry } = output;
  return [
    {
      kind: entry.tell ? 'tell' : 'call',
      from: { tenant, type: entry.sourceType, key: entry.sourceKey },
      to: { tenant: entry.tenant, type: entry.type, key: entry.key },
      handler: entry.handler,
      args: decodeArguments(entry.args),
    },
  ];
}

function effectOf(tenant: string, output: Output): ReplayEffect[] {
  if (output.kind !== 'effect') return [];
  const { id, type, key, name, input } = output.request;
  return [{ id, actor: { tenant, type, key }, name, input: decodeValue(input) }];
}

function eventOf(output: Output): ReplayEvent[] {
  if (output.kind !== 'event') return [];
  const { topic, offset, timeMs, value } = output;
  return [{ topic, offset, time: timeMs, value: decodeValue(value) }];
}

function timerOf(note: StepNote): ReplayTimer[] {
  if (note.tag !== 'timer') return [];
  const args = decodeArguments(bytesOf(note, 3));
  return [{ id: textOf(note, 0), due: numberOf(note, 1), command: textOf(note, 2), args }];
}

/** Each row once, as it stands at the end of the step. */
function changesOf(tenant: string, notes: readonly StepNote[]): ReplayChange[] {
  const changes = new Map<string, ReplayChange>();
  for (const note of notes) {
    if (note.tag !== 'row' && note.tag !== 'row-gone') continue;
    const [actorId, name] = [textOf(note, 0), textOf(note, 1)];
    const bytes = note.tag === 'row' ? bytesOf(note, 2) : undefined;
    const isGone = bytes === undefined || bytes.length === 0;
    const value = isGone ? undefined : decodeValue(bytes);
    changes.set(`${actorId}\0${name}`, {
      actor: { tenant, ...actorPartsOf(actorId) },
      ...rowParts(name),
      value,
      isGone,
    });
  }
  return [...changes.values()];
}

/** A row's name as a key of the state, or of a table. */
export function rowParts(name: string): { readonly table: string | undefined; readonly key: string } {
  if (name[0] === 's') return { table: undefined, key: name.slice(1) };
  const cut = name.indexOf('\0');
  return { table: name.slice(1, cut), key: name.slice(cut + 1) };
}

/** One line of a digest, readable and short. */
function lineOf(tenant: string, note: StepNote): string {
  const actor = (at: number): string => addressText({ tenant, ...actorPartsOf(textOf(note, at)) });
  switch (note.tag) {
    case 'row':
      return `${actor(0)} ${keyText(textOf(note, 1))} = ${valueText(bytesOf(note, 2))}`;
    case 'row-gone':
      return `${actor(0)} ${keyText(textOf(note, 1))} is gone`;
    case 'turn':
      return `${actor(0)} ${textOf(note, 2)} gives ${valueText(bytesOf(note, 3))}`;
    case 'failed':
      return `${actor(0)} ${textOf(note, 2)} fails: ${failureText(bytesOf(note, 3))}`;
    case 'reply':
      return `reply to message ${numberOf(note, 0)}: ${outcomeText(textOf(note, 1), bytesOf(note, 2))}`;
    case 'tenant-reply':
      return `reply to message ${numberOf(note, 1)} of ${textOf(note, 0)}: ${outcomeText(textOf(note, 2), bytesOf(note, 3))}`;
    case 'send':
      return `sends ${textOf(note, 0)}/${textOf(note, 2)}/${textOf(note, 3)} ${textOf(note, 4)}${valueText(bytesOf(note, 5))}`;
    case 'effect':
      return `effect ${textOf(note, 0)} ${textOf(note, 1)}(${valueText(bytesOf(note, 2))})`;
    case 'emit':
      return `emits to ${textOf(note, 0)} at ${numberOf(note, 1)}: ${valueText(bytesOf(note, 2))}`;
    case 'timer':
      return `sets timer ${textOf(note, 0)} for ${numberOf(note, 1)}: ${textOf(note, 2)}${valueText(bytesOf(note, 3))}`;
    case 'spawn':
    case 'watch':
      return `${actor(1)} ${note.tag === 'spawn' ? 'spawns' : 'watches'} ${actor(0)}`;
    case 'stop':
    case 'escalate':
      return `${actor(0)} ${note.tag === 'stop' ? 'stops' : 'escalates'}`;
    case 'restart':
      return `${actor(0)} restarts after ${numberOf(note, 1)} ms`;
    case 'migrated':
      return `${actor(0)} is brought to version ${numberOf(note, 1)}`;
    case 'control':
      return `control ${textOf(note, 0)} ${valueText(bytesOf(note, 1))}`;
    default:
      return [note.tag, ...note.parts.map((part) => (part instanceof Uint8Array ? valueText(part) : part))].join(' ');
  }
}

function keyText(name: string): string {
  const { table, key } = rowParts(name);
  return table === undefined ? `state.${key}` : `table ${table}[${JSON.stringify(key)}]`;
}

function outcomeText(status: string, payload: Uint8Array): string {
  return status === 'ok' ? valueText(payload) : failureText(payload);
}

/** Of a failure the code is kept, of a refusal everything. */
function failureText(payload: Uint8Array): string {
  const code = Buffer.from(payload).toString('latin1');
  if (/^[A-Z_]+$/.test(code)) return code;
  const error = errorOf(payload);
  return `${error.code}: ${error.message}`;
}

/** Longest text of one value in a line: enough to recognise it, few enough to read many. */
const VALUE_TEXT_MAX = 200;

function valueText(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'nothing';
  const text = textOfValue(decodeValue(bytes));
  return text.length > VALUE_TEXT_MAX ? `${text.slice(0, VALUE_TEXT_MAX)}…` : text;
}

/** A value that travels, for people. */
export function textOfValue(value: unknown): string {
  return inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: true, sorted: false });
}
