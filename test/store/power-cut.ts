/** A disk, rows and keys, that loses power at its n-th write, before or after that was made. */
import { type KeySlots, MemoryKeySlots } from '../../src/store/key-slots.ts';
import type { KeyValue, RangeOptions, Row, Write, Writes } from '../../src/store/key-value.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';

/** What a write throws when the power is gone. */
export class PowerCut extends Error {}
/** Counts writes down to the one at which power is lost. */
export class Fuse {
  left = Number.POSITIVE_INFINITY;
  isAfter = false;

  write(work: () => void): void {
    this.left -= 1;
    if (this.left > 0) work();
    else if (this.left === 0) {
      if (this.isAfter) work();
      throw new PowerCut();
    } else throw new PowerCut();
  }
}

export class FusedDriver implements KeyValue {
  readonly inner = new MemoryKeyValue();
  readonly fuse: Fuse;
  constructor(fuse: Fuse) {
    this.fuse = fuse;
  }
  commit(writes: Writes): void {
    this.fuse.write(() => this.inner.commit(writes));
  }
  get(key: Uint8Array): Uint8Array | undefined {
    return this.inner.get(key);
  }
  lent(key: Uint8Array): Uint8Array | undefined {
    return this.inner.lent(key);
  }
  slice(key: Uint8Array, offset: number, length: number): Uint8Array | undefined {
    return this.inner.slice(key, offset, length);
  }
  range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): readonly Row[] {
    return this.inner.range(from, to, options);
  }
  reopen(): void {
    this.inner.reopen();
  }
  backup(dir: string, amend?: readonly Write[], besides?: (partial: string) => void): void {
    this.inner.backup(dir, amend, besides);
  }
  close(): void {
    this.inner.close();
  }
}

export class FusedSlots implements KeySlots {
  readonly inner = new MemoryKeySlots();
  readonly fuse: Fuse;
  constructor(fuse: Fuse) {
    this.fuse = fuse;
  }
  read(): Uint8Array | undefined {
    return this.inner.read();
  }
  create(): void {
    this.inner.create();
  }
  write(at: number, slot: Uint8Array): void {
    this.fuse.write(() => this.inner.write(at, slot));
  }
  flush(): void {
    this.inner.flush();
  }
  copyTo(dir: string): void {
    this.inner.copyTo(dir);
  }
}
