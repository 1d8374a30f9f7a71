/**
 * A snapshot on its way from a lane to the store: its rows are packed as they are asked for, a part at a time, so that
 * neither the lane nor a ring ever holds all of them. What fits into one part is one message and one commit; of more,
 * the last message makes the parts before it one snapshot.
 */
import type { ChangedRow, DomainSnapshot } from '../actor/domain-image.ts';
import { RowPack } from '../actor/row-pack.ts';
import type { SnapshotPart, SnapshotRequest } from '../actor/store-port.ts';

/** Rows of one part, bytes: a lane packs them in 10 to 30 ms, in which its other tenants wait. */
export const SNAPSHOT_PART_BYTES = 2 << 20;

/** Rows whose change makes a snapshot due. */
const SNAPSHOT_EVERY_ROWS = 20_000;

/** When snapshots are due by their size, and how much goes at a time: limits of a lane. */
export const SNAPSHOT_SIZES = { snapshotEveryRows: SNAPSHOT_EVERY_ROWS, snapshotPartBytes: SNAPSHOT_PART_BYTES };

/** Bytes on the way to the store above which a snapshot in parts holds back: the steps of others would wait behind it. */
export const SNAPSHOT_BACKLOG_BYTES = 1 << 20;

/** Of which tenant, and how many rows it will be about. */
interface Origin {
  readonly tenant: string;
  readonly shard: number;
  readonly rowCount: number;
}

type Stamp = Pick<SnapshotRequest, 'epoch' | 'position'>;

/** One for all: none waits between two messages. */
const pack = new RowPack();

export class SnapshotSending {
  readonly #origin: Origin;
  readonly #seq: number;
  readonly #image: Uint8Array;
  readonly #changes: Iterator<ChangedRow>;
  /** The snapshot's own record, where it has one. */
  readonly #body: Uint8Array | undefined;
  #parts = 0;
  isSent = false;

  constructor(origin: Origin, { seq, image, changes }: DomainSnapshot, body: Uint8Array | undefined) {
    this.#origin = origin;
    this.#seq = seq;
    this.#image = image;
    this.#changes = changes;
    this.#body = body;
  }

  get isRecorded(): boolean {
    return this.#body !== undefined;
  }

  /** Packs rows up to `partBytes`; whether these are the last. */
  fill(partBytes: number): boolean {
    while (pack.sizeBytes < partBytes) {
      const { value, done } = this.#changes.next();
      if (done === true) {
        this.isSent = true;
        return true;
      }
      pack.add(value);
    }
    return false;
  }

  /** The message with the rows that were packed. */
  message(stamp: Stamp): SnapshotPart | SnapshotRequest {
    const { tenant, shard, rowCount } = this.#origin;
    const seq = this.#seq;
    const place = { ...stamp, tenant, shard, seq, changes: pack.take() };
    if (!this.isSent) {
      this.#parts += 1;
      return { kind: 'part', ...place, rowCount };
    }
    return { kind: 'snapshot', ...place, parts: this.#parts, body: this.#body, image: this.#image };
  }
}
