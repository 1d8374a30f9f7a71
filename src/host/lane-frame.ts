/**
 * Outputs of a step as frames: replies to the embedder and to other tenants, messages to other
 * tenants, effects, notices. Only here does a lane make frames that leave it.
 */
import { effectKeyOf } from '../actor/dispatch.ts';
import type { DomainState } from '../actor/domain-state.ts';
import type { OutboxEntry } from '../actor/outbox.ts';
import type { Output } from '../actor/step.ts';
import { type Address, shardOf } from '../base/address.ts';
import { encodeValue } from '../frame/codec.ts';
import { encodeExtension } from '../frame/extension.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, encodeFrame } from '../frame/frame.ts';
import { lendFrame } from '../frame/lent-frame.ts';
import { encodeReply } from '../frame/reply.ts';

const NOWHERE: Address = { tenant: '', type: '', key: '' };
const EMPTY = new Uint8Array(0);

/** Extension of a tell of which there is nothing else to say: of by far the most messages to other tenants. */
const NOBODY_WAITS = encodeExtension({ chain: [] });

/** Set in `flags` of a call or tell that its sender sends again: it may be known already. */
export const FLAG_RESEND = 1;

/** What a lane tells the embedder beside replies. */
export type Notice =
  | {
      readonly kind: 'dead-letter';
      readonly address: Address;
      readonly handler: string;
      readonly args: Uint8Array;
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly kind: 'restart' | 'escalated' | 'poisoned';
      readonly tenant: string;
      readonly address: Address | undefined;
      readonly reason: string;
      readonly untilMs: number | undefined;
    }
  | { readonly kind: 'cleared'; readonly identity: string }
  /** Of its own shards alone: what another lane refused may be known later than this. */
  | { readonly kind: 'resend'; readonly shards: readonly number[] };

/** Reply to a call or tell of the embedder; its bytes hold until the next one is made. */
export function clientReply(
  incarnation: number,
  messageId: number,
  ok: boolean,
  payload: Uint8Array,
  timeMs: number,
): Uint8Array {
  return encodeReply({ messageId, incarnation, ok, timeMs }, payload);
}

/** Tells the embedder's sender that a frame of its own (an effect's result, a control) is settled. */
export function clientAck(messageId: number, timeMs: number): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.ack,
    shard: 0,
    messageId: 0,
    correlation: messageId,
    timeMs,
    target: NOWHERE,
    payload: EMPTY,
  });
}

/**
 * Reply or acknowledgement to another tenant; its bytes hold until the next frame to a tenant is made. That a tell failed
 * is a reply too: an input of its sender, recorded like any other.
 */
export function tenantReply(
  from: Address,
  to: { readonly tenant: string; readonly incarnation: number; readonly messageId: number; readonly tell: boolean },
  outcome: { readonly ok: boolean; readonly payload: Uint8Array },
  shards: number,
  timeMs: number,
): Uint8Array {
  return lendFrame({
    kind: to.tell && outcome.ok ? FRAME_KIND.ack : FRAME_KIND.reply,
    flags: outcome.ok ? FRAME_STATUS.ok : FRAME_STATUS.error,
    shard: shardOf(to.tenant, shards),
    messageId: 0,
    correlation: to.messageId,
    timeMs,
    incarnation: to.incarnation,
    source: from,
    target: { tenant: to.tenant, type: '', key: '' },
    payload: to.tell && outcome.ok ? EMPTY : outcome.payload,
  });
}

/** A message to another tenant, as it leaves for the first time or again; its bytes hold until the next one is made. */
export function sendFrame(state: DomainState, entry: OutboxEntry, isAgain: boolean, shards: number): Uint8Array {
  return lendFrame({
    kind: entry.tell ? FRAME_KIND.tell : FRAME_KIND.call,
    flags: isAgain ? FLAG_RESEND : 0,
    shard: shardOf(entry.tenant, shards),
    messageId: entry.counter,
    floor: entry.floor,
    timeMs: entry.timeMs,
    incarnation: entry.incarnation,
    source: { tenant: state.tenant, type: entry.sourceType, key: entry.sourceKey },
    target: { tenant: entry.tenant, type: entry.type, key: entry.key },
    handler: entry.handler,
    extension: extensionOf(entry),
    payload: entry.args,
  });
}

function extensionOf({ chain, idempotencyKey, principal }: OutboxEntry): Uint8Array {
  if (chain.length === 0 && idempotencyKey === undefined && principal === undefined) return NOBODY_WAITS;
  const extension: { principal?: string; idempotencyKey?: string; chain: readonly string[] } = { chain };
  if (idempotencyKey !== undefined) extension.idempotencyKey = idempotencyKey;
  if (principal !== undefined) extension.principal = principal;
  return encodeExtension(extension);
}

/** An effect to be run. `isAgain`: it may have run before. */
export function effectFrame(
  state: DomainState,
  output: Extract<Output, { kind: 'effect' }>['request'],
  isAgain: boolean,
): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.effect,
    flags: isAgain ? FLAG_RESEND : 0,
    shard: state.shard,
    messageId: 0,
    timeMs: state.nowMs,
    target: { tenant: state.tenant, type: output.type, key: output.key },
    handler: output.name,
    extension: encodeExtension({ idempotencyKey: effectKeyOf(state, output.id) }),
    payload: encodeValue([output.id, output.version, output.input]),
  });
}

export function cancelFrame(state: DomainState, id: string): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.cancel,
    shard: state.shard,
    messageId: 0,
    timeMs: state.nowMs,
    target: { tenant: state.tenant, type: '', key: '' },
    handler: id,
    payload: EMPTY,
  });
}

export function noticeFrame(notice: Notice, timeMs: number): Uint8Array {
  return encodeFrame({
    kind: FRAME_KIND.control,
    shard: 0,
    messageId: 0,
    timeMs,
    target: NOWHERE,
    handler: 'notice',
    payload: encodeValue(notice),
  });
}

/** Input that the lane itself makes: a timer that is due, a migration. */
export function ownFrame(
  kind: 'timer' | 'control' | 'poison',
  tenant: string,
  shard: number,
  handler: string,
  payload: Uint8Array,
  timeMs: number,
): Frame {
  const bytes = encodeFrame({
    kind: FRAME_KIND[kind],
    shard,
    messageId: 0,
    timeMs,
    target: { tenant, type: '', key: '' },
    handler,
    payload,
  });
  return new Frame(bytes);
}

/** Handler of the control frame by which a tenant asks another for all that it has open; never an input. */
export const RESEND_ORDER = 'resend';

export function resendOrder(tenant: string, shards: number, timeMs: number): Frame {
  return ownFrame('control', tenant, shardOf(tenant, shards), RESEND_ORDER, EMPTY, timeMs);
}

/** An outcome as the frame that goes back to the sender of `frame`. */
export function answerFrame(
  frame: Frame,
  outcome: { readonly ok: boolean; readonly payload: Uint8Array },
  shards: number,
  timeMs: number,
): { to: 'client' | 'lane'; shard: number; bytes: Uint8Array } | undefined {
  if (frame.kind !== FRAME_KIND.call && frame.kind !== FRAME_KIND.tell) return undefined;
  const { source, incarnation, messageId } = frame;
  if (source === undefined) {
    return { to: 'client', shard: 0, bytes: clientReply(incarnation, messageId, outcome.ok, outcome.payload, timeMs) };
  }
  const to = { tenant: source.tenant, incarnation, messageId, tell: frame.kind === FRAME_KIND.tell };
  const bytes = tenantReply(frame.target, to, outcome, shards, timeMs);
  return { to: 'lane', shard: shardOf(source.tenant, shards), bytes };
}

/** Names an input across deaths of its lane. */
export function identityOf(frame: Frame): string {
  const source = frame.source?.tenant ?? '';
  return JSON.stringify([
    frame.target.tenant,
    frame.kind,
    source,
    frame.incarnation,
    frame.messageId,
    frame.correlation,
    frame.handler,
  ]);
}
