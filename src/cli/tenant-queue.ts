/**
 * The commands of one tenant between reading and writing, in input order.
 *
 *   written ◀─ [answered] [sent] [full: to be sent again] [sent] │ unsent ─ … ─ last read
 *               first                                            └ next to send
 *
 * Knows what may go next and what is under way at which actor; sends and writes nothing itself.
 */
import { assert } from '../base/assert.ts';
import type { CommandRecord } from './command-record.ts';

/** What a frame adds to a line when a mailbox counts bytes: source and target, three names of up to 256 bytes each, and fixed fields. */
const FRAME_OVERHEAD_BYTES = 2_048;

/** How much may wait in the mailbox of one actor. */
export interface Mailbox {
  readonly limit: number;
  readonly limitBytes: number;
}

/** One command on its way. */
export interface Entry {
  readonly record: CommandRecord;
  /** Bytes of its line. */
  readonly sizeBytes: number;
  next: Entry | undefined;
  /** When it was sent first, in milliseconds. */
  sentAtMs: number;
  /** How often it was sent again after `MAILBOX_FULL`. */
  resends: number;
  /** The result line, once answered. */
  result: string | undefined;
}

/** A queue of one tenant; drop it when it is empty. */
export class TenantQueue {
  readonly tenant: string;
  /** Sent and not yet answered. */
  underWay = 0;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #unsent: Entry | undefined;
  #full: Entry[] = [];
  readonly #actors = new Map<string, { count: number; sizeBytes: number }>();

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Whether a command waits to be sent again, before which no later one may go. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  push(record: CommandRecord, sizeBytes: number): void {
    const entry: Entry = { record, sizeBytes, next: undefined, sentAtMs: 0, resends: 0, result: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#unsent ??= entry;
  }

  /** Takes the next command to send if its actor's mailbox has room for it; one alone always has. */
  takeUnsent(mailboxOf: (type: string) => Mailbox): Entry | undefined {
    const entry = this.#unsent;
    if (entry === undefined || this.hasFull) return undefined;
    const actor = this.#actors.get(actorKey(entry.record));
    if (actor !== undefined) {
      const mailbox = mailboxOf(entry.record.actor);
      if (actor.count >= mailbox.limit || actor.sizeBytes + entry.sizeBytes + FRAME_OVERHEAD_BYTES > mailbox.limitBytes)
        return undefined;
    }
    this.#unsent = entry.next;
    return entry;
  }

  /** The earliest command to send again. Only once nothing is under way: answers overtake each other, so order is known only then. */
  firstFull(): Entry {
    assert(this.underWay === 0, 'commands are sent again only when their tenant has none under way');
    if (this.#full.length > 1) this.#full = this.#inInputOrder(this.#full);
    const entry = this.#full[0];
    assert(entry !== undefined, 'a tenant that sends again has a command to send');
    return entry;
  }

  start(entry: Entry): void {
    this.underWay++;
    const key = actorKey(entry.record);
    const actor = this.#actors.get(key);
    if (actor === undefined) this.#actors.set(key, { count: 1, sizeBytes: entry.sizeBytes + FRAME_OVERHEAD_BYTES });
    else {
      actor.count++;
      actor.sizeBytes += entry.sizeBytes + FRAME_OVERHEAD_BYTES;
    }
  }

  /** Ends what {@link start} began: with a result, or without one to be sent again. */
  finish(entry: Entry, result: string | undefined): void {
    this.underWay--;
    const key = actorKey(entry.record);
    const actor = this.#actors.get(key);
    assert(actor !== undefined, 'what ends at an actor has started there');
    actor.count--;
    actor.sizeBytes -= entry.sizeBytes + FRAME_OVERHEAD_BYTES;
    if (actor.count === 0) this.#actors.delete(key);
    entry.result = result;
    // A command stays in the list of full ones while it is sent again, so that nothing passes it then.
    const isListed = this.#full[0] === entry;
    if (result === undefined && !isListed) this.#full.push(entry);
    else if (result !== undefined && isListed) this.#full.shift();
  }

  /** Takes the earliest command if it is answered. */
  takeAnswered(): Entry | undefined {
    const entry = this.#first;
    if (entry?.result === undefined) return undefined;
    this.#first = entry.next;
    if (this.#first === undefined) this.#last = undefined;
    return entry;
  }

  /** Forgets what was not sent, always the last of the queue, and returns it. */
  dropUnsent(): Entry[] {
    const dropped: Entry[] = [];
    for (let entry = this.#unsent; entry !== undefined; entry = entry.next) dropped.push(entry);
    if (dropped.length === 0) return dropped;
    let last: Entry | undefined;
    for (let entry = this.#first; entry !== this.#unsent; entry = entry?.next) last = entry;
    if (last === undefined) this.#first = undefined;
    else last.next = undefined;
    this.#last = last;
    this.#unsent = undefined;
    return dropped;
  }

  #inInputOrder(entries: readonly Entry[]): Entry[] {
    const wanted = new Set(entries);
    const ordered: Entry[] = [];
    for (let entry = this.#first; entry !== undefined; entry = entry.next) if (wanted.has(entry)) ordered.push(entry);
    return ordered;
  }
}

/** Type and key of an actor as one text. A type holding NUL could collide with another: that only throttles the two together. */
function actorKey(record: CommandRecord): string {
  return `${record.actor}\0${record.key}`;
}
