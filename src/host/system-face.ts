/**
 * The face of a system: what the embedder holds in its hands, whatever runs behind it. Threads
 * (`createSystem`) and one thread with a virtual clock (`testSystem`) bring an engine each.
 */
import type { ActorType } from '../actor/actor-type.ts';
import type { AuditAnswer, AuditRequest } from '../actor/audit-port.ts';
import type { Ref } from '../actor/reference-types.ts';
import { type Address, checkName, readableAddress } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { decodeArguments, decodeValue, encodeValue } from '../frame/codec.ts';
import { Channel } from './channel.ts';
import type { Client } from './client.ts';
import type { Notice } from './lane-frame.ts';
import type { LostTell } from './open-message.ts';
import { type ReferenceHome, makeReference } from './reference.ts';
import { TenantAudit } from './tenant-audit.ts';

/** A message that did not reach its handler, or took no effect, and had no caller to be told: a tell, refused. */
export interface DeadLetter {
  /** `{ tenant, type, key }`; as text `tenant/type/key`. */
  readonly address: Address;
  readonly handler: string;
  /** Copies of the arguments; none where they could not be encoded. */
  readonly args: readonly unknown[];
  /** An error code: one of `ERROR_CODES`. */
  readonly reason: string;
  /** The error's message, for people. */
  readonly message: string;
}

/**
 * What supervision did, to whom, and why. Told once the step in which it happened is durable; fields that do
 * not apply are undefined. See docs/supervision.md.
 */
export interface SupervisionEvent {
  readonly event: 'restart' | 'lane-died' | 'escalated' | 'poisoned';
  readonly tenant: string | undefined;
  /** Of the actor, where there is one. */
  readonly address: Address | undefined;
  /** Of `lane-died`: which, from 0. */
  readonly lane: number | undefined;
  /** For people: the kind of failure, or what a thread died of. */
  readonly reason: string;
  /** ms since 1970: when a restarted actor or a suspended tenant goes on. */
  readonly untilMs: number | undefined;
}

/** What `system.on` listens for. */
export type SupervisionEventName = SupervisionEvent['event'];

/** One value that `ctx.emit` wrote to a topic; durable. */
export interface TopicEvent {
  /** Counts from 0 for each topic of a tenant. */
  readonly offset: number;
  /** Recorded time, ms since 1970. */
  readonly time: number;
  readonly value: unknown;
}

/** A tenant as `system.tenants()` tells of it: all fields as of its step `seq`. */
export interface TenantStatus {
  readonly tenant: string;
  /** From 0 to `shards` - 1. */
  readonly shard: number;
  /** Inputs recorded so far: the number of its last step. */
  readonly seq: number;
  /** 32 bytes that commit to all actor states and tables, whatever their history: equal roots, equal states. */
  readonly stateRoot: Uint8Array;
  /** Leaves of the audit log: `seq`. */
  readonly auditSize: number;
  /** Root of the audit log, 32 bytes. */
  readonly auditRoot: Uint8Array;
}

/** One lane in figures, at most 50 ms old while it is busy (a second where more than 256 tenants are in memory). Counts begin anew with its thread, `deaths` excepted. */
export interface LaneStats {
  /** From 0. */
  readonly lane: number;
  /** Messages that wait, of all its tenants. */
  readonly mailboxDepth: number;
  /** Turns run. */
  readonly turns: number;
  /** Restarts of actors. */
  readonly restarts: number;
  /** Values that `ctx.emit` wrote, in the last second. */
  readonly eventsPerSecond: number;
  /** Tenants in memory. */
  readonly tenants: number;
  /** Actors in memory. */
  readonly actors: number;
  /** Times this lane's thread was replaced. */
  readonly deaths: number;
}

/** A system in figures. Costs nothing: lanes are not asked, they show their figures. */
export interface SystemStats {
  readonly lanes: readonly LaneStats[];
  /** How many steps and snapshots of the lanes' present threads are known to be durable. */
  readonly durableWatermark: number;
  /** Dead letters so far, read or not. */
  readonly deadLetters: number;
  /** Calls answered from the idempotency table. */
  readonly repeats: number;
  /** Calls waiting for a reply. */
  readonly inFlight: number;
}

/** An event as the store keeps it. */
export interface StoredTopicEvent {
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

/** What runs behind a system. */
export interface Engine {
  readonly client: Client;
  figures(): Omit<SystemStats, 'deadLetters' | 'inFlight'>;
  tenants(): Promise<TenantStatus[]>;
  moveShard(shard: number, lane: number): Promise<void>;
  audit(request: AuditRequest): Promise<AuditAnswer>;
  snapshot(): Promise<void>;
  erase(tenant: string): Promise<void>;
  backup(dir: string): Promise<void>;
  readEvents(tenant: string, topic: string, from: number, limit: number): Promise<readonly StoredTopicEvent[]>;
  close(): Promise<void>;
}

/** Dead letters kept for a reader: enough to look back, few enough to forget. */
const DEAD_LETTERS_MAX = 10_000;

/** Events read at a time. */
const EVENTS_PAGE = 256;

/**
 * A running system: references to actors, and the hands on it. Made by `createSystem`, and by `testSystem`
 * in one thread. After `close` everything rejects with `CLOSED`.
 *
 * @example
 * await using system = await createSystem({ actors: new URL('./account.js', import.meta.url), dataDir: './data' });
 * await system.ref(account, 'acme', 'alice').deposit(10);
 */
export class System implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #home: ReferenceHome;
  readonly #letters: Channel<DeadLetter> = new Channel(DEAD_LETTERS_MAX);
  readonly #listeners: Map<string, Set<(event: SupervisionEvent) => void>> = new Map();
  readonly #topicWaiters: Map<string, Set<() => void>> = new Map();
  #closing: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#home = { client: engine.client, onLost: (lost) => this.#lose(lost) };
  }

  /**
   * A typed reference; equal addresses are interchangeable. Costs nothing, activates nothing, never throws:
   * a fault of the address (`INVALID_ADDRESS`) is told by its calls.
   *
   * @param type an actor type, or its name (its handlers are then untyped)
   * @param tenant 1 to 256 bytes of UTF-8 without control characters, as `key`
   * @example await system.ref(account, 'acme', 'alice').deposit(10);
   */
  ref<A extends ActorType>(type: A | string, tenant: string, key: string): Ref<A> {
    const name = typeof type === 'string' ? type : (type as A | undefined)?.name;
    return makeReference<A>(this.#home, { tenant, type: name ?? '', key });
  }

  /** Figures of lanes and system, as of now. */
  stats(): SystemStats {
    return {
      ...this.#engine.figures(),
      deadLetters: this.#letters.totalCount,
      inFlight: this.#engine.client.openCount,
    };
  }

  /** All tenants with their roots, sorted by tenant, as of what is durable now. `STORE_UNAVAILABLE`. */
  async tenants(): Promise<TenantStatus[]> {
    this.#checkOpen();
    return this.#engine.tenants();
  }

  /**
   * Moves a shard to another lane under load; loses and reorders nothing. To its own lane: nothing.
   * `DIVERGED` when the roots after the move differ: the source lane goes on. `INVALID_ARGUMENT`.
   */
  async moveShard(shard: number, lane: number): Promise<void> {
    this.#checkOpen();
    await this.#engine.moveShard(shard, lane);
  }

  /**
   * The tenant's audit log: sizes, roots, signed checkpoints and proofs that an outsider can check with
   * `synapse-actors/audit`. Costs nothing until it is asked; a fault of the name is told then (`INVALID_ADDRESS`).
   *
   * @example
   * const checkpoint = await system.audit('acme').checkpoint();
   */
  audit(tenant: string): TenantAudit {
    return new TenantAudit(tenant, async (request) => {
      this.#checkOpen();
      checkName('tenant', tenant);
      return this.#engine.audit(request);
    });
  }

  /**
   * A signed note over all tenants of this host: an RFC 6962 root over their checkpoints' texts, sorted by origin,
   * as of a commit that it names. Tells no tenant's name. `STORE_UNAVAILABLE`.
   */
  async hostCheckpoint(): Promise<string> {
    this.#checkOpen();
    return (await this.#engine.audit({ kind: 'host-checkpoint' })) as string;
  }

  /** The public key of this host's checkpoints, in C2SP's form `name+hash+key`: what an outsider needs once. */
  async auditVerifierKey(): Promise<string> {
    this.#checkOpen();
    return (await this.#engine.audit({ kind: 'verifier-key' })) as string;
  }

  /** Lets a suspended tenant go on before its time, as a recorded input; for one that is not suspended nothing happens. `INVALID_ADDRESS`, `CLOSED`. */
  async resume(tenant: string): Promise<void> {
    this.#checkOpen();
    checkName('tenant', tenant);
    await this.#engine.client.deliver('control', tenant, 'resume', true, encodeValue(null));
  }

  /**
   * Messages that took no effect and had no caller; each is read once. The last 10,000 are kept for a reader,
   * `stats().deadLetters` counts all. Ends with the system.
   */
  get deadLetters(): AsyncIterable<DeadLetter> {
    return this.#letters;
  }

  /**
   * What `ctx.emit` wrote to a topic, from offset `from` (default 0) on, and then live. Ends with the system.
   * `INVALID_ADDRESS`, `INVALID_ARGUMENT`, `STORE_CORRUPT`.
   *
   * @example
   * for await (const { offset, value } of system.events('acme', 'transfers', { from: 0 })) console.log(offset, value);
   */
  async *events(
    tenant: string,
    topic: string,
    options: { readonly from?: number } = {},
  ): AsyncGenerator<TopicEvent, void, undefined> {
    checkName('tenant', tenant);
    let from = options.from ?? 0;
    if (!Number.isSafeInteger(from) || from < 0) {
      throw new SynapseError('INVALID_ARGUMENT', `from must be an integer of at least 0, got ${String(from)}`, {
        option: 'from',
      });
    }
    while (this.#closing === undefined) {
      let wake: () => void = () => undefined;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const stop = this.#awaitTopic(tenant, topic, wake); // before the read: what comes meanwhile is not missed
      try {
        const page = await this.#engine.readEvents(tenant, topic, from, EVENTS_PAGE);
        for (const { offset, timeMs, value } of page) {
          yield { offset, time: timeMs, value: decodeValue(value) };
          from = offset + 1;
        }
        if (page.length === 0) await woken;
      } finally {
        stop();
      }
    }
  }

  #awaitTopic(tenant: string, topic: string, wake: () => void): () => void {
    const key = JSON.stringify([tenant, topic]);
    const waiters = this.#topicWaiters.get(key) ?? new Set();
    this.#topicWaiters.set(key, waiters);
    waiters.add(wake);
    return () => {
      waiters.delete(wake);
      if (waiters.size === 0) this.#topicWaiters.delete(key);
    };
  }

  /** Called by the engine: a topic has new events. */
  noteEvent(tenant: string, topic: string): void {
    for (const wake of this.#topicWaiters.get(JSON.stringify([tenant, topic])) ?? []) wake();
  }

  /**
   * Tells `listener` what supervision did; returns a function that stops it.
   *
   * @example
   * const stop = system.on('restart', ({ address, reason }) => console.warn(`${address}: ${reason}`));
   */
  on(event: SupervisionEventName, listener: (event: SupervisionEvent) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Called by the engine. */
  noteSupervision(event: SupervisionEvent): void {
    for (const listener of this.#listeners.get(event.event) ?? []) listener(event);
  }

  /** Called by the engine: what a lane had to tell. */
  noteNotice(notice: Extract<Notice, { kind: 'dead-letter' | 'restart' | 'escalated' | 'poisoned' }>): void {
    if (notice.kind === 'dead-letter') {
      const { address, handler, args, reason, message } = notice;
      this.#letters.push({ address: readableAddress(address), handler, args: decodeArguments(args), reason, message });
      return;
    }
    const { tenant, address, reason, untilMs } = notice;
    const of = address === undefined ? undefined : readableAddress(address);
    this.noteSupervision({ event: notice.kind, tenant, address: of, lane: undefined, reason, untilMs });
  }

  #lose(lost: LostTell): void {
    const { address, handler, args, error } = lost;
    const decoded = args.length === 0 ? [] : decodeArguments(args);
    this.#letters.push({
      address: readableAddress(address),
      handler,
      args: decoded,
      reason: error.code,
      message: error.message,
    });
  }

  /** A snapshot of every tenant that changed, now. `STORE_UNAVAILABLE`. */
  async snapshot(): Promise<void> {
    this.#checkOpen();
    await this.#engine.snapshot();
  }

  /**
   * Destroys the tenant's key, and with it all that its store holds of its content, for good: states, events, replies,
   * the inputs in its log. Hashes stay, so that its log still verifies; its name is not given out again, and every call
   * of it is `INVALID_ADDRESS`. Resolves when it is durable; again for an erased one: nothing. Backups made before have
   * keys of their own. `INVALID_ARGUMENT` without `encryption: true` or for an unknown tenant, `STORE_UNAVAILABLE`
   * (call it again: it may have been done).
   */
  async erase(tenant: string): Promise<void> {
    this.#checkOpen();
    checkName('tenant', tenant);
    await this.#engine.erase(tenant);
  }

  /**
   * Writes a consistent copy into `dir` (missing or empty) that `createSystem` opens, as a new incarnation. Work
   * goes on meanwhile; answers wait while the store copies. `INVALID_ARGUMENT`, `STORE_UNAVAILABLE`.
   */
  async backup(dir: string): Promise<void> {
    this.#checkOpen();
    if (typeof dir !== 'string' || dir === '')
      throw new SynapseError('INVALID_ARGUMENT', 'dir must be a path', { option: 'dir' });
    await this.#engine.backup(dir);
  }

  /**
   * Takes no more calls, waits up to `drainTimeoutMs` for those under way and for effects, takes snapshots, frees
   * every thread and file. What has no answer by then rejects with `CLOSED`; it may still have happened. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#engine.client.close(new SynapseError('CLOSED', 'the system is closed'));
    try {
      await this.#engine.close();
    } finally {
      this.#engine.client.abandon(
        new SynapseError('CLOSED', 'the system closed before the answer came; the command may still have happened'),
      );
      this.#letters.close();
      for (const waiters of this.#topicWaiters.values()) for (const wake of waiters) wake();
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new SynapseError('CLOSED', 'the system is closed');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
