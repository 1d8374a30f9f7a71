/**
 * What moves inside a domain: messages between actors, results of calls, and the orders of
 * supervision. All of them are plain values, so that a snapshot can hold those that wait.
 *
 * A message carries arguments that are its own: the copy is made once, by the sender.
 */

import { checkName } from '../base/address.ts';
import { Arguments } from './arguments.ts';
import type { Sender } from './context-types.ts';

/** Where the reply of a message goes. */
export type ReplyTo =
  | { readonly kind: 'none' }
  | { readonly kind: 'client'; readonly incarnation: number; readonly messageId: number }
  | {
      readonly kind: 'tenant';
      readonly tenant: string;
      readonly incarnation: number;
      readonly messageId: number;
      readonly tell: boolean;
    }
  | { readonly kind: 'turn'; readonly turnId: number; readonly callIndex: number };

export const NO_REPLY: ReplyTo = { kind: 'none' };

/** Which part of an actor's definition a message runs. */
export type Role = 'command' | 'query' | 'started' | 'restarted' | 'terminated';

export interface Message {
  readonly role: Role;
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: Arguments;
  readonly sender: Sender;
  readonly replyTo: ReplyTo;
  /** Addresses of the actors that wait for this message, across tenants, outermost first. */
  readonly chain: readonly string[];
  readonly idempotencyKey?: string;
}

/** A message as a snapshot holds it. */
export type StoredMessage = Omit<Message, 'args'> & { readonly args: Uint8Array };

/** Its keys stand in the order in which a message has them: they are bytes of the snapshot. */
export function storedMessage(message: Message): StoredMessage {
  return { ...message, args: message.args.bytes };
}

export function messageFrom(stored: StoredMessage): Message {
  return { ...stored, args: Arguments.read(stored.args) };
}

/** How a turn or a call ended. `payload` is an encoded value or an encoded error. */
export interface Outcome {
  readonly ok: boolean;
  readonly payload: Uint8Array;
}

/** One entry of a domain's run queue. */
export type Job =
  | { readonly kind: 'message'; readonly actorId: string; readonly message: Message }
  | { readonly kind: 'result'; readonly turnId: number; readonly callIndex: number; readonly outcome: Outcome }
  | { readonly kind: 'stop'; readonly actorId: string; readonly reason: string }
  | { readonly kind: 'restart'; readonly actorId: string; readonly reason: string }
  | { readonly kind: 'escalation'; readonly actorId: string; readonly from: string; readonly reason: string }
  | { readonly kind: 'strategy'; readonly actorId: string; readonly from: string; readonly reason: string }
  | { readonly kind: 'orphan'; readonly actorId: string; readonly child: string }
  | { readonly kind: 'back-off-over'; readonly actorId: string }
  | { readonly kind: 'next'; readonly actorId: string };

/** The job that gives a message to its actor. Whoever knows the actor's id already says so: to make it costs a tenth of a turn. */
export function messageJob(message: Message, actorId: string = actorIdOf(message.type, message.key)): Job {
  return { kind: 'message', actorId, message };
}

/**
 * Ids made lately, by some letters of their keys: actors speak to the same few again and again, and a text just put
 * together is copied and hashed before it finds anything (a turn of ping-pong 1.39 to 1.22 µs).
 */
const lately: (KnownId | undefined)[] = [];
/** How many, less one. */
const PLACES = 0x1ff;

interface KnownId {
  readonly type: string;
  readonly key: string;
  readonly id: string;
  /** The key can be one: somebody looked. */
  isChecked: boolean;
}

function knownId(type: string, key: string): KnownId {
  const { length } = key;
  const letters = key.charCodeAt(0) * 961 + key.charCodeAt(length - 1) * 31 + key.charCodeAt(length >> 1) * 7;
  const place = (letters + length) & PLACES;
  const known = lately[place];
  if (known !== undefined && known.key === key && known.type === type) return known;
  // Joined it is one piece of text; a template of two is asked for its letters in twice the time, for good.
  return (lately[place] = { type, key, id: [type, key].join('\0'), isChecked: false });
}

/** The key of an actor inside its domain. Injective: a type holds no NUL, a key no control character. */
export function actorIdOf(type: string, key: string): string {
  return knownId(type, key).id;
}

/** The same for a key that somebody gives; `INVALID_ADDRESS` where it cannot be one. */
export function checkedActorId(type: string, key: unknown): string {
  if (typeof key !== 'string') checkName('key', key);
  const known = knownId(type, key);
  if (!known.isChecked) checkName('key', key);
  known.isChecked = true;
  return known.id;
}

/** The inverse of {@link actorIdOf}. */
export function actorPartsOf(actorId: string): { type: string; key: string } {
  const cut = actorId.indexOf('\0');
  return { type: actorId.slice(0, cut), key: actorId.slice(cut + 1) };
}
