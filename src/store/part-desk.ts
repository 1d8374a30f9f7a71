/**
 * Snapshots in parts as lanes see them: who sent one hears when it is stored, and who wants to read the tenant's snapshot
 * while it is being put in place waits until it is.
 */
import type { SnapshotPart, SnapshotRequest, StoreRequest } from '../actor/store-port.ts';
import type { Staging } from './staging.ts';

/** What reads a whole snapshot. */
export type SnapshotReading = Extract<StoreRequest, { kind: 'open' | 'roots' }>;

/** What the desk needs of the store's host. */
export interface PartGround {
  parts(): Staging;
  stored(lane: number, tenant: string, seq: number): void;
  /** Putting a part in place, or taking it in, failed. */
  failed(lane: number, tenant: string, error: unknown): void;
  read(lane: number, request: SnapshotReading): void;
  refuse(lane: number, request: SnapshotReading, error: unknown): void;
}

interface Waiting {
  readonly lane: number;
  readonly request: SnapshotReading;
}

export class PartDesk {
  readonly #ground: PartGround;
  /** By tenant: who waits for its snapshot to be in place. */
  readonly #senders: Map<string, { readonly lane: number; readonly seq: number }> = new Map();
  #waiting: Waiting[] = [];

  constructor(ground: PartGround) {
    this.#ground = ground;
  }

  take(lane: number, request: SnapshotPart | SnapshotRequest): void {
    const { tenant, seq } = request;
    try {
      if (request.kind === 'part') {
        this.#ground.parts().take(request);
        return;
      }
      this.#ground.parts().seal({ ...request, rowCount: 0 }, request.parts, request);
      this.#senders.set(tenant, { lane, seq });
    } catch (error) {
      this.#ground.failed(lane, tenant, error);
    }
  }

  /** Puts a slice of one in place. True when there was something to do. */
  advance(): boolean {
    let tenant = '';
    try {
      const parts = this.#ground.parts(); // throws where a chore's write failed the store, of which nobody here has heard
      const [first] = parts.tenants;
      if (first === undefined) return false;
      tenant = first;
      if (!parts.advance(tenant)) return true;
      const sender = this.#senders.get(tenant);
      if (sender !== undefined) this.#ground.stored(sender.lane, tenant, sender.seq);
      for (const { lane, request } of this.#takeWaiting(tenant)) this.#ground.read(lane, request);
    } catch (error) {
      this.#ground.failed(this.#senders.get(tenant)?.lane ?? 0, tenant, error);
      for (const { lane, request } of this.#takeWaiting(tenant)) this.#ground.refuse(lane, request, error);
    }
    this.#senders.delete(tenant);
    return true;
  }

  #takeWaiting(tenant: string): readonly Waiting[] {
    const waiting = this.#waiting.filter(({ request }) => request.tenant === tenant);
    this.#waiting = this.#waiting.filter(({ request }) => request.tenant !== tenant);
    return waiting;
  }

  /** True where the reading has to wait; it is done when the snapshot is in place. */
  defer(lane: number, request: SnapshotReading): boolean {
    if (!this.#ground.parts().has(request.tenant)) return false;
    this.#waiting.push({ lane, request });
    return true;
  }

  /** The lane is gone: nobody hears what it asked for. */
  forget(lane: number): void {
    for (const [tenant, sender] of this.#senders) if (sender.lane === lane) this.#senders.delete(tenant);
    this.#waiting = this.#waiting.filter((one) => one.lane !== lane);
  }

  /** The store failed: all that was asked is asked anew. */
  clear(): void {
    this.#senders.clear();
    this.#waiting = [];
  }
}
