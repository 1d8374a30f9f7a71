/**
 * One step in full: what came in, what it came to, and every key it changed as it was before and as it is
 * after. Values from before are those that the replay of all earlier steps left, or the snapshot's.
 */
import { actorPartsOf } from '../actor/message.ts';
import { type Address, addressText } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { decodeValue } from '../frame/codec.ts';
import { readGroup } from '../store/snapshot.ts';
import type { StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';
import type { MirrorRow } from './replay-protocol.ts';
import type { ReplayWorker } from './replay-worker.ts';
import type { ReplayInput } from './step-input.ts';
import { type ReplayOutcome, rowParts } from './step-outcome.ts';
import { TenantReplay } from './tenant-replay.ts';

/** A key that a step changed. Undefined stands for "not there". */
export interface ExplainedChange {
  readonly actor: Address;
  /** Undefined for a key of `ctx.state`. */
  readonly table: string | undefined;
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** A step, explained. */
export interface Explanation {
  readonly tenant: string;
  readonly seq: number;
  readonly input: ReplayInput;
  readonly outcome: ReplayOutcome;
  readonly changes: readonly ExplainedChange[];
  readonly stateRoot: Uint8Array;
}

/** Replays the tenant up to `seq` and tells of that step. `INVALID_ARGUMENT` for one that is not there, or was trimmed. */
export async function explainStep(
  worker: ReplayWorker,
  view: StoreView,
  tenant: TenantState,
  seq: number,
  onStep: (seq: number) => void,
): Promise<Explanation> {
  const run = await TenantReplay.open(worker, view, tenant);
  const values = new Map<string, MirrorRow>();
  for await (const steps of run.groups({ from: seq, until: seq })) {
    for (const step of steps) {
      run.absorb(step);
      const rows = step.report.rows();
      if (step.seq === seq) {
        const before = (row: MirrorRow): Uint8Array | null | undefined => {
          const known = values.get(nameOf(row));
          return known === undefined ? storedValue(view, tenant, run, row) : known.value;
        };
        const changes = rows.flatMap((row) => changeOf(tenant.tenant, row, before(row) ?? null));
        const { input, outcome } = step;
        return { tenant: tenant.tenant, seq, input, outcome, changes, stateRoot: run.mirror.stateRoot() };
      }
      for (const row of rows) values.set(nameOf(row), row);
    }
    onStep(steps.at(-1)?.seq ?? 0);
  }
  const { firstSeq, seq: last } = tenant;
  const text = `tenant ${tenant.tenant} has no step ${seq} that can be replayed: it has ${run.startSeq + 1} to ${last}`;
  throw new SynapseError('INVALID_ARGUMENT', text, { tenant: tenant.tenant, seq, firstSeq });
}

function nameOf({ group, name }: MirrorRow): string {
  return `${group}\n${name}`;
}

/** The row as the snapshot has it from which the replay started. */
function storedValue(
  { driver }: StoreView,
  tenant: TenantState,
  run: TenantReplay,
  { group, name }: MirrorRow,
): Uint8Array | undefined {
  if (run.startSeq === 0) return undefined;
  return readGroup(driver, tenant, group).find((row) => row.name === name)?.value;
}

/** Rows of states and tables; those of supervision are told by the lines of the outcome. */
function changeOf(tenant: string, { group, name, value }: MirrorRow, before: Uint8Array | null): ExplainedChange[] {
  if (name[0] !== 's' && name[0] !== 't') return [];
  if (before === null ? value === null : value !== null && Buffer.compare(before, value) === 0) return [];
  const actor = { tenant, ...actorPartsOf(group.slice(group.indexOf('\0') + 1)) };
  const read = (bytes: Uint8Array | null): unknown => (bytes === null ? undefined : decodeValue(bytes));
  return [{ actor, ...rowParts(name), before: read(before), after: read(value) }];
}

/** The place of a change: `acme/account/alice state.balance`. */
export function placeText({ actor, table, key }: ExplainedChange): string {
  return `${addressText(actor)} ${table === undefined ? `state.${key}` : `table ${table}[${JSON.stringify(key)}]`}`;
}
