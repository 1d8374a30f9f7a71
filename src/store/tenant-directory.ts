/**
 * The tenants of a store in memory, as their rows say on disk, and those whose rows cannot be read.
 *
 * A tenant has two rows: `name` (under the hash of its name) and `tenant` (under its number, with
 * everything that changes). Both hold name and number, so whichever is damaged, the other says whose
 * it is, and only that tenant is refused. A name whose row cannot be read at all is never given out anew.
 */
import { SynapseError } from '../base/error.ts';
import { compareUtf8 } from '../base/text.ts';
import { ByteReader, ByteWriter, openRow } from './binary.ts';
import type { KeyValue, Row, Write } from './key-value.ts';
import { behind, corrupt, KIND, nameKey, tenantKey } from './schema.ts';

/** What a store knows of one tenant. Immutable: a commit replaces it. */
export interface TenantState {
  readonly tenantNo: number;
  readonly tenant: string;
  readonly shard: number;
  /** Last journaled step; 0 before the first. */
  readonly seq: number;
  /** The step the snapshot stands at; 0 without one. */
  readonly snapshotSeq: number;
  /** The last step that recorded a snapshot, with its roots; 0 without one. */
  readonly anchorSeq: number;
  /** The first step whose record is still kept, with all behind it. */
  readonly firstSeq: number;
  /** The last commit that touched this tenant. */
  readonly commitNo: number;
  /** Roots of the tries and hash of the image at the last snapshot; `imageHash` is empty before the first. */
  readonly stateRoot: Uint8Array;
  readonly systemRoot: Uint8Array;
  readonly imageHash: Uint8Array;
  /** Right edge of the audit log, `seq` leaves: the bytes of a CompactRange. */
  readonly logEdge: Uint8Array;
}

/** Rows read at a time while loading: a few hundred KiB. */
const LOAD_ROWS = 1_000;

/** The two rows of a tenant. */
export function tenantWrites(state: TenantState, isNew: boolean): Write[] {
  const key = tenantKey(state.tenantNo);
  const value = new ByteWriter(256 + state.logEdge.length + state.tenant.length)
    .u32(state.shard)
    .u64(state.seq)
    .u64(state.snapshotSeq)
    .u64(state.anchorSeq)
    .u64(state.firstSeq)
    .u64(state.commitNo)
    .raw(state.stateRoot)
    .raw(state.systemRoot)
    .block(state.imageHash)
    .block(state.logEdge)
    .text(state.tenant)
    .sealed(key);
  const writes: Write[] = [[key, value]];
  if (isNew) {
    const name = nameKey(state.tenant);
    writes.push([name, new ByteWriter().u32(state.tenantNo).text(state.tenant).sealed(name)]);
  }
  return writes;
}

/** Name to state, for every tenant that can be served, and the error for every one that cannot. */
export class TenantDirectory {
  readonly #driver: KeyValue;
  readonly #states: Map<string, TenantState> = new Map();
  readonly #damaged: Map<string, SynapseError> = new Map();
  /** A name row that cannot be read and that no tenant row explains stands somewhere. */
  #nameless = false;
  #sorted: readonly string[] | undefined;

  /** Reads all tenants; `count` is how many the head row knows. */
  constructor(driver: KeyValue, count: number) {
    this.#driver = driver;
    const names = this.#readNames();
    const seen = new Set<number>();
    for (const [key, value] of rowsOf(driver, KIND.tenant)) {
      const state = decodeTenant(key, value);
      if (state === undefined) continue;
      seen.add(state.tenantNo);
      this.#states.set(state.tenant, state);
      if (names.get(state.tenantNo) !== state.tenant)
        this.condemn(state.tenant, corrupt('name row', { tenant: state.tenant, seq: state.seq }));
    }
    for (let tenantNo = 0; tenantNo < count; tenantNo++) {
      if (seen.has(tenantNo)) continue;
      const tenant = names.get(tenantNo);
      if (tenant === undefined) this.#nameless = true;
      else this.condemn(tenant, corrupt('tenant row', { tenant, seq: 0 }));
    }
  }

  /** The tenant's state; nothing for one that was never committed; throws STORE_CORRUPT for a damaged one. */
  get(tenant: string): TenantState | undefined {
    const state = this.#states.get(tenant);
    if (state !== undefined) return state;
    const damage = this.#damaged.get(tenant);
    if (damage !== undefined) throw new SynapseError(damage.code, damage.message, damage.details, damage);
    // Only after both rows of some tenant were damaged: it must not be taken for a new one.
    if (this.#nameless && this.#driver.get(nameKey(tenant)) !== undefined)
      throw corrupt('name row', { tenant, seq: 0 });
    return undefined;
  }

  /** Replaces a tenant's state after a commit. */
  set(state: TenantState): void {
    if (!this.#states.has(state.tenant)) this.#sorted = undefined;
    this.#states.set(state.tenant, state);
  }

  /** Refuses a tenant from now on. */
  condemn(tenant: string, error: SynapseError): void {
    this.#states.delete(tenant);
    this.#damaged.set(tenant, error);
    this.#sorted = undefined;
  }

  /** Tenants that can be served, in no order. */
  all(): readonly TenantState[] {
    return [...this.#states.values()];
  }

  /** Tenants that can be served, in UTF-8 byte order. */
  sorted(): readonly TenantState[] {
    this.#sorted ??= [...this.#states.keys()].toSorted(compareUtf8);
    return this.#sorted.map((tenant) => this.#states.get(tenant) as TenantState);
  }

  /** Tenants that are refused, and why. */
  damaged(): ReadonlyMap<string, SynapseError> {
    return this.#damaged;
  }

  #readNames(): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    for (const [key, value] of rowsOf(this.#driver, KIND.name)) {
      const payload = openRow(key, value);
      if (payload === undefined) continue;
      const reader = new ByteReader(payload);
      const tenantNo = reader.u32();
      names.set(tenantNo, reader.text());
    }
    return names;
  }
}

/** All rows of one kind, read in pages so that no cursor stays open between them. */
function* rowsOf(driver: KeyValue, kind: number): Generator<Row> {
  yield* rowsUnder(driver, Uint8Array.of(kind), LOAD_ROWS);
}

/** All rows whose key starts with `prefix`, ascending, at most `pageRows` read at a time. */
export function* rowsUnder(driver: KeyValue, prefix: Uint8Array, pageRows: number): Generator<Row> {
  const to = behind(prefix);
  let from = prefix;
  for (;;) {
    const rows = driver.range(from, to, { limit: pageRows });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    from = new ByteWriter(last[0].length + 1).raw(last[0]).u8(0).bytes(); // the next key there can be
  }
}

function decodeTenant(key: Uint8Array, value: Uint8Array): TenantState | undefined {
  const payload = openRow(key, value);
  if (payload === undefined) return undefined;
  const reader = new ByteReader(payload);
  return {
    tenantNo: new DataView(key.buffer, key.byteOffset).getUint32(1),
    shard: reader.u32(),
    seq: reader.u64(),
    snapshotSeq: reader.u64(),
    anchorSeq: reader.u64(),
    firstSeq: reader.u64(),
    commitNo: reader.u64(),
    stateRoot: reader.raw(32),
    systemRoot: reader.raw(32),
    imageHash: reader.block(),
    logEdge: reader.block(),
    tenant: reader.text(),
  };
}
