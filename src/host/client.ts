/**
 * The embedder's side: every call is a frame that stays here until its answer is in. Frames carry
 * the floor below which all is settled, so that the domains may forget their kept replies; after the
 * death of a lane, an outage of the store or a move, what is not settled is sent again, in order.
 */
import { type Address, shardOf } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { OpenItems } from '../base/open-items.ts';
import { encodeExtension } from '../frame/extension.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, encodeFrame } from '../frame/frame.ts';
import type { Envelope } from '../frame/envelope.ts';
import { OFFSET_FLAGS, frameKind, frameShard, withFloor } from '../frame/header.ts';
import type { CallOptions } from '../actor/reference-types.ts';
import { type Deadline, type DeadlinePorts, Deadlines } from './deadlines.ts';
import { FLAG_RESEND } from './lane-frame.ts';
import { type LostTell, OpenCall, OpenDelivery, type OpenMessage, OpenTell } from './open-message.ts';
import { Route } from './route.ts';

/** Longest time-out, ms: what a timer of Node can count. */
export const TIMEOUT_MAX_MS = 2_147_483_647;

export interface ClientPorts extends DeadlinePorts {
  nowMs(): number;
  /** To the lane that the shard is pinned to. */
  toShard(shard: number, bytes: Uint8Array): void;
}

export interface ClientLimits {
  readonly shards: number;
  readonly callTimeoutMs: number;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
}

const EMPTY = new Uint8Array(0);

/** Slots for open messages at the beginning: enough for most, and little for a system that is hardly used. */
const FIRST_SLOTS = 256;

let resolveLast: (value: unknown) => void = () => undefined;
let rejectLast: (error: unknown) => void = () => undefined;
/** One executor for all promises: a closure for each would live as long as its call does. */
function keepSettlers(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  resolveLast = resolve;
  rejectLast = reject;
}

export class Client {
  readonly #limits: ClientLimits;
  readonly #ports: ClientPorts;
  readonly #deadlines: Deadlines;
  #incarnation: number;
  readonly #open: OpenItems<OpenMessage> = new OpenItems(FIRST_SLOTS);
  #openBytes = 0;
  readonly #held: Set<number> = new Set();
  #closed: SynapseError | undefined;
  readonly #onIdle: (() => void)[] = [];

  constructor(limits: ClientLimits, ports: ClientPorts, incarnation: number) {
    this.#limits = limits;
    this.#ports = ports;
    this.#deadlines = new Deadlines(ports, (deadline) => this.#end(deadline));
    this.#incarnation = incarnation;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Number of the last message made here, 0 before the first: with the incarnation it names the message in a journal. */
  get lastMessageId(): number {
    return this.#open.nextId - 1;
  }

  /** What calls and tells of one handler have in common. */
  route(address: Address, handler: string, options: CallOptions): Route {
    const { idempotencyKey, principal, timeoutMs = this.#limits.callTimeoutMs } = options;
    const hasExtension = idempotencyKey !== undefined || principal !== undefined;
    const extension = hasExtension
      ? encodeExtension({
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
          ...(principal === undefined ? {} : { principal }),
        })
      : EMPTY;
    return new Route(address, handler, shardOf(address.tenant, this.#limits.shards), extension, timeoutMs);
  }

  /** Sends a call. The promise never hangs longer than its time-out. */
  call(route: Route, args: readonly unknown[]): Promise<unknown> {
    try {
      const { timeoutMs } = route;
      const nowMs = this.#ports.nowMs();
      const bytes = this.#seal(route.call, args, nowMs);
      const deadline = this.#deadlines.open(nowMs, timeoutMs, this.#open.nextId);
      const promise = new Promise(keepSettlers);
      this.#post(new OpenCall(bytes, deadline, resolveLast, rejectLast));
      return promise;
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** The time of some calls is over. */
  #end(deadline: Deadline): void {
    const { timeoutMs, firstId } = deadline;
    for (let id = firstId; deadline.openCount > 0 && id < this.#open.nextId; id++) {
      const open = this.#open.get(id);
      if (open?.deadline !== deadline) continue;
      const { target, handler } = new Frame(open.bytes);
      const text = `no answer from ${target.type}/${target.key} ${handler} in ${timeoutMs} ms; the command may still happen`;
      this.#fail(id, open, new SynapseError('TIMEOUT', text, { timeoutMs }));
    }
  }

  /** Sends a tell; `onLost` hears of one that was refused. */
  tell(route: Route, args: readonly unknown[], onLost: (lost: LostTell) => void): void {
    let bytes: Uint8Array;
    try {
      bytes = this.#seal(route.tell, args, this.#ports.nowMs());
    } catch (error) {
      if (!(error instanceof SynapseError)) throw error;
      onLost({ address: route.address, handler: route.handler, args: EMPTY, error });
      return;
    }
    this.#post(new OpenTell(bytes, onLost));
  }

  /** Sends an input that has no caller: an effect's result, an operator's order. Resolves once it is durable. */
  deliver(
    kind: 'effectResult' | 'control',
    tenant: string,
    handler: string,
    ok: boolean,
    payload: Uint8Array,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const bytes = encodeFrame({
        kind: FRAME_KIND[kind],
        flags: ok ? FRAME_STATUS.ok : FRAME_STATUS.error,
        shard: shardOf(tenant, this.#limits.shards),
        messageId: this.#open.nextId,
        timeMs: this.#ports.nowMs(),
        incarnation: this.#incarnation,
        target: { tenant, type: '', key: '' },
        handler,
        payload,
      });
      this.#post(new OpenDelivery(bytes, resolve, reject));
    });
  }

  /** The frame of the next message. */
  #seal(envelope: Envelope, args: readonly unknown[], nowMs: number): Uint8Array {
    if (this.#closed !== undefined) throw this.#closed;
    const bytes = envelope.seal(args, this.#open.nextId, nowMs, this.#incarnation);
    const { maxInFlight, maxInFlightBytes } = this.#limits;
    if (this.#open.size < maxInFlight && this.#openBytes + bytes.length <= maxInFlightBytes) return bytes;
    const text = `${this.#open.size} calls (${this.#openBytes} bytes) wait for their replies in this process`;
    throw new SynapseError('MAILBOX_FULL', text, { limit: maxInFlight, limitBytes: maxInFlightBytes });
  }

  #post(message: OpenMessage): void {
    this.#open.add(message);
    this.#openBytes += message.bytes.length;
    this.#send(message.bytes);
  }

  #send(bytes: Uint8Array): void {
    const shard = frameShard(bytes);
    if (this.#held.size > 0 && this.#held.has(shard)) return; // sent with all others of the shard when the move is over
    withFloor(bytes, this.#open.floor());
    this.#ports.toShard(shard, bytes);
  }

  /** A reply or acknowledgement has come from a lane. False for a frame of another kind. */
  receive(frame: Frame): boolean {
    const { kind } = frame;
    if (kind !== FRAME_KIND.reply && kind !== FRAME_KIND.ack) return false;
    if (kind === FRAME_KIND.reply && frame.incarnation !== this.#incarnation) return true; // for a process before this one
    const id = frame.correlation;
    const open = this.#open.get(id);
    if (open === undefined) return true; // a repeat, or timed out before
    this.#close(id, open);
    open.settle(frame);
    this.#tellIdle();
    return true;
  }

  #close(id: number, { bytes, deadline }: OpenMessage): void {
    this.#open.delete(id);
    this.#openBytes -= bytes.length;
    assert(this.#openBytes >= 0, 'bytes in flight are never negative');
    if (deadline !== undefined) this.#deadlines.close(deadline);
  }

  #fail(id: number, open: OpenMessage, error: SynapseError): void {
    this.#close(id, open);
    open.fail(error);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#open.size === 0 && this.#onIdle.length > 0) for (const callback of this.#onIdle.splice(0)) callback();
  }

  /** Sends again what is not settled, of the shards that `of` names, in the order it was sent. */
  resend(of: (shard: number) => boolean): void {
    for (const id of this.#open.ids()) {
      const bytes = this.#open.get(id)?.bytes;
      if (bytes === undefined || !of(frameShard(bytes))) continue;
      const kind = frameKind(bytes);
      if (kind === FRAME_KIND.call || kind === FRAME_KIND.tell) bytes[OFFSET_FLAGS] = FLAG_RESEND;
      this.#send(bytes);
    }
  }

  /** Holds back what is for a shard while it is moved. */
  hold(shard: number): void {
    this.#held.add(shard);
  }

  /** The move is over: everything for the shard goes (again) to where it is now. */
  unhold(shard: number): void {
    this.#held.delete(shard);
    this.resend((other) => other === shard);
  }

  /** Resolves when nothing is in flight, or after `timeoutMs`. */
  idle(timeoutMs: number): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.#ports.after(timeoutMs, resolve);
      this.#onIdle.push(() => {
        stop();
        resolve();
      });
    });
  }

  /** Takes no more calls. */
  close(error: SynapseError): void {
    this.#closed = error;
  }

  /** Takes calls again, as another process would. */
  reopen(incarnation: number): void {
    this.#incarnation = incarnation;
    this.#closed = undefined;
  }

  /** Ends everything that still waits. */
  abandon(error: SynapseError): void {
    // Failing one may send another, or settle one.
    for (const id of this.#open.ids()) {
      const open = this.#open.get(id);
      if (open !== undefined) this.#fail(id, open, error);
    }
  }
}
