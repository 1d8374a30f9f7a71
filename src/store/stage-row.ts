/**
 * The rows by which a snapshot in parts comes into a store (staging.ts): what they hold, and how they are read.
 *
 *   part      packed rows (actor/row-pack.ts) of one range of row hashes; invisible until there is a stage
 *   stage     how far the parts have been put in place, and the roots of the tries as they stand meanwhile
 *   content   the snapshot's image, and its record where it has one
 */
import { HASH_BYTES } from '../base/hash.ts';
import { ByteReader, ByteWriter } from './binary.ts';
import type { KeyValue, Write } from './key-value.ts';
import { corrupt, stageKey, stageContentKey } from './schema.ts';
import type { RowOwner } from './schema.ts';
import type { TenantState } from './tenant-row.ts';

/** A snapshot whose parts are all there: it will be finished, whatever happens. */
export interface Stage {
  /** The step it stands at. */
  readonly seq: number;
  /** Of each range, its part rows. */
  readonly counts: readonly number[];
  /** Ranges that are in place. */
  readonly applied: number;
  /** Roots of the tries with those. */
  readonly stateRoot: Uint8Array;
  readonly systemRoot: Uint8Array;
}

/** What comes with the last message. */
export interface StageContent {
  readonly image: Uint8Array;
  readonly body: Uint8Array | undefined;
}

export function stageWrite({ tenantNo, seal }: RowOwner, stage: Stage): Write {
  const key = stageKey(tenantNo);
  const row = new ByteWriter(128 + 4 * stage.counts.length)
    .u64(stage.seq)
    .u32(stage.applied)
    .raw(stage.stateRoot)
    .raw(stage.systemRoot)
    .u32(stage.counts.length);
  for (const count of stage.counts) row.u32(count);
  return [key, seal.seal(key, row)];
}

/** The tenant's stage, if a snapshot of it is being put in place. Damaged: STORE_CORRUPT. */
export function readStage(driver: KeyValue, { tenant, tenantNo, seal, snapshotSeq }: TenantState): Stage | undefined {
  const key = stageKey(tenantNo);
  const value = driver.get(key);
  if (value === undefined) return undefined;
  const payload = seal.open(key, value);
  if (payload === undefined) throw corrupt('stage', { tenant, seq: snapshotSeq });
  const reader = new ByteReader(payload);
  const [seq, applied] = [reader.u64(), reader.u32()];
  const [stateRoot, systemRoot] = [reader.raw(HASH_BYTES), reader.raw(HASH_BYTES)];
  const counts = Array.from({ length: reader.u32() }, () => reader.u32());
  return { seq, applied, stateRoot, systemRoot, counts };
}

export function stageContentWrite({ tenantNo, seal }: RowOwner, { image, body }: StageContent): Write {
  const key = stageContentKey(tenantNo);
  const row = new ByteWriter(image.length + (body?.length ?? 0) + 16).u8(body === undefined ? 0 : 1);
  return [key, seal.seal(key, row.block(body ?? new Uint8Array(0)).block(image))];
}

export function readStageContent(driver: KeyValue, { tenant, tenantNo, seal, snapshotSeq }: TenantState): StageContent {
  const key = stageContentKey(tenantNo);
  const value = driver.get(key);
  const payload = value === undefined ? undefined : seal.open(key, value);
  if (payload === undefined) throw corrupt('staged image', { tenant, seq: snapshotSeq });
  const reader = new ByteReader(payload);
  const isRecorded = reader.u8() === 1;
  const body = reader.block();
  return { body: isRecorded ? body : undefined, image: reader.block() };
}

/** Deletes the rows of a stage. */
export function stageEnd(tenantNo: number): Write[] {
  return [
    [stageKey(tenantNo), null],
    [stageContentKey(tenantNo), null],
  ];
}
