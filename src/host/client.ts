/**
 * The embedder's side: every call is a frame that stays here until its answer is in. Frames carry
 * the floor below which all is settled, so that the domains may forget their kept replies; after the
 * death of a lane, an outage of the store or a move, what is not settled is sent again, in order.
 */
import { type Address, shardOf } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { decodeValue, encodeArguments } from '../frame/codec.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, decodeError, encodeExtension, encodeFrame } from '../frame/frame.ts';
import { OFFSET_FLAGS, frameShard, withFloor } from '../frame/header.ts';
import type { CallOptions } from '../actor/reference-types.ts';
import { FLAG_RESEND } from './lane-frame.ts';

/** Longest time-out, ms: what a timer of Node can count. */
export const TIMEOUT_MAX_MS = 2_147_483_647;

export interface ClientPorts {
  nowMs(): number;
  /** To the lane that the shard is pinned to. */
  toShard(shard: number, bytes: Uint8Array): void;
  /** Calls back once, after `ms`; returns what takes it back. */
  after(ms: number, callback: () => void): () => void;
}

export interface ClientLimits {
  readonly shards: number;
  readonly callTimeoutMs: number;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
}

/** A tell that was refused. */
export interface LostTell {
  readonly address: Address;
  readonly handler: string;
  readonly args: Uint8Array;
  readonly error: SynapseError;
}

interface Open {
  readonly bytes: Uint8Array;
  readonly settle: (ok: boolean, payload: Uint8Array, error: SynapseError | undefined) => void;
  readonly stopTimer: (() => void) | undefined;
}

const EMPTY = new Uint8Array(0);

export class Client {
  readonly #limits: ClientLimits;
  readonly #ports: ClientPorts;
  #incarnation: number;
  /** In the order of their ids. */
  readonly #open: Map<number, Open> = new Map();
  /** No open id lies below. Kept by hand: the first key of a map that is used as a queue is found behind all deleted ones. */
  #lowestId = 1;
  #openBytes = 0;
  #nextId = 1;
  readonly #held: Map<number, Uint8Array[]> = new Map();
  #closed: SynapseError | undefined;
  readonly #onIdle: (() => void)[] = [];

  constructor(limits: ClientLimits, ports: ClientPorts, incarnation: number) {
    this.#limits = limits;
    this.#ports = ports;
    this.#incarnation = incarnation;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Number of the last message made here, 0 before the first: with the incarnation it names the message in a journal. */
  get lastMessageId(): number {
    return this.#nextId - 1;
  }

  /** Sends a call. The promise never hangs longer than its time-out. */
  call(address: Address, handler: string, args: readonly unknown[], options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const bytes = this.#encode(FRAME_KIND.call, address, handler, args, options);
      const id = this.#nextId - 1;
      const timeoutMs = options.timeoutMs ?? this.#limits.callTimeoutMs;
      const stopTimer = this.#ports.after(timeoutMs, () => {
        const text = `no answer from ${address.type}/${address.key} ${handler} in ${timeoutMs} ms; the command may still happen`;
        this.#settle(id, false, EMPTY, new SynapseError('TIMEOUT', text, { timeoutMs }));
      });
      this.#post(id, bytes, stopTimer, (ok, payload, error) => {
        if (error !== undefined) reject(error);
        else if (ok) resolve(decodeValue(payload));
        else reject(decodeError(payload));
      });
    });
  }

  /** Sends a tell; `onLost` hears of one that was refused. */
  tell(
    address: Address,
    handler: string,
    args: readonly unknown[],
    options: CallOptions,
    onLost: (lost: LostTell) => void,
  ): void {
    let bytes: Uint8Array;
    try {
      bytes = this.#encode(FRAME_KIND.tell, address, handler, args, options);
    } catch (error) {
      if (!(error instanceof SynapseError)) throw error;
      onLost({ address, handler, args: EMPTY, error });
      return;
    }
    const { payload } = new Frame(bytes);
    this.#post(this.#nextId - 1, bytes, undefined, (ok, reply, error) => {
      if (ok) return;
      onLost({ address, handler, args: payload, error: error ?? decodeError(reply) });
    });
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
      const id = this.#nextId++;
      const bytes = encodeFrame({
        kind: FRAME_KIND[kind],
        flags: ok ? FRAME_STATUS.ok : FRAME_STATUS.error,
        shard: shardOf(tenant, this.#limits.shards),
        messageId: id,
        timeMs: this.#ports.nowMs(),
        incarnation: this.#incarnation,
        target: { tenant, type: '', key: '' },
        handler,
        payload,
      });
      this.#post(id, bytes, undefined, (isDone, answer, error) => {
        if (error === undefined && isDone) resolve();
        else reject(error ?? decodeError(answer));
      });
    });
  }

  #encode(kind: 1 | 2, address: Address, handler: string, args: readonly unknown[], options: CallOptions): Uint8Array {
    if (this.#closed !== undefined) throw this.#closed;
    const payload = encodeArguments(args);
    const { maxInFlight, maxInFlightBytes } = this.#limits;
    if (this.#open.size >= maxInFlight || this.#openBytes + payload.length > maxInFlightBytes) {
      throw new SynapseError(
        'MAILBOX_FULL',
        `${this.#open.size} calls (${this.#openBytes} bytes) wait for their replies in this process`,
        {
          limit: maxInFlight,
          limitBytes: maxInFlightBytes,
        },
      );
    }
    const { idempotencyKey, principal } = options;
    const hasExtension = idempotencyKey !== undefined || principal !== undefined;
    const bytes = encodeFrame({
      kind,
      shard: shardOf(address.tenant, this.#limits.shards),
      messageId: this.#nextId,
      timeMs: this.#ports.nowMs(),
      incarnation: this.#incarnation,
      target: address,
      handler,
      extension: hasExtension
        ? encodeExtension({
            ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
            ...(principal === undefined ? {} : { principal }),
          })
        : EMPTY,
      payload,
    });
    this.#nextId += 1;
    return bytes;
  }

  #post(id: number, bytes: Uint8Array, stopTimer: (() => void) | undefined, settle: Open['settle']): void {
    this.#open.set(id, { bytes, settle, stopTimer });
    this.#openBytes += bytes.length;
    this.#send(bytes);
  }

  #send(bytes: Uint8Array): void {
    const shard = frameShard(bytes);
    const held = this.#held.get(shard);
    if (held !== undefined) return; // sent with all others of the shard when the move is over
    withFloor(bytes, this.#floor());
    this.#ports.toShard(shard, bytes);
  }

  #floor(): number {
    while (this.#lowestId < this.#nextId && !this.#open.has(this.#lowestId)) this.#lowestId += 1;
    return this.#lowestId;
  }

  /** A reply or acknowledgement has come from a lane. False for a frame of another kind. */
  receive(frame: Frame): boolean {
    if (frame.kind === FRAME_KIND.reply) {
      if (frame.incarnation === this.#incarnation)
        this.#settle(frame.correlation, frame.flags === FRAME_STATUS.ok, frame.payload, undefined);
      return true;
    }
    if (frame.kind === FRAME_KIND.ack) {
      this.#settle(frame.correlation, true, EMPTY, undefined);
      return true;
    }
    return false;
  }

  #settle(id: number, ok: boolean, payload: Uint8Array, error: SynapseError | undefined): void {
    const open = this.#open.get(id);
    if (open === undefined) return; // a repeat, or timed out before
    this.#open.delete(id);
    this.#openBytes -= open.bytes.length;
    assert(this.#openBytes >= 0, 'bytes in flight are never negative');
    open.stopTimer?.();
    open.settle(ok, payload, error);
    if (this.#open.size === 0) for (const callback of this.#onIdle.splice(0)) callback();
  }

  /** Sends again what is not settled, of the shards that `of` names, in the order it was sent. */
  resend(of: (shard: number) => boolean): void {
    for (const { bytes } of this.#open.values()) {
      if (!of(frameShard(bytes))) continue;
      const kind = new Frame(bytes).kind;
      if (kind === FRAME_KIND.call || kind === FRAME_KIND.tell) bytes[OFFSET_FLAGS] = FLAG_RESEND;
      this.#send(bytes);
    }
  }

  /** Holds back what is for a shard while it is moved. */
  hold(shard: number): void {
    this.#held.set(shard, []);
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
    const ids = [...this.#open.keys()]; // settling one may send another
    for (const id of ids) this.#settle(id, false, EMPTY, error);
  }
}
