/**
 * Two stores that should be equal: the first tenant that differs, and in it the first step, found by
 * bisecting the roots of the two audit logs. Reads subtree hashes, O(log n) roots of them, and of the
 * records only the two that differ.
 */
import { decodeRecord } from '../actor/record.ts';
import { SynapseError } from '../base/error.ts';
import { hexOf, sha256Hex } from '../base/hash.ts';
import { compareUtf8 } from '../base/text.ts';
import { type LogNodes, rootAt } from '../merkle/log.ts';
import { StoredNodes } from '../store/audit-log.ts';
import { type JournalRecord, readRecords } from '../store/journal.ts';
import type { StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';
import { inputLine, inputOfRecord } from './step-input.ts';

/** One side of a difference. */
export interface DiffSide {
  /** Last recorded step; 0 where the store does not have the tenant. */
  readonly seq: number;
  /** The step that differs as this store has it; undefined where it has none, or only its hash. */
  readonly record: DiffRecord | undefined;
}

/** A record, readable. */
export interface DiffRecord {
  readonly input: string;
  /** SHA-256 of the input's frame: two that read alike may differ in a number that is not shown. */
  readonly frame: string;
  /** ms since 1970. */
  readonly time: number;
  readonly configId: number;
  readonly seed: string;
  readonly digest: string;
  readonly decisions: string;
  readonly acks: string;
}

/** The first difference of two stores. */
export interface StoreDifference {
  readonly tenant: string;
  /** The first step that differs; undefined where it is not a step that does. */
  readonly seq: number | undefined;
  readonly what: string;
  readonly sides: readonly [DiffSide, DiffSide];
  /** Fields of the records that differ. */
  readonly fields: readonly (keyof DiffRecord)[];
}

/** The first difference, tenants in UTF-8 byte order; nothing where the stores are equal. */
export function diffStores(one: StoreView, other: StoreView): StoreDifference | undefined {
  const names = new Set([one, other].flatMap((view) => tenantsOf(view)));
  for (const tenant of [...names].toSorted(compareUtf8)) {
    const difference = diffTenant(tenant, one, other);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function tenantsOf({ directory }: StoreView): string[] {
  return [...directory.sorted(), ...directory.erased()]
    .map(({ tenant }) => tenant)
    .concat(...directory.damaged().keys());
}

function diffTenant(tenant: string, one: StoreView, other: StoreView): StoreDifference | undefined {
  const [a, b] = [one.directory.logOf(tenant), other.directory.logOf(tenant)];
  const sides: [DiffSide, DiffSide] = [
    { seq: a?.seq ?? 0, record: undefined },
    { seq: b?.seq ?? 0, record: undefined },
  ];
  if (a === undefined || b === undefined)
    return { tenant, seq: undefined, what: 'only one store has the tenant', sides, fields: [] };
  const seq = firstDifference(
    { size: a.seq, nodes: new StoredNodes(one.driver, a) },
    { size: b.seq, nodes: new StoredNodes(other.driver, b) },
  );
  if (seq === undefined) return diffSnapshots(a, b, sides);
  const records = [recordOf(one, a, seq), recordOf(other, b, seq)] as const;
  const fields = fieldsOf(...records);
  return {
    tenant,
    seq,
    what: whatOf(seq, a, b, records, fields),
    sides: [
      { seq: a.seq, record: records[0] },
      { seq: b.seq, record: records[1] },
    ],
    fields,
  };
}

function whatOf(
  seq: number,
  a: TenantState,
  b: TenantState,
  [one, other]: readonly [DiffRecord | undefined, DiffRecord | undefined],
  fields: readonly (keyof DiffRecord)[],
): string {
  if (seq > Math.min(a.seq, b.seq)) return 'only one store has the step';
  if (one === undefined || other === undefined) return 'its leaf hashes differ, and not both records are kept';
  if (fields.length === 0) return 'the records are equal and their leaves blinded: the stores were encrypted apart';
  return fields.length === 1 && fields[0] === 'digest'
    ? 'the same input came to another outcome'
    : 'the records differ';
}

/** Equal logs have equal outcomes; what is kept of them in snapshots of one step must be equal too. */
function diffSnapshots(a: TenantState, b: TenantState, sides: [DiffSide, DiffSide]): StoreDifference | undefined {
  if (a.snapshotSeq !== b.snapshotSeq || Buffer.compare(a.stateRoot, b.stateRoot) === 0) return undefined;
  const what = `the logs are equal, the snapshots of step ${a.snapshotSeq} are not`;
  return { tenant: a.tenant, seq: undefined, what, sides, fields: [] };
}

/** A log: its size and its complete subtrees. */
export interface SizedLog {
  readonly size: number;
  readonly nodes: LogNodes;
}

/** The first leaf, counted from 1, in which two logs differ; nothing for equal ones. Asks for O(log n) roots of each. */
export function firstDifference(one: SizedLog, other: SizedLog): number | undefined {
  const isEqual = (size: number): boolean => Buffer.compare(rootAt(size, one.nodes), rootAt(size, other.nodes)) === 0;
  let [same, differs] = [0, Math.min(one.size, other.size) + 1];
  if (isEqual(differs - 1)) return one.size === other.size ? undefined : differs;
  differs -= 1;
  while (differs - same > 1) {
    const middle = Math.floor((same + differs) / 2);
    if (isEqual(middle)) same = middle;
    else differs = middle;
  }
  return differs;
}

function recordOf({ driver }: StoreView, state: TenantState, seq: number): DiffRecord | undefined {
  if (seq < state.firstSeq || seq > state.seq) return undefined;
  for (const record of readRecords(driver, state, seq)) return readable(state.tenant, record);
  return undefined;
}

function readable(tenant: string, { body }: JournalRecord): DiffRecord {
  const { nowMs, configId, seed, digest, decisions, acks, frame } = decodeRecord(body);
  return {
    input: lineOf(tenant, body),
    frame: sha256Hex(frame),
    time: nowMs,
    configId,
    seed: hexOf(seed),
    digest: hexOf(digest),
    decisions: JSON.stringify(decisions),
    acks: JSON.stringify(acks),
  };
}

function lineOf(tenant: string, body: Uint8Array): string {
  try {
    return inputLine(inputOfRecord(body, tenant));
  } catch (error) {
    if (!(error instanceof SynapseError)) throw error;
    return `unreadable: ${error.message}`;
  }
}

function fieldsOf(one: DiffRecord | undefined, other: DiffRecord | undefined): (keyof DiffRecord)[] {
  if (one === undefined || other === undefined) return [];
  return (Object.keys(one) as (keyof DiffRecord)[]).filter((field) => one[field] !== other[field]);
}
