/**
 * What the owner of a replay and its thread say to each other. Records go there in batches, what became of
 * each step comes back in batches, and only what a domain does not have in memory is asked for in between.
 *
 *   a batch of records   per record  u32 length, bytes of the record's body
 *   a batch of steps     per step    f64 seq, f64 time ms, 32 digest, then parts, each u32 length and bytes:
 *                                    lines of the digest · rows of actors · outputs, a value · cause, a value
 *                                    · rows of the domain · hash of its image
 *   rows                 per row     text group, text name, u8 1 and bytes, or u8 0 where it is gone
 */
import { ByteSink, ByteSource } from '../base/byte-sink.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { decodeValue } from '../frame/codec.ts';
import type { EffectRequest, Output } from '../actor/step.ts';
import type { Timer } from '../actor/timer-table.ts';

/** Modules of actors as a replay's thread loads them. */
export interface ReplayModules {
  readonly actors: readonly string[];
  readonly previous: readonly string[];
  /** Whether the realm has to be locked down before they are loaded. */
  readonly isHardened: boolean;
}

/** A row of the domain's own tables, or of an actor. */
export interface StoredRowImage {
  readonly group: string;
  readonly name: string;
  readonly value: Uint8Array;
}

/**
 * How much is told. `whole`: of each step everything but the domain's own rows. `rows`: of each step its
 * digest and events, and with the batch's last one all rows of actors that changed. `domain`: as `rows`, and
 * with the last step what else its domain root needs.
 */
export type Detail = 'whole' | 'rows' | 'domain';

/** To the thread. */
export type ReplayOrder =
  | {
      readonly kind: 'open';
      readonly tenant: string;
      readonly shard: number;
      readonly configs: ReadonlyMap<number, Uint8Array>;
      /** Of the snapshot to start from; undefined at genesis. */
      readonly image: Uint8Array | undefined;
      readonly system: readonly StoredRowImage[];
    }
  | { readonly kind: 'run'; readonly firstSeq: number; readonly bodies: Uint8Array; readonly detail: Detail }
  | { readonly kind: 'rows'; readonly rows: readonly { readonly name: string; readonly value: Uint8Array }[] };

/** From the thread. */
export type ReplayAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'steps'; readonly bytes: Uint8Array }
  /** The rows of an actor are needed: nothing goes on before they are there. */
  | { readonly kind: 'needs'; readonly actorId: string }
  /** The step, or the loading (seq 0), ended in an error, encoded. */
  | { readonly kind: 'failed'; readonly seq: number; readonly error: Uint8Array };

/** A row that changed. */
export interface MirrorRow {
  readonly group: string;
  readonly name: string;
  /** null: it is gone. */
  readonly value: Uint8Array | null;
}

/** One step as the thread tells of it; parts are decoded when asked for. */
export class StepReport {
  readonly seq: number;
  readonly nowMs: number;
  readonly digest: Uint8Array;
  readonly notes: Uint8Array;
  readonly #rows: Uint8Array;
  readonly #outputs: Uint8Array;
  readonly #cause: Uint8Array;
  readonly #system: Uint8Array;
  /** Of the domain's image, where detail `domain` was asked for; else empty. */
  readonly imageHash: Uint8Array;

  constructor(source: ByteSource) {
    this.seq = source.f64();
    this.nowMs = source.f64();
    this.digest = source.raw(HASH_BYTES);
    this.notes = source.bytes();
    this.#rows = source.bytes();
    this.#outputs = source.bytes();
    this.#cause = source.bytes();
    this.#system = source.bytes();
    this.imageHash = source.bytes();
  }

  /** Rows of actors that changed since they were told last. */
  rows(): MirrorRow[] {
    return readRows(this.#rows);
  }

  /** Rows of the domain that changed since they were told last, where detail `domain` was asked for. */
  systemRows(): MirrorRow[] {
    return readRows(this.#system);
  }

  outputs(): readonly Output[] {
    return this.#outputs.length === 0 ? [] : (decodeValue(this.#outputs) as readonly Output[]);
  }

  /** What a timer or an effect's result was of, as the domain had it before the step. */
  cause(): Cause {
    return this.#cause.length === 0 ? {} : (decodeValue(this.#cause) as Cause);
  }
}

/** Appends a row. */
export function writeRow(sink: ByteSink, { group, name, value }: MirrorRow): void {
  sink.text(group);
  sink.text(name);
  sink.u8(value === null ? 0 : 1);
  if (value !== null) sink.bytes(value);
}

function readRows(bytes: Uint8Array): MirrorRow[] {
  const source = new ByteSource(bytes);
  const rows: MirrorRow[] = [];
  while (source.rest > 0) {
    rows.push({ group: source.text(), name: source.text(), value: source.u8() === 1 ? source.bytes() : null });
  }
  return rows;
}

/** What an input without a target of its own goes back to. */
export interface Cause {
  readonly timer?: Timer;
  readonly effect?: EffectRequest;
}

/** Bodies one behind the other, each behind its length. */
export function joinBodies(bodies: readonly Uint8Array[]): Uint8Array {
  const sink = new ByteSink();
  for (const body of bodies) sink.bytes(body);
  return sink.take();
}

/** The inverse of {@link joinBodies}. */
export function splitBodies(bytes: Uint8Array): Uint8Array[] {
  const source = new ByteSource(bytes);
  const bodies: Uint8Array[] = [];
  while (source.rest > 0) bodies.push(source.bytes());
  return bodies;
}

/** The steps of a batch, in order. */
export function readReports(bytes: Uint8Array): StepReport[] {
  const source = new ByteSource(bytes);
  const reports: StepReport[] = [];
  while (source.rest > 0) reports.push(new StepReport(source));
  return reports;
}
