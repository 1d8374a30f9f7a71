/**
 * The keys of all tenants of a store, and the seals made of them.
 *
 * A key is drawn with its tenant and durable before the commit that first uses it; erased, it is
 * overwritten where it stands, and durably so before anybody hears of it. A key that cannot be read is
 * its tenant's damage and no one else's.
 */
import { randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { ByteReader, ByteWriter } from './binary.ts';
import { CipherSeal, type FillRandom, SealSession, TENANT_KEY_BYTES } from './cipher-seal.ts';
import type { KeySlots } from './key-slots.ts';
import { PLAIN_SEAL, type TenantSeal } from './tenant-seal.ts';

/** What becomes of tenants' seals over the life of a store. */
export interface SealRing {
  /** True where content is encrypted and can be erased. */
  readonly isEncrypted: boolean;
  /** For a new store: makes what keys are kept in. */
  create(): void;
  /** Reads everything anew; what was drawn and not committed is forgotten. `STORE_CORRUPT` when there is nothing. */
  load(): void;
  /** The seal of a tenant; `erased`, or nothing where its key is damaged. */
  sealOf(tenantNo: number): TenantSeal | 'erased' | undefined;
  /** A seal with a new key, for a tenant that no commit has had yet; what was drawn under its number before is void. */
  draw(tenantNo: number): TenantSeal;
  /** Makes durable what was drawn. */
  secure(): void;
  /** Destroys a key, damaged or not; durable on return. Idempotent. */
  erase(tenantNo: number): void;
  /** A copy in `dir`, beside the copy of the database. */
  copyTo(dir: string): void;
}

/** A store without encryption: no keys, nothing to do. */
export const PLAIN_RING: SealRing = {
  isEncrypted: false,
  create: () => undefined,
  load: () => undefined,
  sealOf: () => PLAIN_SEAL,
  draw: () => PLAIN_SEAL,
  secure: () => undefined,
  erase: () => assert(false, 'only what is encrypted can be erased'),
  copyTo: () => undefined,
};

const SLOT_BYTES = 64;
const CRC_AT = SLOT_BYTES - 4;
const MAGIC = 0x53_59_4b_59; // "SYKY"
const VERSION = 1;
const STATE = { key: 1, erased: 2 } as const;

export class KeyRing implements SealRing {
  readonly isEncrypted = true;
  readonly #slots: KeySlots;
  readonly #fillRandom: FillRandom;
  #session: SealSession;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Seals asked for so far. */
  readonly #seals: Map<number, CipherSeal> = new Map();
  /** Slots drawn and not yet written: numbers of new tenants follow one another. */
  #drawn: { from: number; to: number } | undefined;

  constructor(slots: KeySlots, fillRandom: FillRandom = randomFillSync) {
    this.#slots = slots;
    this.#fillRandom = fillRandom;
    this.#session = new SealSession(fillRandom);
  }

  create(): void {
    this.#slots.create();
  }

  load(): void {
    const bytes = this.#slots.read();
    if (bytes === undefined)
      throw new SynapseError('STORE_CORRUPT', 'the store is encrypted, and the file with its keys is gone', {
        what: 'key file',
      });
    this.#bytes.fill(0);
    this.#bytes = bytes;
    this.#seals.clear();
    this.#drawn = undefined;
    this.#session = new SealSession(this.#fillRandom);
  }

  sealOf(tenantNo: number): TenantSeal | 'erased' | undefined {
    const known = this.#seals.get(tenantNo);
    if (known !== undefined) return known;
    const key = decodeSlot(this.#bytes.subarray(tenantNo * SLOT_BYTES, (tenantNo + 1) * SLOT_BYTES), tenantNo);
    if (key === undefined || key === 'erased') return key;
    return this.#keep(tenantNo, key);
  }

  draw(tenantNo: number): TenantSeal {
    const key = new Uint8Array(TENANT_KEY_BYTES);
    this.#fillRandom(key);
    this.#put(tenantNo, encodeSlot(tenantNo, STATE.key, key));
    const { from, to } = this.#drawn ?? { from: tenantNo, to: tenantNo };
    this.#drawn = { from: Math.min(from, tenantNo), to: Math.max(to, tenantNo) };
    return this.#keep(tenantNo, key);
  }

  secure(): void {
    if (this.#drawn === undefined) return;
    const { from, to } = this.#drawn;
    this.#slots.write(from * SLOT_BYTES, this.#bytes.subarray(from * SLOT_BYTES, (to + 1) * SLOT_BYTES));
    this.#slots.flush();
    this.#drawn = undefined;
  }

  erase(tenantNo: number): void {
    const slot = encodeSlot(tenantNo, STATE.erased, new Uint8Array(TENANT_KEY_BYTES));
    this.#slots.write(tenantNo * SLOT_BYTES, slot); // on disk first: memory then says what is true
    this.#slots.flush();
    this.#put(tenantNo, slot);
    this.#seals.get(tenantNo)?.forget();
    this.#seals.delete(tenantNo);
  }

  copyTo(dir: string): void {
    this.#slots.copyTo(dir);
  }

  #keep(tenantNo: number, key: Uint8Array): TenantSeal {
    const seal = new CipherSeal(key, this.#session);
    this.#seals.set(tenantNo, seal);
    return seal;
  }

  #put(tenantNo: number, slot: Uint8Array): void {
    const at = tenantNo * SLOT_BYTES;
    if (this.#bytes.length < at + SLOT_BYTES) {
      const before = this.#bytes;
      this.#bytes = new Uint8Array(Math.max(2 * before.length, at + SLOT_BYTES));
      this.#bytes.set(before);
      before.fill(0); // no copy of a key is left to the garbage collector
    }
    this.#bytes.set(slot, at);
  }
}

function encodeSlot(tenantNo: number, state: number, key: Uint8Array): Uint8Array {
  const slot = new Uint8Array(SLOT_BYTES);
  slot.set(new ByteWriter(SLOT_BYTES).u32(MAGIC).u8(VERSION).u8(state).u16(0).u32(tenantNo).raw(key).bytes());
  new DataView(slot.buffer).setUint32(CRC_AT, crc32(slot.subarray(0, CRC_AT)));
  return slot;
}

/** The key (a copy), `erased`, or nothing for what was never written or is damaged. */
function decodeSlot(slot: Uint8Array, tenantNo: number): Uint8Array | 'erased' | undefined {
  if (slot.length !== SLOT_BYTES) return undefined;
  const reader = new ByteReader(slot);
  const isOurs = reader.u32() === MAGIC && reader.u8() === VERSION;
  const state = reader.u8();
  reader.u16();
  const isSound =
    isOurs &&
    reader.u32() === tenantNo &&
    crc32(slot.subarray(0, CRC_AT)) === new DataView(slot.buffer, slot.byteOffset).getUint32(CRC_AT);
  if (!isSound) return undefined;
  if (state === STATE.erased) return 'erased';
  return state === STATE.key ? reader.raw(TENANT_KEY_BYTES) : undefined;
}
