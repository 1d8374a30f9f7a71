/**
 * The tenants of a store in memory, as their rows say on disk, and those whose rows cannot be read.
 *
 * A tenant has two rows: `name` (under the hash of its name) and `tenant` (under its number, with
 * everything that changes). Both hold name and number, so whichever is damaged, the other says whose
 * it is, and only that tenant is refused. A name whose row cannot be read at all is never given out anew.
 */
import { erasedTenant } from '../actor/store-port.ts';
import { SynapseError } from '../base/error.ts';
import { compareUtf8 } from '../base/text.ts';
import { ByteWriter } from './binary.ts';
import type { LogDraft } from './audit-log.ts';
import type { SealRing } from './key-ring.ts';
import type { KeyValue, Row } from './key-value.ts';
import type { LateTable } from './ledger.ts';
import { behind, corrupt, KIND, nameKey, tenantKey } from './schema.ts';
import { type DecodedTenant, decodeName, decodeTenant, keptState } from './tenant-row.ts';
import { takeState, type TenantCopy, type TenantState } from './tenant-row.ts';

/** Rows read at a time while loading: somebody may have to wait for them, a millisecond. */
const LOAD_ROWS = 100;

/** A tenant that is refused. */
interface Damage {
  readonly error: SynapseError;
  readonly tenantNo: number;
  /** What could be read of it. */
  readonly state: TenantState | undefined;
}

/** Where a directory reads, and by what. */
export interface DirectoryGround {
  readonly driver: KeyValue;
  readonly ring: SealRing;
  /** Tenants that the head row knows. */
  readonly count: number;
  /** What their rows do not say yet. */
  readonly late: LateTable;
  /** What is wrong with a tenant beside its two rows; asked once, before it is served. */
  readonly faultOf: (state: TenantState) => SynapseError | undefined;
}

/**
 * Name to state, for every tenant that can be served, and the error for every one that cannot.
 *
 * It is read in slices, so that an opening need not wait for all tenants (docs/adr/0035). Until all are there a
 * tenant is looked up by its name, and believed where both of its rows are whole and agree; whatever else is
 * asked, or found, makes it read the rest at once. So nobody can tell how far it has come, but by the time it takes.
 */
export class TenantDirectory {
  readonly #ground: DirectoryGround;
  readonly #states: Map<string, TenantCopy> = new Map();
  readonly #damaged: Map<string, Damage> = new Map();
  readonly #erased: Map<string, TenantState> = new Map();
  /** The rest of the reading; nothing once all is read. */
  #reading: Iterator<void> | undefined;
  /** By number, whatever has become of them. */
  readonly #numbered: (TenantState | undefined)[] = [];
  /** A name row that cannot be read and that no tenant row explains stands somewhere. */
  #nameless = false;
  #sorted: readonly string[] | undefined;

  constructor(ground: DirectoryGround) {
    this.#ground = ground;
    this.#reading = this.#readAll();
  }

  /** Reads a slice. True once all tenants are read. */
  readMore(): boolean {
    try {
      if (this.#reading?.next().done === true) this.#reading = undefined;
    } catch (error) {
      this.#reading = this.#readAll(); // one that threw says it is done
      throw error;
    }
    return this.#reading === undefined;
  }

  /** Reads all that is not read yet. */
  complete(): void {
    while (!this.readMore());
  }

  *#readAll(): Generator<void, void, undefined> {
    const { driver, ring, count, late } = this.#ground;
    const names = new Map<number, string>();
    for (const rows of pagesUnder(driver, Uint8Array.of(KIND.name), LOAD_ROWS)) {
      for (const row of rows) {
        const named = decodeName(row);
        if (named !== undefined) names.set(named.tenantNo, named.tenant);
      }
      yield;
    }
    const seen = new Set<number>();
    for (const rows of pagesUnder(driver, Uint8Array.of(KIND.tenant), LOAD_ROWS)) {
      for (const [key, value] of rows) {
        const decoded = decodeTenant(key, value, ring, late);
        if (decoded === undefined) continue;
        const { tenantNo, tenant } = decoded.state;
        seen.add(tenantNo);
        if (!this.#knows(tenant)) this.#admit(decoded, names.get(tenantNo)); // else looked up, or made since
      }
      yield;
    }
    for (let tenantNo = 0; tenantNo < count; tenantNo++) {
      if (seen.has(tenantNo)) continue;
      const tenant = names.get(tenantNo);
      if (tenant === undefined) this.#nameless = true;
      else if (!this.#knows(tenant)) this.condemn(tenant, tenantNo, corrupt('tenant row', { tenant, seq: 0 }));
    }
  }

  #knows(tenant: string): boolean {
    return this.#states.has(tenant) || this.#damaged.has(tenant) || this.#erased.has(tenant);
  }

  /** Takes in a tenant that was read; `name` is what its name row says. */
  #admit({ state, fault }: DecodedTenant, name: string | undefined): void {
    const { tenant, tenantNo, seq } = state;
    this.set(state);
    if (fault !== undefined) this.condemn(tenant, tenantNo, fault);
    else if (state.life === 'alive') {
      const damage = name === tenant ? this.#ground.faultOf(state) : corrupt('name row', { tenant, seq });
      if (damage !== undefined) this.condemn(tenant, tenantNo, damage);
    }
  }

  /** One tenant by its name, while not all are read: taken in only where its rows leave no doubt. */
  #lookUp(tenant: string): void {
    const { driver } = this.#ground;
    const name = nameKey(tenant);
    const named = decodeName([name, driver.get(name) ?? NO_ROW]);
    if (named?.tenant !== tenant) return;
    const decoded = this.#decode(named.tenantNo);
    if (decoded?.fault === undefined && decoded?.state.tenant === tenant) this.#admit(decoded, tenant);
  }

  #decode(tenantNo: number): DecodedTenant | undefined {
    const { driver, ring, late } = this.#ground;
    const key = tenantKey(tenantNo);
    return decodeTenant(key, driver.get(key) ?? NO_ROW, ring, late);
  }

  /** As far as need be: `tenant` is in one of the maps afterwards, or not there, or all is read. */
  #find(tenant: string): void {
    if (this.#reading === undefined || this.#knows(tenant)) return;
    this.#lookUp(tenant);
    if (!this.#knows(tenant)) this.complete();
  }

  /**
   * The tenant's state; nothing for one that was never committed. Throws `STORE_CORRUPT` for a damaged one,
   * `INVALID_ADDRESS` for an erased one.
   */
  get(tenant: string): TenantState | undefined {
    const state = this.#states.get(tenant);
    if (state !== undefined) return state;
    if (this.#reading !== undefined && !this.#knows(tenant)) {
      this.#find(tenant);
      return this.get(tenant);
    }
    const damage = this.#damaged.get(tenant)?.error;
    if (damage !== undefined) throw new SynapseError(damage.code, damage.message, damage.details, damage);
    if (this.#erased.has(tenant)) throw erasedTenant(tenant);
    // Only after both rows of some tenant were damaged: it must not be taken for a new one.
    if (this.#nameless && this.#ground.driver.get(nameKey(tenant)) !== undefined)
      throw corrupt('name row', { tenant, seq: 0 });
    return undefined;
  }

  /** As `get`, but an erased tenant is one too: its log is there. */
  logOf(tenant: string): TenantState | undefined {
    this.#find(tenant);
    return this.#erased.get(tenant) ?? this.get(tenant);
  }

  /** A tenant whatever has become of it; nothing for one that was never committed, or of which no row can be read. */
  find(tenant: string): { readonly tenantNo: number; readonly state: TenantState | undefined } | undefined {
    this.#find(tenant);
    return this.#known(tenant);
  }

  #known(tenant: string): { readonly tenantNo: number; readonly state: TenantState | undefined } | undefined {
    const state = this.#states.get(tenant) ?? this.#erased.get(tenant);
    return state === undefined ? this.#damaged.get(tenant) : { tenantNo: state.tenantNo, state };
  }

  /** The tenant with this number, damaged or not, read or not yet; nothing where its row cannot be read. */
  numbered(tenantNo: number): TenantState | undefined {
    return this.#numbered[tenantNo] ?? this.#decode(tenantNo)?.state;
  }

  /** Brings a state that `get` gave to what a commit of steps made of it. */
  update(known: TenantState, state: TenantState, log: LogDraft): void {
    const kept = known as TenantCopy; // only the directory changes it
    takeState(kept, state);
    log.takeEdge(kept);
  }

  /** Replaces a tenant's state after any other commit. */
  set(state: TenantState): void {
    const { tenant } = state;
    if (state.life === 'alive') {
      const known = this.#states.get(tenant);
      if (known !== undefined) {
        takeState(known, state); // its log is what it was
        return;
      }
      this.#sorted = undefined;
      const kept = keptState(state);
      this.#states.set(tenant, kept);
      this.#numbered[state.tenantNo] = kept;
      return;
    }
    this.#numbered[state.tenantNo] = state;
    this.#states.delete(tenant);
    this.#damaged.delete(tenant);
    this.#erased.set(tenant, state);
    this.#sorted = undefined;
  }

  /** Refuses a tenant from now on. */
  condemn(tenant: string, tenantNo: number, error: SynapseError): void {
    const state = this.#known(tenant)?.state;
    this.#states.delete(tenant);
    this.#damaged.set(tenant, { error, tenantNo, state });
    this.#sorted = undefined;
  }

  /** Tenants that can be served, in no order. */
  all(): readonly TenantState[] {
    this.complete();
    return [...this.#states.values()];
  }

  /** Tenants that can be served, in UTF-8 byte order. */
  sorted(): readonly TenantState[] {
    this.complete();
    this.#sorted ??= [...this.#states.keys()].toSorted(compareUtf8);
    return this.#sorted.map((tenant) => this.#states.get(tenant) as TenantState);
  }

  /** Tenants that were erased, or are being erased: of them there are names, numbers and hashes. In UTF-8 byte order. */
  erased(): readonly TenantState[] {
    this.complete();
    return [...this.#erased.values()].toSorted((a, b) => compareUtf8(a.tenant, b.tenant));
  }

  /** Tenants that are refused for damage, and why. */
  damaged(): ReadonlyMap<string, SynapseError> {
    this.complete();
    return new Map([...this.#damaged].map(([tenant, { error }]) => [tenant, error]));
  }
}

const NO_ROW = new Uint8Array(0);

/** All rows whose key starts with `prefix`, ascending, at most `pageRows` read at a time. */
export function* rowsUnder(driver: KeyValue, prefix: Uint8Array, pageRows: number): Generator<Row> {
  for (const rows of pagesUnder(driver, prefix, pageRows)) yield* rows;
}

/** The same by pages, between which no cursor is open and others may write. */
function* pagesUnder(driver: KeyValue, prefix: Uint8Array, pageRows: number): Generator<readonly Row[]> {
  const to = behind(prefix);
  let from = prefix;
  for (;;) {
    const rows = driver.range(from, to, { limit: pageRows });
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    from = new ByteWriter(last[0].length + 1).raw(last[0]).u8(0).bytes(); // the next key there can be
  }
}
