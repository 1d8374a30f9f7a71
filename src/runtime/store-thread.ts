/**
 * The store's thread as its owner sees it. It runs no user code; if it should die all the same, the
 * system is told and refuses everything: nothing that was acknowledged is lost on disk.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { transfer } from 'comlink';
import type { AuditAnswer, AuditRequest, TenantAtSnapshot } from '../actor/audit-port.ts';
import type { StoredTopicEvent } from '../host/system-face.ts';
import { Control } from './control-port.ts';
import type { OpenedStore, StoreSurface, StoreTask, TopicNote } from './lane-protocol.ts';
import { Link, type LinkInit, createLink } from './link.ts';

/** The store's thread as one file; the build puts its name here when it has made it (esbuild.config.ts). */
declare const STORE_THREAD: string | undefined;

/** What the thread runs: that file, else what the compiler wrote. */
const ENTRY: URL =
  typeof STORE_THREAD === 'undefined'
    ? new URL('./store-entry.js', import.meta.url)
    : new URL(STORE_THREAD, import.meta.url);

/** Replies read at a time. */
const READ_MAX = 4_096;

export class StoreThread {
  readonly #worker: Worker;
  readonly #control: Control<StoreSurface>;
  readonly #watermark: Float64Array;
  readonly #exited: Promise<void>;
  #isStopping = false;

  constructor(
    place: Pick<StoreTask, 'dataDir' | 'shards' | 'encryption' | 'auditKey' | 'actors' | 'previous'>,
    onTopics: (note: TopicNote) => void,
    onReply: (bytes: Uint8Array) => void,
    onDeath: (reason: string) => void,
  ) {
    const control = new MessageChannel();
    const notes = new MessageChannel();
    const [here, there] = createLink();
    const watermark = new SharedArrayBuffer(8);
    this.#watermark = new Float64Array(watermark);
    const task: StoreTask = { ...place, control: control.port2, client: there, watermark, notes: notes.port2 };
    this.#control = new Control(control.port1);
    notes.port1.on('message', onTopics);
    const link: Link = new Link(here, () => link.serve(onReply, READ_MAX));
    this.#worker = new Worker(ENTRY, {
      workerData: task,
      transferList: [control.port2, there.port, notes.port2],
    });
    let reason = 'it ended';
    this.#worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        notes.port1.close();
        link.close();
        this.#control.die(reason);
        if (!this.#isStopping) onDeath(reason);
        resolve();
      });
    });
  }

  /** Steps and snapshots of all lanes that are durable, since the opening. */
  get durableWatermark(): number {
    return this.#watermark[0] ?? 0;
  }

  open(config: Uint8Array): Promise<OpenedStore> {
    return this.#control.call((store) => store.open(config));
  }

  attach(lane: number, link: LinkInit): Promise<null> {
    return this.#control.call((store) => store.attach(lane, transfer(link, [link.port as never])));
  }

  tenantsOfShard(shard: number): Promise<readonly string[]> {
    return this.#control.call((store) => store.tenantsOfShard(shard));
  }

  tenants(counted: ReadonlySet<string>): Promise<readonly TenantAtSnapshot[]> {
    return this.#control.call((store) => store.tenants(counted));
  }

  events(tenant: string, topic: string, from: number, limit: number): Promise<readonly StoredTopicEvent[]> {
    return this.#control.call((store) => store.events(tenant, topic, from, limit));
  }

  audit(request: AuditRequest): Promise<AuditAnswer> {
    return this.#control.call((store) => store.audit(request));
  }

  trim(policy: { readonly keepMs?: number; readonly keepSteps?: number }): Promise<null> {
    return this.#control.call((store) => store.trim(policy));
  }

  erase(tenant: string): Promise<null> {
    return this.#control.call((store) => store.erase(tenant));
  }

  backup(dir: string): Promise<null> {
    return this.#control.call((store) => store.backup(dir));
  }

  /** Closes the store and ends the thread. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#control.call((store) => store.close()).catch(() => undefined); // it may never have opened
    await this.#worker.terminate();
    await this.#exited;
  }
}
