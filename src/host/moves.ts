/**
 * Moving a shard between lanes. Its senders hold back what is for it; the source lets its steps end
 * and freezes; the target reads the tenants from the store and replays their tails; both say their
 * roots. Equal roots: the target goes live and the source forgets. Else: the source goes on.
 *
 * Frames that were on their way are not forwarded: their senders have them still and send them again.
 */
import { versionsToMigrate } from '../actor/domain-image.ts';
import type { ListedTenant, StoreAnswer } from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import { decodeError } from '../frame/frame.ts';
import type { LaneCore } from './lane-core.ts';
import type { Recovery } from './recovery.ts';
import type { Seat } from './seat.ts';

/** Roots of one tenant of a shard, in hex, so that they cross any border. */
export interface TenantRoots {
  readonly tenant: string;
  readonly seq: number;
  readonly stateRoot: string;
  readonly domainRoot: string;
  /** Why the tenant cannot be served here. */
  readonly fault: string | undefined;
}

interface Pending {
  readonly shard: number;
  readonly resolve: (roots: readonly TenantRoots[]) => void;
  readonly reject: (error: Error) => void;
  asked: boolean;
  readonly open: Map<number, Seat>;
  readonly roots: TenantRoots[];
}

export class Moves {
  readonly #core: LaneCore;
  readonly #recovery: Recovery;
  #pending: Pending | undefined;

  constructor(core: LaneCore, recovery: Recovery) {
    this.#core = core;
    this.#recovery = recovery;
  }

  /** Source: lets the shard's steps end and gives the roots of its open tenants. */
  freeze(shard: number): Promise<readonly TenantRoots[]> {
    this.#core.heldShards.add(shard);
    return this.#wait(shard);
  }

  /** Target: opens the tenants, and gives the roots that their replay comes to. */
  adopt(shard: number, tenants: readonly ListedTenant[]): Promise<readonly TenantRoots[]> {
    this.#core.owned.add(shard);
    this.#core.heldShards.add(shard);
    this.#recovery.openAll(tenants);
    return this.#wait(shard);
  }

  #wait(shard: number): Promise<readonly TenantRoots[]> {
    return new Promise((resolve, reject) => {
      if (this.#pending !== undefined) {
        reject(new SynapseError('INVALID_ARGUMENT', 'this lane has a move under way'));
        return;
      }
      if (this.#core.outage !== undefined) {
        reject(this.#core.outage); // the store would not say its roots, and nobody would ask again
        return;
      }
      this.#pending = { shard, resolve, reject, asked: false, open: new Map(), roots: [] };
      this.check();
    });
  }

  /** Looks whether the shard has come to rest, and asks for its roots. */
  check(): void {
    const pending = this.#pending;
    if (pending === undefined || pending.asked) return;
    const seats = [...this.#core.seats.values()].filter((seat) => seat.shard === pending.shard);
    if (!this.#recovery.isDone || !seats.every((seat) => this.#isAtRest(seat))) return;
    pending.asked = true;
    for (const seat of seats) this.#ask(pending, seat);
    this.#finish();
  }

  #isAtRest(seat: Seat): boolean {
    if (seat.phase === 'opening' || seat.phase === 'replaying') return false;
    return seat.current === undefined && !seat.snapshotPending && seat.lastPosition <= this.#core.gate.durable;
  }

  #ask(pending: Pending, seat: Seat): void {
    const state = seat.domain?.state;
    if (state === undefined || state.seq === 0) {
      if (seat.error !== undefined)
        pending.roots.push({ tenant: seat.tenant, seq: 0, stateRoot: '', domainRoot: '', fault: seat.error.message });
      return;
    }
    pending.open.set(this.#core.askRoots(seat, state), seat);
  }

  takeRoots(answer: Extract<StoreAnswer, { kind: 'roots' }>): void {
    const pending = this.#pending;
    const seat = pending?.open.get(answer.id);
    if (pending === undefined || seat === undefined) return;
    pending.open.delete(answer.id);
    const fault = answer.error === undefined ? undefined : decodeError(answer.error).message;
    pending.roots.push({
      tenant: seat.tenant,
      seq: seat.domain?.state.seq ?? 0,
      stateRoot: hexOf(answer.stateRoot),
      domainRoot: hexOf(answer.domainRoot),
      fault,
    });
    this.#finish();
  }

  #finish(): void {
    const pending = this.#pending;
    if (pending === undefined || !pending.asked || pending.open.size > 0) return;
    this.#pending = undefined;
    pending.resolve(pending.roots);
  }

  abort(error: SynapseError): void {
    this.#pending?.reject(error);
    this.#pending = undefined;
  }

  /** The shard is this lane's, and goes (or goes on) live. */
  keep(shard: number): void {
    this.#core.heldShards.delete(shard);
    for (const seat of this.#core.seats.values()) {
      if (seat.shard !== shard) continue;
      if (seat.phase === 'held' && seat.domain !== undefined)
        this.#recovery.goLive(seat, versionsToMigrate(seat.domain.state));
      else this.#core.wake(seat);
      if (seat.snapshotWanted && seat.current === undefined) this.#core.snapshot(seat);
      this.#core.resend(seat); // what was sent while the shard was between lanes was dropped
    }
  }

  /** The shard is another lane's: forgets its tenants. */
  drop(shard: number): void {
    this.#core.owned.delete(shard);
    this.#core.heldShards.delete(shard);
    for (const seat of this.#core.seats.values()) {
      if (seat.shard !== shard) continue;
      seat.inbox.drain(); // their senders have these frames still
      seat.waiters.clear();
      this.#recovery.clear(seat);
      seat.phase = 'closed';
      this.#core.seats.delete(seat.tenant);
    }
  }
}
