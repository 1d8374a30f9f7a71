/**
 * The disk of a system in one thread: rows, tenants' keys and the signing key in memory. It outlives the
 * stores that are opened over it, as a disk does a crash.
 */
import type { ResolvedOptions } from '../host/options.ts';
import { AuditKey } from '../store/audit-key.ts';
import type { FillRandom } from '../store/cipher-seal.ts';
import { KeyRing, PLAIN_RING } from '../store/key-ring.ts';
import { MemoryKeySlots } from '../store/key-slots.ts';
import { MemoryKeyValue } from '../store/memory.ts';
import { Store, type StoreOptions } from '../store/store.ts';

export class TestDisk {
  readonly #driver: MemoryKeyValue = new MemoryKeyValue();
  readonly #slots: MemoryKeySlots = new MemoryKeySlots();
  readonly #auditKey: AuditKey;
  readonly #fillRandom: FillRandom;

  constructor(auditKey: string | Uint8Array, fillRandom: FillRandom) {
    this.#auditKey = AuditKey.of(auditKey);
    this.#fillRandom = fillRandom;
  }

  /** Opens what is there, or makes it. */
  open(
    { shards, encryption }: Pick<ResolvedOptions, 'shards' | 'encryption'>,
    ports: Required<Pick<StoreOptions, 'now' | 'draw'>>,
  ): Store {
    const ring = encryption ? new KeyRing(this.#slots, this.#fillRandom) : PLAIN_RING;
    return Store.open({ driver: this.#driver, shards, ring, ...ports, auditKey: () => this.#auditKey });
  }
}
