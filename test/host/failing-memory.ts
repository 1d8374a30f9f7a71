/** The memory driver with a switch: while it fails, nothing is written. */
import type { Write } from '../../src/store/key-value.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';

export class FailingMemory extends MemoryKeyValue {
  isFailing = false;

  override commit(writes: readonly Write[]): void {
    if (this.isFailing) throw new Error('the disk is full');
    super.commit(writes);
  }
}
