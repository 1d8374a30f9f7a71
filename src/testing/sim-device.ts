/**
 * A simulated block device. What is written is visible at once and durable after a flush; a loss of
 * power keeps an arbitrary subset of the sectors written since, each whole or not at all. Durable
 * sectors change by writing and by bit rot alone. It allocates, and touches no file.
 *
 *   visible  |s0|s1|s2'|s3'|s4|      what a read sees
 *   durable  |s0|s1|s2 |s3 |s4|      what a loss of power leaves, and any of s2', s3'
 */

/** Bytes that are written whole or not at all, as on most disks. */
export const SECTOR_BYTES = 512;

/** Bytes of a new device; it grows. */
const FIRST_BYTES: number = 1 << 16;

export class SimulatedDevice {
  #visible: Uint8Array = new Uint8Array(FIRST_BYTES);
  #durable: Uint8Array = new Uint8Array(FIRST_BYTES);
  /** Numbers of the sectors written since the last flush. */
  readonly #unflushed: Set<number> = new Set();
  /** Flushes that succeeded. */
  flushCount = 0;

  /** A copy of `length` bytes as they are visible; zeros where nothing was written. */
  read(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    bytes.set(this.#visible.subarray(at, at + length));
    return bytes;
  }

  write(at: number, bytes: Uint8Array): void {
    this.#grow(at + bytes.length);
    this.#visible.set(bytes, at);
    const last = Math.floor((at + Math.max(1, bytes.length) - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(at / SECTOR_BYTES); sector <= last; sector++) this.#unflushed.add(sector);
  }

  /** Makes all that is visible durable. */
  flush(): void {
    for (const sector of this.#unflushed) copySector(this.#visible, this.#durable, sector);
    this.#unflushed.clear();
    this.flushCount += 1;
  }

  /** Power is lost, or the cache gives up what it could not write: `keeps` says which unflushed sectors were written. */
  drop(keeps: (sector: number) => boolean): void {
    for (const sector of [...this.#unflushed].sort((a, b) => a - b)) {
      if (keeps(sector)) copySector(this.#visible, this.#durable, sector);
      else copySector(this.#durable, this.#visible, sector);
    }
    this.#unflushed.clear();
  }

  /** One bit of a stored byte turns over, unseen by everybody. */
  rot(at: number, bit: number): void {
    for (const bytes of [this.#visible, this.#durable]) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  }

  #grow(size: number): void {
    if (size <= this.#visible.length) return;
    const length = 2 ** Math.ceil(Math.log2(size));
    const visible = new Uint8Array(length);
    visible.set(this.#visible);
    this.#visible = visible;
    const durable = new Uint8Array(length);
    durable.set(this.#durable);
    this.#durable = durable;
  }
}

function copySector(from: Uint8Array, to: Uint8Array, sector: number): void {
  const at = sector * SECTOR_BYTES;
  to.set(from.subarray(at, at + SECTOR_BYTES), at);
}
