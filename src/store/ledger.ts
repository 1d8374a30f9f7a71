/**
 * The ledger: what a commit says of tenants whose rows it does not write.
 *
 * A step changes some hundred bytes of what is known of its tenant, and the tenant row has some 700; of 10,000 tenants
 * with a step each in turn, rows were more than half of all that a commit writes. So a commit of many tenants writes one
 * row instead, with what each of them got: its new index entries. The tenant's own row follows
 *
 *   - when its tail goes into an index row, at a snapshot, when it is trimmed or erased, and
 *   - when the sweep comes to its number: a little further with each such commit, once round in SWEEP_STEPS steps.
 *
 * What stands in the ledger is newer than the tenant rows; an opening adds it to them (tenant-directory.ts). A row over
 * which the sweep has come once round is not needed any more, and goes. A row names the one before it, and the head row the
 * first and the last: a lost one is missed. It belongs to no tenant, so it is written twice.
 *
 *   ledger row = [commit of the ledger row before u64] ([tenantNo u32][seq u64][length u32][index entries])*
 */
import { Queue } from '../base/queue.ts';
import { openRow, putU32, putU64, SEAL_BYTES, sealInPlace } from './binary.ts';
import type { IndexTail } from './journal-index.ts';
import type { KeyValue, Write } from './key-value.ts';
import type { RowArena } from './row-arena.ts';
import { COPIES, corrupt, ledgerKey } from './schema.ts';

/** Where the ledger begins and ends: commits that wrote a row of it; 0 while there is none. */
export interface LedgerSpan {
  readonly first: number;
  readonly last: number;
}

/** How much waits for how long. */
export interface LedgerLimits {
  /** Tenants of a commit from which their rows wait: of fewer, two rows of the ledger would be more pages than theirs. */
  readonly tenantsMin: number;
  /** Steps in which the sweep comes round: an opening reads as many, or half as many more where the last was lately. */
  readonly sweepSteps: number;
}

/** 32,768 cost 10,000 tenants 1.1 µs a step more, of 6.7; 131,072 save another 0.3, and an opening reads twice as much. */
const LEDGER_LIMITS: LedgerLimits = { tenantsMin: 8, sweepSteps: 65_536 };

/** What a commit added for a tenant. */
export interface LateEntries {
  readonly commitNo: number;
  /** Last step of the commit. */
  readonly seq: number;
  /** Index entries, as at the end of a tail. */
  readonly bytes: Uint8Array;
}

/** A tenant whose row may wait. */
export interface LateTenant {
  readonly state: { readonly tenantNo: number; readonly seq: number; readonly indexTail: IndexTail };
  /** Length of its tail before the commit. */
  readonly tailBefore: number;
}

const HEAD_BYTES = 8;
const TENANT_BYTES = 16;

/** Rows that are not needed any more, deleted with each commit at most: with 2, as commits grew to five times the steps, an opening found four rounds. */
const DROPPED_MAX = 8;

/** A row of the ledger, and where the sweep stood when it was written. */
interface LedgerRow {
  readonly commitNo: number;
  readonly round: number;
  /** Tenants below had been swept in that round: the row is needed until they are in the next. */
  readonly from: number;
}

/** The ledger of an open store: which rows it has, and whose tenant rows are older. */
export class Ledger {
  readonly #limits: LedgerLimits;
  readonly #rows: Queue<LedgerRow> = new Queue();
  #last = 0;
  /** By tenant number: 1 where the tenant row is older than the ledger. */
  #behind: Uint8Array<ArrayBuffer>;
  /** The number that the sweep comes to next, and its rounds since the opening. */
  #cursor = 0;
  #round = 0;

  constructor(late: LateTable, limits: LedgerLimits = LEDGER_LIMITS) {
    this.#limits = limits;
    // Whom they speak of was swept last by another ledger: they go when the first round is over.
    for (const commitNo of late.commits) this.#rows.push({ commitNo, round: -1, from: Number.POSITIVE_INFINITY });
    this.#last = late.commits.at(-1) ?? 0;
    this.#behind = late.byTenant.flags();
  }

  get span(): LedgerSpan {
    return { first: this.#rows.peek()?.commitNo ?? 0, last: this.#last };
  }

  /** A draft for a commit of so many deferrable tenants and steps, where it is worth one. Changes nothing here. */
  draft(
    commitNo: number,
    tenants: number,
    waiting: { readonly tenants: number; readonly steps: number },
  ): LedgerDraft | undefined {
    const { tenantsMin, sweepSteps } = this.#limits;
    if (waiting.tenants < tenantsMin) return undefined;
    const from = this.#cursor;
    // The first round is half as long: beside its rows there are still those of before the opening.
    const roundSteps = this.#round === 0 ? sweepSteps / 2 : sweepSteps;
    const to = Math.min(tenants, from + Math.ceil((tenants * waiting.steps) / roundSteps));
    const dropped: number[] = [];
    for (const row of this.#rows.ahead(DROPPED_MAX)) if (this.#isSettled(row)) dropped.push(row.commitNo);
    return new LedgerDraft({ commitNo, previous: this.#last, tenants, from, to, dropped });
  }

  /** All of whom the row speaks have been swept since. */
  #isSettled({ round, from }: LedgerRow): boolean {
    return this.#round > round + 1 || (this.#round === round + 1 && this.#cursor >= from);
  }

  /** Where the ledger begins and ends once the commit of this draft is durable. */
  spanAfter(draft: LedgerDraft | undefined): LedgerSpan {
    if (draft === undefined) return this.span;
    const { commitNo, dropped } = draft.plan;
    const added = draft.late.length > 0 ? commitNo : undefined;
    const first = this.#rows.ahead(dropped.length + 1)[dropped.length]?.commitNo ?? added ?? 0;
    return { first, last: first === 0 ? 0 : (added ?? this.#last) };
  }

  isBehind(tenantNo: number): boolean {
    return this.#behind[tenantNo] === 1;
  }

  /** The commit of this draft is durable. */
  took({ plan, late }: LedgerDraft): void {
    for (const commit of plan.dropped) if (this.#rows.peek()?.commitNo === commit) this.#rows.shift();
    if (late.length > 0) {
      this.#rows.push({ commitNo: plan.commitNo, round: this.#round, from: plan.from });
      this.#last = plan.commitNo;
    }
    this.#behind.fill(0, plan.from, plan.to);
    for (const { state } of late) this.#mark(state.tenantNo, 1);
    this.#cursor = plan.to;
    if (plan.to === plan.tenants) {
      this.#cursor = 0;
      this.#round += 1;
    }
  }

  #mark(tenantNo: number, flag: 0 | 1): void {
    if (tenantNo >= this.#behind.length) {
      const larger = new Uint8Array(Math.max(2 * this.#behind.length, tenantNo + 1));
      larger.set(this.#behind);
      this.#behind = larger;
    }
    this.#behind[tenantNo] = flag;
  }
}

/** What a commit does with the ledger. */
interface LedgerPlan {
  readonly commitNo: number;
  /** Commit of the ledger row before. */
  readonly previous: number;
  readonly tenants: number;
  /** Tenants whose rows are written now, by number, the last one excluded. */
  readonly from: number;
  readonly to: number;
  /** Commits whose rows go. */
  readonly dropped: readonly number[];
}

/** The part of one commit in the ledger; nothing of it counts before the commit is durable. */
export class LedgerDraft {
  readonly plan: LedgerPlan;
  readonly late: LateTenant[] = [];
  #sizeBytes = HEAD_BYTES;

  constructor(plan: LedgerPlan) {
    this.plan = plan;
  }

  /** Takes a tenant whose row shall wait; false for one that the sweep has come to. */
  take(tenant: LateTenant): boolean {
    const { tenantNo, indexTail } = tenant.state;
    if (tenantNo >= this.plan.from && tenantNo < this.plan.to) return false;
    this.late.push(tenant);
    this.#sizeBytes += TENANT_BYTES + indexTail.length - tenant.tailBefore;
    return true;
  }

  writes(arena: RowArena): Write[] {
    const { commitNo, previous, dropped } = this.plan;
    const writes: Write[] = [];
    for (const commit of dropped)
      for (let copy = 0; copy < COPIES; copy++) writes.push([ledgerKey(commit, copy), null]);
    if (this.late.length === 0) return writes;
    const payload = arena.take(this.#sizeBytes + SEAL_BYTES);
    putU64(payload, 0, previous);
    let at = HEAD_BYTES;
    for (const { state, tailBefore } of this.late) {
      const { bytes, length } = state.indexTail;
      putU32(payload, at, state.tenantNo);
      putU64(payload, at + 4, state.seq);
      putU32(payload, at + 12, length - tailBefore);
      payload.set(bytes.subarray(tailBefore, length), at + TENANT_BYTES);
      at += TENANT_BYTES + length - tailBefore;
    }
    for (let copy = 0; copy < COPIES; copy++) {
      const bytes = copy === 0 ? payload : arena.take(payload.length);
      if (copy > 0) bytes.set(payload);
      const key = ledgerKey(commitNo, copy);
      writes.push([key, sealInPlace(key, bytes)]);
    }
    return writes;
  }
}

/** The ledger as read back. */
export interface LateTable {
  /** Commits that have a row, ascending. */
  readonly commits: readonly number[];
  readonly byTenant: LateEntriesOf;
}

/** Numbers that say where an entry stands: the row among those that are kept, the offset in it, the next of its tenant. */
const PLACE_INTS = 3;

/**
 * Entries by tenant. Rows are kept as they were read, and entries made of them when their tenant is asked for: an
 * opening goes over a hundred thousand of them, and nobody is served before. So their places stand in two flat arrays
 * and not in a list for each tenant, which took four times as long, most of it the collector's.
 */
export class LateEntriesOf {
  readonly #rows: { readonly commitNo: number; readonly payload: Uint8Array; readonly view: DataView }[] = [];
  /** Places of entries, one behind the other. */
  #places = new Int32Array(PLACE_INTS << 6);
  #used = 0;
  /** By tenant number: where the place of its earliest entry stands, plus one; 0 for none. */
  #heads = new Int32Array(64);

  /** By tenant number: 1 for those that have some. */
  flags(): Uint8Array<ArrayBuffer> {
    const flags = new Uint8Array(this.#heads.length);
    for (let tenantNo = 0; tenantNo < flags.length; tenantNo++) if (this.#heads[tenantNo] !== 0) flags[tenantNo] = 1;
    return flags;
  }

  /** Takes in a row that is earlier than all before; says which commit has the one before it. Damaged: STORE_CORRUPT. */
  add(commitNo: number, payload: Uint8Array): number {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const row = this.#rows.push({ commitNo, payload, view }) - 1;
    const end = payload.length;
    let at = HEAD_BYTES;
    for (; at + TENANT_BYTES <= end; at += TENANT_BYTES + view.getUint32(at + 12))
      this.#put(view.getUint32(at), row, at);
    if (at !== end) throw corrupt('store ledger row', {});
    return Number(view.getBigUint64(0));
  }

  #put(tenantNo: number, row: number, at: number): void {
    if (tenantNo >= this.#heads.length) this.#heads = grown(this.#heads, tenantNo + 1);
    if (this.#used === this.#places.length) this.#places = grown(this.#places, this.#used + PLACE_INTS);
    this.#places[this.#used] = row;
    this.#places[this.#used + 1] = at;
    this.#places[this.#used + 2] = this.#heads[tenantNo] as number;
    this.#heads[tenantNo] = this.#used + 1;
    this.#used += PLACE_INTS;
  }

  /** The entries of a tenant, ascending. */
  get(tenantNo: number): readonly LateEntries[] | undefined {
    const head = this.#heads[tenantNo] ?? 0;
    if (head === 0) return undefined;
    const found: LateEntries[] = [];
    for (let place = head; place !== 0; place = this.#places[place + 1] as number) {
      const row = this.#rows[this.#places[place - 1] as number];
      const at = this.#places[place] as number;
      if (row === undefined) continue;
      const { commitNo, payload, view } = row;
      const start = at + TENANT_BYTES;
      const bytes = payload.subarray(start, start + view.getUint32(at + 12));
      found.push({ commitNo, seq: Number(view.getBigUint64(at + 4)), bytes });
    }
    return found;
  }
}

/** A larger copy, a multiple of `PLACE_INTS` where the array was one. */
function grown(ints: Int32Array<ArrayBuffer>, lengthMin: number): Int32Array<ArrayBuffer> {
  let length = ints.length;
  while (length < lengthMin) length *= 2;
  const larger = new Int32Array(length);
  larger.set(ints);
  return larger;
}

/** All that the ledger says. A row of which no copy can be read, or that is not there: STORE_CORRUPT, as for the head row. */
export function readLedger(driver: KeyValue, { first, last }: LedgerSpan): LateTable {
  const commits: number[] = [];
  const byTenant = new LateEntriesOf();
  // From the last back to the first, as each names the one before: so of each row one copy is read, and no more.
  for (let commitNo = last, before = 0; last !== 0; commitNo = before) {
    const payload = goodCopy(driver, commitNo);
    if (payload === undefined) throw corrupt('store ledger row', {});
    commits.push(commitNo);
    before = byTenant.add(commitNo, payload);
    if (commitNo === first) break;
    if (before < first || before >= commitNo) throw corrupt('store ledger row', {});
  }
  return { commits: commits.toReversed(), byTenant };
}

function goodCopy(driver: KeyValue, commitNo: number): Uint8Array | undefined {
  for (let copy = 0; copy < COPIES; copy++) {
    const key = ledgerKey(commitNo, copy);
    const value = driver.get(key);
    const payload = value === undefined ? undefined : openRow(key, value);
    if (payload !== undefined) return payload;
  }
  return undefined;
}

/** The commit in the key of a ledger row. */
export function commitOfKey(key: Uint8Array): number {
  return Number(new DataView(key.buffer, key.byteOffset).getBigUint64(1));
}
