/**
 * What the embedder's thread hands to a lane at its start, and the control surfaces of lane and
 * store. Everything here crosses by structured clone.
 */
import type { MessagePort } from 'node:worker_threads';
import type { AuditAnswer, AuditRequest, TenantAtSnapshot } from '../actor/audit-port.ts';
import type { ListedTenant } from '../actor/store-port.ts';
import type { CensusEntry } from '../host/census.ts';
import type { TenantRoots } from '../host/moves.ts';
import type { Grant } from '../host/options.ts';
import type { StoredTopicEvent } from '../host/system-face.ts';
import type { Reply } from './control-port.ts';
import type { LinkInit } from './link.ts';

/** The task of a lane's one thread. */
export interface LaneTask {
  readonly lane: number;
  readonly actors: readonly string[];
  readonly previous: readonly string[];
  /** The lane is locked down before it loads a module: some actor is hardened. */
  readonly isHardened: boolean;
  /** What modules export is frozen. */
  readonly isStrict: boolean;
  readonly grants: readonly Grant[];
  readonly shards: number;
  readonly snapshotEverySteps: number;
  readonly snapshotEveryBytes: number;
  readonly maxActiveActors: number;
  readonly recordsSnapshots: boolean;
  /** JavaScript heap, and memory beside it, that the lane may take, MiB. */
  readonly heapMb: number;
  readonly bufferMb: number;
  /** Lane of each shard; negative while the shard is being moved. */
  readonly routes: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
  readonly control: MessagePort;
  readonly client: LinkInit;
  readonly store: LinkInit;
  /** Links to the other lanes that are up. */
  readonly peers: readonly (readonly [lane: number, link: LinkInit])[];
}

/** What a lane is told when the store is open: its thread starts before that. */
export interface LaneStart extends Configs {
  readonly shards: readonly number[];
  /** Inputs that ran when a lane died, and how often. */
  readonly suspects: readonly (readonly [identity: string, deaths: number])[];
}

/** Every configuration that records may name, the present one under `configId`. */
export interface Configs {
  readonly configId: number;
  readonly configs: readonly (readonly [id: number, bytes: Uint8Array])[];
}

/** What a lane answers to. */
export interface LaneSurface {
  /** Takes over the shards once its modules are loaded. */
  start(start: LaneStart): Promise<Reply<null>>;
  /** Another lane's thread was replaced. */
  connect(lane: number, link: LinkInit): Promise<Reply<null>>;
  /** Sends again what other tenants have not acknowledged. */
  resend(): Promise<Reply<null>>;
  /** A snapshot of everything that changed; resolves when it is on disk. */
  snapshot(): Promise<Reply<null>>;
  /** Roots of every tenant that is open here, as of now. */
  census(): Promise<Reply<readonly CensusEntry[]>>;
  /** Resolves when nothing runs and all is on disk. */
  settle(): Promise<Reply<null>>;
  freeze(shard: number): Promise<Reply<readonly TenantRoots[]>>;
  adopt(shard: number, tenants: readonly ListedTenant[]): Promise<Reply<readonly TenantRoots[]>>;
  keep(shard: number): Promise<Reply<null>>;
  drop(shard: number): Promise<Reply<null>>;
  /** A tenant was erased: nothing of it stays in memory, and its messages are refused. */
  forget(tenant: string): Promise<Reply<null>>;
  /** Ends the task; the thread then ends by itself. */
  stop(): Promise<Reply<null>>;
}

/** The start of the store's thread; its `workerData`. */
export interface StoreTask {
  /** Left out: in memory. */
  readonly dataDir: string | undefined;
  readonly shards: number;
  readonly encryption: boolean;
  /** Given by the embedder; else the data directory's own. */
  readonly auditKey: string | Uint8Array | undefined;
  /** Where the actors come from. */
  readonly actors: readonly string[];
  readonly previous: readonly string[];
  readonly control: MessagePort;
  /** Replies to the embedder go out here. */
  readonly client: LinkInit;
  /** One f64: positions that are durable. */
  readonly watermark: SharedArrayBuffer;
  /** Topics that got events go out here. */
  readonly notes: MessagePort;
}

/** What the store answers to. */
export interface StoreSurface {
  /** Opens; gives the incarnation and every configuration, the present one under `configId`. */
  open(config: Uint8Array): Promise<Reply<OpenedStore>>;
  attach(lane: number, link: LinkInit): Promise<Reply<null>>;
  tenantsOfShard(shard: number): Promise<Reply<readonly string[]>>;
  /** Those that `counted` does not name, as of their last snapshots. */
  tenants(counted: ReadonlySet<string>): Promise<Reply<readonly TenantAtSnapshot[]>>;
  events(tenant: string, topic: string, from: number, limit: number): Promise<Reply<readonly StoredTopicEvent[]>>;
  audit(request: AuditRequest): Promise<Reply<AuditAnswer>>;
  trim(policy: { readonly keepMs?: number; readonly keepSteps?: number }): Promise<Reply<null>>;
  erase(tenant: string): Promise<Reply<null>>;
  backup(dir: string): Promise<Reply<null>>;
  /** Steps that are durable since the store was opened. */
  stepCount(): Promise<Reply<number>>;
  close(): Promise<Reply<null>>;
}

export interface OpenedStore extends Configs {
  readonly incarnation: number;
}

/** Over `notes`: tenants and topics of one commit. */
export type TopicNote = readonly (readonly [tenant: string, topic: string])[];
