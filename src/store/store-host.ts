/**
 * The store without its thread: what lanes sent is gathered, written in one commit, and only then
 * answered with the positions that are durable. Reads are answered at once: what they may ask for is
 * always from the last snapshot, or of a tenant that nobody else has open.
 *
 * After a failed commit nothing of it counts: a new epoch begins, the lanes are told how far they
 * got, and the store is reopened and read back before it takes anything again.
 */
import {
  type ListedTenant,
  type SnapshotPart,
  type SnapshotRequest,
  type StepRequest,
  type StoreAnswer,
  type StoreRequest,
  decodeStoreRequest,
  encodeStoreAnswer,
  erasedTenant,
} from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import { sha256 } from '../base/hash.ts';
import { encodeError } from '../frame/frame.ts';
import { frameLength } from '../frame/header.ts';
import { PartDesk } from './part-desk.ts';
import { isOfOneTenant } from './schema.ts';
import type { SnapshotWrite, StepRecord, Store } from './store.ts';

/** Bytes of journal records that go to a lane in one message. */
const RECORDS_CHUNK_BYTES = 1 << 20;

/** Tenants of a list that go to a lane in one message: neither it nor the store is kept from others for long. */
const LIST_CHUNK = 500;

/** To a lane. What is not urgent may wait until the lane is awake for another reason. */
export type LaneSend = (bytes: Uint8Array, isUrgent: boolean) => void;

const NOTHING = new Uint8Array(0);

interface LaneLink {
  readonly send: LaneSend;
  /** Failures that this incarnation of the lane was told of: what it sends under an older count is void. */
  epoch: number;
  durable: number;
  /** Highest position gathered for the next commit. */
  gathered: number;
}

type Pending = { readonly lane: number; readonly request: StepRequest | SnapshotRequest };

type ReadRequest = Exclude<StoreRequest, StepRequest | SnapshotRequest | SnapshotPart>;

/** Told after a commit, before the lanes are. */
export interface StorePorts {
  /** A reply to the embedder, whose step is durable; the bytes are nobody else's. */
  readonly toClient: (bytes: Uint8Array) => void;
  /** A topic has got events. */
  readonly onEvent: (tenant: string, topic: string) => void;
}

export class StoreHost {
  readonly #store: Store;
  readonly #lanes: Map<number, LaneLink> = new Map();
  readonly #ports: StorePorts;
  #pending: Pending[] = [];
  /** Tenants left out of a commit, until they are opened anew: more of their steps may be on their way, behind a gap. */
  readonly #leftOut: Set<string> = new Set();
  /** Tenants whose erasure was asked for and of which the lanes do not know yet that it is done. */
  readonly #erasing: Set<string> = new Set();
  /** Asked for, and answered when all tenants are read. */
  #lists: {
    readonly lane: number;
    readonly shards: ReadonlySet<number>;
    tenants: readonly ListedTenant[] | undefined;
  }[] = [];
  readonly #parts: PartDesk = new PartDesk({
    parts: () => this.#store.parts,
    stored: (lane, tenant, seq) => this.#answer(lane, { kind: 'stored', tenant, seq }),
    failed: (lane, tenant, error) => this.#leaveOut(lane, tenant, error),
    read: (lane, request) => this.#answerRead(lane, request),
    refuse: (lane, request, error) => this.#readFailed(lane, request, error),
  });
  #outage: string | undefined;
  commitCount = 0;
  stepCount = 0;
  /** Positions that have become durable, of all lanes. */
  durableCount = 0;

  constructor(store: Store, ports: StorePorts) {
    this.#store = store;
    this.#ports = ports;
  }

  get isDown(): boolean {
    return this.#outage !== undefined;
  }

  /** Connects a lane, or a new incarnation of it: positions start anew. */
  attach(lane: number, send: LaneSend): void {
    this.flush();
    this.#parts.forget(lane);
    this.#lanes.set(lane, { send, epoch: 0, durable: 0, gathered: 0 });
    this.#lists = this.#lists.filter((list) => list.lane !== lane);
    if (this.#outage !== undefined) this.#tellFailure(lane);
  }

  #answer(lane: number, answer: StoreAnswer): void {
    // A lane that waits for it says so by how it sleeps.
    this.#lanes.get(lane)?.send(encodeStoreAnswer(answer), answer.kind !== 'durable');
  }

  receive(lane: number, bytes: Uint8Array): void {
    const request = decodeStoreRequest(bytes);
    // Of before a failure that the lane had not heard of: it has forgotten what it asked, and asks anew.
    const link = this.#lanes.get(lane);
    if (request.epoch !== link?.epoch || this.#outage !== undefined) return;
    if (request.kind === 'step' || (request.kind === 'snapshot' && request.parts === 0)) {
      link.gathered = request.position;
      this.#pending.push({ lane, request });
      return;
    }
    if (request.kind !== 'part' && request.kind !== 'snapshot') {
      this.#answerRead(lane, request);
      return;
    }
    this.flush(); // the steps before it
    // Of a tenant that is left out it counts for nothing, as its steps do.
    if (!this.isDown && !this.#leftOut.has(request.tenant)) this.#parts.take(lane, request);
  }

  #answerRead(lane: number, request: ReadRequest): void {
    try {
      this.#read(lane, request);
    } catch (error) {
      this.#readFailed(lane, request, error);
    }
  }

  /** What is wrong with one tenant is told; all else is an outage. */
  #leaveOut(lane: number, tenant: string, error: unknown): void {
    if (!isOfOneTenant(error)) {
      this.#fail(error);
      return;
    }
    this.#leftOut.add(tenant);
    this.#answer(lane, { kind: 'refused', tenant, error: encodeError(error) });
  }

  #read(lane: number, request: ReadRequest): void {
    switch (request.kind) {
      case 'open':
        this.flush(); // a lane that is gone may have left steps of this tenant
        if (this.#parts.defer(lane, request)) return;
        this.#leftOut.delete(request.tenant);
        this.#open(lane, request.tenant);
        return;
      case 'load': {
        const rows = this.#store.loadGroup(request.tenant, request.group).map(({ name, value }) => ({ name, value }));
        this.#answer(lane, { kind: 'rows', tenant: request.tenant, actorId: request.actorId, rows, error: undefined });
        return;
      }
      case 'roots': {
        const { id, tenant, seq, image, changes } = request;
        this.flush(); // the lane asks for the roots of what it has sent: all of that is to be in the log
        if (this.#parts.defer(lane, request)) return;
        const roots = this.#store.roots(tenant, changes, { seq, imageHash: sha256(image) });
        this.#answer(lane, {
          kind: 'roots',
          id,
          ...roots,
          auditRoot: this.#store.audit.head(tenant).root,
          error: undefined,
        });
        return;
      }
      case 'list': {
        this.#lists.push({ lane, shards: new Set(request.shards), tenants: undefined });
        if (this.#store.readMore()) while (this.#listMore());
      }
    }
  }

  /**
   * When there is nothing else to do: reads on in the directory of tenants, a slice at a time, and at last says which
   * there are. True when there was something.
   */
  readMore(): boolean {
    if (this.#lists.length === 0 || this.#outage !== undefined) return false;
    try {
      if (this.#store.readMore()) this.#listMore();
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  /** Sends the next part of one list; false when there is none. */
  #listMore(): boolean {
    const [list] = this.#lists;
    if (list === undefined) return false;
    const { lane, shards } = list;
    const tenants = (list.tenants ??= this.#store.tenantsOfShards(shards));
    const isLast = tenants.length <= LIST_CHUNK;
    this.#answer(lane, { kind: 'list', tenants: tenants.slice(0, LIST_CHUNK), isLast });
    if (isLast) this.#lists.shift();
    else list.tenants = tenants.slice(LIST_CHUNK);
    return true;
  }

  #open(lane: number, tenant: string): void {
    const stored = this.#store.loadDomain(tenant);
    const system = stored?.system ?? [];
    const isTrimmed = (stored?.firstSeq ?? 1) > 1;
    this.#answer(lane, { kind: 'domain', tenant, isTrimmed, image: stored?.image, system, error: undefined });
    let bodies: Uint8Array[] = [];
    let sizeBytes = 0;
    for (const { body } of stored === undefined ? [] : this.#store.records(tenant, stored.snapshotSeq + 1)) {
      bodies.push(body);
      sizeBytes += body.length;
      if (sizeBytes < RECORDS_CHUNK_BYTES) continue;
      this.#answer(lane, { kind: 'records', tenant, bodies, isLast: false, error: undefined });
      bodies = [];
      sizeBytes = 0;
    }
    this.#answer(lane, { kind: 'records', tenant, bodies, isLast: true, error: undefined });
  }

  /** An answer with an error where one tenant is meant; a failure of the whole store is another thing. */
  #readFailed(lane: number, request: ReadRequest, error: unknown): void {
    if (!isOfOneTenant(error)) {
      this.#fail(error);
      return;
    }
    const payload = encodeError(error);
    switch (request.kind) {
      case 'open': {
        const { tenant } = request;
        this.#answer(lane, { kind: 'domain', tenant, isTrimmed: false, image: undefined, system: [], error: payload });
        this.#answer(lane, { kind: 'records', tenant, bodies: [], isLast: true, error: payload });
        return;
      }
      case 'load': {
        const { tenant, actorId } = request;
        this.#answer(lane, { kind: 'rows', tenant, actorId, rows: [], error: payload });
        return;
      }
      case 'roots': {
        const none = { stateRoot: NOTHING, domainRoot: NOTHING, auditRoot: NOTHING };
        this.#answer(lane, { kind: 'roots', id: request.id, ...none, error: payload });
        return;
      }
      case 'list':
        this.#fail(error);
    }
  }

  /** Puts a slice of a snapshot in parts in place: one at a time, so that others' commits go between. True where there was one. */
  advance(): boolean {
    return !this.isDown && this.#parts.advance();
  }

  /** Both, one after the other. */
  work(): boolean {
    const hasCommitted = this.flush();
    return this.advance() || hasCommitted;
  }

  /** A snapshot in parts is being put in place: there is more to do. */
  get isBusy(): boolean {
    return this.#outage === undefined && this.#store.parts.tenants.length > 0;
  }

  /** Writes what has been gathered. True when there was something. */
  flush(): boolean {
    if (this.#outage !== undefined) return false;
    const pending = this.#pending;
    if (pending.length === 0) return false;
    this.#pending = [];
    const written = this.#commit(pending);
    if (written === undefined) return true;
    for (const { request } of written) if (request.kind === 'step') this.#release(request);
    for (const [lane, link] of this.#lanes) {
      if (link.gathered === link.durable) continue;
      this.durableCount += link.gathered - link.durable;
      link.durable = link.gathered;
      this.#answer(lane, { kind: 'durable', position: link.durable });
    }
    for (const { lane, request } of written) {
      if (request.kind === 'snapshot') this.#answer(lane, { kind: 'stored', tenant: request.tenant, seq: request.seq });
    }
    return true;
  }

  /** A step is durable: what it put out for the embedder leaves from here, one thread sooner than by way of its lane. */
  #release({ tenant, replies, events }: StepRequest): void {
    const { length } = replies;
    if (length > 0 && frameLength(replies, 0) === length) this.#ports.toClient(replies);
    else
      for (let at = 0; at < length; at += frameLength(replies, at)) {
        this.#ports.toClient(replies.slice(at, at + frameLength(replies, at)));
      }
    for (const { topic } of events) this.#ports.onEvent(tenant, topic);
  }

  /** One commit; a tenant whose rows are damaged is left out and told, and the others are tried again. */
  #commit(pending: readonly Pending[]): readonly Pending[] | undefined {
    const out = this.#leftOut;
    let batch = out.size === 0 ? pending : pending.filter(({ request }) => !out.has(request.tenant));
    for (;;) {
      const steps: StepRecord[] = [];
      const snapshots: SnapshotWrite[] = [];
      for (const { request } of batch) {
        if (request.kind === 'step') steps.push(request);
        else if (request.body === undefined) snapshots.push(request);
        else steps.push({ ...request, body: request.body, events: [], snapshot: request });
      }
      try {
        this.#store.commit(steps, snapshots);
        this.commitCount += 1;
        this.stepCount += steps.length;
        return batch;
      } catch (error) {
        const tenant = isOfOneTenant(error) ? error.details['tenant'] : undefined;
        if (typeof tenant !== 'string' || !batch.some(({ request }) => request.tenant === tenant)) {
          this.#fail(error);
          return undefined;
        }
        const payload = encodeError(error as SynapseError);
        const lane = batch.find(({ request }) => request.tenant === tenant)?.lane ?? 0;
        this.#answer(lane, { kind: 'refused', tenant, error: payload });
        this.#leftOut.add(tenant);
        batch = batch.filter(({ request }) => request.tenant !== tenant);
      }
    }
  }

  /**
   * Erases a tenant; see `Store.erasing`. What lanes have sent of it so far is written first, and goes with the
   * rest; they hear of it with the first slice.
   */
  *erasing(tenant: string): Generator<number, void, undefined> {
    this.flush();
    this.#erasing.add(tenant);
    try {
      for (const slice of this.#store.erasing(tenant)) {
        this.#tellErasures();
        yield slice;
      }
    } catch (error) {
      const isRefusal = error instanceof SynapseError && error.code === 'INVALID_ARGUMENT';
      if (isRefusal || isOfOneTenant(error)) this.#erasing.delete(tenant);
      else this.#fail(error); // what was begun is finished when the store is reopened
      throw error;
    }
    this.#tellErasures();
  }

  /** Lanes that still have a tenant which is gone are told so. */
  #tellErasures(): void {
    for (const tenant of this.#erasing) {
      this.#erasing.delete(tenant);
      if (!this.#store.isErased(tenant)) continue;
      const error = encodeError(erasedTenant(tenant));
      for (const lane of this.#lanes.keys()) this.#answer(lane, { kind: 'refused', tenant, error });
    }
  }

  #fail(error: unknown): void {
    if (this.#outage !== undefined) return;
    this.#outage = error instanceof Error ? error.message : String(error);
    this.#pending = [];
    this.#lists = []; // asked for again when the store is back
    this.#parts.clear();
    for (const lane of this.#lanes.keys()) this.#tellFailure(lane);
  }

  #tellFailure(lane: number): void {
    const link = this.#lanes.get(lane);
    if (link === undefined) return;
    link.gathered = link.durable;
    link.epoch += 1;
    this.#answer(lane, { kind: 'failed', epoch: link.epoch, position: link.durable, message: this.#outage ?? '' });
  }

  /** Tries to come back after a failure: reopens, reads back, proves a write. True when the store is healthy. */
  recover(): boolean {
    if (this.#outage === undefined) return true;
    try {
      this.#store.reopen();
    } catch {
      return false;
    }
    this.#outage = undefined;
    this.#tellErasures();
    for (const lane of this.#lanes.keys()) this.#answer(lane, { kind: 'available' });
    return true;
  }
}
