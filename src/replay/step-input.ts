/**
 * What came in with a step, for people: a recorded frame with its names and values decoded. Reads the
 * frame alone and, for a timer or an effect's result, what the domain knew it by.
 */
import { inspect } from 'node:util';
import { type RecordedRoots, type StepBody, decodeRecord } from '../actor/record.ts';
import { actorPartsOf } from '../actor/message.ts';
import type { Ack } from '../actor/outbox.ts';
import { type Address, addressText } from '../base/address.ts';
import type { ErrorCode, ErrorDetails, SynapseError } from '../base/error.ts';
import { decodeArguments, decodeValue } from '../frame/codec.ts';
import { decodeExtension } from '../frame/extension.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, decodeError } from '../frame/frame.ts';
import type { Cause } from './replay-protocol.ts';

/** An error as it was recorded. */
export interface ReplayError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** What an input is. */
export type ReplayInputKind =
  | 'call'
  | 'tell'
  /** Another tenant's reply to a call of this one. */
  | 'reply'
  | 'effect-result'
  | 'timer'
  /** An input that killed its lane too often, set aside. */
  | 'poison'
  /** An operator's or the runtime's order; `handler` names it. */
  | 'control';

/** The recorded input of one step. Fields that do not apply are undefined. */
export interface ReplayInput {
  readonly kind: ReplayInputKind;
  /** Whom it is for; of a timer or an effect's result, the actor that set or asked for it. */
  readonly target: Address | undefined;
  /** The command; of a timer the one it runs, of an effect its name, of a control the order. */
  readonly handler: string | undefined;
  /** Decoded arguments of a call, tell or timer. */
  readonly args: readonly unknown[] | undefined;
  /** The actor of another tenant that sent it; undefined for the embedding process. */
  readonly sender: Address | undefined;
  readonly principal: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** Of a reply or an effect's result: how it came out. */
  readonly ok: boolean | undefined;
  readonly value: unknown;
  readonly error: ReplayError | undefined;
  /** Of a timer or an effect's result: its id in the tenant. */
  readonly id: string | undefined;
  /** Of a poisoned input: what it was. */
  readonly killed: ReplayInput | undefined;
  /** Recorded time of the step, ms since 1970. */
  readonly time: number;
  /** The sender's number of the message. */
  readonly messageId: number;
  /** Of the sending process or store. */
  readonly incarnation: number;
  /** Acknowledged messages to other tenants that the step took note of. */
  readonly acks: readonly Ack[];
  /** Answers on grants, in the order they were asked for. */
  readonly decisions: readonly boolean[];
  /** The frame as it was recorded. */
  readonly frame: Uint8Array;
  /** Of a snapshot (`control`, handler `snapshot`): the roots that it recorded. */
  readonly roots: RecordedRoots | undefined;
}

const KINDS: Readonly<Record<number, ReplayInputKind>> = {
  [FRAME_KIND.call]: 'call',
  [FRAME_KIND.tell]: 'tell',
  [FRAME_KIND.reply]: 'reply',
  [FRAME_KIND.effectResult]: 'effect-result',
  [FRAME_KIND.timer]: 'timer',
  [FRAME_KIND.poison]: 'poison',
  [FRAME_KIND.control]: 'control',
};

/** The input of a step that was replayed at the recorded time `nowMs`. */
export function inputOf(tenant: string, record: StepBody, cause: Cause, nowMs: number): ReplayInput {
  return { ...readFrame(new Frame(record.frame), cause, tenant), ...termsOf(record), time: nowMs };
}

/** The input of a record that was not replayed: a timer or an effect is known by its id alone. */
export function inputOfRecord(body: Uint8Array, tenant: string): ReplayInput {
  const record = decodeRecord(body);
  return { ...readFrame(Frame.parse(record.frame), {}, tenant), ...termsOf(record) };
}

type Terms = 'time' | 'acks' | 'decisions' | 'frame' | 'roots';

function termsOf({ nowMs, acks, decisions, frame, roots }: StepBody): Pick<ReplayInput, Terms> {
  return { time: nowMs, acks, decisions, frame, roots };
}

type FrameReading = Omit<ReplayInput, Terms>;

function readFrame(frame: Frame, known: Cause, tenant: string): FrameReading {
  const kind = KINDS[frame.kind] ?? 'control';
  const { principal, idempotencyKey } = decodeExtension(frame.extension);
  const { source, messageId, incarnation } = frame;
  const hasOutcome = kind === 'reply' || kind === 'effect-result';
  const ok = hasOutcome ? frame.flags === FRAME_STATUS.ok : undefined;
  return {
    kind,
    target: targetOf(frame, kind, known, tenant),
    handler: handlerOf(frame, kind, known),
    args: argsOf(frame, kind, known),
    sender: source,
    principal,
    idempotencyKey,
    ok,
    value: valueOf(frame, kind, ok),
    error: ok === false ? errorOf(frame.payload) : undefined,
    id: kind === 'timer' || kind === 'effect-result' ? frame.handler : undefined,
    killed:
      kind === 'poison'
        ? {
            ...readFrame(Frame.parse(frame.payload), {}, tenant),
            time: frame.timeMs,
            acks: [],
            decisions: [],
            frame: frame.payload,
            roots: undefined,
          }
        : undefined,
    messageId,
    incarnation,
  };
}

function targetOf(frame: Frame, kind: ReplayInputKind, { timer, effect }: Cause, tenant: string): Address | undefined {
  if (kind === 'call' || kind === 'tell') return frame.target;
  if (timer !== undefined) return { tenant, ...actorPartsOf(timer.actorId) };
  return effect === undefined ? undefined : { tenant, type: effect.type, key: effect.key };
}

function handlerOf(frame: Frame, kind: ReplayInputKind, { timer, effect }: Cause): string | undefined {
  if (kind === 'timer') return timer?.command;
  if (kind === 'effect-result') return effect?.name;
  return frame.handler === '' ? undefined : frame.handler;
}

function argsOf(frame: Frame, kind: ReplayInputKind, { timer }: Cause): readonly unknown[] | undefined {
  if (kind === 'call' || kind === 'tell') return decodeArguments(frame.payload);
  return timer?.args === undefined ? undefined : decodeArguments(timer.args);
}

function valueOf(frame: Frame, kind: ReplayInputKind, ok: boolean | undefined): unknown {
  if (ok === true) return decodeValue(frame.payload);
  return kind === 'control' && frame.payload.length > 0 ? decodeValue(frame.payload) : undefined;
}

/** An encoded error, as plain fields. */
export function errorOf(payload: Uint8Array): ReplayError {
  const { code, message, details }: SynapseError = decodeError(payload);
  return { code, message, details };
}

/** An input in one line. */
export function inputLine(input: ReplayInput): string {
  const { kind, target, handler, args, sender, principal, idempotencyKey } = input;
  const parts = [kind, target === undefined ? '' : addressText(target), callText(handler, args)];
  if (kind === 'reply' || kind === 'effect-result')
    parts.push(input.error === undefined ? `= ${inspect(input.value)}` : `${input.error.code}: ${input.error.message}`);
  if (input.id !== undefined) parts.push(`(${input.id})`);
  if (sender !== undefined) parts.push(`from ${addressText(sender)}`);
  if (principal !== undefined) parts.push(`by ${principal}`);
  if (idempotencyKey !== undefined) parts.push(`with key ${JSON.stringify(idempotencyKey)}`);
  if (input.killed !== undefined) parts.push(`of ${inputLine(input.killed)}`);
  return parts.filter((part) => part !== '').join(' ');
}

function callText(handler: string | undefined, args: readonly unknown[] | undefined): string {
  if (handler === undefined) return '';
  return args === undefined
    ? handler
    : `${handler}(${args.map((arg) => inspect(arg, { breakLength: Infinity })).join(', ')})`;
}
