/**
 * Every row of a store, one by one: each has a kind, an owner and a seal that fits, and none is there that
 * nobody needs. What rows say together is for other checks (journal-check.ts, tenant-check.ts).
 */
import { crc32 } from 'node:zlib';
import { compareBytes, openRow } from './binary.ts';
import { flippedByte } from './flipped-byte.ts';
import type { Row } from './key-value.ts';
import {
  CONTENT_KINDS,
  configKey,
  COPIES,
  headKey,
  KIND,
  ledgerKey,
  metaKey,
  modulesKey,
  nameKey,
  tenantKey,
  TRIE,
} from './schema.ts';
import { commitOfKey } from './ledger.ts';
import { rowName, type StoreFault } from './store-fault.ts';
import type { StoreView } from './store-view.ts';
import { rowsUnder } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';
import { PLAIN_SEAL } from './tenant-seal.ts';

/** Rows read at a time. */
const PAGE_ROWS = 256;

/** Rows between two signs of life. */
const TICK_ROWS = 4_096;

/** Kinds whose key names a tenant right behind the kind. */
const OF_TENANT: ReadonlySet<number> = new Set([
  ...CONTENT_KINDS,
  KIND.tenant,
  KIND.index,
  KIND.tile,
  KIND.note,
  KIND.leaves,
]);

/** Kinds whose rows are written twice, the number of the copy last in the key. */
const COPIED: ReadonlySet<number> = new Set([KIND.meta, KIND.head, KIND.config, KIND.modules, KIND.ledger]);

/** Kinds whose values are under their tenant's seal. */
const CONTENT: ReadonlySet<number> = new Set(CONTENT_KINDS);

const LEDGER_KEY_BYTES = 10;

/** Length of the keys of a kind; undefined where they differ in length. */
const KEY_BYTES: ReadonlyMap<number, number | undefined> = new Map<number, number | undefined>([
  [KIND.meta, 2],
  [KIND.head, 2],
  [KIND.modules, 2],
  [KIND.name, 17],
  [KIND.tenant, 5],
  [KIND.config, 6],
  [KIND.batch, 11],
  [KIND.index, 13],
  [KIND.events, 29],
  [KIND.tile, 14],
  [KIND.note, 5],
  [KIND.leaves, 13],
  [KIND.ledger, LEDGER_KEY_BYTES],
  [KIND.image, 5],
  [KIND.row, 38],
  [KIND.systemRow, 37],
  [KIND.page, undefined],
  [KIND.stage, 6],
  [KIND.part, 13],
]);

/** Where the key of a page says of which trie it is. */
const TRIE_AT = 5;

/** Looks at every row; yields the number of rows now and then. */
export function* checkRows(view: StoreView, tell: (fault: StoreFault) => void): Generator<number> {
  const tenants = [...view.directory.all(), ...view.directory.erased()];
  const owners = new Map(tenants.map((state) => [state.tenantNo, state]));
  const damaged = view.directory.damaged().size > 0;
  let rows = 0;
  for (let first = 0; first < 0xff; first++) {
    for (const row of rowsUnder(view.driver, Uint8Array.of(first), PAGE_ROWS)) {
      const fault = faultOfRow(row, owners, damaged);
      if (fault !== undefined) tell(fault);
      rows += 1;
      if (rows % TICK_ROWS === 0) yield rows;
    }
  }
  for (const row of view.driver.range(Uint8Array.of(0xff), new Uint8Array(64).fill(0xff), { limit: 1 }))
    tell({ row: rowName(row[0]), message: `there is no kind of row like ${rowName(row[0])}` });
  for (const error of view.directory.damaged().values()) {
    const { tenant, seq } = error.details;
    tell({ message: error.message, tenant: tenant as string, seq: seq as number });
  }
  for (const fault of missingRows(view)) tell(fault);
  yield rows;
}

function faultOfRow(
  [key, value]: Row,
  owners: ReadonlyMap<number, TenantState>,
  mayBeOwned: boolean,
): StoreFault | undefined {
  const kind = key[0] as number;
  const row = rowName(key);
  const owner = OF_TENANT.has(kind) && key.length >= 5 ? owners.get(numberIn(key)) : undefined;
  const of = owner === undefined ? {} : { tenant: owner.tenant, seq: owner.snapshotSeq };
  const length = KEY_BYTES.get(kind);
  if (!KEY_BYTES.has(kind) || (length !== undefined && length !== key.length))
    return { ...of, row, message: `there is no kind of row like ${row}` };
  if (COPIED.has(kind) && (key.at(-1) as number) >= COPIES) return { row, message: `row ${row} is one copy too many` };
  if (kind === KIND.page && (key[TRIE_AT] ?? TRIE.system + 1) > TRIE.system)
    return { ...of, row, message: `row ${row} is a page of no trie` };
  if (kind === KIND.batch) return undefined; // without a seal of its own: each of its records has one
  if (CONTENT.has(kind) && owner !== undefined) {
    if (owner.life !== 'alive') return { ...of, row, message: `row ${row} is content of a tenant that was erased` };
    if (owner.seal.open(key, value) !== undefined) return undefined;
    if (owner.seal === PLAIN_SEAL) return { ...of, row, ...changedByte(key, value, row) };
    return { ...of, row, message: `row ${row} is damaged: its seal does not fit` };
  }
  if (CONTENT.has(kind) && mayBeOwned) return undefined; // its owner cannot be read, and is told of
  if (openRow(key, value) === undefined) return { ...of, row, ...changedByte(key, value, row) };
  if (OF_TENANT.has(kind) && owner === undefined && !mayBeOwned)
    return { row, message: `row ${row} belongs to nobody` };
  return undefined;
}

function numberIn(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(1);
}

/** Which byte of a sealed row was changed, when it was one; a guess that one changed byte explains everything. */
function changedByte(key: Uint8Array, value: Uint8Array, row: string): { byte?: number; message: string } {
  const length = value.length - 4;
  if (length < 0) return { message: `row ${row} is damaged: it is shorter than its checksum` };
  const covered = Buffer.concat([key, value.subarray(0, length)]);
  const stored = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(length);
  const flipped = flippedByte(covered, stored, crc32(covered));
  if (flipped === undefined) return { message: `row ${row} is damaged: its checksum does not fit` };
  const byte = flipped.offset - key.length;
  const where = byte < 0 ? `byte ${flipped.offset} of its key` : `byte ${byte}`;
  return { byte, message: `row ${row} is damaged at ${where}: ${flipped.is} where ${flipped.was} was` };
}

/** Rows that must be there whatever the tenants do, each copy alike. */
function* missingRows({ driver, head, ledger, directory }: StoreView): Generator<StoreFault> {
  const copies = [metaKey, headKey, ...ledger.map((commitNo) => (copy: number) => ledgerKey(commitNo, copy))];
  for (let id = 1; id <= head.configs; id++) copies.push((copy) => configKey(id, copy));
  if (driver.range(modulesKey(0), modulesKey(COPIES), { limit: 1 }).length > 0) copies.push(modulesKey);
  for (const keyOf of copies) {
    const values = Array.from({ length: COPIES }, (_, copy) => {
      const value = driver.get(keyOf(copy));
      return value === undefined ? undefined : openRow(keyOf(copy), value);
    });
    const [one, other] = values;
    if (one === undefined || other === undefined) {
      for (let copy = 0; copy < COPIES; copy++) {
        const row = rowName(keyOf(copy));
        if (driver.get(keyOf(copy)) === undefined) yield { row, message: `row ${row} is missing` };
      }
    } else if (compareBytes(one, other) !== 0) {
      yield { row: rowName(keyOf(0)), message: `the copies of row ${rowName(keyOf(0))} differ` };
    }
  }
  const commits = new Set(ledger);
  for (const [key] of rowsUnder(driver, Uint8Array.of(KIND.ledger), PAGE_ROWS)) {
    if (key.length === LEDGER_KEY_BYTES && !commits.has(commitOfKey(key)))
      yield { row: rowName(key), message: `row ${rowName(key)} belongs to no commit of the ledger` };
  }
  const configs = driver.range(Uint8Array.of(KIND.config), Uint8Array.of(KIND.config + 1));
  if (configs.length !== head.configs * COPIES)
    yield { row: 'config', message: `${configs.length} config rows, expected ${head.configs * COPIES}` };
  let names = 0;
  for (const row of rowsUnder(driver, Uint8Array.of(KIND.name), PAGE_ROWS)) if (row.length > 0) names += 1;
  if (names !== head.tenants) yield { row: 'name', message: `${names} name rows, expected ${head.tenants}` };
  for (const { tenant, tenantNo, seq } of [...directory.all(), ...directory.erased()]) {
    for (const key of [nameKey(tenant), tenantKey(tenantNo)]) {
      if (driver.get(key) === undefined)
        yield { tenant, seq, row: rowName(key), message: `row ${rowName(key)} is missing` };
    }
    if (tenantNo >= head.tenants)
      yield {
        tenant,
        seq,
        row: rowName(tenantKey(tenantNo)),
        message: `the head row does not know tenant ${tenantNo}`,
      };
  }
}
