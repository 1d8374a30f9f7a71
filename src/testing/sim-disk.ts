/**
 * The KeyValue driver of the simulator: an append-only log of commits over a simulated device.
 *
 *   | header | writes of commit 1 … | mark 1 | header | writes of commit 2 … | mark 2 | …
 *     header  magic, commit number, length of the writes, checksum of all that; the writes begin a sector
 *     mark    magic, commit number, checksum of the header: one sector, so it is there or it is not
 *
 * A commit writes header and writes, flushes, writes the mark, flushes. Its rows are visible from the
 * first write on and durable with the second flush, as LMDB's are. Opening reads from the start to the
 * first commit without its mark; what lies behind is void. Values are read from the device each time, so
 * that rot shows; their seals are the store's. Trouble comes through `onFlush` and the switches.
 */
import { crc32 } from 'node:zlib';
import { SynapseError } from '../base/error.ts';
import { ByteReader, ByteWriter } from '../store/binary.ts';
import type { KeyValue, RangeOptions, Row, Write, Writes } from '../store/key-value.ts';
import { MemoryKeyValue } from '../store/memory.ts';
import type { Chance } from './chance.ts';
import { SECTOR_BYTES, SimulatedDevice } from './sim-device.ts';

const HEADER_MAGIC = 0x53594e4c;
const MARK_MAGIC = 0x444f4e45;

/** Bytes of a header; its sector's rest is unused. */
const HEADER_BYTES = 20;

/** What becomes of a flush. */
export type FlushFate = 'done' | 'failed' | 'power-lost';

/** Power was lost: the process that ran is gone, whatever it does from now on. */
export class PowerLoss extends Error {}

export class SimulatedDisk implements KeyValue {
  readonly device: SimulatedDevice = new SimulatedDevice();
  readonly #chance: Chance;
  /** Key to where its value lies. */
  #index: MemoryKeyValue = new MemoryKeyValue();
  #end = 0;
  /** Where the last commit begins: what rots lies before it, else it would look like a torn one. */
  #lastAt = 0;
  #commitNo = 0;
  #state: 'open' | 'failed' | 'closed' = 'open';
  /** Decides each flush; while it runs others may see what is visible and not durable. */
  onFlush: () => FlushFate = () => 'done';
  /** While set, nothing can be written: the disk is full. */
  isFull = false;
  /** While set, nothing can be read or written. */
  isBroken = false;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Commits that are durable. */
  get commitCount(): number {
    return this.#commitNo;
  }

  commit(writes: Writes): void {
    this.#check();
    if (this.isFull) throw this.#fail('the disk is full');
    const payload = encodeWrites(writes);
    const commitNo = this.#commitNo + 1;
    const header = new ByteWriter(64).u32(HEADER_MAGIC).u64(commitNo).u32(payload.length);
    const headerCrc = crc32(header.bytes());
    this.device.write(this.#end, header.u32(headerCrc).bytes());
    this.device.write(this.#end + SECTOR_BYTES, payload);
    this.#index.commit(locations(payload, this.#end + SECTOR_BYTES));
    this.#flush();
    const markAt = this.#end + SECTOR_BYTES + sectorsOf(payload.length);
    this.device.write(markAt, new ByteWriter(64).u32(MARK_MAGIC).u64(commitNo).u32(headerCrc).bytes());
    this.#flush();
    this.#commitNo = commitNo;
    this.#lastAt = this.#end;
    this.#end = markAt + SECTOR_BYTES;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#check();
    const place = this.#index.get(key);
    return place === undefined ? undefined : this.#read(place);
  }

  lent(key: Uint8Array): Uint8Array | undefined {
    return this.get(key);
  }

  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined {
    return this.get(key)?.slice(offset, offset + length);
  }

  range(from: Uint8Array, to: Uint8Array, options: RangeOptions = {}): readonly Row[] {
    this.#check();
    return this.#index.range(from, to, options).map(([key, place]): Row => [key, this.#read(place)]);
  }

  reopen(): void {
    if (this.isBroken) throw this.#fail('input/output error');
    this.#index = new MemoryKeyValue();
    this.#end = 0;
    this.#lastAt = 0;
    this.#commitNo = 0;
    for (let next = this.#readCommit(); next !== undefined; next = this.#readCommit()) {
      this.#index.commit(locations(next, this.#end + SECTOR_BYTES));
      this.#commitNo += 1;
      this.#lastAt = this.#end;
      this.#end += SECTOR_BYTES + sectorsOf(next.length) + SECTOR_BYTES;
    }
    this.#state = 'open';
  }

  backup(dir: string, amend: readonly Write[] = []): void {
    const copy = new MemoryKeyValue();
    copy.commit(this.range(new Uint8Array(0), new Uint8Array(2_000).fill(0xff)));
    copy.backup(dir, amend);
  }

  close(): void {
    this.#state = 'closed';
  }

  /** Power is lost: of what is not durable any part may survive. `reopen` reads what did. */
  losePower(): void {
    this.device.drop(() => this.#chance.happens(0.5));
    this.#state = 'failed';
  }

  /** Turns over one bit of one stored value; tells whose. Nothing to rot before the second commit. */
  rot(): Uint8Array | undefined {
    const rows = this.#index.range(new Uint8Array(0), new Uint8Array(2_000).fill(0xff));
    const old = rows.filter(([, place]) => {
      const { at, length } = placeOf(place);
      return length > 0 && at < this.#lastAt;
    });
    if (old.length === 0) return undefined;
    const [key, place] = this.#chance.one(old);
    const { at, length } = placeOf(place);
    this.device.rot(at + this.#chance.below(length), this.#chance.below(8));
    return key;
  }

  #flush(): void {
    switch (this.onFlush()) {
      case 'done':
        this.device.flush();
        return;
      case 'failed':
        // As after a failed fsync: some of the pages were written, the others are forgotten.
        this.device.drop(() => this.#chance.happens(0.5));
        throw this.#fail('input/output error while flushing');
      case 'power-lost':
        this.losePower();
        throw new PowerLoss('power was lost');
    }
  }

  #fail(message: string): SynapseError {
    this.#state = 'failed';
    return new SynapseError('STORE_UNAVAILABLE', message);
  }

  #check(): void {
    if (this.isBroken) throw this.#fail('input/output error');
    if (this.#state !== 'open') throw new SynapseError('STORE_UNAVAILABLE', `the disk is ${this.#state}`);
  }

  #read(place: Uint8Array): Uint8Array {
    const { at, length } = placeOf(place);
    return this.device.read(at, length);
  }

  /** The writes of the commit at the end of what was read so far, if it has its mark. */
  #readCommit(): Uint8Array | undefined {
    const header = new ByteReader(this.device.read(this.#end, HEADER_BYTES));
    const isHeader = header.u32() === HEADER_MAGIC && header.u64() === this.#commitNo + 1;
    const length = header.u32();
    const headerCrc = header.u32();
    if (!isHeader || headerCrc !== crc32(this.device.read(this.#end, HEADER_BYTES - 4))) return undefined;
    const markAt = this.#end + SECTOR_BYTES + sectorsOf(length);
    const mark = new ByteReader(this.device.read(markAt, 16));
    if (mark.u32() !== MARK_MAGIC || mark.u64() !== this.#commitNo + 1 || mark.u32() !== headerCrc) return undefined;
    // With its mark a commit was whole once. What has rotted in it since, the store's seals find.
    return this.device.read(this.#end + SECTOR_BYTES, length);
  }
}

function sectorsOf(length: number): number {
  return Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES;
}

function placeOf(place: Uint8Array): { at: number; length: number } {
  const reader = new ByteReader(place);
  return { at: reader.u64(), length: reader.u32() };
}

/** u32 count, then for each write: key, u8 1 and the value, or u8 0 for a deletion. */
function encodeWrites(writes: Writes): Uint8Array {
  const writer = new ByteWriter().u32(writes.length);
  for (const [key, value] of writes) {
    writer.block(key).u8(value === null ? 0 : 1);
    if (value !== null) writer.block(value);
  }
  return writer.bytes();
}

/** The writes with, for a value, the place where it lies on the device. */
function locations(payload: Uint8Array, payloadAt: number): Write[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const writes: Write[] = [];
  let at = 4;
  for (let left = view.getUint32(0); left > 0; left--) {
    const keyLength = view.getUint32(at);
    const key = payload.slice(at + 4, at + 4 + keyLength);
    at += 4 + keyLength;
    const hasValue = payload[at] === 1;
    at += 1;
    if (!hasValue) {
      writes.push([key, null]);
      continue;
    }
    const length = view.getUint32(at);
    writes.push([
      key,
      new ByteWriter(16)
        .u64(payloadAt + at + 4)
        .u32(length)
        .bytes(),
    ]);
    at += 4 + length;
  }
  return writes;
}
