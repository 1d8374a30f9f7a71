/**
 * Erasing a tenant: its key is destroyed, and nothing of its content can be read any more; what that was
 * stored in is deleted, to give the space back.
 *
 *   1  the tenant's row says `erasing`       from here on it is refused, and finished whatever happens
 *   2  its key is overwritten in place       from here on the content is gone
 *   3  rows, image, trie pages, events are deleted, and batches that held its records alone
 *   4  its row says `erased`
 *
 * Each is durable before the next begins; an opening repeats 2 to 4 for every tenant that is `erasing`, or
 * whose key is gone. 3 may take long, so it goes in slices: between two of them others are served. Name, leaf hashes, tiles and checkpoints stay: the log still verifies. Batches that
 * hold other tenants' records too go when those are trimmed.
 */
import { SynapseError } from '../base/error.ts';
import { ByteWriter } from './binary.ts';
import type { SealRing } from './key-ring.ts';
import type { KeyValue, Write } from './key-value.ts';
import { CONTENT_KINDS } from './schema.ts';
import { rowsUnder } from './tenant-directory.ts';
import { tenantWrites, withoutContent } from './tenant-row.ts';
import type { TenantDirectory } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';
import { planTrim } from './trim.ts';

/** What an erasure works on. */
export interface ErasureGround {
  readonly driver: KeyValue;
  readonly ring: SealRing;
  /** As of now: another one after the store was reopened. */
  directory(): TenantDirectory;
  /** One durable commit. */
  write(rows: Write[]): void;
  /** Durable on return. */
  destroyKey(tenantNo: number): void;
}

/** Rows of one commit: keeps its dirty pages in a few MiB and other commits waiting for some ms. */
const CHUNK_ROWS = 4_000;

/**
 * Erases a tenant, one whose rows are damaged too. The first pull does 1 and 2, each further one a slice of the
 * rest; gives the number of rows that it changed. Idempotent; what a crash or a failure interrupts is finished by the next opening. `INVALID_ARGUMENT`
 * without keys, and for a tenant that is not known: a mistyped name must not pass for an erasure.
 */
export function* eraseTenant(ground: ErasureGround, tenant: string): Generator<number, void, undefined> {
  if (!ground.ring.isEncrypted) throw notErasable(tenant);
  const directory = ground.directory();
  const found = directory.find(tenant);
  if (found === undefined) {
    directory.get(tenant); // says so where both of its rows are damaged
    throw new SynapseError('INVALID_ARGUMENT', `there is no tenant ${JSON.stringify(tenant)} to erase`, { tenant });
  }
  const { tenantNo, state } = found;
  if (state?.life === 'erased') return;
  if (state === undefined) {
    // Its row cannot be read, so it cannot say `erased` later: the tenant stays refused as damaged.
    ground.destroyKey(tenantNo);
    yield* dropContent(ground, tenantNo);
    return;
  }
  const erasing = withoutContent(state, 'erasing');
  ground.write(tenantWrites(erasing, false));
  directory.set(erasing);
  yield* finish(ground, erasing);
}

/** Finishes what was interrupted, and destroys again what has come back: a key file restored from before. */
export function finishErasures(ground: ErasureGround): void {
  for (const state of ground.directory().erased()) {
    const isDone = state.life === 'erased' && ground.ring.sealOf(state.tenantNo) === 'erased';
    if (!isDone) for (const slice of finish(ground, state)) void slice;
  }
}

function* finish(ground: ErasureGround, state: TenantState): Generator<number, void, undefined> {
  ground.destroyKey(state.tenantNo);
  yield 0;
  yield* dropContent(ground, state.tenantNo);
  let trimmed = state;
  for (const { writes, states } of planTrim(ground.driver, [state], () => trimmed, {}, 0)) {
    ground.write(writes);
    trimmed = states[0] ?? trimmed;
    yield writes.length;
  }
  const erased = withoutContent(trimmed, 'erased');
  ground.write(tenantWrites(erased, false));
  ground.directory().set(erased);
}

function* dropContent(ground: ErasureGround, tenantNo: number): Generator<number, void, undefined> {
  for (const kind of CONTENT_KINDS) {
    const prefix = new ByteWriter(8).u8(kind).u32(tenantNo).bytes();
    let chunk: Write[] = [];
    for (const [key] of rowsUnder(ground.driver, prefix, CHUNK_ROWS)) {
      chunk.push([key, null]);
      if (chunk.length < CHUNK_ROWS) continue;
      ground.write(chunk);
      chunk = [];
      yield CHUNK_ROWS;
    }
    if (chunk.length > 0) ground.write(chunk);
  }
}

function notErasable(tenant: string): SynapseError {
  return new SynapseError(
    'INVALID_ARGUMENT',
    'only a store with encryption: true can erase a tenant: it has a key that can be destroyed. ' +
      'Make a new store with encryption: true and bring the tenants over',
    { option: 'encryption', tenant },
  );
}
