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
import { type ByteSink, ByteSource } from '../base/byte-sink.ts';
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

/** Bytes of a report before its parts: seq, time, digest. */
const REPORT_HEAD_BYTES = 8 + 8 + HASH_BYTES;

/** Parts of a report, in their order. */
const PART = { notes: 0, rows: 1, outputs: 2, cause: 3, system: 4, imageHash: 5 } as const;
const PARTS = Object.keys(PART).length;

/** One step as the thread tells of it: a view of its batch, whose parts are read when asked for. */
export class StepReport {
  readonly seq: number;
  readonly nowMs: number;
  readonly #batch: Uint8Array;
  readonly #at: number;
  /** Where each part begins, and behind the last one where the report ends. */
  readonly #places: Uint32Array = new Uint32Array(PARTS + 1);

  constructor(batch: Uint8Array, view: DataView, at: number) {
    this.#batch = batch;
    this.#at = at;
    this.seq = view.getFloat64(at, true);
    this.nowMs = view.getFloat64(at + 8, true);
    let place = at + REPORT_HEAD_BYTES;
    for (let part = 0; part < PARTS; part++) {
      this.#places[part] = place;
      place += 4 + view.getUint32(place, true);
    }
    this.#places[PARTS] = place;
  }

  /** Where the next report of the batch begins. */
  get end(): number {
    return this.#places[PARTS] as number;
  }

  get digest(): Uint8Array {
    return this.#batch.subarray(this.#at + 16, this.#at + REPORT_HEAD_BYTES);
  }

  #part(part: number): Uint8Array {
    return this.#batch.subarray((this.#places[part] as number) + 4, this.#places[part + 1]);
  }

  /** The lines of the digest. */
  get notes(): Uint8Array {
    return this.#part(PART.notes);
  }

  /** Of the domain's image, where detail `domain` was asked for; else empty. */
  get imageHash(): Uint8Array {
    return this.#part(PART.imageHash);
  }

  /** Rows of actors that changed since they were told last. */
  rows(): MirrorRow[] {
    return readRows(this.#part(PART.rows));
  }

  /** Rows of the domain that changed since they were told last, where detail `domain` was asked for. */
  systemRows(): MirrorRow[] {
    return readRows(this.#part(PART.system));
  }

  outputs(): readonly Output[] {
    const outputs = this.#part(PART.outputs);
    return outputs.length === 0 ? [] : (decodeValue(outputs) as readonly Output[]);
  }

  /** What a timer or an effect's result was of, as the domain had it before the step. */
  cause(): Cause {
    const cause = this.#part(PART.cause);
    return cause.length === 0 ? {} : (decodeValue(cause) as Cause);
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
  const bytes = new Uint8Array(bodies.reduce((sum, { length }) => sum + 4 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const body of bodies) {
    view.setUint32(at, body.length, true);
    bytes.set(body, at + 4);
    at += 4 + body.length;
  }
  return bytes;
}

/** The inverse of {@link joinBodies}; each a copy, since what is kept of one must not keep the others. */
export function splitBodies(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodies: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + view.getUint32(at, true);
    bodies.push(bytes.slice(at + 4, end));
    at = end;
  }
  return bodies;
}

/** The steps of a batch, in order. */
export function readReports(bytes: Uint8Array): StepReport[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reports: StepReport[] = [];
  for (let at = 0; at < bytes.length;) {
    const report = new StepReport(bytes, view, at);
    reports.push(report);
    at = report.end;
  }
  return reports;
}
