/**
 * The census: roots of every tenant of a lane as of now, without a snapshot and without a record. Each
 * tenant is asked for between two of its steps; the store works the roots out from what changed since
 * the tenant's last snapshot, once everything up to there is on disk.
 */
import type { TenantAtSnapshot } from '../actor/audit-port.ts';
import type { StoreAnswer } from '../actor/store-port.ts';
import type { SynapseError } from '../base/error.ts';
import { compareUtf8 } from '../base/text.ts';
import type { LaneCore } from './lane-core.ts';
import type { Seat } from './seat.ts';
import type { TenantStatus } from './system-face.ts';

/** A tenant counted. Crosses threads. */
export interface CensusEntry {
  readonly tenant: string;
  readonly shard: number;
  readonly seq: number;
  /** 32 bytes, as `auditRoot`. */
  readonly stateRoot: Uint8Array;
  readonly auditRoot: Uint8Array;
}

/** Every tenant, as of the census where a lane had it open; `stored` are the others. In the order of their UTF-8 bytes. */
export function tenantStatuses(counted: readonly CensusEntry[], stored: readonly TenantAtSnapshot[]): TenantStatus[] {
  const latest = new Map<string, CensusEntry>();
  for (const { snapshotSeq: seq, ...rest } of stored) latest.set(rest.tenant, { ...rest, seq });
  // Two lanes have a tenant while it moves: the later count holds.
  for (const entry of counted) {
    if (entry.seq > (latest.get(entry.tenant)?.seq ?? 0)) latest.set(entry.tenant, entry);
  }
  return [...latest.values()]
    .toSorted((a, b) => compareUtf8(a.tenant, b.tenant))
    .map((entry) => ({ ...entry, auditSize: entry.seq }));
}

/** Names of the tenants that were counted. */
export function namesOf(counted: readonly CensusEntry[]): ReadonlySet<string> {
  return new Set(counted.map(({ tenant }) => tenant));
}

interface Count {
  /** Seats not yet asked for: a step of theirs is under way, or half of a snapshot. */
  waiting: Set<Seat>;
  readonly open: Map<number, { readonly seat: Seat; readonly seq: number }>;
  readonly entries: CensusEntry[];
  readonly resolve: (entries: readonly CensusEntry[]) => void;
  readonly reject: (error: SynapseError) => void;
}

export class Census {
  readonly #core: LaneCore;
  #counts: Count[] = [];

  constructor(core: LaneCore) {
    this.#core = core;
  }

  /** Counts the tenants that are open here; rejects with the store's failure. */
  take(): Promise<readonly CensusEntry[]> {
    return new Promise((resolve, reject) => {
      const waiting = new Set(this.#core.seats.values());
      this.#counts.push({ waiting, open: new Map(), entries: [], resolve, reject });
      if (this.#core.outage === undefined) this.check();
      else this.abort(this.#core.outage);
    });
  }

  /** Asks for tenants whose step has ended meanwhile. */
  check(): void {
    for (const count of this.#counts) {
      for (const seat of count.waiting) this.#ask(count, seat);
    }
    this.#finish();
  }

  #ask(count: Count, seat: Seat): void {
    if (seat.phase === 'opening' || seat.phase === 'replaying') return;
    if (seat.current !== undefined || seat.sending !== undefined) return;
    count.waiting.delete(seat);
    const state = seat.domain?.state;
    if (state === undefined || state.seq === 0) return; // refused or closed: the store's own rows say what there is
    count.open.set(this.#core.askRoots(seat, state), { seat, seq: state.seq });
  }

  takeRoots(answer: Extract<StoreAnswer, { kind: 'roots' }>): void {
    for (const count of this.#counts) {
      const asked = count.open.get(answer.id);
      if (asked === undefined) continue;
      count.open.delete(answer.id);
      if (answer.error !== undefined) continue; // its rows are damaged: its next use says so, the others are counted
      const { seat, seq } = asked;
      const { stateRoot, auditRoot } = answer;
      count.entries.push({ tenant: seat.tenant, shard: seat.shard, seq, stateRoot, auditRoot });
    }
    this.#finish();
  }

  #finish(): void {
    this.#counts = this.#counts.filter((count) => {
      if (count.waiting.size > 0 || count.open.size > 0) return true;
      count.resolve(count.entries);
      return false;
    });
  }

  abort(error: SynapseError): void {
    for (const count of this.#counts) count.reject(error);
    this.#counts = [];
  }
}
