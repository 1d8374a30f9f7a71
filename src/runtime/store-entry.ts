/**
 * The store's thread: the only one that writes to disk, and one that runs no user code. It takes what
 * has arrived from all lanes, writes it in one commit, tells the lanes, and looks again. The commit
 * blocks this thread and nobody else.
 */
import { mkdirSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { encodeConfig, decodeConfig } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import { AuditKey } from '../store/audit-key.ts';
import type { KeyValue } from '../store/key-value.ts';
import { openLmdb } from '../store/lmdb.ts';
import { KeyRing, PLAIN_RING } from '../store/key-ring.ts';
import { FileKeySlots, MemoryKeySlots } from '../store/key-slots.ts';
import { type DirectoryLock, acquireLock } from '../store/lock.ts';
import { MemoryKeyValue } from '../store/memory.ts';
import { StoreHost } from '../store/store-host.ts';
import { Store } from '../store/store.ts';
import { offer, replyWith } from './control-port.ts';
import type { OpenedStore, StoreSurface, StoreTask } from './lane-protocol.ts';
import { Link, type LinkInit } from './link.ts';

/** Messages read from one lane before the others are looked at. */
const READ_MAX = 4_096;

/** Messages gathered for one commit: beyond it the flush would keep everybody waiting. */
const BATCH_MAX = 16_384;

/** Pause between tries to come back after a failure, ms. */
const RECOVER_MS = 100;

const task = workerData as StoreTask;

// lmdb brings a codec with a native part that is never used here: 3 ms of an opening. The thread's environment is its own.
process.env['MSGPACKR_NATIVE_ACCELERATION_DISABLED'] = 'true';

class StoreThread {
  #lock: DirectoryLock | undefined;
  #store: Store | undefined;
  #host: StoreHost | undefined;
  readonly #client: Link = new Link(task.client, () => this.pump()); // rings when there is space again
  readonly #watermark: Float64Array = new Float64Array(task.watermark);
  readonly #links: Map<number, Link> = new Map();
  #topics: Map<string, readonly [string, string]> = new Map();
  #recovery: NodeJS.Timeout | undefined;
  #isScheduled = false;

  open(config: Uint8Array): OpenedStore {
    const { dataDir, shards, encryption, auditKey, actors, previous } = task;
    const driver = dataDir === undefined ? new MemoryKeyValue() : this.#openDirectory(dataDir);
    const slots = dataDir === undefined ? new MemoryKeySlots() : new FileKeySlots(dataDir);
    const ring = encryption ? new KeyRing(slots) : PLAIN_RING;
    try {
      const given = auditKey === undefined ? undefined : AuditKey.of(auditKey);
      const own = (): AuditKey => (dataDir === undefined ? AuditKey.make() : AuditKey.open(dataDir));
      this.#store = Store.open({ driver, shards, ring, auditKey: () => given ?? own(), lazy: true });
      this.#store.remember({ actors, previous });
    } catch (error) {
      this.#store = undefined;
      driver.close();
      this.#lock?.release();
      throw error;
    }
    const store = this.#store;
    this.#host = new StoreHost(store, {
      toClient: (bytes) => this.#client.send(bytes),
      onEvent: (tenant, topic) => this.#topics.set(JSON.stringify([tenant, topic]), [tenant, topic]),
    });
    // The incarnation is the store's own: it enters the configuration here.
    const configId = store.internConfig(encodeConfig({ ...decodeConfig(config), incarnation: store.incarnation }));
    const configs: (readonly [number, Uint8Array])[] = [];
    for (let id = 0; id <= configId; id++) {
      const bytes = store.config(id);
      if (bytes !== undefined) configs.push([id, bytes.slice()]);
    }
    return { incarnation: store.incarnation, configId, configs };
  }

  #openDirectory(dataDir: string): KeyValue {
    try {
      mkdirSync(dataDir, { recursive: true });
    } catch (error) {
      throw new SynapseError('STORE_UNAVAILABLE', `dataDir: cannot make ${dataDir}: ${(error as Error).message}`, {
        option: 'dataDir',
      });
    }
    this.#lock = acquireLock(dataDir);
    try {
      return openLmdb(dataDir);
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  get store(): Store {
    if (this.#store === undefined) throw new SynapseError('CLOSED', 'the store is not open');
    return this.#store;
  }

  get stepCount(): number {
    return this.#host?.stepCount ?? 0;
  }

  attach(lane: number, init: LinkInit): void {
    const before = this.#links.get(lane);
    if (before !== undefined) {
      // What the dead lane had sent counts: it may be acknowledged by nobody, but it happened.
      while (before.read((bytes) => this.#host?.receive(lane, bytes), READ_MAX) > 0) this.#host?.flush();
      before.close();
    }
    const link = new Link(init, () => this.pump());
    this.#links.set(lane, link);
    this.#host?.attach(lane, (bytes, isUrgent) => link.send(bytes, isUrgent));
    link.flush();
    this.pump();
  }

  /** Reads, commits, answers, until nothing is left; then sleeps. */
  pump(): void {
    const host = this.#host;
    if (host === undefined) return;
    for (const link of this.#links.values()) link.wake();
    for (let round = 0; round < 64; round++) {
      const count = this.#gather(host);
      const hasCommitted = host.flush();
      this.#watermark[0] = host.durableCount; // before anybody hears of it
      this.#client.flush();
      for (const link of this.#links.values()) link.flush();
      this.#tellTopics();
      if (host.isDown) this.#scheduleRecovery();
      if (host.advance()) {
        for (const link of this.#links.values()) link.flush();
        break; // a slice of a snapshot takes as long as 64 small commits
      }
      if (count > 0 || hasCommitted) continue;
      if (host.readMore()) {
        for (const link of this.#links.values()) link.flush();
        break;
      }
      if (this.#sleep()) return;
    }
    this.#again(); // lets control messages in
  }

  #gather(host: StoreHost): number {
    let count = 0;
    for (const [lane, link] of this.#links) {
      count += link.read((bytes) => host.receive(lane, bytes), Math.min(READ_MAX, BATCH_MAX - count));
    }
    return count;
  }

  #sleep(): boolean {
    for (const link of this.#links.values()) {
      if (!link.sleep()) return false;
    }
    return true;
  }

  #again(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.pump();
    });
  }

  #tellTopics(): void {
    if (this.#topics.size === 0) return;
    task.notes.postMessage([...this.#topics.values()]);
    this.#topics = new Map();
  }

  #scheduleRecovery(): void {
    if (this.#recovery !== undefined) return;
    this.#recovery = setTimeout(() => {
      this.#recovery = undefined;
      this.#host?.recover();
      this.pump();
    }, RECOVER_MS);
  }

  /** Durable when it resolves, and lanes are told. What there is to delete goes in slices, between which others are served. */
  async erase(tenant: string): Promise<void> {
    this.pump();
    if (this.#host === undefined) throw new SynapseError('CLOSED', 'the store is not open');
    try {
      for (const rows of this.#host.erasing(tenant)) {
        this.pump();
        await new Promise((resolve) => void setImmediate(resolve, rows)); // lets control messages in
      }
    } finally {
      this.pump();
    }
  }

  close(): void {
    clearTimeout(this.#recovery);
    this.#recovery = undefined;
    this.#client.close();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#host = undefined;
    this.#store?.close();
    this.#store = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }
}

const thread = new StoreThread();

const surface: StoreSurface = {
  open: (config) => replyWith(() => thread.open(config)),
  attach: (lane, link) =>
    replyWith(() => {
      thread.attach(lane, link);
      return null;
    }),
  tenantsOfShard: (shard) => replyWith(() => thread.store.tenantsOfShard(shard)),
  tenants: (counted) => replyWith(() => thread.store.audit.statuses(counted)),
  events: (tenant, topic, from, limit) =>
    replyWith(() =>
      thread.store
        .events(tenant, topic, from, limit)
        .map(({ offset, timeMs, value }) => ({ offset, timeMs, value: value.slice() })),
    ),
  audit: (request) =>
    replyWith(() => {
      thread.pump();
      return thread.store.audit.answer(request);
    }),
  trim: (policy) =>
    replyWith(() => {
      thread.store.trim(policy);
      return null;
    }),
  erase: (tenant) =>
    replyWith(async () => {
      await thread.erase(tenant);
      return null;
    }),
  backup: (dir) =>
    replyWith(() => {
      thread.pump();
      thread.store.backup(dir);
      return null;
    }),
  stepCount: () => replyWith(() => thread.stepCount),
  close: () =>
    replyWith(() => {
      thread.pump();
      thread.close();
      return null;
    }),
};

offer(surface, task.control);
